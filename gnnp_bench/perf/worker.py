"""A fresh process that holds one potential and times it: the far end of `perf.process`."""

from __future__ import annotations

import gc
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import msgspec

from gnnp_bench.certificate.provenance import versions
from gnnp_bench.perf import memory
from gnnp_bench.perf.messages import Answer, Load, Measure, Refused, Request, Sample, Told
from gnnp_bench.perf.results import PROPERTIES, Subject
from gnnp_bench.potential import Identity, Potential, PotentialError, Unsupported

MOST_CALLS = 1000


def serve() -> None:
    """Answer requests from standard input until it ends."""
    # What a potential prints must not end up among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    bench = _Bench()
    for line in sys.stdin.buffer:
        _say(answers, bench.answer(msgspec.json.decode(line, type=Request)))


def _say(answers: IO[bytes], answer: Answer) -> None:
    answers.write(msgspec.json.encode(answer) + b"\n")
    answers.flush()


@dataclass(slots=True)
class _Bench:
    """The loaded potential, and the structures of the last request: another task is mostly asked of the same."""

    potential: Potential | None = None
    key: tuple[Any, ...] = ()
    structures: tuple[Any, ...] = ()

    def answer(self, request: Request) -> Answer:
        try:
            return self._load(request) if isinstance(request, Load) else self._measure(request)
        except (PotentialError, Unsupported, NotImplementedError) as error:
            return Refused(_one_line(error), clear=True)
        except MemoryError:
            return Refused("memory ran out", clear=False)
        except Exception as error:  # somebody else's code computes
            return Refused(f"{type(error).__name__}: {_one_line(error)}", clear=False)

    def _load(self, request: Load) -> Told:
        from gnnp_bench.adapters import registry

        begin = time.perf_counter()
        self.potential = registry.load(request.spec, request.species).potential
        seconds = time.perf_counter() - begin
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        has = self.potential.capabilities
        identity = getattr(self.potential, "identity", None) or Identity()
        packages = ("numpy", "ase", "torch", "vesin", *identity.packages)
        there = getattr(self.potential, "environment", None)  # of a potential that lives in another Python
        found = versions(packages) if there is None else there()["packages"]
        return Told(
            Subject(
                name=self.potential.name,
                species=has.species,
                properties=tuple(sorted(has.properties)),
                periodic="periodic" in has.periodicity,
                cutoff=has.cutoff,
                dtype=has.dtype,
                device=has.device,
                parameters=identity.parameters,
                loading_s=seconds,
                loaded_bytes=memory.resident(self._number()),
                versions={name: found[name] for name in packages if name in found},
            )
        )

    def _measure(self, request: Measure) -> Sample:
        structures = self._structures(request)
        call = self._call(request, structures)
        gc.collect()  # what an earlier size left behind is not this one's memory
        assert self.potential is not None
        cuda = memory.accelerator(self.potential.capabilities.device)
        memory.forget_peak(self._number())
        if cuda is not None:
            cuda.reset_peak_memory_stats()
        first, _ = _timed(call, cuda) if request.warm_up else (None, None)
        wall: list[float] = []
        cpu: list[float] = []
        until = time.perf_counter() + request.seconds
        while request.seconds > 0 and len(wall) < MOST_CALLS and (not wall or time.perf_counter() < until):
            for record, seconds in zip((wall, cpu), _timed(call, cuda), strict=True):
                record.append(seconds)
        return Sample(
            n_atoms=len(structures[0]),
            first_s=first,
            wall_s=tuple(wall),
            cpu_s=tuple(cpu),
            peak_bytes=memory.peak(self._number()),
            device_peak_bytes=None if cuda is None else int(cuda.max_memory_allocated()),
        )

    def _number(self) -> int | None:
        """Return the number of the process in which the potential lives, if that is another one of this machine."""
        number: int | None = getattr(self.potential, "pid", None)
        return number

    def _structures(self, request: Measure) -> tuple[Any, ...]:
        from gnnp_bench.perf.systems import enlarged
        from gnnp_bench.structures import from_json
        from gnnp_bench.structures.carried import completed

        reads = () if self.potential is None else self.potential.capabilities.reads
        key = (request.cell, request.n_atoms, request.n_structures, request.periodic)
        if key != self.key:
            cell = from_json(request.cell)
            self.structures = tuple(
                completed(enlarged(cell, request.n_atoms, periodic=request.periodic, seed=seed), reads)
                for seed in range(request.n_structures)
            )
            self.key = key
        return self.structures

    def _call(self, request: Measure, structures: tuple[Any, ...]) -> Callable[[], object]:
        potential = self.potential
        if potential is None:
            raise PotentialError("nothing is loaded yet")
        if request.task == "neighbours":
            return _neighbours(structures[0], potential.capabilities.cutoff)
        if request.task == "dynamics":
            from gnnp_bench.perf.dynamics import stepper

            return stepper(potential, structures[0], request.timestep_fs)
        properties = PROPERTIES[request.task]
        return lambda: potential.evaluate(structures, properties)


def _neighbours(structure: Any, cutoff: float | None) -> Callable[[], object]:
    """Return what builds the full neighbour list of a structure with vesin, as most potentials need it."""
    if cutoff is None:
        raise Unsupported("the potential does not tell its cutoff")
    try:
        from vesin import NeighborList
    except ImportError as error:
        raise Unsupported("vesin is not installed") from error
    periodic = bool(structure.pbc.all())
    return lambda: NeighborList(cutoff=cutoff, full_list=True).compute(
        points=structure.positions, box=structure.cell.array, periodic=periodic, quantities="ijSD"
    )


def _timed(call: Callable[[], object], cuda: Any | None) -> tuple[float, float]:
    """Return wall time and processor time of a call, in s; kernels on a device have ended at both ends of it."""
    if cuda is not None:
        cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    if cuda is not None:
        cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    serve()
