"""Strategies for structures. Each draws a recipe, which shrinks well, and builds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from ase import Atoms
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from gnnp_bench.potential import Periodicity
from gnnp_bench.strategies.of_transformations import unimodular_matrices, whole
from gnnp_bench.structures import Recipe, build
from gnnp_bench.structures.molecules import CHAINS, CLUSTERS, MOLECULES
from gnnp_bench.structures.molecules import molecule as atoms_of
from gnnp_bench.structures.prototypes import PROTOTYPES
from gnnp_bench.structures.radii import atomic_number
from gnnp_bench.structures.recipe import ISOLATED, PERIODIC, Row

SPECIES = ("Cu", "Au", "Si", "O", "H", "C", "Na", "Cl", "Ti", "N")
_MIXED = ("fcc", "bcc", "hcp", "sc")


def _symbols(species: Sequence[str], at_least: int = 1) -> tuple[str, ...]:
    if isinstance(species, str) or not isinstance(species, Sequence):
        raise ValueError(f"species must be a sequence of chemical symbols such as ('Cu', 'Au'), got {species!r}")
    for symbol in species:
        try:
            atomic_number(symbol)
        except ValueError as error:
            raise ValueError(f"species: {error}") from None
    symbols = tuple(dict.fromkeys(species))
    if len(symbols) < at_least:
        raise ValueError(f"species must name at least {at_least} of them, got {species!r}")
    return symbols


def _hundredths(largest: int, least: int = 0) -> SearchStrategy[float]:
    return st.integers(least, largest).map(lambda k: k / 100)


_SEEDS = st.integers(0, 9999)


@st.composite
def _distortions(draw: DrawFn, strained: bool = True) -> dict[str, Any]:
    """Draw nothing, or rattle, seed and strain: what is not distorted takes few draws, and so counts as simpler."""
    if not draw(st.booleans()):
        return {}
    changes: dict[str, Any] = {"rattle": draw(_hundredths(30)), "seed": draw(_SEEDS)}
    if strained:
        changes["strain"] = draw(st.tuples(*([_hundredths(8, -8)] * 6)))
    return changes


@st.composite
def _bases(draw: DrawFn, pbc: tuple[bool, bool, bool] = PERIODIC) -> dict[str, Any]:
    """Draw nothing, or another basis of the lattice."""
    if not draw(st.booleans()):
        return {}
    a, b, c = ((int(x), int(y), int(z)) for x, y, z in draw(unimodular_matrices(pbc=pbc)))
    return {"skew": (a, b, c)}


def _some(species: tuple[str, ...], n: int) -> SearchStrategy[tuple[str, ...]]:
    """Draw n different species, in any order."""
    return st.lists(st.sampled_from(species), unique=True, min_size=n, max_size=n).map(tuple)


@st.composite
def _repeats(draw: DrawFn, cells: int) -> Row:
    """Draw three repetitions whose product is at most `cells`."""
    a = draw(st.integers(1, min(4, cells)))
    b = draw(st.integers(1, min(4, cells // a)))
    return a, b, draw(st.integers(1, min(4, cells // (a * b))))


@st.composite
def _ordered(draw: DrawFn, species: tuple[str, ...], max_atoms: int) -> tuple[str, tuple[str, ...], Row]:
    """Draw a prototype, species for its classes, and a repetition."""
    name = draw(st.sampled_from([name for name, kept in PROTOTYPES.items() if len(kept.sites) <= max_atoms]))
    classes = PROTOTYPES[name].classes
    counts = [1, classes] if 1 < classes <= len(species) else [1]
    symbols = draw(_some(species, draw(st.sampled_from(counts))))
    return name, symbols, draw(_repeats(max_atoms // len(PROTOTYPES[name].sites)))


@st.composite
def _crystal_recipes(draw: DrawFn, species: tuple[str, ...], max_atoms: int) -> Recipe:
    name, symbols, repeat = draw(_ordered(species, max_atoms))
    scale = 1 + draw(_hundredths(10, -6))
    return Recipe("crystal", name, symbols, repeat, scale=scale, **draw(_distortions()), **draw(_bases()))


@st.composite
def _alloy_recipes(draw: DrawFn, species: tuple[str, ...], max_atoms: int) -> Recipe:
    name = draw(st.sampled_from([name for name in _MIXED if 2 * len(PROTOTYPES[name].sites) <= max_atoms]))
    sites = len(PROTOTYPES[name].sites)
    a, b, c = draw(_repeats(max_atoms // (2 * sites)))
    symbols = draw(_some(species, draw(st.integers(2, min(len(species), 4, 2 * a * b * c * sites)))))
    changes = {"seed": draw(_SEEDS)} | draw(_distortions())
    return Recipe("crystal", name, symbols, (2 * a, b, c), **changes)


@st.composite
def _liquid_recipes(draw: DrawFn, species: tuple[str, ...], max_atoms: int) -> Recipe:
    repeat = draw(_repeats(max_atoms))
    symbols = draw(_some(species, draw(st.integers(1, min(len(species), 3, int(np.prod(repeat)))))))
    return Recipe("liquid", "packing", symbols, repeat, seed=draw(_SEEDS))


@st.composite
def _slab_recipes(draw: DrawFn, species: tuple[str, ...], max_atoms: int, periodic_box: bool) -> Recipe:
    name, symbols, repeat = draw(_ordered(species, max_atoms))
    vacuum = draw(st.sampled_from((6.0, 10.0)))
    changes = draw(_distortions()) | draw(_bases((True, True, False)))
    return Recipe("slab", name, symbols, repeat, vacuum=vacuum, pbc=(True, True, periodic_box), **changes)


@st.composite
def _wire_recipes(draw: DrawFn, species: tuple[str, ...], max_atoms: int) -> Recipe:
    name = draw(st.sampled_from([name for name, (motif, _) in CHAINS.items() if len(motif) <= max_atoms]))
    sites = len(CHAINS[name][0])
    n = draw(st.integers(1, min(6, max_atoms // sites)))
    symbols = draw(_some(species, draw(st.integers(1, min(len(species), 2, n * sites)))))
    pbc = (True, False, False)
    return Recipe("wire", name, symbols, (n, 1, 1), vacuum=6.0, pbc=pbc, **draw(_distortions(strained=False)))


@st.composite
def _molecule_recipes(draw: DrawFn, names: tuple[str, ...], periodic_box: bool) -> Recipe:
    name = draw(st.sampled_from(names))
    pbc, vacuum = (PERIODIC, 6.0) if periodic_box else (ISOLATED, 0.0)
    return Recipe("molecule", name, MOLECULES[name], pbc=pbc, vacuum=vacuum, **draw(_distortions(strained=False)))


@st.composite
def _cluster_recipes(draw: DrawFn, species: tuple[str, ...], max_atoms: int) -> Recipe:
    name = draw(st.sampled_from([name for name, sites in CLUSTERS.items() if len(sites) <= max_atoms]))
    symbols = draw(_some(species, draw(st.integers(1, min(len(species), 3, len(CLUSTERS[name]))))))
    return Recipe("cluster", name, symbols, pbc=ISOLATED, **draw(_distortions(strained=False)))


def _simplest(species: tuple[str, ...]) -> SearchStrategy[Recipe]:
    """Draw one atom in an fcc crystal: a single choice, to which every failure shrinks that can."""
    return st.just(Recipe("crystal", "fcc", species[:1]))


def _molecule_names(species: tuple[str, ...], max_atoms: int) -> tuple[str, ...]:
    known = frozenset(species)
    return tuple(
        name for name, symbols in MOLECULES.items() if known.issuperset(symbols) and len(atoms_of(name)[0]) <= max_atoms
    )


def structures(
    species: Sequence[str] = SPECIES,
    max_atoms: int = 12,
    periodicity: Sequence[Periodicity] | frozenset[Periodicity] = ("periodic", "partial", "isolated"),
) -> SearchStrategy[Atoms]:
    """Draw any structure: crystals, alloys, liquids; slabs, wires; molecules, clusters.

    Parameters
    ----------
    species : sequence of str
        Chemical symbols; the first is the simplest.
    max_atoms : int
    periodicity : collection of {"periodic", "partial", "isolated"}

    Raises
    ------
    ValueError
        If an argument is not as described.

    Examples
    --------
    >>> structures(species=("Si",), max_atoms=8, periodicity=("periodic",)).validate()
    """
    symbols = _symbols(species)
    whole(max_atoms, "max_atoms")
    known = get_args(Periodicity)
    if isinstance(periodicity, str) or not periodicity or not set(periodicity) <= set(known):
        raise ValueError(f"periodicity must hold some of {', '.join(known)}, got {periodicity!r}")
    choices: list[SearchStrategy[Recipe]] = []
    if "periodic" in periodicity:
        choices += [_simplest(symbols), _crystal_recipes(symbols, max_atoms), _liquid_recipes(symbols, max_atoms)]
        if len(symbols) > 1 and max_atoms > 1:
            choices.append(_alloy_recipes(symbols, max_atoms))
    if "partial" in periodicity:
        choices += [_slab_recipes(symbols, max_atoms, False), _wire_recipes(symbols, max_atoms)]
    if "isolated" in periodicity:
        choices.append(_cluster_recipes(symbols, max_atoms))
        names = _molecule_names(symbols, max_atoms)
        if names:
            choices.append(_molecule_recipes(names, False))
    return st.one_of(choices).map(build)


def crystals(species: Sequence[str] = SPECIES, max_atoms: int = 12) -> SearchStrategy[Atoms]:
    """Draw crystals: any prototype, rattled, strained, in any basis.

    Raises
    ------
    ValueError
        If `species` is no sequence of chemical symbols, or `max_atoms` is not positive.

    Examples
    --------
    >>> crystals(species=("Na", "Cl")).validate()
    """
    symbols, most = _symbols(species), whole(max_atoms, "max_atoms")
    return st.one_of(_simplest(symbols), _crystal_recipes(symbols, most)).map(build)


def alloys(species: Sequence[str] = SPECIES, max_atoms: int = 12) -> SearchStrategy[Atoms]:
    """Draw random alloys of two to four species, rattled and strained.

    Raises
    ------
    ValueError
        If `species` names fewer than two, or `max_atoms` is below 2.

    Examples
    --------
    >>> alloys(species=("Cu", "Au"), max_atoms=8).validate()
    """
    return _alloy_recipes(_symbols(species, at_least=2), whole(max_atoms, "max_atoms", at_least=2)).map(build)


def liquids(species: Sequence[str] = SPECIES, max_atoms: int = 12) -> SearchStrategy[Atoms]:
    """Draw periodic disordered packings at the density of a liquid.

    Raises
    ------
    ValueError
        If `species` is no sequence of chemical symbols, or `max_atoms` is not positive.

    Examples
    --------
    >>> liquids(species=("Al",), max_atoms=16).validate()
    """
    return _liquid_recipes(_symbols(species), whole(max_atoms, "max_atoms")).map(build)


def slabs(species: Sequence[str] = SPECIES, max_atoms: int = 12, periodic_box: bool = False) -> SearchStrategy[Atoms]:
    """Draw rattled slabs with vacuum, periodic in their plane or, with `periodic_box`, in all directions.

    Raises
    ------
    ValueError
        If `species` is no sequence of chemical symbols, or `max_atoms` is not positive.

    Examples
    --------
    >>> slabs(species=("Pt",), periodic_box=True).validate()
    """
    return _slab_recipes(_symbols(species), whole(max_atoms, "max_atoms"), periodic_box).map(build)


def molecules(
    species: Sequence[str] = ("H", "C", "N", "O"), max_atoms: int = 12, periodic_box: bool = False
) -> SearchStrategy[Atoms]:
    """Draw molecules, at their measured shape or distorted; free or, with `periodic_box`, in a box with vacuum.

    Raises
    ------
    ValueError
        If no molecule known here is made of `species` with at most `max_atoms`.

    Examples
    --------
    >>> molecules(species=("H", "O")).validate()
    """
    names = _molecule_names(_symbols(species), whole(max_atoms, "max_atoms"))
    if not names:
        raise ValueError(f"species: no molecule of at most {max_atoms} atoms is known here for {tuple(species)!r}")
    return _molecule_recipes(names, periodic_box).map(build)
