"""Simpler structures: what simplification tries on a failing case, from the boldest step to the most timid."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench.structures.build import build
from gnnp_bench.structures.carried import NOTE, carry, made_legal, neutralised
from gnnp_bench.structures.geometry import contact_ratio, reduce_vectors
from gnnp_bench.structures.molecules import CLUSTERS, MOLECULES
from gnnp_bench.structures.prototypes import PROTOTYPES
from gnnp_bench.structures.recipe import NO_SKEW, NO_STRAIN, PERIODIC, Recipe
from gnnp_bench.structures.transform import bare_copy, carried, with_cell

MOST = 40
"""Candidates that `simpler_structures` yields at most."""
_FROM_RECIPE = 26
_SINGLE_ATOMS = 12
_CLOSE = 0.6
_KINDS = ("crystal", "cluster", "liquid", "wire", "slab", "molecule")


def complexity(recipe: Recipe) -> tuple[int, ...]:
    """Return what makes a recipe complicated, as whole numbers: a simpler one has none larger and one smaller.

    Atoms, species, kind, prototype, cells, digits of scale, rattle, strain and vacuum, size of the skew, whether a
    seed other than 0 matters, whether contacts are unusual, digits of how far an atom has left. Any chain of simpler
    recipes ends.
    """
    order = tuple(PROTOTYPES) if recipe.kind in ("crystal", "slab") else (*CLUSTERS, *MOLECULES)
    return (
        recipe.n_atoms,
        len(recipe.species),
        _KINDS.index(recipe.kind),
        order.index(recipe.prototype) if recipe.prototype in order else 0,
        sum(recipe.repeat),
        _digits(recipe.scale - 1),
        _digits(recipe.rattle),
        sum(map(_digits, recipe.strain)),
        _digits(recipe.vacuum),
        int(np.abs(np.subtract(recipe.skew, NO_SKEW)).sum()),
        int(recipe.seed != 0),
        int(recipe.contact != 0.75),
        _digits(recipe.apart),
    )


def _digits(x: float) -> int:
    """0 for zero, else 1 plus the decimals that x needs."""
    return 0 if x == 0 else 1 + next((k for k in range(15) if abs(round(x, k) - x) < 1e-12), 15)


def simpler_recipes(recipe: Recipe) -> Iterator[Recipe]:
    """Yield simpler recipes for the same periodicity and among the same species, boldest first.

    Each has a smaller `complexity`, so that going from recipe to simpler recipe comes to an end.

    Examples
    --------
    >>> [simpler.prototype for simpler in simpler_recipes(Recipe("crystal", "rocksalt", ("Na", "Cl")))][:2]
    ['fcc', 'fcc']
    """
    seen = {recipe}
    limit = complexity(recipe)
    for changes in _changes(recipe):
        try:
            candidate = replace(recipe, **changes)
        except ValueError:
            continue
        random = candidate.rattle or candidate.is_random_alloy or candidate.kind == "liquid"
        if not random and candidate.seed:
            candidate = replace(candidate, seed=0)
        size = complexity(candidate)
        if candidate not in seen and all(a <= b for a, b in zip(size, limit, strict=True)) and size != limit:
            seen.add(candidate)
            yield candidate


def _changes(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Yield sets of attributes to change; some lead to invalid or not simpler recipes, which are passed over."""
    plain: dict[str, Any] = {"rattle": 0.0, "strain": NO_STRAIN, "skew": NO_SKEW, "scale": 1.0, "contact": 0.75}
    gathered = {"apart": 0.0}
    single = {"repeat": (1, 1, 1)}
    alone = [{"species": (symbol,)} for symbol in recipe.species]
    yield from _other_kinds(recipe, plain | gathered)
    yield gathered
    yield plain | single
    for one in alone:
        yield plain | single | one
    yield plain
    yield single
    yield from ({name: value} for name, value in plain.items())
    yield from alone
    for symbols in itertools.combinations(recipe.species, 2):
        yield {"species": symbols}
    yield from _smaller_repeats(recipe)
    yield from _other_prototypes(recipe)
    yield from _rounder(recipe)


def _other_kinds(recipe: Recipe, plain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield primitive crystals, single atoms, dimers: the simplest of any kind."""
    start = plain | {"repeat": (1, 1, 1)}
    for symbol in recipe.species:
        if recipe.pbc == PERIODIC:
            yield start | {"kind": "crystal", "prototype": "fcc", "species": (symbol,), "vacuum": 0.0}
        for prototype in ("atom", "dimer") if recipe.kind in ("molecule", "cluster", "liquid") else ():
            yield start | {"kind": "cluster", "prototype": prototype, "species": (symbol,)}
    if recipe.kind in ("molecule", "cluster", "liquid"):
        for symbols in itertools.islice(itertools.combinations(recipe.species, 2), 3):
            yield start | {"kind": "cluster", "prototype": "dimer", "species": symbols}
    if recipe.kind == "liquid":
        yield {"kind": "crystal", "prototype": "sc"}


def _smaller_repeats(recipe: Recipe) -> Iterator[dict[str, Any]]:
    a, b, c = recipe.repeat
    yield {"repeat": ((a + 1) // 2, (b + 1) // 2, (c + 1) // 2)}
    for axis in range(3):
        for fewer in (1, (recipe.repeat[axis] + 1) // 2, 3 * recipe.repeat[axis] // 4, recipe.repeat[axis] - 1):
            repeat = list(recipe.repeat)
            repeat[axis] = fewer
            yield {"repeat": tuple(repeat)}


def _other_prototypes(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Yield prototypes earlier in the lists, with the same species or with some of them."""
    if recipe.kind in ("crystal", "slab"):
        for name, prototype in PROTOTYPES.items():
            if prototype.classes == len(recipe.species) or len(recipe.species) == 1:
                yield {"prototype": name}
            elif 1 < prototype.classes < len(recipe.species):
                yield {"prototype": name, "species": recipe.species[-prototype.classes :]}
    elif recipe.kind == "wire":
        yield {"prototype": "chain"}
    elif recipe.kind == "cluster":
        yield from ({"prototype": name} for name in CLUSTERS)
    elif recipe.kind == "molecule":
        fitting = [(name, symbols) for name, symbols in MOLECULES.items() if set(symbols) <= set(recipe.species)]
        yield from ({"prototype": name, "species": symbols} for name, symbols in fitting[:8])


def _rounder(recipe: Recipe) -> Iterator[dict[str, Any]]:
    yield {"seed": 0}
    for digits in (1, 2):
        yield {
            "rattle": round(recipe.rattle, digits),
            "scale": round(recipe.scale, digits),
            "strain": tuple(round(x, digits) for x in recipe.strain),
        }
        yield {"rattle": round(recipe.rattle, digits)}
        yield {"strain": tuple(round(x, digits) for x in recipe.strain)}
    for i, x in enumerate(recipe.strain):
        if x:
            yield {"strain": tuple(0.0 if i == k else y for k, y in enumerate(recipe.strain))}
    for i, j in itertools.permutations(range(3), 2):
        if recipe.skew[i][j]:
            for entry in (0, int(np.sign(recipe.skew[i][j]))):
                rows = [list(row) for row in recipe.skew]
                rows[i][j] = entry
                yield {"skew": tuple(tuple(row) for row in rows)}


def simpler_structures(atoms: Atoms) -> Iterator[Atoms]:
    """Yield at most 40 simpler structures of the same periodicity, boldest first; none equals the input.

    A structure that still is what its recipe builds is simplified through the recipe first. Any structure is:
    half or three quarters of the atoms, nothing carried but numbers and positions, one species, a shorter or
    rectangular cell, fewer digits, one atom less. No atoms are closer, in contact distances, than the closest pair of
    the input or 0.6. Charge and spin that the structure carries stay, as far as they are legal for what is left; it is
    also tried without them.
    """
    closest = min(_CLOSE, contact_ratio(atoms)) * (1 - 1e-9)
    seen = {_key(atoms)}
    candidates = itertools.chain(itertools.islice(_from_recipe(atoms), _FROM_RECIPE), _any_structure(atoms))
    count = 0
    for candidate in candidates:
        candidate = made_legal(candidate)
        key = _key(candidate)
        if key in seen or contact_ratio(candidate) < closest:
            continue
        seen.add(key)
        yield candidate
        count += 1
        if count == MOST:
            return


def kept_atoms(atoms: Atoms, simpler: Atoms) -> list[int] | None:
    """Return which atoms of a structure a simpler one consists of, in order; None if it has others or moved ones.

    Examples
    --------
    >>> kept_atoms(Atoms("HHO", [[0, 0, 0], [1, 0, 0], [2, 0, 0]]), Atoms("HO", [[1, 0, 0], [2, 0, 0]]))
    [1, 2]
    """
    kept: list[int] = []
    start = 0
    for number, position in zip(simpler.numbers, simpler.positions, strict=True):
        same = (atoms.numbers[start:] == number) & (atoms.positions[start:] == position).all(axis=1)
        if not same.any():
            return None
        start += int(np.argmax(same)) + 1
        kept.append(start - 1)
    return kept


def _key(atoms: Atoms) -> tuple[bytes | str, ...]:
    arrays = (atoms.numbers, atoms.positions + 0.0, atoms.cell.array + 0.0, atoms.pbc)
    extra = sorted(carried(atoms).items())
    notes = sorted((name, value) for name, value in atoms.info.items() if name != "recipe")
    return (
        *(array.tobytes() for array in arrays),
        *(name + repr(values.tolist()) for name, values in extra),
        repr(notes) if notes else "",
    )


def recipe_of(atoms: Atoms) -> Recipe | None:
    """Return the recipe of a structure if it has one and still is what the recipe builds, to 1e-8 Å."""
    if "recipe" not in atoms.info:
        return None
    try:
        recipe = Recipe.from_json(atoms.info["recipe"])
    except ValueError:
        return None
    built = build(recipe)
    same = (
        np.array_equal(atoms.numbers, built.numbers)
        and np.array_equal(atoms.pbc, built.pbc)
        and np.allclose(atoms.positions, built.positions, rtol=0, atol=1e-8)
        and np.allclose(atoms.cell.array, built.cell.array, rtol=0, atol=1e-8)
    )
    return recipe if same else None


def _from_recipe(atoms: Atoms) -> Iterator[Atoms]:
    recipe = recipe_of(atoms)
    if recipe is not None:
        yield from (carry(atoms, build(simpler)) for simpler in simpler_recipes(recipe))


def _any_structure(atoms: Atoms) -> Iterator[Atoms]:
    n = len(atoms)
    bare = bare_copy(atoms)
    if NOTE in atoms.info:
        neutral = neutralised(atoms)
        if neutral is not None:
            yield neutral
    if n > 1:
        for part in (slice(0, (n + 1) // 2), slice((n + 1) // 2, n), slice(0, (3 * n + 3) // 4)):
            yield bare[part]
    if carried(atoms):
        yield carry(bare, Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc))
    kinds = np.unique(atoms.numbers)
    if len(kinds) > 1:
        for kind in kinds:
            uniform = bare_copy(bare)
            uniform.numbers[:] = kind
            yield uniform
    yield from _simpler_cells(bare)
    yield from _fewer_digits(bare)
    if n > 2:
        for index in range(min(n, _SINGLE_ATOMS)):
            yield bare[np.arange(n) != index]


def _simpler_cells(atoms: Atoms) -> Iterator[Atoms]:
    cell = atoms.cell.array
    if atoms.pbc.all():
        reduced = reduce_vectors(cell)
        if np.linalg.norm(reduced, axis=1).sum() < np.linalg.norm(cell, axis=1).sum() * (1 - 1e-9):
            yield with_cell(atoms, atoms.positions, reduced)
    lengths = np.linalg.norm(cell, axis=1)
    if atoms.pbc.any() and np.any(np.abs(cell - np.diag(lengths)) > 1e-9):
        yield _in_cell(atoms, np.diag(lengths))


def _fewer_digits(atoms: Atoms) -> Iterator[Atoms]:
    for digits in (1, 2, 3):
        try:
            rounded = _in_cell(atoms, np.round(atoms.cell.array, digits))
        except np.linalg.LinAlgError:
            continue
        rounded.positions = np.round(rounded.positions, digits)
        yield rounded


def _in_cell(atoms: Atoms, cell: np.ndarray[Any, np.dtype[np.float64]]) -> Atoms:
    """Return the structure with the same fractional coordinates in another cell."""
    fractional = atoms.positions @ np.linalg.inv(atoms.cell.complete().array)
    moved = with_cell(atoms, atoms.positions, cell)
    moved.positions = fractional @ moved.cell.complete().array
    return moved
