"""The crystals, surfaces, wires and liquids of which a pool is made: each maker draws one recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gnnp_bench.potential import Periodicity
from gnnp_bench.structures import palette as choose
from gnnp_bench.structures.palette import Palette, one_of
from gnnp_bench.structures.prototypes import PROTOTYPES
from gnnp_bench.structures.recipe import PERIODIC, Kind, Recipe, Row

Skew = tuple[Row, Row, Row]
Strain = tuple[float, float, float, float, float, float]

SLAB_PBC = (True, True, False)
WIRE_PBC = (True, False, False)


@dataclass(frozen=True, slots=True)
class Ground:
    """What recipes are drawn from.

    Attributes
    ----------
    rng : Generator
    palette : Palette
    periodicity : frozenset of str
        What the potential knows.
    vacuum : float, Å
        On either side of what stands in a periodic box.
    far : float, Å
        Further than atoms see one another.
    """

    rng: np.random.Generator
    palette: Palette
    periodicity: frozenset[Periodicity]
    vacuum: float
    far: float


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number between two others, with three decimals: short in a file and easy to read."""
    return round(float(rng.uniform(low, high)), 3)


def draw_seed(rng: np.random.Generator) -> int:
    """Return the seed of a recipe."""
    return int(rng.integers(1, 100_000))


def draw_repeat(rng: np.random.Generator, n: int) -> Row:
    """Return three factors, none above 4, of n or of the next smaller number that has such; in random order."""
    for product in range(n, 1, -1):
        found = [
            (a, b, product // (a * b))
            for a in range(1, 5)
            for b in range(1, 5)
            if product % (a * b) == 0 and product // (a * b) <= 4
        ]
        if found:
            return found[int(rng.integers(len(found)))]
    return (1, 1, 1)


def draw_strain(rng: np.random.Generator, largest: float) -> Strain:
    """Return random strain components up to `largest`."""
    a, b, c, d, e, f = (between(rng, -largest, largest) for _ in range(6))
    return (a, b, c, d, e, f)


def draw_skew(rng: np.random.Generator, shears: int, axes: int = 3, left_handed: bool = False) -> Skew:
    """Return another basis: rows of the first `axes` added to one another, `shears` times; det -1 if left-handed."""
    rows = np.eye(3, dtype=int)
    for _ in range(shears):
        i, j = (int(k) for k in rng.permutation(axes)[:2])
        rows[i] += int(rng.choice((-2, -1, 1, 2))) * rows[j]
    if np.array_equal(rows, np.eye(3, dtype=int)):  # one shear has undone the other
        rows[0, 1] = 1
    if left_handed:
        rows[int(rng.integers(axes))] *= -1
    a, b, c = ((int(x), int(y), int(z)) for x, y, z in rows)
    return (a, b, c)


def _shaken(
    ground: Ground, kind: Kind, prototype: str, species: tuple[str, ...], repeat: Row,
    rattle: tuple[float, float], strain: float = 0.0, **other: Any,
) -> Recipe:  # fmt: skip
    """Return a recipe with a random rattle in a range, a random seed, and strain components up to a largest."""
    rng = ground.rng
    if strain:
        other["strain"] = draw_strain(rng, strain)
    return Recipe(kind, prototype, species, repeat, rattle=between(rng, *rattle), seed=draw_seed(rng), **other)


def _cells(ground: Ground, prototype: str, n_atoms: int) -> Row:
    """Return a repetition of a prototype that makes about so many atoms, and no more."""
    return draw_repeat(ground.rng, max(1, n_atoms // len(PROTOTYPES[prototype].sites)))


def _ordering(ground: Ground, names: tuple[str, ...], species: tuple[str, ...]) -> str:
    """Return one of the prototypes that order exactly these species, any of them for a single species."""
    return one_of(
        ground.rng, tuple(name for name in names if len(species) == 1 or PROTOTYPES[name].classes == len(species))
    )


def _open(ground: Ground, pbc: tuple[bool, bool, bool]) -> tuple[bool, bool, bool]:
    """Return the periodicity of a slab or a wire: open if the potential knows that, else that of a full box."""
    return pbc if "partial" in ground.periodicity else PERIODIC


def _alloy(ground: Ground, n_atoms: int) -> tuple[str, tuple[str, ...], Row]:
    """Return prototype, species and repetition of a random binary alloy."""
    prototype = one_of(ground.rng, ("fcc", "bcc", "hcp"))
    return prototype, choose.pair(ground.rng, ground.palette), _cells(ground, prototype, n_atoms)


def smallest_cell(ground: Ground) -> Recipe:
    """Draw one or two atoms of one species, ideal: images of an atom are its own neighbours, many times over."""
    species = choose.one(ground.rng, ground.palette)
    return Recipe("crystal", choose.natural_prototype(ground.rng, species[0]), species)


def ionic(ground: Ground) -> Recipe:
    """Draw a cation and an anion, ideal."""
    prototype = one_of(ground.rng, ("rocksalt", "CsCl", "zincblende"))
    return Recipe("crystal", prototype, choose.ionic_pair(ground.rng, ground.palette))


def shaken_alloy(ground: Ground) -> Recipe:
    """Draw a random binary alloy, strongly rattled and sheared: large forces on every atom."""
    alloy = _alloy(ground, int(ground.rng.choice((4, 8, 8, 12))))
    return _shaken(ground, "crystal", *alloy, rattle=(0.1, 0.3), strain=0.08)


def skewed(ground: Ground) -> Recipe:
    """Draw a small rattled crystal in a basis far from orthogonal."""
    species = choose.pair(ground.rng, ground.palette)
    prototype = _ordering(ground, ("CsCl", "rocksalt", "L1_0", "zincblende"), species)
    repeat = _cells(ground, prototype, int(ground.rng.integers(2, 9)))
    return _shaken(
        ground, "crystal", prototype, species, repeat, rattle=(0.03, 0.12), skew=draw_skew(ground.rng, shears=2)
    )


def left_handed(ground: Ground) -> Recipe:
    """Draw a rattled crystal in a left-handed basis, sheared as well."""
    species = choose.pair(ground.rng, ground.palette)
    prototype = _ordering(ground, ("zincblende", "L1_0", "CsCl"), species)
    skew = draw_skew(ground.rng, shears=1, left_handed=True)
    return _shaken(ground, "crystal", prototype, species, _cells(ground, prototype, 8), rattle=(0.03, 0.12), skew=skew)


def many_species(ground: Ground) -> Recipe:
    """Draw as many species as fit, slightly distorted: a perovskite, a compound of two, or an element."""
    species = choose.as_compound(choose.several(ground.rng, ground.palette, 3))
    prototype = _ordering(ground, ("perovskite", "fluorite", "wurtzite"), species)
    return _shaken(
        ground, "crystal", prototype, species, _cells(ground, prototype, 10), rattle=(0.02, 0.1), strain=0.03
    )


def random_crystal(ground: Ground) -> Recipe:
    """Draw any prototype with any species that fit, more or less rattled and strained."""
    rng = ground.rng
    prototype = one_of(rng, tuple(PROTOTYPES))
    species = choose.several(rng, ground.palette, PROTOTYPES[prototype].classes)
    if len(species) != PROTOTYPES[prototype].classes:
        species = species[:1]
    repeat = _cells(ground, prototype, int(rng.integers(6, 13)))
    scale = between(rng, 0.94, 1.08)
    return _shaken(
        ground, "crystal", prototype, choose.as_compound(species), repeat, rattle=(0.0, 0.2), strain=0.04, scale=scale
    )


def tetrahedral(ground: Ground) -> Recipe:
    """Draw four equal bonds about every atom, ideal."""
    species = choose.ionic_pair(ground.rng, ground.palette)
    return Recipe("crystal", _ordering(ground, ("diamond", "zincblende"), species), species)


def near_contact(ground: Ground) -> Recipe:
    """Draw a crystal so compressed and rattled that atoms come as close as 0.6 contact distances."""
    return _shaken(ground, "crystal", *_alloy(ground, 8), rattle=(0.1, 0.2), scale=0.75, contact=0.6)


def stretched(ground: Ground) -> Recipe:
    """Draw a crystal so expanded that neighbours are about to lose one another."""
    scale = between(ground.rng, 1.2, 1.4)
    return _shaken(ground, "crystal", *_alloy(ground, 8), rattle=(0.1, 0.3), scale=scale)


def equal_distances(ground: Ground) -> Recipe:
    """Draw a perovskite or what two or one species make of it, ideal: shells of many neighbours at one distance."""
    species = choose.as_compound(choose.several(ground.rng, ground.palette, 3))
    return Recipe("crystal", _ordering(ground, ("perovskite", "fluorite"), species), species)


def ordered_alloy(ground: Ground) -> Recipe:
    """Draw an ordered alloy, slightly rattled."""
    species = choose.pair(ground.rng, ground.palette)
    prototype = one_of(ground.rng, ("A15", "L1_2", "L1_0"))
    return _shaken(ground, "crystal", prototype, species, _cells(ground, prototype, 8), rattle=(0.02, 0.08))


def flat_sheets(ground: Ground) -> Recipe:
    """Draw flat sheets of hexagons, ideal: angles of 120°, every atom on a mirror plane."""
    return Recipe("crystal", "honeycomb", choose.pair(ground.rng, ground.palette), (2, 1, 1))


def needle(ground: Ground) -> Recipe:
    """Draw a cell that is long in one direction and smaller than a cutoff in the two others."""
    return _shaken(ground, "crystal", "bcc", choose.pair(ground.rng, ground.palette), (1, 1, 8), rattle=(0.05, 0.2))


def large(ground: Ground) -> Recipe:
    """Draw a random alloy of 32 or 36 atoms: a cell larger than most cutoffs in some directions."""
    repeat: Row = ((2, 4, 4), (3, 3, 4))[int(ground.rng.integers(2))]
    species = choose.several(ground.rng, ground.palette, 3)
    prototype = one_of(ground.rng, ("fcc", "bcc"))
    return _shaken(ground, "crystal", prototype, species, repeat, rattle=(0.05, 0.2), strain=0.03)


def slab(ground: Ground) -> Recipe:
    """Draw a few rattled layers."""
    species = choose.pair(ground.rng, ground.palette)
    mixed = ("fcc", "bcc", "hcp")
    ordered = _ordering(ground, ("rocksalt", "zincblende", "CsCl"), species)
    prototype = one_of(ground.rng, (*mixed, ordered))
    layers = int(ground.rng.integers(3, 5)) if len(PROTOTYPES[prototype].sites) == 1 else 2
    repeat: Row = (2, 1, layers) if ground.rng.random() < 0.5 else (1, 2, layers)
    pbc = _open(ground, SLAB_PBC)
    return _shaken(ground, "slab", prototype, species, repeat, rattle=(0.02, 0.15), vacuum=ground.vacuum, pbc=pbc)


def tilted_slab(ground: Ground) -> Recipe:
    """Draw a rattled slab whose basis is skewed in its plane, or beyond it where the box is periodic."""
    species = choose.pair(ground.rng, ground.palette)
    prototype = one_of(ground.rng, ("fcc", "bcc"))
    pbc = _open(ground, SLAB_PBC)
    skew = draw_skew(ground.rng, shears=1, axes=3 if all(pbc) else 2)
    return _shaken(
        ground, "slab", prototype, species, (2, 1, 3), rattle=(0.05, 0.2), vacuum=ground.vacuum, pbc=pbc, skew=skew
    )


def left_by_an_atom(ground: Ground) -> Recipe:
    """Draw a rattled layer that one atom has left for good; in it, images are further apart than most cutoffs."""
    species = choose.pair(ground.rng, ground.palette)
    pbc = _open(ground, SLAB_PBC)
    return _shaken(
        ground, "slab", "fcc", species, (3, 4, 1), rattle=(0.05, 0.2), vacuum=ground.vacuum, pbc=pbc, apart=ground.far
    )


def wire(ground: Ground) -> Recipe:
    """Draw a chain, straight or zigzag, endless along x."""
    species = choose.pair(ground.rng, ground.palette)
    prototype = one_of(ground.rng, ("chain", "zigzag"))
    # A zigzag of one period is bonded to its own images; of a chain that would be a single atom without forces.
    repeat: Row = (int(ground.rng.integers(1 if prototype == "zigzag" else 2, 5)), 1, 1)
    pbc = _open(ground, WIRE_PBC)
    return _shaken(ground, "wire", prototype, species, repeat, rattle=(0.02, 0.1), vacuum=ground.vacuum, pbc=pbc)


def liquid(ground: Ground) -> Recipe:
    """Draw a disordered packing of up to five species: many pairs in few atoms."""
    repeat: Row = ((2, 2, 2), (2, 2, 3), (3, 2, 2))[int(ground.rng.integers(3))]
    species = choose.several(ground.rng, ground.palette, 5)
    return Recipe("liquid", "packing", species, repeat, seed=draw_seed(ground.rng))
