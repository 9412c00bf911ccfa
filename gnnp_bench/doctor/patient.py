"""A potential under examination."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench.doctor import probes
from gnnp_bench.potential import ENERGY, FloatArray, Potential, Property
from gnnp_bench.structures.carried import complete, completed
from gnnp_bench.structures.needs import explained

ENERGY_TOLERANCE = 1e-3
"""eV. Half of what two ways to the same energy may differ by; the other half is in proportion to the energy."""
FORCE_TOLERANCE = 1e-2
"""eV/Å. Far above what rounding does, far below what a mistake does."""


@dataclass(slots=True)
class Patient:
    """A potential, and what the examination needs to know about it.

    Attributes
    ----------
    potential : Potential
    reload : callable or None
        Builds the same potential anew.
    spec : str or None
        What the user called it.
    species : tuple of str
        One or two that may stand together.
    evaluations : int
        Structures evaluated so far.
    """

    potential: Potential
    reload: Callable[[], Potential] | None = None
    spec: str | None = None
    species: tuple[str, ...] = field(init=False)
    evaluations: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.species = probes.main_species(self.potential.capabilities)

    @property
    def properties(self) -> frozenset[Property]:
        """What can be asked for about the structures of `probe`."""
        declared = self.potential.capabilities.properties
        return declared if self.periodic else declared - {"stress"}

    @property
    def periodic(self) -> bool:
        """Whether the structures of `probe` are crystals; otherwise they are clusters."""
        return "periodic" in self.potential.capabilities.periodicity

    def probe(self, seed: int = 0, n_atoms: int = 4) -> Atoms:
        """Return a structure that the potential has to handle, by what it declares."""
        build = probes.crystal if self.periodic else probes.cluster
        return completed(build(self.species, seed, n_atoms), self.potential.capabilities.reads)

    def ask(
        self, structures: Sequence[Atoms], properties: frozenset[Property] = ENERGY, potential: Potential | None = None
    ) -> Any:
        """Return what `evaluate` returns, in one call, as it comes. Structures get what they lack to be read.

        Raises
        ------
        PotentialError
            The potential needs something that structures can carry and is not declared; beside what it raises itself.
        """
        asked = potential or self.potential
        self.evaluations += len(structures)
        for structure in structures:
            complete(structure, asked.capabilities.reads)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return asked.evaluate(structures, properties)
            except KeyError as error:
                raise explained(error, asked, structures[0], properties) from error

    def drive(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> Any:
        """Return what `driven` returns: the calculator is attached to these very structures."""
        self.evaluations += len(structures)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Not part of the protocol: potentials whose capabilities say `driven` have it.
            return self.potential.driven(structures, properties)  # type: ignore[attr-defined]

    def energies(self, structures: Sequence[Atoms]) -> FloatArray:
        """Return energies, eV, in few calls of moderate size."""
        found: list[float] = []
        for begin in range(0, len(structures), 16):
            found += [float(p.energy) for p in self.ask(structures[begin : begin + 16])]
        return np.array(found)


def same_energy(one: float, other: float) -> bool:
    """Return whether two energies in eV agree but for rounding."""
    return bool(abs(one - other) <= ENERGY_TOLERANCE + 1e-6 * max(abs(one), abs(other)))


def same_forces(one: Any, other: Any) -> bool:
    """Return whether two sets of forces in eV/Å agree but for rounding."""
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    return first.shape == second.shape and bool(np.abs(first - second).max(initial=0.0) <= FORCE_TOLERANCE)


def told(error: BaseException) -> str:
    """Return an exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
