"""From a recipe to a structure."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.geometry import contact_ratio
from gnnp_bench.structures.molecules import CHAINS, CLUSTERS, molecule
from gnnp_bench.structures.packing import pack
from gnnp_bench.structures.prototypes import (
    PROTOTYPES,
    by_class,
    fractional_coordinates,
    lattice_constant,
    lattice_vectors,
)
from gnnp_bench.structures.radii import IntArray, bond_length
from gnnp_bench.structures.recipe import NO_SKEW, NO_STRAIN, Recipe
from gnnp_bench.structures.transform import change_cell, in_ball, strain_tensor, with_cell

SMALLEST_VOLUME = 5.67
"""Å³ per atom, that of diamond: the densest matter there is at ambient pressure, counted in atoms."""

# Streams of random numbers under one seed: what is drawn for one purpose does not depend on the others.
_MIXING, _RATTLING, _PACKING = 0, 1, 2


def build(recipe: Recipe) -> Atoms:
    """Return the structure that a recipe describes: the same numbers each time.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    Atoms
        Without calculator and constraints; `info["recipe"]` holds `recipe.to_json()`. No two atoms are closer than
        `recipe.contact` times their contact distance, and no bulk has less than `SMALLEST_VOLUME` per atom.

    Examples
    --------
    >>> build(Recipe("crystal", "rocksalt", ("Mg", "O"))).get_chemical_formula()
    'MgO'
    """
    numbers = _numbers(recipe)
    positions, cell = _arrange(recipe, numbers)
    positions, cell = positions * recipe.scale, cell * recipe.scale
    if recipe.rattle:
        positions = positions + recipe.rattle * in_ball(np.random.default_rng([recipe.seed, _RATTLING]), len(numbers))
    if recipe.strain != NO_STRAIN:
        deformation = np.eye(3) + strain_tensor(recipe.strain)
        positions, cell = positions @ deformation, cell @ deformation
    positions, cell = _box(recipe, positions, cell)
    atoms = Atoms(numbers=numbers, positions=positions, cell=cell, pbc=recipe.pbc)
    if recipe.skew != NO_SKEW:
        atoms = change_cell(atoms, recipe.skew, wrapped=True)
    expansion = max(recipe.contact / contact_ratio(atoms), _to_smallest_volume(atoms)) * (1 + 1e-12)
    if expansion > 1 + 1e-12:
        atoms = with_cell(atoms, atoms.positions * expansion, atoms.cell.array * expansion)
    atoms.info["recipe"] = recipe.to_json()
    return atoms


def _to_smallest_volume(atoms: Atoms) -> float:
    """Return the factor on all lengths at which no crystal holds more atoms per volume than diamond does."""
    if not atoms.pbc.all():
        return 0.0
    return float((SMALLEST_VOLUME * len(atoms) / atoms.cell.volume) ** (1 / 3))


def _numbers(recipe: Recipe) -> IntArray:
    """Return which element stands on each atom."""
    if recipe.kind == "molecule":
        return molecule(recipe.prototype)[0].copy()
    elements = np.array([atomic_numbers[symbol] for symbol in recipe.species])
    if recipe.is_random_alloy:
        rng = np.random.default_rng([recipe.seed, _MIXING])
        surplus = rng.integers(len(elements), size=recipe.n_atoms - len(elements))
        return rng.permutation(np.concatenate([elements, elements[surplus]]))
    if recipe.classes > 1:
        symbols = by_class(recipe.prototype, recipe.species)
        motif = np.array([atomic_numbers[symbols[site[0]]] for site in PROTOTYPES[recipe.prototype].sites])
        return np.tile(motif, recipe.n_atoms // len(motif))
    return np.full(recipe.n_atoms, elements[0])


def _arrange(recipe: Recipe, numbers: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return positions (n, 3) and cell (3, 3) in Å of the ideal arrangement; rows where matter ends are zero."""
    match recipe.kind:
        case "molecule":
            return molecule(recipe.prototype)[1].copy(), np.zeros((3, 3))
        case "cluster":
            return np.array(CLUSTERS[recipe.prototype]) * _mean_bond(recipe.species), np.zeros((3, 3))
        case "wire":
            motif, period = CHAINS[recipe.prototype]
            bond, n = _mean_bond(recipe.species), recipe.repeat[0]
            offsets = np.arange(n)[:, None, None] * np.array([period, 0.0, 0.0])
            return (np.array(motif) + offsets).reshape(-1, 3) * bond, np.diag([n * period * bond, 0.0, 0.0])
        case "liquid":
            return pack(numbers, recipe.repeat, np.random.default_rng([recipe.seed, _PACKING]), all(recipe.pbc))
        case "crystal" | "slab":
            return _repeated_crystal(recipe)


def _mean_bond(species: tuple[str, ...]) -> float:
    """Mean bond length over all pairs of species, Å."""
    return float(np.mean([bond_length(a, b) for a in species for b in species]))


def _repeated_crystal(recipe: Recipe) -> tuple[FloatArray, FloatArray]:
    cell = lattice_vectors(recipe.prototype, lattice_constant(recipe.prototype, recipe.species))
    images = np.indices(recipe.repeat).reshape(3, -1).T
    positions = (images[:, None, :] + fractional_coordinates(recipe.prototype)).reshape(-1, 3) @ cell
    return positions, np.array(recipe.repeat)[:, None] * cell


def _box(recipe: Recipe, positions: FloatArray, cell: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Put matter that ends into its box: vacuum on either side, along the normals of a slab or wire."""
    if recipe.kind == "crystal" or (recipe.kind == "liquid" and all(recipe.pbc)):
        return positions, cell
    endless = {"slab": 2, "wire": 1}.get(recipe.kind, 0)
    if endless:
        positions, cell = _standing(positions, cell, endless)
    if recipe.apart:
        positions = positions.copy()
        positions[-1, 2] = positions[:-1, 2].max() + recipe.apart
    for axis in range(endless, 3):
        cell[axis] = 0.0
        if recipe.vacuum:
            low, high = positions[:, axis].min(), positions[:, axis].max()
            cell[axis, axis] = high - low + 2 * recipe.vacuum
            positions[:, axis] += recipe.vacuum - low
    return positions, cell


def _standing(positions: FloatArray, cell: FloatArray, endless: int) -> tuple[FloatArray, FloatArray]:
    """Turn a slab or wire so that its first vector lies along x and, of a slab, the second in the xy plane."""
    first = cell[0]
    second = cell[1] if endless == 2 else np.array([0.0, 1.0, 0.0])
    x = first / np.linalg.norm(first)
    z = np.cross(first, second)
    z /= np.linalg.norm(z)
    turn = np.array([x, np.cross(z, x), z]).T
    standing = np.zeros((3, 3))
    standing[0, 0] = np.linalg.norm(first)
    if endless == 2:
        standing[1, :2] = (second @ turn)[:2]
    return positions @ turn, standing
