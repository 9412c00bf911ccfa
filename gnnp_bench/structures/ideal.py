"""Ideal structures of special geometry: straight, flat and right-angled groups, and shells of equal distances."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Capabilities
from gnnp_bench.structures import free_motifs, motifs
from gnnp_bench.structures.build import build
from gnnp_bench.structures.motifs import Ground
from gnnp_bench.structures.palette import ionic_pair, molecules, one_of, pair, palette
from gnnp_bench.structures.recipe import Recipe

SCALES = (1.0, 1.0, 1.0, 0.97, 1.04, 0.85)
"""Factors on bond lengths: as nature has them most often, and pressed."""


def _chain(ground: Ground) -> Recipe:
    """Draw a straight chain, endless along x: angles of 180° between bonds along an axis."""
    pbc = motifs.WIRE_PBC if "partial" in ground.periodicity else (True, True, True)
    repeat = (int(ground.rng.integers(2, 4)), 1, 1)
    seed = motifs.draw_seed(ground.rng)
    return Recipe("wire", "chain", pair(ground.rng, ground.palette), repeat, seed=seed, vacuum=ground.vacuum, pbc=pbc)


def _salt(ground: Ground) -> Recipe:
    """Draw rock salt: angles of 90° and 180°, bonds along the axes, six of them equal."""
    return Recipe("crystal", "rocksalt", ionic_pair(ground.rng, ground.palette))


def _straight(ground: Ground) -> Recipe:
    """Draw angles of 180°: a molecule, or a chain without ends where the species form none."""
    if molecules(ground.palette) or "periodic" not in ground.periodicity:
        return free_motifs.straight_line(ground)
    return _chain(ground)


def _cluster(ground: Ground, names: tuple[str, ...]) -> Recipe:
    """Draw one of the clusters, of up to two species."""
    pbc, vacuum = free_motifs.free(ground)
    name, species = one_of(ground.rng, names), pair(ground.rng, ground.palette)
    return Recipe("cluster", name, species, seed=motifs.draw_seed(ground.rng), vacuum=vacuum, pbc=pbc)


def _right_angles(ground: Ground) -> Recipe:
    """Draw a cluster with angles of 90°."""
    return _cluster(ground, ("octahedron", "square", "cube"))


def _equal(ground: Ground) -> Recipe:
    """Draw a cluster with angles of 60° and equal distances."""
    return _cluster(ground, ("tetrahedron", "triangle", "octahedron"))


def _flat(ground: Ground) -> Recipe:
    """Draw a planar group: a molecule, or a square where the species form none."""
    return free_motifs.flat_molecule(ground) if molecules(ground.palette) else _cluster(ground, ("square",))


# Atoms with a single neighbour are left to molecules: not every formula for solids has an answer for them.
_FREE: tuple[Callable[[Ground], Recipe], ...] = (_right_angles, _straight, _flat, _equal)
_PERIODIC: tuple[Callable[[Ground], Recipe], ...] = (
    _salt,
    _straight,
    _right_angles,
    _chain,
    motifs.equal_distances,
    _flat,
    motifs.tetrahedral,
    _equal,
    motifs.ionic,
    motifs.flat_sheets,
    motifs.smallest_cell,
)
KINDS = tuple(str(index) for index in range(len(_PERIODIC)))
"""In this order, the first ones hold what is most often singular."""


def ideal(rng: np.random.Generator, capabilities: Capabilities, kind: str) -> Atoms:
    """Return an ideal structure of one of the `KINDS`, or another where the potential knows no such.

    Parameters
    ----------
    rng : Generator
    capabilities : Capabilities
    kind : str

    Examples
    --------
    >>> salt = ideal(np.random.default_rng(0), Capabilities(species=("Na", "Cl")), "0")
    >>> sorted(set(salt.symbols))
    ['Cl', 'Na']
    """
    reach = (capabilities.cutoff or 0.0) + 0.5
    vacuum = float(math.ceil(max(6.0, reach)))
    ground = Ground(
        rng=rng,
        palette=palette(tuple(capabilities.species), tuple(capabilities.combinations)),
        periodicity=capabilities.periodicity,
        vacuum=vacuum,
        far=vacuum,
    )
    if "periodic" in capabilities.periodicity:
        makers = _PERIODIC
    elif "partial" in capabilities.periodicity:
        makers = (*_FREE, _chain)
    else:
        makers = _FREE
    recipe = makers[KINDS.index(kind) % len(makers)](ground)
    scale = SCALES[int(rng.integers(len(SCALES)))]
    return build(replace(recipe, scale=recipe.scale * scale))
