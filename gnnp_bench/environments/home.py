"""The process in which a potential lives: started when it is needed, and again when it has died."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ase import Atoms

from gnnp_bench.environments.place import Place
from gnnp_bench.environments.process import Lost, Process
from gnnp_bench.potential import PotentialError, Prediction

TIMEOUT = "GNNP_BENCH_ENV_TIMEOUT"
"""Variable with the seconds that one call may take; 600 by default."""
LOADING = 1800.0
"""Seconds that loading may take; some potentials compile themselves."""


def timeout() -> float:
    """Return the seconds that one call may take.

    Raises
    ------
    PotentialError
        If the variable holds something else.
    """
    text = os.environ.get(TIMEOUT, "600")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise PotentialError(f"{TIMEOUT} must be a number of seconds above 0, not {text!r}")
    return seconds


@dataclass(slots=True, eq=False, weakref_slot=True)
class Home:
    """The process in which a potential lives, started when it is needed, and again when it has died.

    Attributes
    ----------
    env, spec : str
        As the user names the Python, and the potential there.
    species : tuple of str or None
    place : Place
    watched : bool
        It tells what it is like, and leaves alone what a potential does to it.
    variables : mapping of str to str
        Of its environment.
    births : int
        How many processes there have been.
    """

    env: str
    spec: str
    species: tuple[str, ...] | None
    place: Place
    watched: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    births: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    returned: list[Prediction] = field(default_factory=list)
    dropped: list[list[int]] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)
    _process: Process | None = None
    _known: dict[int, tuple[weakref.ref[Atoms], int]] = field(default_factory=dict)
    _counted: int = 0

    def process(self) -> Process:
        """Return the process, alive."""
        if self._process is None or not self._process.is_alive:
            try:
                self._process = Process(self.place, self.variables)
            except PotentialError as error:
                if not self.births:
                    raise
                raise Lost(f"the potential's process has died and cannot be started again: {error}") from error
            self.births += 1
            self._known.clear()
            self.forgotten.clear()
            self._process.ask(LOADING, {"do": "begin", "watched": self.watched, "spec": self.spec})
        return self._process

    def ask(self, seconds: float, header: Mapping[str, Any], buffers: Sequence[Any] = ()) -> Any:
        """Return the answer to a question, from a process that has not died since."""
        return self.process().ask(seconds, header, buffers)

    def build(self) -> Any:
        """Build the potential anew, and return what is told of it.

        Raises
        ------
        PotentialError
            If it cannot be built.
        """
        try:
            return self.ask(LOADING, {"do": "build", "spec": self.spec, "species": self.species})
        except Lost as error:
            raise PotentialError(f"{self.spec} cannot be loaded in {self.env}: {error}") from error

    def again(self) -> int:
        """Return the number of the potential, built once more, in a process that stands for one that has died."""
        try:
            answer, _ = self.build()
        except PotentialError as error:
            raise Lost(f"the potential's process has died and cannot be replaced: {error}") from error
        return int(answer["potential"])

    def look(self, *, others: bool) -> list[dict[str, str]]:
        """Return what the process was like before, and is like now; nothing where it has died."""
        try:
            return list(self.ask(timeout(), {"do": "look", "others": others})[0]["moments"])
        except Lost:
            return []

    def numbers(self, structures: Sequence[Atoms]) -> list[int]:
        """Return the numbers by which the process knows structures that a calculator is attached to."""
        found = []
        for structure in structures:
            known = self._known.get(id(structure))
            if known is None or known[0]() is not structure:
                self._counted += 1
                if known is not None:
                    self.forgotten.append(known[1])
                known = self._known[id(structure)] = (weakref.ref(structure), self._counted)
            found.append(known[1])
        for key in [key for key, (reference, _) in self._known.items() if reference() is None]:
            self.forgotten.append(self._known.pop(key)[1])
        return found

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
