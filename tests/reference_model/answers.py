"""What a potential answers, without the possibility that it answers nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ase import Atoms

from gnnp_bench.potential import Potential, Property


class Answer(NamedTuple):
    """A prediction: energy, eV; (n, 3) forces, (3, 3) stress and (n,) atomic energies, where they were asked for."""

    energy: float
    forces: Any
    stress: Any
    energies: Any = None


def answers(potential: Potential, structures: Sequence[Atoms], properties: Iterable[Property]) -> list[Answer]:
    """Evaluate structures."""
    found = potential.evaluate(structures, frozenset(properties))
    return [Answer(one.energy, one.forces, one.stress, one.energies) for one in found]
