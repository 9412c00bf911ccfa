"""The process at the other end: it builds potentials from specs, asks them, and answers, until nobody asks any more.

It travels as source. What it needs of gnnp_bench travels with it; numpy, ASE and the potential's package are there.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from ase import Atoms

from gnnp_bench.adapters import registry
from gnnp_bench.environments import batches, frames
from gnnp_bench.environments.held import held
from gnnp_bench.environments.values import pack, same
from gnnp_bench.potential import Potential, Prediction
from gnnp_bench.silence import speak_aloud


@dataclass(slots=True)
class _Answer:
    """What is written back: plain values, and the buffers that belong to them."""

    values: dict[str, Any] = field(default_factory=dict)
    buffers: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class _Child:
    """The potentials of this process by number, and what must be remembered of earlier calls."""

    watched: bool = False
    number: int = 0
    loaded: dict[int, Potential] = field(default_factory=dict)
    load: Callable[[], Potential] | None = None
    attached: dict[int, Atoms] = field(default_factory=dict)
    returned: list[Any] = field(default_factory=list)
    returned_as: tuple[Any, list[Any]] = ((), [])
    around: Callable[[], dict[str, str]] = dict
    moments: list[dict[str, str]] = field(default_factory=list)

    def begin(self, asked: dict[str, Any], buffers: Iterator[Any]) -> _Answer:
        """Get ready to load a spec; where the process is watched, look at it before anything is imported."""
        self.watched = bool(asked["watched"])
        if not self.watched:
            warnings.simplefilter("ignore")
            return _Answer()
        from gnnp_bench.engine.surroundings import WITNESS, settle, surroundings
        from gnnp_bench.engine.witnesses import witnesses

        speak_aloud()
        name = asked["spec"].partition("?")[0].partition(":")[0]
        if name == "ase" or name not in registry.known():
            sys.path.insert(0, os.getcwd())  # as the program that certifies has done to find the module
        # What is imported where the suite runs is imported here as well where it is installed, for who else works in
        # the potential's environment is a program with torch more often than not.
        if importlib.util.find_spec("torch") is not None:
            importlib.import_module("torch")
        settle()
        others = witnesses()
        self.around = lambda: surroundings() | {f"{WITNESS} {name}": words() for name, words in others.items()}
        said = {f"{WITNESS} {name}": words() for name, words in others.items()}
        self.moments = [surroundings() | said]
        return _Answer()

    def build(self, asked: dict[str, Any], buffers: Iterator[Any]) -> _Answer:
        """Build the potential of a spec, the first time or anew, and say what it is."""
        if self.load is None:
            species = asked["species"]
            loaded = registry.load(asked["spec"], None if species is None else tuple(species))
            self.load, potential = loaded.reload, loaded.potential
            if not self.watched and "torch" in sys.modules and os.environ.get("OMP_NUM_THREADS", "").isdigit():
                importlib.import_module("torch").set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        else:
            potential = self.load()
        return self._known(potential)

    def on(self, asked: dict[str, Any], buffers: Iterator[Any]) -> _Answer:
        """Return the same potential on another device."""
        there: Any = self.loaded[asked["potential"]]
        return self._known(there.on(asked["device"]))

    def _known(self, potential: Potential) -> _Answer:
        self.number += 1
        self.loaded[self.number] = potential
        answer = _Answer()
        identity = getattr(potential, "identity", None)
        told = {
            "name": potential.name,
            "capabilities": _plain(potential.capabilities),
            "identity": None if identity is None else _plain(identity),
        }
        answer.values = {"potential": self.number, "told": pack(told, answer.buffers)}
        return answer

    def drop(self, asked: dict[str, Any], buffers: Iterator[Any]) -> _Answer:
        """Forget potentials and structures that are not asked for any more."""
        for number in asked["potentials"]:
            self.loaded.pop(number, None)
        for number in asked["structures"]:
            self.attached.pop(number, None)
        return _Answer()

    def evaluate(self, asked: dict[str, Any], buffers: Iterator[Any]) -> _Answer:
        """Evaluate structures; say as well what that changed in them, and in what was returned before."""
        received = list(buffers)
        structures = batches.unpack_structures(asked["structures"], iter(received))
        if asked["attached"]:
            structures = [self._attached(n, s) for n, s in zip(asked["attached"], structures, strict=True)]
        potential: Any = self.loaded[asked["potential"]]
        call = potential.driven if asked["attached"] else potential.evaluate
        answer = _Answer()
        error: BaseException | None = None
        predictions: list[Any] = []
        begin = time.perf_counter()
        try:
            predictions = list(call(structures, frozenset(asked["properties"])))
        except (Exception, SystemExit) as raised:
            error = raised
        answer.values["seconds"] = time.perf_counter() - begin
        if error is None:
            answer.values["predictions"] = batches.pack_predictions(predictions, answer.buffers)
            returned_as = answer.values["predictions"], list(answer.buffers)
        else:
            answer.values["error"] = _error(error, answer.buffers)
            returned_as = (), []
        self._tell_overwritten(answer)
        self.returned, self.returned_as = predictions, returned_as
        after: list[Any] = []
        packed = batches.pack_structures(structures, after)
        if not same((packed, after), (asked["structures"], received)):
            answer.values["changed"] = packed
            answer.buffers.extend(after)
        return answer

    def _attached(self, number: int, structure: Atoms) -> Atoms:
        """Return the structure that stands here for the caller's own, changed into what that is now."""
        kept = self.attached.setdefault(number, structure)
        if kept is not structure:
            batches.take_over(kept, structure)
        return kept

    def _tell_overwritten(self, answer: _Answer) -> None:
        """Say what the predictions of the last call are now, if something has written into them since."""
        buffers: list[Any] = []
        now = batches.pack_predictions(self.returned, buffers) if self.returned else ()
        if not same((now, buffers), self.returned_as):
            answer.values["overwritten"] = now
            answer.buffers.extend(buffers)

    def at_once(self, asked: dict[str, Any], buffers: Iterator[Any]) -> _Answer:
        """Make several calls, each in a thread of its own."""
        from gnnp_bench.engine.threads import at_once

        calls = []
        potential = self.loaded[asked["potential"]]
        for structures, properties in asked["calls"]:
            batch = batches.unpack_structures(structures, buffers)
            calls.append(partial(_evaluated, potential, batch, frozenset(properties)))
        answer = _Answer()
        answer.values["answers"] = [batches.pack_predictions(found, answer.buffers) for found in at_once(calls)]
        return answer

    def look(self, asked: dict[str, Any], buffers: Iterator[Any]) -> _Answer:
        """Return what the process was like before, and is like now; with the second potentials where they are asked."""
        from gnnp_bench.engine.surroundings import surroundings

        moments, self.moments = [*self.moments, self.around() if asked["others"] else surroundings()], []
        return _Answer({"moments": moments})

    def hold(self, asked: dict[str, Any], buffers: Iterator[Any]) -> _Answer:
        """Return the memory and the open files of this process."""
        return _Answer({"held": held()})

    def environment(self, asked: dict[str, Any], buffers: Iterator[Any]) -> _Answer:
        """Return which Python and which packages there are."""
        found = {
            one.metadata["Name"]: one.version for one in importlib.metadata.distributions() if one.metadata["Name"]
        }
        names = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found.items()}
        names.pop("gnnp-bench", None)  # which came along
        told = {
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
            "packages": dict(sorted(names.items())),
        }
        return _Answer({"environment": told})


def _evaluated(potential: Potential, structures: list[Atoms], properties: frozenset[Any]) -> list[Prediction]:
    return list(potential.evaluate(structures, properties))


def _plain(value: Any) -> Any:
    """Return a dataclass as a dict, and what is in it as well."""
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_plain(item) for item in value)
    return value


def _error(error: BaseException, buffers: list[Any]) -> Any:
    """Return what is needed to raise the same at the other end."""
    bases = [base.__name__ for base in type(error).__mro__ if base.__module__ == "builtins"]
    own = [
        f"{base.__module__}:{base.__name__}" for base in type(error).__mro__ if base.__module__[:11] == "gnnp_bench."
    ]
    arguments = pack(list(error.args), buffers)
    return {"name": type(error).__name__, "own": own[:1], "bases": bases, "text": str(error), "arguments": arguments}


def serve(questions: int, answers: int) -> None:
    """Answer what comes from one descriptor on the other, until it is closed."""
    child = _Child()
    while True:
        try:
            asked, buffers = frames.read(questions)
        except frames.Closed:
            return
        try:
            answer = getattr(child, asked["do"])(asked, iter(buffers))
        except (Exception, SystemExit) as error:
            answer = _Answer()
            answer.values["error"] = _error(error, answer.buffers)
        try:
            frames.write(answers, answer.values, answer.buffers)
        except frames.Closed:
            return
        del asked, buffers, answer
