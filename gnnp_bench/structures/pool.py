"""The pool of a certificate: hard and special structures first, then random ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gnnp_bench.potential import Capabilities
from gnnp_bench.structures import free_motifs, motifs
from gnnp_bench.structures.motifs import Ground
from gnnp_bench.structures.palette import palette
from gnnp_bench.structures.recipe import Recipe

Maker = Callable[[Ground], Recipe]

UNKNOWN_CUTOFF = 12.0
"""Å, which few cutoffs exceed."""

# In this order, so that the first ten hold what fails most often: cells smaller than a cutoff, unlike species,
# large forces with shear, skewed bases, molecules, surfaces, disorder, compression, no periodicity and no symmetry with
# more atoms than a small cell has (one of which has no neighbour), one periodic direction.
HARD: tuple[Maker, ...] = (
    motifs.smallest_cell,
    motifs.ionic,
    motifs.shaken_alloy,
    motifs.skewed,
    free_motifs.molecule,
    motifs.slab,
    motifs.liquid,
    motifs.near_contact,
    free_motifs.element_droplet,
    motifs.wire,
    motifs.many_species,
    motifs.tetrahedral,
    free_motifs.dimer,
    motifs.left_handed,
    motifs.equal_distances,
    free_motifs.straight_line,
    motifs.stretched,
    motifs.flat_sheets,
    motifs.large,
    free_motifs.cluster,
    motifs.tilted_slab,
    free_motifs.shaken_molecule,
    free_motifs.atom,
    motifs.left_by_an_atom,
    motifs.ordered_alloy,
    motifs.needle,
)

# The same for potentials that know no periodic directions.
HARD_ISOLATED: tuple[Maker, ...] = (
    free_motifs.dimer,
    free_motifs.molecule,
    free_motifs.straight_line,
    free_motifs.shaken_molecule,
    free_motifs.cluster,
    free_motifs.flat_molecule,
    free_motifs.droplet,
    free_motifs.shaken_cluster,
    free_motifs.element_droplet,
    free_motifs.near_contact_cluster,
    free_motifs.atom,
    free_motifs.close_packed_cluster,
    free_motifs.molecule,
    free_motifs.stretched_cluster,
    free_motifs.droplet,
    free_motifs.shaken_molecule,
    free_motifs.cluster,
    free_motifs.large_droplet,
)

# What random structures are made of: (maker, how often).
COMMON: tuple[tuple[Maker, int], ...] = (
    (motifs.random_crystal, 8),
    (motifs.shaken_alloy, 4),
    (motifs.skewed, 2),
    (motifs.many_species, 2),
    (motifs.liquid, 3),
    (motifs.slab, 2),
    (motifs.tilted_slab, 1),
    (motifs.wire, 1),
    (motifs.left_by_an_atom, 1),
    (free_motifs.shaken_molecule, 3),
    (free_motifs.shaken_cluster, 2),
)
COMMON_ISOLATED: tuple[tuple[Maker, int], ...] = (
    (free_motifs.shaken_molecule, 5),
    (free_motifs.shaken_cluster, 3),
    (free_motifs.droplet, 3),
)


def draw_recipes(rng: np.random.Generator, capabilities: Capabilities, n: int) -> list[Recipe]:
    """Return the recipes of a pool: the same for the same generator and capabilities.

    The first are hard and special kinds in a fixed order, with random species; the rest are random. Species stand
    together only where `capabilities.combinations` allows it, every pair that is allowed equally likely. Potentials
    that know only periodic structures get molecules and slabs in boxes with vacuum, more than the cutoff on each
    side; those that know no periodic directions get molecules and clusters.

    Parameters
    ----------
    rng : Generator
    capabilities : Capabilities
    n : int
        Number of recipes; all are different, and the first of them are those of a smaller n. Most structures have
        at most 12 atoms, one of the first ten 24, one of the others 32 to 36.

    Raises
    ------
    ValueError
        If n is not positive, or the capabilities name no species, an unknown one, or no periodicity.

    Examples
    --------
    >>> recipes = draw_recipes(np.random.default_rng(0), Capabilities(species=("Cu", "Au")), 8)
    >>> [recipe.kind for recipe in recipes[-4:]]
    ['cluster', 'slab', 'liquid', 'crystal']
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n must be a whole number from 1, got {n!r}")
    if not capabilities.periodicity:
        raise ValueError("periodicity must name at least one of 'periodic', 'partial', 'isolated'")
    ground = Ground(
        rng=rng,
        palette=palette(tuple(capabilities.species), tuple(capabilities.combinations)),
        periodicity=capabilities.periodicity,
        vacuum=float(math.ceil(max(6.0, (capabilities.cutoff or 0.0) + 0.5))),
        far=float(math.ceil(max(6.0, (capabilities.cutoff or UNKNOWN_CUTOFF) + 0.5))),
    )
    hard, common = _makers(capabilities)
    deck = [maker for maker, often in common for _ in range(often)]
    recipes: dict[Recipe, None] = {}
    for index in range(n):
        maker = hard[index] if index < len(hard) else deck[int(rng.integers(len(deck)))]
        recipe = maker(ground)
        while recipe in recipes:
            recipe = replace(recipe, rattle=motifs.between(rng, 0.02, 0.15), seed=motifs.draw_seed(rng))
        recipes[recipe] = None
    return list(recipes)


def _makers(capabilities: Capabilities) -> tuple[tuple[Maker, ...], tuple[tuple[Maker, int], ...]]:
    """Return the makers whose structures a potential with these capabilities knows."""
    if "periodic" in capabilities.periodicity:
        return HARD, COMMON
    if "partial" in capabilities.periodicity:
        hard = (
            motifs.slab,
            motifs.wire,
            *HARD_ISOLATED[:5],
            motifs.tilted_slab,
            motifs.left_by_an_atom,
            *HARD_ISOLATED[5:],
        )
        return hard, (*COMMON_ISOLATED, (motifs.slab, 5), (motifs.tilted_slab, 3), (motifs.wire, 3))
    return HARD_ISOLATED, COMMON_ISOLATED
