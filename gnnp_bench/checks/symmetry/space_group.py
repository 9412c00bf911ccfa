"""symmetry/space-group: an ideal crystal keeps its symmetry."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Check, Measurement, PoolView, Residual, Sample, base_prediction, vacuous
from gnnp_bench.checks.common import EXTREME, forces, on_simpler_structures, pressed, stress
from gnnp_bench.potential import Capabilities, FloatArray
from gnnp_bench.structures.prototypes import crystal
from gnnp_bench.structures.recipe import NO_SKEW, NO_STRAIN, Recipe
from gnnp_bench.structures.simpler import recipe_of
from gnnp_bench.structures.symmetry import symmetry_operations


def _applies(capabilities: Capabilities) -> str | None:
    return None if "periodic" in capabilities.periodicity else "the potential is not for crystals"


def _ideal(structure: Atoms) -> Recipe | None:
    """Return the recipe of a structure that is one primitive cell of an ideal crystal."""
    recipe = recipe_of(structure)
    if recipe is None or recipe.kind != "crystal" or recipe.is_random_alloy:
        return None
    plain = recipe.rattle == 0.0 and recipe.strain == NO_STRAIN and recipe.repeat == (1, 1, 1)
    return recipe if plain and recipe.skew == NO_SKEW else None


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    def suitable(sample: Sample) -> bool:
        return _ideal(sample.structure) is not None

    return view.pick(rng, suitable, "a primitive cell of an ideal crystal").case({})


def _simpler(case: Case) -> Iterator[Case]:
    yield from (simpler for simpler in on_simpler_structures(case) if _ideal(simpler.structure) is not None)


def _measure(case: Case) -> Measurement:
    recipe = _ideal(case.structure)
    if recipe is None:
        raise ValueError("the structure is not a primitive cell of an ideal crystal")
    rotations, images = _cartesian(case.structure, recipe)
    if len(rotations) < 2:
        return vacuous("the crystal has no symmetry but translations")
    prediction = yield from base_prediction(case)
    components, scale = [], pressed(prediction)
    if prediction.forces is not None:
        # F at the image of an atom is the turned F of the atom.
        turned = np.einsum("gxy,ny->gnx", rotations, prediction.forces)
        components.append(forces(prediction.forces[images] - turned, case.nu, scale))
    if prediction.stress is not None:
        turned = np.einsum("gxy,yz,gwz->gxw", rotations, prediction.stress, rotations)
        components.append(stress(turned - prediction.stress, case.nu, scale))
    return Residual(tuple(components))


def _cartesian(structure: Atoms, recipe: Recipe) -> tuple[FloatArray, np.ndarray]:
    """Return the operations' rotations in Cartesian axes (g, 3, 3) and the image of every atom under each (g, n)."""
    integer, translations = symmetry_operations(recipe.prototype, recipe.species)
    cell = structure.cell.array
    scaled = np.linalg.solve(cell.T, (structure.positions - crystal_origin(structure, recipe)).T).T
    moved = np.einsum("gij,nj->gni", integer, scaled) + translations[:, None, :]
    distance = moved[:, :, None, :] - scaled[None, None, :, :]
    images = np.abs(distance - np.rint(distance)).max(axis=-1).argmin(axis=-1)
    rotations: FloatArray = np.einsum("ix,gij,jy->gxy", cell, integer, np.linalg.inv(cell).T)
    return rotations, images


def crystal_origin(structure: Atoms, recipe: Recipe) -> FloatArray:
    """Return where the prototype's origin lies in the structure, Å."""
    ideal = crystal(recipe.prototype, recipe.species)
    fraction = np.linalg.solve(ideal.cell.array.T, ideal.positions[0])
    origin: FloatArray = structure.positions[0] - fraction @ structure.cell.array
    return origin


SPACE_GROUP = Check(
    id="symmetry/space-group",
    law="F(gx) = g F(x) = F(x) at the image, g σ gᵀ = σ, for every operation g of the crystal's space group",
    category="mandatory",
    needs=frozenset({"forces"}),
    source="Neumann's principle; Nye, Physical Properties of Crystals, chapter 1",
    tolerance=f"s = 1 meV/Å and 1e-4 eV/Å³; {EXTREME}",
    physics=(
        "Forces and stress of an ideal crystal have its symmetry: no force where the site allows none, isotropic "
        "stress in a cubic crystal. Where a potential breaks it (a neighbour list that drops one of several equal "
        "neighbours, a preferred axis) ideal structures are not stationary, and relaxations leave the space group."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
    claim="equivariant",
    cost=0,
)
