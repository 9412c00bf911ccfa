"""What nature offers: crystals, molecules, surfaces, wires, alloys, liquids, hard and special geometries.

A structure is described by a `Recipe` and built by `build`. `draw_recipes` draws the pool of a certificate,
`simpler_structures` looks for simpler ones. Everything is valid by construction and the same for the same seed.
"""

from gnnp_bench.structures.build import build
from gnnp_bench.structures.geometry import contact_ratio, minimum_distance
from gnnp_bench.structures.pool import draw_recipes
from gnnp_bench.structures.prototypes import PROTOTYPES, crystal
from gnnp_bench.structures.recipe import Recipe
from gnnp_bench.structures.serialise import from_json, to_json
from gnnp_bench.structures.simpler import recipe_of, simpler_recipes, simpler_structures
from gnnp_bench.structures.symmetry import symmetry_operations
from gnnp_bench.structures.transform import (
    change_cell,
    permute,
    permute_axes,
    rattle,
    rotate,
    strain,
    supercell,
    translate,
    wrap,
)

__all__ = [
    "PROTOTYPES",
    "Recipe",
    "build",
    "change_cell",
    "contact_ratio",
    "crystal",
    "draw_recipes",
    "from_json",
    "minimum_distance",
    "permute",
    "permute_axes",
    "rattle",
    "recipe_of",
    "rotate",
    "simpler_recipes",
    "simpler_structures",
    "strain",
    "supercell",
    "symmetry_operations",
    "to_json",
    "translate",
    "wrap",
]
