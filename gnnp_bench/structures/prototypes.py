"""Crystal prototypes: lattice vectors, fractional coordinates, which atoms touch.

Every number is rational or the root of a rational, so that a crystal is symmetric to the last bit that float64
allows and its space group is known from integers alone (`symmetry.symmetry_operations`).

Coordinates: AFLOW Library of Crystallographic Prototypes, doi:10.1016/j.commatsci.2017.01.017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.radii import bond_length

DENOMINATOR = 24
"""All fractional coordinates are multiples of 1/24."""

Site = tuple[int, Fraction, Fraction, Fraction]
Contact = tuple[int, int, float, int]


@dataclass(frozen=True, slots=True)
class Prototype:
    """One crystal structure, up to its species and its size.

    Attributes
    ----------
    vectors : tuple of 3 × 3 float
        Rows; lattice vectors of the primitive cell in units of a.
    metric : tuple of 3 × 3 int
        The dot products of the vectors up to a common factor, exactly.
    sites : tuple of (class, x, y, z)
        Class of equivalent atoms and fractional coordinates.
    contacts : tuple of (class, class, distance / a, coordination)
        The pairs of atoms that touch. The lattice constant is the mean of what they ask for.
    axial : bool
        Whether c/a is free.
    """

    vectors: tuple[tuple[float, float, float], ...]
    metric: tuple[tuple[int, int, int], ...]
    sites: tuple[Site, ...]
    contacts: tuple[Contact, ...]
    axial: bool = False

    @property
    def classes(self) -> int:
        """Number of classes of equivalent atoms: how many species the prototype orders."""
        return 1 + max(site[0] for site in self.sites)


def _sites(text: str) -> tuple[Site, ...]:
    """Parse "0 0 0; 1 1/4 1/4": the class grows by one at each "|"."""
    sites = []
    for kind, group in enumerate(text.split("|")):
        for triple in group.split(";"):
            x, y, z = (Fraction(word) for word in triple.split())
            sites.append((kind, x, y, z))
    return tuple(sites)


def _cubic(text: str, *contacts: Contact) -> Prototype:
    unit = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    return Prototype(unit, ((1, 0, 0), (0, 1, 0), (0, 0, 1)), _sites(text), contacts)


def _face_centred(text: str, *contacts: Contact) -> Prototype:
    vectors = ((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
    return Prototype(vectors, ((2, 1, 1), (1, 2, 1), (1, 1, 2)), _sites(text), contacts)


def _hexagonal(c_squared: Fraction, text: str, *contacts: Contact) -> Prototype:
    """Return a hexagonal prototype; `c_squared` is (c/a)²."""
    vectors = ((1.0, 0.0, 0.0), (-0.5, 0.75**0.5, 0.0), (0.0, 0.0, float(c_squared) ** 0.5))
    scale = 2 * c_squared.denominator
    metric = ((scale, -scale // 2, 0), (-scale // 2, scale, 0), (0, 0, int(scale * c_squared)))
    return Prototype(vectors, metric, _sites(text), contacts, axial=True)


_R2, _R3 = 2**0.5, 3**0.5
_IDEAL = Fraction(8, 3)  # (c/a)² of close-packed spheres

PROTOTYPES: dict[str, Prototype] = {
    "fcc": _face_centred("0 0 0", (0, 0, 1 / _R2, 12)),
    "bcc": Prototype(
        ((-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, -0.5)),
        ((3, -1, -1), (-1, 3, -1), (-1, -1, 3)),
        _sites("0 0 0"),
        ((0, 0, _R3 / 2, 8),),
    ),
    "sc": _cubic("0 0 0", (0, 0, 1.0, 6)),
    "hcp": _hexagonal(_IDEAL, "1/3 2/3 1/4; 2/3 1/3 3/4", (0, 0, 1.0, 12)),
    "diamond": _face_centred("0 0 0; 1/4 1/4 1/4", (0, 0, _R3 / 4, 4)),
    "rocksalt": _face_centred("0 0 0 | 1/2 1/2 1/2", (0, 1, 0.5, 6)),
    "CsCl": _cubic("0 0 0 | 1/2 1/2 1/2", (0, 1, _R3 / 2, 8)),
    "zincblende": _face_centred("0 0 0 | 1/4 1/4 1/4", (0, 1, _R3 / 4, 4)),
    "L1_0": Prototype(
        ((1 / _R2, 0.0, 0.0), (0.0, 1 / _R2, 0.0), (0.0, 0.0, 1.0)),
        ((1, 0, 0), (0, 1, 0), (0, 0, 2)),
        _sites("0 0 0 | 1/2 1/2 1/2"),
        ((0, 0, 1 / _R2, 12), (1, 1, 1 / _R2, 12), (0, 1, 1 / _R2, 12), (0, 1, 1 / _R2, 12)),
        axial=True,
    ),
    # Flat sheets, 3.3 Å apart in graphite: every angle 120°, every atom on a mirror plane.
    "honeycomb": _hexagonal(Fraction(16, 9), "1/3 2/3 0 | 2/3 1/3 0", (0, 1, 1 / _R3, 3)),
    "fluorite": _face_centred("0 0 0 | 1/4 1/4 1/4; 3/4 3/4 3/4", (0, 1, _R3 / 4, 8)),
    "wurtzite": _hexagonal(_IDEAL, "1/3 2/3 0; 2/3 1/3 1/2 | 1/3 2/3 3/8; 2/3 1/3 7/8", (0, 1, (3 / 8) ** 0.5, 4)),
    "L1_2": _cubic("0 0 0 | 1/2 1/2 0; 1/2 0 1/2; 0 1/2 1/2", (0, 1, 1 / _R2, 12), (1, 1, 1 / _R2, 8)),
    "perovskite": _cubic("0 0 0 | 1/2 1/2 1/2 | 1/2 1/2 0; 1/2 0 1/2; 0 1/2 1/2", (0, 2, 1 / _R2, 12), (1, 2, 0.5, 6)),
    "A15": _cubic(
        "0 0 0; 1/2 1/2 1/2 | 1/4 0 1/2; 3/4 0 1/2; 1/2 1/4 0; 1/2 3/4 0; 0 1/2 1/4; 0 1/2 3/4",
        (0, 1, 5**0.5 / 4, 12),
        (1, 1, 0.5, 2),
    ),
}
"""From the simplest to the most complicated."""


def prototype(name: str) -> Prototype:
    """Return a prototype by its name.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    try:
        return PROTOTYPES[name]
    except (KeyError, TypeError):
        raise ValueError(f"no crystal prototype {name!r}; choose one of {', '.join(PROTOTYPES)}") from None


def by_class(name: str, species: Sequence[str]) -> tuple[str, ...]:
    """Return one species per class of a prototype; a single species stands on every class.

    Raises
    ------
    ValueError
        If the number of species is neither one nor the number of classes.
    """
    classes = prototype(name).classes
    if isinstance(species, str) or len(species) not in (1, classes):
        wanted = "one species" if classes == 1 else f"one species or {classes}, in a tuple"
        raise ValueError(f"{name} takes {wanted}, got {species!r}")
    return tuple(species) * classes if len(species) == 1 else tuple(species)


@lru_cache(maxsize=4096)
def lattice_constant(name: str, species: tuple[str, ...]) -> float:
    """Return the lattice constant a at which the pairs that should touch do, Å.

    The mean over the prototype's kinds of contact: both cannot fit at once where radii are not in the ideal ratio.
    A prototype of one class given several species is a random alloy: the mean over all pairs of them.
    """
    chosen = prototype(name)
    if chosen.classes == 1 and len(species) > 1:
        _, _, distance, coordination = chosen.contacts[0]
        lengths = [bond_length(a, b, coordination) for a in species for b in species]
        return float(np.mean(lengths)) / distance
    sites = by_class(name, species)
    wanted = [bond_length(sites[i], sites[j], n) / distance for i, j, distance, n in chosen.contacts]
    return float(np.mean(wanted))


@lru_cache(maxsize=64)
def _geometry(name: str) -> tuple[FloatArray, FloatArray]:
    chosen = prototype(name)
    vectors = np.array(chosen.vectors)
    fractional = np.array([[float(x) for x in site[1:]] for site in chosen.sites])
    vectors.flags.writeable = fractional.flags.writeable = False
    return vectors, fractional


def fractional_coordinates(name: str) -> FloatArray:
    """Return the fractional coordinates of a prototype: (n_sites, 3) array, read-only."""
    prototype(name)
    return _geometry(name)[1]


def lattice_vectors(name: str, a: float, c_over_a: float | None = None) -> FloatArray:
    """Return the primitive lattice vectors of a prototype: (3, 3) array, Å, rows.

    Raises
    ------
    ValueError
        If `c_over_a` is given for a cubic prototype, or is not positive.
    """
    chosen = prototype(name)
    vectors = _geometry(name)[0] * a
    if c_over_a is not None:
        if not chosen.axial:
            raise ValueError(f"{name} is cubic: c_over_a cannot be chosen")
        if not (np.isfinite(c_over_a) and c_over_a > 0):
            raise ValueError(f"c_over_a must be a positive number, got {c_over_a!r}")
        vectors[2, 2] = a * c_over_a
    return vectors


def ideal_c_over_a(name: str) -> float:
    """Return c/a of an axial prototype as it is tabulated here; 1 for a cubic one."""
    chosen = prototype(name)
    return chosen.vectors[2][2] if chosen.axial else 1.0


def crystal(name: str, species: Sequence[str], a: float | None = None, c_over_a: float | None = None) -> Atoms:
    """Return the primitive cell of a crystal prototype.

    Parameters
    ----------
    name : str
        A key of `PROTOTYPES`.
    species : sequence of str
        One species per class of equivalent atoms, or a single one for all of them: the elemental analogue.
    a : float or None, Å
        Lattice constant; by default the one at which neighbours touch, at the same volume if `c_over_a` is given.
    c_over_a : float or None
        Axial ratio of a hexagonal or tetragonal prototype; by default that of touching spheres.

    Returns
    -------
    Atoms
        Periodic, without calculator.

    Raises
    ------
    ValueError
        If the name is unknown, the number of species does not fit, or a length is not positive.

    Examples
    --------
    >>> len(crystal("rocksalt", ("Na", "Cl")))
    2
    >>> round(float(crystal("fcc", ("Cu",)).get_volume()), 1)
    11.8
    """
    sites = by_class(name, species)
    if a is None:
        a = lattice_constant(name, sites)
        if c_over_a is not None and c_over_a > 0:
            a *= (ideal_c_over_a(name) / c_over_a) ** (1 / 3)
    if not (np.isfinite(a) and a > 0):
        raise ValueError(f"a must be a positive length in Å, got {a!r}")
    cell = lattice_vectors(name, a, c_over_a)
    numbers = [atomic_numbers[sites[site[0]]] for site in prototype(name).sites]
    return Atoms(numbers=numbers, positions=_geometry(name)[1] @ cell, cell=cell, pbc=True)
