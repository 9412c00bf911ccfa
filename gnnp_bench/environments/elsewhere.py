"""A potential that lives in another Python: what is asked here is answered there."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench.environments import batches
from gnnp_bench.environments.home import LOADING, Home, timeout
from gnnp_bench.environments.place import place
from gnnp_bench.environments.process import Lost, raised
from gnnp_bench.environments.values import unpack
from gnnp_bench.potential import Capabilities, Carried, Identity, Prediction, Property

_processes: weakref.WeakValueDictionary[Any, Home] = weakref.WeakValueDictionary()
_starting = threading.Lock()


@dataclass(frozen=True, slots=True)
class There:
    """The way to load a potential in another Python, which can be sent to other processes on this machine.

    Attributes
    ----------
    env : str or None
        What names the Python: `place.place`.
    spec : str
        The potential, without the options `env` and `isolate`.
    species : tuple of str or None
    isolate : str or None
        How it is isolated: `isolation.isolation`.
    """

    env: str | None
    spec: str
    species: tuple[str, ...] | None
    isolate: str | None = None

    def __call__(self) -> Elsewhere:
        """Load it: in the process that holds this potential already, if there is one, else in a new one.

        Raises
        ------
        PotentialError
            If there is no such Python, or the potential cannot be loaded there.
        """
        key = (self, os.getpid())
        with _starting:
            home = _processes.get(key)
            if home is None:
                home = _processes[key] = self._home()
        return _loaded(home)

    def _home(self, watched: bool = False, variables: Mapping[str, str] | None = None) -> Home:
        where = place(self.env, self.spec, self.isolate)
        return Home(where.text, self.spec, self.species, where, watched=watched, variables=dict(variables or {}))

    def watch(
        self,
        calls: Sequence[tuple[Sequence[Atoms], frozenset[Property]]],
        heard: Callable[[Exception | None, float, list[dict[str, str]]], None],
        variables: Mapping[str, str],
    ) -> None:
        """Load the potential in a process of its own there, make calls, and tell what that does to the process.

        Parameters
        ----------
        calls : sequence of structures and properties
        heard : callable
            Is given what the loading, then each call, raised, how many seconds it took, and what the process was like
            (before the loading as well). Not of a call that ended the process, which is the last.
        variables : mapping of str to str
            Of the new process's environment.
        """
        home = self._home(watched=True, variables=variables)
        try:
            error, taken, potential = _tried(partial(_loaded, home))
            heard(error, taken, home.look(others=True) if error is None else [])
            for structures, properties in calls if error is None else ():
                error, taken, _ = _tried(partial(potential.evaluate, structures, properties))
                if isinstance(error, Lost):
                    return
                heard(error, taken, home.look(others=False))
        finally:
            home.close()


def _loaded(home: Home) -> Elsewhere:
    with home.lock:
        answer, buffers = home.build()
        return _described(home, home.births, answer, buffers)


def _tried(call: Callable[[], Any]) -> tuple[Exception | None, float, Any]:
    begin = time.perf_counter()
    try:
        found = call()
    except Exception as error:
        return error, time.perf_counter() - begin, None
    return None, time.perf_counter() - begin, found


@dataclass(slots=True, eq=False, weakref_slot=True)
class Elsewhere:
    """A potential in another Python, as a `Potential`. Made by `There`.

    Attributes
    ----------
    home : Home
    name : str
    capabilities : Capabilities
    identity : Identity or None
    known : list of int
        Which of the processes it was built in, and the number by which that knows it.
    device : str or None
        Where it was sent by `on`.
    """

    home: Home
    name: str
    capabilities: Capabilities
    identity: Identity | None
    known: list[int]
    device: str | None = None

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures there; see `Potential`.

        What that changes in them, or in arrays that were returned before, is changed here as well.

        Raises
        ------
        Lost
            If the process dies, or does not answer in time.
        Exception
            What the potential raises.
        """
        return self._asked(structures, properties, driven=False)

    def driven(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures as ASE's programs do; each stands for the same structure there from call to call."""
        return self._asked(structures, properties, driven=True)

    def _asked(self, structures: Sequence[Atoms], properties: frozenset[Property], *, driven: bool) -> list[Prediction]:
        home = self.home
        with home.lock:
            number = self._number()
            sent: list[Any] = []
            header = {
                "do": "evaluate",
                "potential": number,
                "properties": sorted(properties),
                "structures": batches.pack_structures(structures, sent),
                "attached": home.numbers(structures) if driven else [],
            }
            answer, buffers = home.ask(timeout(), header, sent)
            if "seconds" not in answer:
                raise raised(answer["error"], buffers)
            error = raised(answer["error"], buffers) if "error" in answer else None
            found = [] if error is not None else batches.unpack_predictions(answer["predictions"], buffers)
            if "overwritten" in answer:
                _write_over(home.returned, batches.unpack_predictions(answer["overwritten"], buffers))
            home.returned = found
            if "changed" in answer:
                changed = batches.unpack_structures(answer["changed"], buffers)
                for structure, now in zip(structures, changed, strict=True):
                    batches.take_over(structure, now)
            if error is not None:
                raise error
            return found

    def at_once(self, calls: Sequence[tuple[Sequence[Atoms], frozenset[Property]]]) -> list[list[Prediction]]:
        """Return what several calls return that are made there, each in a thread of its own."""
        with self.home.lock:
            sent: list[Any] = []
            told = [[batches.pack_structures(structures, sent), sorted(properties)] for structures, properties in calls]
            header = {"do": "at_once", "potential": self._number(), "calls": told}
            answer, buffers = self.home.ask(timeout(), header, sent)
            return [batches.unpack_predictions(found, buffers) for found in answer["answers"]]

    def on(self, device: str) -> Elsewhere:
        """Return the same potential on another device of the machine where it lives."""
        with self.home.lock:
            header = {"do": "on", "potential": self._number(), "device": device}
            answer, buffers = self.home.ask(LOADING, header)
            return _described(self.home, self.home.births, answer, buffers, device)

    def held(self) -> tuple[int, int, int]:
        """Return memory and open files of the process where it lives, as `environments.held` does."""
        with self.home.lock:
            self._number()
            allocated, resident, files = self.home.ask(timeout(), {"do": "hold"})[0]["held"]
        return allocated, resident, files

    @property
    def pid(self) -> int | None:
        """Number of the process where it lives; None where that is on another machine."""
        with self.home.lock:
            return None if self.home.place.host else self.home.process().popen.pid

    def environment(self) -> dict[str, Any]:
        """Return where it lives: Python, packages with their versions, and a hash of all of them."""
        with self.home.lock:
            found: dict[str, Any] = self.home.ask(timeout(), {"do": "environment"})[0]["environment"]
        lines = [f"python=={found['python']}", *(f"{name}=={version}" for name, version in found["packages"].items())]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        built = {"built": self.home.place.built} if self.home.place.built else {}
        apart = self.home.place.isolation
        isolated = {"isolation": apart.told()} if apart is not None else {}
        return {"env": self.home.env, **built, **isolated, **found, "sha256": digest}

    def _number(self) -> int:
        """Return the number of the potential in the process that is alive: in a new one, built there."""
        home = self.home
        home.process()
        if self.known[0] != home.births:
            number = home.again()
            if self.device is not None:
                header = {"do": "on", "potential": number, "device": self.device}
                number = int(home.ask(LOADING, header)[0]["potential"])
            self.known[:] = [home.births, number]
        dropped = [number for birth, number in home.dropped if birth == home.births]
        if home.forgotten or dropped:
            home.ask(timeout(), {"do": "drop", "potentials": dropped, "structures": list(home.forgotten)})
        home.forgotten.clear()
        home.dropped.clear()
        return self.known[1]


def _described(home: Home, birth: int, answer: Any, buffers: Any, device: str | None = None) -> Elsewhere:
    told = unpack(answer["told"], buffers)
    capabilities = told["capabilities"]
    capabilities["reads"] = tuple(Carried(**one) for one in capabilities["reads"])
    identity = told["identity"]
    made = Elsewhere(
        home=home,
        name=told["name"],
        capabilities=Capabilities(**capabilities),
        identity=None if identity is None else Identity(**identity),
        known=[birth, int(answer["potential"])],
        device=device,
    )
    # What is loaded anew for a check is let go of there as well, the next time that something is asked.
    weakref.finalize(made, home.dropped.append, made.known).atexit = False
    return made


def _write_over(returned: Sequence[Prediction], now: Sequence[Prediction]) -> None:
    """Change arrays that were returned earlier, as the potential has changed those that they stand for."""
    for mine, theirs in zip(returned, now, strict=False):
        for name in ("forces", "stress", "energies"):
            array, new = getattr(mine, name), getattr(theirs, name)
            if isinstance(array, np.ndarray) and array.shape == np.shape(new) and array.flags.writeable:
                array[...] = new
