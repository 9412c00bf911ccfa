"""What somebody hands in to be judged: a spec, a potential, a calculator, or what makes one; and how it is loaded."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from gnnp_bench.adapters.registry import Loaded


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be judged.

    Attributes
    ----------
    label : str
        A spec, or what stands for it.
    load : callable
        Returns the potential and the way to load it anew, in any process.
    has_spec : bool
        Whether the command line can load it by its label.
    """

    label: str
    load: Callable[[], Loaded]
    has_spec: bool


def subject_from(
    potential: Any, species: Sequence[str] | None, name: str | None, stable: Sequence[str] = ()
) -> Subject:
    """Return what a user handed in, as something that can be loaded, with the crystals that it must hold stable.

    Raises
    ------
    ValueError
        If a potential that is made cannot be copied, or a spec has another name.
    BadRequest
        If a crystal is not known to be stable.
    TypeError
        If it is none of what `certify` takes.
    """
    from gnnp_bench.adapters.ase import is_calculator
    from gnnp_bench.commands.loading import known_crystals, with_stable
    from gnnp_bench.one_thread import load_on_one_thread
    from gnnp_bench.potential import Potential

    if name is not None and not (isinstance(name, str) and name.strip()):
        raise TypeError(f"name must be a text that is not empty, not {name!r}")
    if isinstance(potential, str):
        if name is not None:
            raise ValueError("name is for potentials without a spec: a spec is a name already")
        spec = with_stable(potential, stable)
        return Subject(spec, partial(load_on_one_thread, spec, species), has_spec=True)
    crystals = known_crystals(stable)
    made = not isinstance(potential, type) and (isinstance(potential, Potential) or is_calculator(potential))
    if not made and not callable(potential):
        hint = "; give its calculator, atoms.calc" if type(potential).__name__ == "Atoms" else ""
        raise TypeError(
            "certify takes a spec, a potential, an ASE calculator, or a class or function that makes one, not"
            f" {type(potential).__name__}{hint}"
        )
    if not made:
        path = None if name is not None else _path_of(potential)
        label = name or path or _called(potential)
        if path is not None:
            label = with_stable(label, crystals)
        return Subject(label, partial(_loaded_from, potential, label, species, crystals), has_spec=path is not None)
    label = name or (potential.name if isinstance(potential, Potential) else type(potential).__name__)
    try:
        pristine = copy.deepcopy(potential)  # one that nobody has touched, for the checks that ask for a fresh one
    except Exception as error:
        raise ValueError(
            f"{label} cannot be copied ({type(error).__name__}: {' '.join(str(error).split())}), and laws need fresh"
            " ones: give the class or the function that makes it"
        ) from error
    fresh = partial(copy.deepcopy, pristine)
    return Subject(label, partial(_loaded_from, fresh, label, species, crystals), has_spec=False)


def _loaded_from(
    factory: Callable[[], object], label: str, species: Sequence[str] | None, stable: tuple[str, ...]
) -> Loaded:
    from gnnp_bench.adapters import registry
    from gnnp_bench.one_thread import use_one_thread

    loaded = registry.load_from(factory, label, species, stable)
    use_one_thread()
    return loaded


def _path_of(made: Any) -> str | None:
    """Return the spec by which the command line finds a class or a function, if it does."""
    module, qualified = getattr(made, "__module__", None), getattr(made, "__qualname__", "<>")
    if not isinstance(module, str) or module == "__main__" or not qualified.replace(".", "").isidentifier():
        return None
    found: object = sys.modules.get(module)
    for part in qualified.split("."):
        found = getattr(found, part, None)
    return f"{module}:{qualified}" if found is made else None


def _called(made: Any) -> str:
    """Return the name of a function, or a word for one that has none."""
    name = getattr(made, "__name__", "")
    return name if name.isidentifier() else "potential"


@dataclass(frozen=True, slots=True)
class Sent:
    """A way to load a potential that any process can read: functions of a notebook are told in full."""

    how: bytes

    @classmethod
    def of(cls, subject: Subject) -> Sent:
        """Return how a subject is loaded elsewhere.

        Raises
        ------
        ValueError
            If that cannot be told.
        """
        from gnnp_bench.check import CannotBeSent
        from gnnp_bench.engine.processes import sent

        try:
            return cls(sent(subject.load))
        except CannotBeSent as error:
            raise ValueError(
                f"{subject.label}: {' '.join(str(error).split())}; leave out jobs and timeout, or give a class or a"
                " function of a module"
            ) from error

    def __call__(self) -> Loaded:
        """Load the potential in the process that this is called in."""
        import pickle

        return cast("Callable[[], Loaded]", pickle.loads(self.how))()
