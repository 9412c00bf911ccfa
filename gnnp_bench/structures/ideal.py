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
from gnnp_bench.structures.palette import ionic_pair, one_of, pair, palette
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


def _right_angles(ground: Ground) -> Recipe:
    """Draw a cluster with angles of 90°, most of them of 180° as well."""
    name = one_of(ground.rng, ("cross", "octahedron", "cross", "square"))
    pbc, vacuum = free_motifs.free(ground)
    species = pair(ground.rng, ground.palette)
    return Recipe("cluster", name, species, seed=motifs.draw_seed(ground.rng), vacuum=vacuum, pbc=pbc)


_FREE: tuple[Callable[[Ground], Recipe], ...] = (
    _right_angles,
    free_motifs.straight_line,  # 180°
    free_motifs.flat_molecule,  # planar groups
    free_motifs.cluster,  # 60°, equal distances
)
_PERIODIC: tuple[Callable[[Ground], Recipe], ...] = (
    _salt,
    free_motifs.straight_line,
    _right_angles,
    _chain,
    motifs.equal_distances,
    free_motifs.flat_molecule,
    motifs.tetrahedral,
    free_motifs.cluster,
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
