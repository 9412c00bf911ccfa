"""The same structures in cells that are wide enough for potentials that refuse small ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.build import build
from gnnp_bench.structures.recipe import NO_SKEW, Recipe

MOST_ATOMS = 200


def wider(structure: Atoms, width: float) -> Atoms | None:
    """Return what the recipe of a structure makes of more cells, so that no image is closer than `width`.

    Parameters
    ----------
    structure : Atoms
        With the recipe that it was built from in `info`.
    width : float, Å
        Distance of the planes between which the cell lies, along each periodic direction.

    Returns
    -------
    Atoms or None
        None where the structure is wide enough already, or more than `MOST_ATOMS` atoms would be needed.
    """
    if "recipe" not in structure.info:
        return None
    recipe = Recipe.from_json(structure.info["recipe"])
    for plain in (recipe, replace(recipe, skew=NO_SKEW)):  # in a skewed basis the planes are closer
        larger = _repeated(plain, width)
        if larger is not None:
            return larger
    return None


def _repeated(recipe: Recipe, width: float) -> Atoms | None:
    atoms = build(recipe)
    if not atoms.pbc.any():
        return None
    wanted = np.array(recipe.repeat)
    wanted[atoms.pbc] = np.maximum(wanted[atoms.pbc], np.ceil(wanted[atoms.pbc] * width / widths(atoms)))
    a, b, c = (int(n) for n in wanted)
    repeat = (a, b, c)
    if repeat == recipe.repeat or recipe.sites * math.prod(repeat) > MOST_ATOMS:
        return None
    try:
        larger = build(replace(recipe, repeat=repeat))
    except ValueError:  # molecules and layers do not repeat along every direction
        return None
    return larger if widths(larger).min() >= width else None


def widths(atoms: Atoms) -> FloatArray:
    """Return the distance of the planes between which the cell lies along each periodic direction, Å."""
    found: FloatArray = 1.0 / np.linalg.norm(np.linalg.pinv(atoms.cell.array[atoms.pbc]), axis=0)
    return found
