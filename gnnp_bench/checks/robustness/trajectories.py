"""Ways along which structures change as in dynamics: little by little, and far in the end.

A list of neighbours that reaches a skin further than the cutoff is right until two atoms have come closer by the skin.
Who keeps it longer lacks pairs: those that stood just beyond cutoff and skin and approach each other from both sides.
Neither is known, so the steps on each way shrink from ångströms to hundredths of one: whatever the skin, some of them
are as long as the list is wrongly kept for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Component, Measurement, Request, Residual, vacuous
from gnnp_bench.checks.common import SAME_INPUT, difference, grown
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Prediction

FURTHEST = 3.4
"""Å, from which each half comes: more than the thickest skins in use."""
OUTSIDE = 6.0
"""Å, from which a single atom comes."""
WIDER = 1.2
"""By which part of itself a cell is larger at first."""
SHRINKS = 0.72
"""Ratio of what is left of the way after a step to what was left before."""
FASTER = 0.6
"""The same of an atom from outside: by a mean displacement, lists are kept far longer than they are right."""
NEAREST = 0.06
"""Å, the last step."""
SLAB = 6.0
"""Å, least thickness of what is cut out of a crystal."""
MOST_ATOMS = 32
ASIDE = 20.0
"""Å, by which all atoms are moved, and listed the other way round, for a list to be made anew by any criterion."""


def way(structure: Atoms, kind: str, seed: int) -> list[Atoms]:
    """Return the structures on one of the ways of `WAYS`, from the beginning to the end."""
    return WAYS[kind](structure, np.random.default_rng(seed))


def possible(structure: Atoms, kind: str) -> bool:
    """Return whether a structure can go this way."""
    if kind == "cell gradually":
        return bool(structure.pbc.all())
    return bool(structure.pbc.all()) or (len(structure) > 2 and not structure.pbc.any())


def elsewhere(structure: Atoms) -> Atoms:
    """Return the structure aside, with its atoms listed the other way round."""
    moved: Atoms = structure[::-1]
    moved.positions += ASIDE * np.array([0.48, 0.60, 0.64])
    return moved


def _halves(structure: Atoms, rng: np.random.Generator) -> list[Atoms]:
    """Let two halves come together, every atom as fast as any other."""
    whole, normal = _with_room(structure, rng, 2.0 * FURTHEST)
    heights = whole.positions @ normal
    # Half of the atoms on either side; an atom that has left the others does not count for a half.
    upper = np.where(heights > np.median(heights), 1.0, -1.0)[:, None]
    return [_displaced(whole, left * upper * normal) for left in _lengths(FURTHEST)]


def _from_outside(structure: Atoms, rng: np.random.Generator) -> list[Atoms]:
    """Let the uppermost atom come from outside, then the lowest: the mean displacement is a small part of its own."""
    whole, normal = _with_room(structure, rng, 2.0 * OUTSIDE)
    distances = whole.get_all_distances(mic=bool(whole.pbc.any())) + np.diag(np.full(len(whole), np.inf))
    nearest = distances.min(axis=1)
    near = nearest <= 2.0 * np.median(nearest)  # not an atom that has left the others before
    heights = whole.positions @ normal
    found = []
    for sign in (1.0, -1.0):
        moving = np.zeros((len(whole), 1))
        moving[int(np.argmax(np.where(near, sign * heights, -np.inf)))] = sign
        found += [_displaced(whole, left * moving * normal) for left in _lengths(OUTSIDE, FASTER)]
    return found


def _in_a_shrinking_cell(structure: Atoms, rng: np.random.Generator) -> list[Atoms]:
    """Let the cell shrink around atoms that rest."""
    found = []
    for left in _lengths(1.0):
        larger: Atoms = structure.copy()
        larger.set_cell(structure.cell.array * (1.0 + WIDER * left))
        found.append(larger)
    return found


WAYS: Mapping[str, Callable[[Atoms, np.random.Generator], list[Atoms]]] = {
    "gradually": _halves,
    "from outside": _from_outside,
    "cell gradually": _in_a_shrinking_cell,
}


def _lengths(furthest: float, ratio: float = SHRINKS) -> list[float]:
    """Return what is left of a way after each step: all, less and less, nothing."""
    steps = math.ceil(math.log(NEAREST / FURTHEST) / math.log(ratio))
    return [*(furthest * ratio**step for step in range(steps + 1)), 0.0]


def _with_room(structure: Atoms, rng: np.random.Generator, room: float) -> tuple[Atoms, FloatArray]:
    """Return what can be taken apart, and along which unit vector: the structure, or a slab cut out of a crystal."""
    normal: FloatArray = rng.normal(size=3)
    if not structure.pbc.any():
        return structure.copy(), normal / np.linalg.norm(normal)
    cell = structure.cell.array
    normal = np.cross(cell[0], cell[1])
    normal *= np.sign(normal @ cell[2]) / np.linalg.norm(normal)
    height = float(cell[2] @ normal)
    layers = max(1, min(math.ceil(SLAB / height), MOST_ATOMS // len(structure)))
    slab: Atoms = structure.repeat((1, 1, layers))
    slab.set_cell([cell[0], cell[1], normal * (layers * height + room + 2.0)])
    return slab, normal


def _displaced(structure: Atoms, displacements: FloatArray) -> Atoms:
    moved: Atoms = structure.copy()
    moved.positions += displacements
    return moved


def along_a_way(case: Case) -> Measurement:
    """Compare every step of a gradual change with what a potential says that has not seen the steps before."""
    steps = way(case.structure, case.parameters["change"], int(case.parameters["seed"]))
    object_ = steps[0].copy()
    yield Request([elsewhere(object_)], ALL_PROPERTIES, together=True)
    found: list[Prediction] = []
    for step in steps:
        object_.positions[:] = step.positions
        object_.cell[:] = step.cell.array
        found += yield Request([object_], ALL_PROPERTIES, together=True)
    # Each of them after another structure, so that nothing is left of the step before.
    apart = [structure for step in steps for structure in (elsewhere(step), step)]
    fresh = (yield Request(apart, ALL_PROPERTIES, fresh=True))[1::2]
    n_atoms = len(object_)
    noise = grown(case.nu, case.structure, steps[0])
    if alike(difference(fresh[0], fresh[-1], noise, n_atoms)):
        return vacuous("nothing changes on the way")
    pairs = zip(fresh, found, strict=True)
    missed = [component for one, other in pairs for component in difference(one, other, noise, n_atoms)]
    quantities = dict.fromkeys(component.quantity for component in missed)
    worst = (max((c for c in missed if c.quantity == q), key=_missed) for q in quantities)
    return Residual(tuple(worst))


def _missed(component: Component) -> float:
    """Return a residual in units of what matters, which differs between steps."""
    return component.residual / component.significance


def alike(components: Sequence[Component]) -> bool:
    """Return whether rounding explains all that differs."""
    return all(abs(component.residual) <= SAME_INPUT * component.noise for component in components)
