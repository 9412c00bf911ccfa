"""The one place where a potential is called: validation, merging of requests into batches, and counting."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ase import Atoms

from gnnp_bench.check import EndedProcess, Request, Watch
from gnnp_bench.engine.batches import Wanted, batches, copied
from gnnp_bench.engine.calling import called, evaluated_at_once, quietly
from gnnp_bench.engine.contract import refuse_overwritten, validated
from gnnp_bench.engine.driving import outcomes
from gnnp_bench.engine.ended import Done, Failed
from gnnp_bench.engine.memory import Memory
from gnnp_bench.engine.processes import Asked, Elsewhere
from gnnp_bench.engine.watched import watched
from gnnp_bench.environments.held import held_by
from gnnp_bench.potential import Potential, Prediction, Property, Unsupported, periodicity_of
from gnnp_bench.structures.needs import explained

if TYPE_CHECKING:
    from gnnp_bench.doctor.finding import Finding
    from gnnp_bench.engine.trials import Trials

T = TypeVar("T")


@dataclass(slots=True)
class Meter:
    """What evaluating has cost so far.

    Attributes
    ----------
    evaluations : int
        Structures evaluated.
    potential_s : float
        Seconds inside `Potential.evaluate`.
    loading_s : float
        Seconds spent on loading the potential anew.
    """

    evaluations: int = 0
    potential_s: float = 0.0
    loading_s: float = 0.0


@dataclass(slots=True)
class Evaluator:
    """A potential behind validation, batching and counting.

    Attributes
    ----------
    potential : Potential
    reload : callable
        Loads the same potential anew.
    meter : Meter
    memory : Memory
        What was asked for in this process.
    alive : callable
        Is called between evaluations in other processes, which nobody else hears of.
    patience : float or None
        Seconds that another process may be silent; by default what `trials` allows.
    mistakes : tuple of Finding or None
        What `causes` found out about the adapter; None where it was not asked.
    """

    potential: Potential
    reload: Callable[[], Potential]
    meter: Meter = field(default_factory=Meter)
    memory: Memory = field(default_factory=Memory)
    alive: Callable[[], None] = lambda: None
    patience: float | None = None
    mistakes: tuple[Finding, ...] | None = None
    _returned: list[tuple[Any, Prediction]] = field(default_factory=list)
    _elsewhere: Elsewhere | None = None
    _on: dict[str, Potential] = field(default_factory=dict)
    _attached: Potential | None = None
    _own: dict[int, Potential] = field(default_factory=dict)
    _trials: Trials | None = None

    @property
    def trials(self) -> Trials:
        """New processes in which counterexamples are measured again."""
        from gnnp_bench.engine import trials  # which evaluates, and so knows this module

        if self._trials is None:
            patience = trials.PATIENCE if self.patience is None else self.patience
            self._trials = trials.Trials(self.reload, split=self._may_split, patience=patience)
        return self._trials

    @property
    def _may_split(self) -> bool:
        """Processes of this potential may be split by `fork`, which contexts of accelerators do not survive."""
        capabilities = self.potential.capabilities
        return capabilities.device == "cpu" and not capabilities.other_devices

    def close(self) -> None:
        """End the processes that were started to evaluate elsewhere; they start again when asked for."""
        if self._elsewhere is not None:
            self._elsewhere.close()
            self._elsewhere = None
        if self._trials is not None:
            self._trials.close()
            self._trials = None

    def drive(self, generators: Sequence[Generator[Request, list[Prediction], T]]) -> list[Done[T] | Failed]:
        """Run generators side by side, merging what they ask for into full batches in their order.

        A batch that raises is evaluated again one structure at a time, and each exception is thrown into the
        generator that asked for the structure. Returns one outcome per generator, in order.
        """
        ended = dict(self.stream(generators))
        return [ended[index] for index in range(len(generators))]

    def stream(
        self, generators: Iterable[Generator[Request, list[Prediction], T]], atoms: float = math.inf
    ) -> Iterator[tuple[int, Done[T] | Failed]]:
        """Run generators as `drive` does, however many there are, and yield outcomes as they come: see `driving`."""
        self._own.clear()
        return outcomes(self._answer, generators, atoms)

    def _answer(self, requests: dict[int, Request]) -> dict[int, list[Prediction] | Exception]:
        answers: dict[int, list[Prediction] | Exception] = {}
        merged: dict[frozenset[Property], list[Wanted]] = {}
        for index in sorted(requests):
            request = requests[index]
            if _is_apart(request):
                answers[index] = self._answer_apart(request, index)
                continue
            for place, structure in enumerate(request.structures):
                asked = Wanted(index, place, structure)
                merged.setdefault(self._available(request, structure), []).append(asked)
        found: dict[tuple[int, int], Prediction | Exception] = {}
        for properties, all_asked in merged.items():
            for batch in batches(all_asked):
                results = self._merged([asked.structure for asked in batch], properties)
                found.update({(a.index, a.place): result for a, result in zip(batch, results, strict=True)})
        for index, request in requests.items():
            if index not in answers:
                results = [found[index, place] for place in range(len(request.structures))]
                failures = [result for result in results if isinstance(result, Exception)]
                answers[index] = failures[0] if failures else [r for r in results if isinstance(r, Prediction)]
        return answers

    def _merged(self, structures: list[Atoms], properties: frozenset[Property]) -> list[Prediction | Exception]:
        try:
            return list(self._call(self.potential, [copied(s) for s in structures], properties))
        except Exception as error:
            if len(structures) == 1:
                return [explained(error, self.potential, structures[0], properties)]
        results: list[Prediction | Exception] = []
        for structure in structures:
            results.extend(self._merged([structure], properties))
        return results

    def _answer_apart(self, request: Request, index: int) -> list[Prediction] | Exception:
        asked = [(structure, self._available(request, structure)) for structure in request.structures]
        try:
            if request.held:
                request.held(held_by(self.potential))
                return []
            if request.watch:
                self._watch(request.watch, asked)
                return []
            if request.elsewhere:
                if request.fresh:
                    self.close()
                return self._in_new_processes(asked)
            if request.at_once:
                return self._in_threads(asked)
            potential = self._driven(request, index) if request.driven else self._another(request)
            if request.together or request.driven:
                common = frozenset.intersection(*(properties for _, properties in asked))
                return self._call(potential, list(request.structures), common, driven=request.driven)
            return [self._call(potential, [copied(structure)], properties)[0] for structure, properties in asked]
        except Exception as error:
            return error

    def _another(self, request: Request) -> Potential:
        """Return the potential, or as the request wants it: loaded anew, on another device."""
        start = time.perf_counter()
        potential = self.reload() if request.fresh else self.potential
        if request.device:
            if request.device not in self._on:
                # Not part of the protocol, for most have one device: who declares others has the method.
                self._on[request.device] = potential.on(request.device)  # type: ignore[attr-defined]
            potential = self._on[request.device]
        self.meter.loading_s += time.perf_counter() - start
        return potential

    def _driven(self, request: Request, index: int) -> Potential:
        """Return the instance that a generator drives: its own from its first fresh request on, else the common one."""
        if not self.potential.capabilities.driven:
            raise Unsupported("the potential is no ASE calculator")
        start = time.perf_counter()
        if request.fresh:
            self._own[index] = self.reload()
        elif index not in self._own and self._attached is None:
            self._attached = self.reload()
        self.meter.loading_s += time.perf_counter() - start
        attached = self._own.get(index, self._attached)
        assert attached is not None
        return attached

    def _in_threads(self, asked: Asked) -> list[Prediction]:
        calls = [([copied(structure)], properties) for structure, properties in asked]
        # Counted here, for threads that count together lose counts.
        self.meter.evaluations += len(calls)
        start = time.perf_counter()
        try:
            with quietly():  # here too, for it changes what all threads share
                return evaluated_at_once(self.potential, calls)
        finally:
            self.meter.potential_s += time.perf_counter() - start

    def _in_new_processes(self, asked: Asked) -> list[Prediction]:
        if self._elsewhere is None:
            start = time.perf_counter()
            try:
                self._elsewhere = Elsewhere(self.reload)
            finally:
                self.meter.loading_s += time.perf_counter() - start
        try:
            predictions, seconds = self._elsewhere.evaluate([(copied(s), properties) for s, properties in asked])
        except EndedProcess:
            self.close()
            raise
        self.meter.evaluations += len(predictions)
        self.meter.potential_s += seconds
        repeated = itertools.cycle(asked)
        return [validated(p, len(s), properties) for p, (s, properties) in zip(predictions, repeated, strict=False)]

    def _watch(self, watch: Watch, asked: Asked) -> None:
        calls = [
            ([copied(asked[k][0]) for k in chosen], frozenset.intersection(properties, *(asked[k][1] for k in chosen)))
            for chosen, properties in watch.calls
        ]
        seen = watched(self.reload, calls, self.alive, split=self._may_split)
        self.meter.loading_s += seen.loading_s
        self.meter.potential_s += sum(answer.seconds for answer in seen.answers)
        self.meter.evaluations += sum(len(chosen) for chosen, _ in watch.calls[: len(seen.answers)])
        watch.tell(seen.moments)

    def _available(self, request: Request, structure: Atoms) -> frozenset[Property]:
        available = request.properties & self.potential.capabilities.properties
        kind = periodicity_of(structure)
        has_stress = kind == "periodic" or (kind == "partial" and request.partial_stress)
        return available if has_stress else available - {"stress"}

    def _call(
        self, potential: Potential, structures: list[Atoms], properties: frozenset[Property], *, driven: bool = False
    ) -> list[Prediction]:
        self.meter.evaluations += len(structures)
        self.memory.note(structures)
        before, self._returned = self._returned, []
        start = time.perf_counter()
        try:
            with quietly():
                # Not part of the protocol: who declares it has the method.
                evaluate = potential.driven if driven else potential.evaluate  # type: ignore[attr-defined]
                raw, predictions = called(evaluate, structures, properties)
        finally:
            self.meter.potential_s += time.perf_counter() - start
        refuse_overwritten(before)
        self._returned = list(zip(raw, predictions, strict=True))
        return predictions


def _is_apart(request: Request) -> bool:
    """Return whether a request is answered by itself, not merged with others."""
    ways = (
        request.fresh,
        request.together,
        request.at_once,
        request.elsewhere,
        request.device,
        request.driven,
        request.watch,
        request.held,
    )
    return any(ways)
