"""What a potential is: structures in, energies, forces and stresses out.

Units are ASE's: eV, Å, eV/Å, eV/Å³ (stress tension-positive, symmetric 3×3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Property: TypeAlias = Literal["energy", "forces", "stress"]
Periodicity: TypeAlias = Literal["periodic", "partial", "isolated"]
Claim: TypeAlias = Literal[
    "conservative",  # forces and stress are derivatives of the energy by construction
    "equivariant",  # rotation, inversion and translation hold by construction
    "permutation-invariant",  # atoms of one species are indistinguishable by construction
    "size-extensive",  # the energy is a sum over atoms of local environments
    "strictly-local",  # nothing beyond the receptive field is felt
    "smooth",  # continuous derivatives up to `Capabilities.smoothness`
]

Kind: TypeAlias = Literal[
    "charge",  # info: total charge, e
    "unpaired",  # info: number of unpaired electrons
    "multiplicity",  # info: number of unpaired electrons + 1
    "charges",  # array initial_charges, e; they add up to the total charge
    "moments",  # array initial_magmoms, µB; they add up to the number of unpaired electrons
    "constant",  # info: the same for every structure
]

ENERGY: frozenset[Property] = frozenset({"energy"})
ENERGY_FORCES: frozenset[Property] = frozenset({"energy", "forces"})
ALL_PROPERTIES: frozenset[Property] = frozenset({"energy", "forces", "stress"})


class Unsupported(Exception):
    """A potential's clear refusal of a structure or a property that it does not handle.

    Raise it from `Potential.evaluate` with a sentence that says what is not supported. Checks of that very
    feature become `not_applicable`; they do not fail.
    """


class PotentialError(Exception):
    """A potential could not be found, loaded or built. The message says how to mend it, in one line."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a potential says about one structure.

    Attributes
    ----------
    energy : float
        Total energy, eV; the one whose derivative the forces are.
    forces : (n_atoms, 3) array, eV/Å, or None if not asked for
    stress : (3, 3) symmetric array, eV/Å³, tension-positive, or None if not asked for
    energies : (n_atoms,) array, eV, or None
        Per-atom energies where the potential has them.
    reported_energy : float or None
        The total energy, eV, that users read, where the potential tells it apart from `energy`.
    """

    energy: float
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    energies: FloatArray | None = None
    reported_energy: float | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """Something that a potential reads from a structure besides atoms and cell.

    Attributes
    ----------
    key : str
        In `info`; for charges and moments the name of ASE's array, initial_charges or initial_magmoms.
    kind : str
        What it counts, and hence how it goes along into supercells and fragments.
    default : int, float, str or bool
        The value of a neutral structure without unpaired electrons: 0, or 1 for a multiplicity. Of a constant, its
        value.
    """

    key: str
    kind: Kind
    default: int | float | str | bool = 0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a potential can do, and what it claims to obey by construction.

    Attributes
    ----------
    species : tuple of str
        Chemical symbols it supports, in order of atomic number.
    properties : frozenset
        Subset of {"energy", "forces", "stress"}.
    periodicity : frozenset
        Subset of {"periodic", "partial", "isolated"}: three, one or two, and no periodic directions.
    combinations : tuple of frozenset of str
        The sets of species it was trained on together; empty means any combination of `species`.
    fitted_alone : tuple of str
        Species whose energy as an isolated atom was never seen: it was fitted to whole structures. Energies of lone
        atoms, and cohesive energies, mean nothing.
    undetermined : tuple of str
        Those of them that the training data do not tell apart, for they always occur in the same proportion. Energies
        of structures of different composition cannot be compared.
    cutoff : float or None
        Distance in Å beyond which one layer sees no neighbour, where known.
    receptive_field : float or None
        Distance in Å beyond which an atomic energy feels nothing (layers × cutoff), where known.
    dtype : "float32", "float64" or None
        Precision of the arithmetic, where known.
    device : str
    other_devices : tuple of str
        Devices of this machine on which the potential can be had as well: its method `on(device)` returns it there.
    precision_mode : str or None
        Anything that changes the arithmetic, such as TF32 or mixed precision.
    claims : frozenset
        Laws that hold by construction. A claim makes the bar higher: see `certificate.verdict`.
    smoothness : int or None
        Order up to which derivatives of the energy are continuous, where claimed.
    reads : tuple of Carried
        What it reads from `info` and from the arrays of a structure. Structures then carry it, in some of them with
        other values than the default.
    totals_add : bool
        n copies of a cell with n times its charge and unpaired electrons have n times its energy, and distant
        fragments add up, at any charge and spin. Else these laws are judged for neutral structures only.
    driven : bool
        An ASE calculator, which programs attach to a structure that they change in place. The potential's method
        `driven(structures, properties)` evaluates these very structures so: nothing is copied, nothing reset.
    energies : tuple of str
        The energies that it tells: "energy", and where it has them "free_energy" and "energies".
    smearing : float or None
        Width in eV by which electrons are smeared. It is why `energy`, extrapolated to zero width, may differ from
        `free_energy`, whose derivatives the forces are.
    stable : tuple of str
        Crystals that it was made for, such as "Si:diamond", or "Si" for whichever crystals of silicon are known to be
        stable: that they have a minimum, resist strain and have real frequencies is binding then, of those that are
        known to be stable (`properties.known_stable`).
    """

    species: tuple[str, ...]
    properties: frozenset[Property] = ALL_PROPERTIES
    periodicity: frozenset[Periodicity] = frozenset({"periodic", "partial", "isolated"})
    combinations: tuple[frozenset[str], ...] = ()
    fitted_alone: tuple[str, ...] = ()
    undetermined: tuple[str, ...] = ()
    cutoff: float | None = None
    receptive_field: float | None = None
    dtype: Literal["float32", "float64"] | None = None
    device: str = "cpu"
    other_devices: tuple[str, ...] = ()
    precision_mode: str | None = None
    claims: frozenset[Claim] = frozenset()
    smoothness: int | None = None
    reads: tuple[Carried, ...] = ()
    totals_add: bool = False
    driven: bool = False
    energies: tuple[str, ...] = ("energy",)
    smearing: float | None = None
    stable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Where a potential comes from: what a certificate records so that its subject can be found again.

    A potential may carry one as its attribute `identity`.

    Attributes
    ----------
    version : str or None
    weights_sha256 : str or None
        Hexadecimal.
    parameters : int or None
        Number of trained parameters.
    packages : tuple of str
        Names of the distributions it needs, whose versions the certificate records.
    """

    version: str | None = None
    weights_sha256: str | None = None
    parameters: int | None = None
    packages: tuple[str, ...] = field(default=())


@runtime_checkable
class Potential(Protocol):
    """Anything that maps structures to energy, forces and stress.

    `evaluate` is batched and stateless and never changes its input: the same structures give the same
    predictions whatever was asked before. It returns one `Prediction` per structure, in order, holding at
    least the properties asked for. It raises `Unsupported` for a structure it does not handle.
    """

    @property
    def name(self) -> str:
        """What the certificate calls it."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do and what it claims."""
        ...

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return one prediction per structure, in order."""
        ...


def periodicity_of(structure: Atoms) -> Periodicity:
    """Return which of the three kinds of periodicity a structure has."""
    n = int(np.count_nonzero(structure.pbc))
    return "isolated" if n == 0 else "periodic" if n == 3 else "partial"


def close(potential: Potential) -> None:
    """End what a potential holds outside of itself, such as a process where it lives; most hold nothing."""
    # Not part of the protocol: who holds something has the method.
    if (end := getattr(potential, "close", None)) is not None:
        end()
