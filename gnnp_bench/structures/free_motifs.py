"""The molecules, clusters and droplets of which a pool is made: each maker draws one recipe.

Free in space if the potential knows isolated structures, else with vacuum in a periodic box.
"""

from __future__ import annotations

from dataclasses import replace

from gnnp_bench.structures import palette as choose
from gnnp_bench.structures.molecules import CLUSTERS, MOLECULES
from gnnp_bench.structures.molecules import molecule as atoms_of
from gnnp_bench.structures.motifs import SLAB_PBC, Ground, between, draw_seed
from gnnp_bench.structures.palette import one_of
from gnnp_bench.structures.recipe import ISOLATED, PERIODIC, Recipe, Row

_POLYATOMIC = tuple(name for name in MOLECULES if len(atoms_of(name)[0]) > 2)
_FLAT = ("boron trifluoride", "formaldehyde", "ethylene", "benzene", "water", "ozone", "sulfur dioxide")
_STRAIGHT = ("carbon dioxide", "acetylene", "hydrogen cyanide", "nitrous oxide")
_COMPACT = ("triangle", "square", "tetrahedron", "cross", "octahedron", "cube")


def free(ground: Ground) -> tuple[tuple[bool, bool, bool], float]:
    """Return periodicity and vacuum of what has no periodic direction of its own."""
    if "isolated" in ground.periodicity:
        return ISOLATED, 0.0
    return (PERIODIC if "periodic" in ground.periodicity else SLAB_PBC), ground.vacuum


def _cluster(
    ground: Ground, names: tuple[str, ...], rattle: float = 0.0, scale: float = 1.0, contact: float = 0.75
) -> Recipe:
    """Return one of the clusters, of up to three species."""
    name = one_of(ground.rng, names)
    species = choose.several(ground.rng, ground.palette, min(3, len(CLUSTERS[name])))
    seed = draw_seed(ground.rng) if rattle or len(species) > 1 else 0
    pbc, vacuum = free(ground)
    return Recipe(
        "cluster", name, species, scale=scale, rattle=rattle, seed=seed, vacuum=vacuum, pbc=pbc, contact=contact
    )


def _molecule(ground: Ground, names: tuple[str, ...], clusters: tuple[str, ...], rattle: float = 0.0) -> Recipe:
    """Return one of the molecules that the species can form, else one of the clusters."""
    known = choose.molecules(ground.palette)
    names = tuple(name for name in names if name in known)
    if not names:
        return _cluster(ground, clusters, rattle)
    name = one_of(ground.rng, names)
    seed = draw_seed(ground.rng) if rattle else 0
    pbc, vacuum = free(ground)
    return Recipe("molecule", name, MOLECULES[name], rattle=rattle, seed=seed, vacuum=vacuum, pbc=pbc)


def _droplet(ground: Ground, repeat: Row) -> Recipe:
    if "isolated" not in ground.periodicity:
        return shaken_cluster(ground)
    species = choose.several(ground.rng, ground.palette, 3)
    return Recipe("liquid", "packing", species, repeat, seed=draw_seed(ground.rng), pbc=ISOLATED)


def molecule(ground: Ground) -> Recipe:
    """Draw a molecule at its measured shape."""
    return _molecule(ground, _POLYATOMIC, _COMPACT)


def shaken_molecule(ground: Ground) -> Recipe:
    """Draw a strongly distorted molecule."""
    return _molecule(ground, tuple(MOLECULES), _COMPACT, rattle=between(ground.rng, 0.05, 0.3))


def flat_molecule(ground: Ground) -> Recipe:
    """Draw a molecule with all atoms in one plane."""
    return _molecule(ground, _FLAT, ("cross", "square"))


def straight_line(ground: Ground) -> Recipe:
    """Draw angles of exactly 180°."""
    return _molecule(ground, _STRAIGHT, ("line",))


def dimer(ground: Ground) -> Recipe:
    """Draw two atoms, unlike if may be."""
    return _cluster(ground, ("dimer",))


def atom(ground: Ground) -> Recipe:
    """Draw a single atom."""
    return _cluster(ground, ("atom",))


def cluster(ground: Ground) -> Recipe:
    """Draw a few atoms at exactly equal distances."""
    return _cluster(ground, _COMPACT)


def shaken_cluster(ground: Ground) -> Recipe:
    """Draw a strongly distorted cluster."""
    return _cluster(ground, _COMPACT, between(ground.rng, 0.1, 0.3))


def close_packed_cluster(ground: Ground) -> Recipe:
    """Draw an icosahedron about its centre, 13 atoms."""
    return _cluster(ground, ("icosahedron",))


def near_contact_cluster(ground: Ground) -> Recipe:
    """Draw a compressed cluster with atoms as close as 0.6 contact distances."""
    return _cluster(ground, ("triangle", "tetrahedron", "square"), rattle=0.1, scale=0.7, contact=0.6)


def stretched_cluster(ground: Ground) -> Recipe:
    """Draw a cluster whose atoms are about to lose one another."""
    return _cluster(ground, ("dimer", "triangle", "line"), rattle=0.1, scale=between(ground.rng, 1.3, 2.0))


def droplet(ground: Ground) -> Recipe:
    """Draw a disordered isolated packing."""
    return _droplet(ground, ((2, 2, 2), (2, 2, 3), (1, 2, 3))[int(ground.rng.integers(3))])


def element_droplet(ground: Ground) -> Recipe:
    """Draw a disordered packing of 24 atoms of one element, which looks like its mirror image nowhere.

    One atom of it has evaporated and has no neighbour.
    """
    if "isolated" not in ground.periodicity:
        return replace(shaken_cluster(ground), apart=ground.far)
    species = choose.several(ground.rng, ground.palette, 1)
    seed = draw_seed(ground.rng)
    return Recipe("liquid", "packing", species, (2, 3, 4), seed=seed, pbc=ISOLATED, apart=ground.far)


def large_droplet(ground: Ground) -> Recipe:
    """Draw a disordered isolated packing of 32 or 36 atoms."""
    return _droplet(ground, ((2, 4, 4), (3, 3, 4))[int(ground.rng.integers(2))])
