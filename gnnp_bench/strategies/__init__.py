"""Hypothesis strategies: structures, and what can be done to them.

Valid by construction: nothing is filtered out, no two atoms come closer than 0.75 contact distances. Everything
shrinks towards the simplest: one atom of the first species in an fcc crystal, no rattle, no strain, the identity.
Arguments are checked when a strategy is made, and a ValueError names the one that is wrong.

Examples
--------
>>> from hypothesis import given
>>> from gnnp_bench.strategies import rotations, structures
>>> from gnnp_bench.structures import rotate
>>> @given(structures(species=("Cu", "Au"), periodicity=("periodic",)), rotations())
... def test_energy_does_not_turn(structure, rotation):
...     turned = rotate(structure, rotation)
"""

from gnnp_bench.strategies.of_structures import SPECIES, alloys, crystals, liquids, molecules, slabs, structures
from gnnp_bench.strategies.of_transformations import (
    Loop,
    improper_rotations,
    loops,
    permutations,
    rotations,
    strains,
    supercell_matrices,
    unimodular_matrices,
)

__all__ = [
    "SPECIES",
    "Loop",
    "alloys",
    "crystals",
    "improper_rotations",
    "liquids",
    "loops",
    "molecules",
    "permutations",
    "rotations",
    "slabs",
    "strains",
    "structures",
    "supercell_matrices",
    "unimodular_matrices",
]
