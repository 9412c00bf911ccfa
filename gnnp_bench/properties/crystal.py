"""The crystal whose properties are asked for, relaxed; and how they are to be computed."""

from __future__ import annotations

from dataclasses import dataclass

from ase import Atoms

from gnnp_bench.potential import Capabilities, Prediction


@dataclass(frozen=True, slots=True)
class Crystal:
    """A relaxed crystal.

    Attributes
    ----------
    name : str
        How it is called in reports: "Si:diamond", or a file's name.
    structure : Atoms
        Its cell, relaxed under its own symmetry. Nobody changes it.
    prediction : Prediction
        Of that structure: energy, forces, stress.
    given : Atoms
        As it was before it was relaxed.
    left : float
        The largest force that is left, eV/Å; see `relaxation.Relaxed`.
    prototype : str or None
        A key of `structures.PROTOTYPES`, where it was asked for by that name.
    """

    name: str
    structure: Atoms
    prediction: Prediction
    given: Atoms
    left: float
    prototype: str | None = None

    @property
    def formula(self) -> str:
        """The reduced formula, with the species in their order in the structure."""
        reduced: str = self.structure.symbols.formula.reduce()[0].format()
        return reduced


@dataclass(frozen=True, slots=True)
class Settings:
    """How properties are computed.

    Attributes
    ----------
    capabilities : Capabilities
        Of the potential.
    fmax : float
        eV/Å, where relaxations end.
    steps : int
        Of a relaxation, at most.
    supercell : float
        Å, no vector of a supercell for phonons and vacancies is shorter. The next smaller one shows what is left open.
    symmetric : float
        Å, within which a space group is found; relaxations keep it.
    """

    capabilities: Capabilities
    fmax: float = 1e-3
    steps: int = 500
    supercell: float = 12.0
    symmetric: float = 1e-3
