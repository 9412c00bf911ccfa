"""Lines on which neighbours come and go at every distance: pairs, trios, atoms that leave and atoms in a crystal."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Json, PoolView, Sample, with_parameters
from gnnp_bench.checks.common import moves
from gnnp_bench.potential import Capabilities, FloatArray
from gnnp_bench.structures.apart import open_directions, out_of
from gnnp_bench.structures.carried import made_legal
from gnnp_bench.structures.geometry import contact_ratio
from gnnp_bench.structures.palette import Palette, pair, palette
from gnnp_bench.structures.radii import bond_length, contact_distance

KINDS = (
    "unlike",
    "straight",
    "through",
    "dense",
    "pulled",
    "like",
    "trio",
    "through",
    "straight",
    "unlike",
    "dense",
    "pulled",
    "through",
)
"""Two atoms, of two species or of one; an atom carried through a structure, or out of it; a small cell with so many
neighbours that any number of "the nearest" is too few; an atom that crosses the line through two others; three."""
UNKNOWN_REACH = 10.0
"""Å, as far as atoms are taken apart where no cutoff is declared."""
BEYOND = 1.1
"""Of the cutoff: there nothing is left that could jump."""
CLOSE, CLOSEST = 0.75, 0.65
"""Of the contact distance: where pairs begin, and how close an atom is carried past others."""
FEW = 16
"""Atoms at most, where there are such structures: rounding in single precision hides less in them."""
MANY = 130
"""Neighbours of an atom in a dense cell."""
CARRIED = 1.0
"""Å, that an atom is carried through a structure."""
SPACING = 0.16
"""Å between the first points of a line."""


def reach_of(capabilities: Capabilities) -> float:
    """Return the distance, Å, beyond which two atoms are not taken."""
    return BEYOND * capabilities.cutoff if capabilities.cutoff else UNKNOWN_REACH


def points_of(length: float) -> int:
    """Return how many points a line begins with."""
    return max(17, math.ceil(length / SPACING) + 1)


def drawn(rng: np.random.Generator, view: PoolView) -> Case:
    """Return a line of the kind whose turn it is."""
    case = _drawn(rng, view)
    cutoff = view.capabilities.cutoff
    return case if cutoff is None else with_parameters(case, cutoff=cutoff)


def _drawn(rng: np.random.Generator, view: PoolView) -> Case:
    kind = view.next_of(KINDS)
    capabilities = view.capabilities
    reach = reach_of(capabilities)
    species = palette(tuple(capabilities.species), tuple(capabilities.combinations))
    if kind == "pulled" and any(_leaves(sample) for sample in view.samples):
        return _pulled(rng, view.pick(rng, _leaves), reach)
    if kind in ("through", "pulled") and any(_small(sample) for sample in view.samples):
        return _through(rng, view.pick(rng, _small), reach)
    if kind == "dense" and "periodic" in capabilities.periodicity:
        return _dense(rng, species, capabilities, reach)
    if kind in ("straight", "trio", "through", "pulled"):
        return _three(rng, species, capabilities, reach, straight=kind == "straight")
    symbols = pair(rng, species)
    return two(rng, symbols if kind == "unlike" else symbols[:1], reach, boxed=boxed(capabilities))


def boxed(capabilities: Capabilities) -> bool:
    """Return whether molecules have to come in periodic boxes."""
    return "isolated" not in capabilities.periodicity


def _leaves(sample: Sample) -> bool:
    return _small(sample) and bool(open_directions(sample.structure).any())


def _small(sample: Sample) -> bool:
    return moves(sample) and len(sample.structure) <= FEW


def _unit(rng: np.random.Generator) -> FloatArray:
    direction: FloatArray = rng.normal(size=3)
    return direction / np.linalg.norm(direction)


def _line(kind: str, atoms: list[int], direction: FloatArray, length: float, reach: float) -> Mapping[str, Json]:
    return {
        "kind": kind,
        "atoms": [int(atom) for atom in atoms],
        "direction": [float(x) for x in direction],
        "length": float(length),
        "reach": float(reach),
    }


def two(rng: np.random.Generator, symbols: tuple[str, ...], reach: float, *, boxed: bool) -> Case:
    """Return two atoms that go from contact to beyond the reach of the potential."""
    first, second = symbols[0], symbols[-1]
    start = CLOSE * contact_distance(first, second)
    direction = _unit(rng)
    structure = Atoms([first, second], positions=[np.zeros(3), start * direction])
    length = max(reach - start, 1.0)
    return Case(_placed(structure, start + length, reach, boxed), None, _line("two", [1], direction, length, reach))


def _three(
    rng: np.random.Generator, species: Palette, capabilities: Capabilities, reach: float, *, straight: bool
) -> Case:
    """Return three atoms of which one crosses the line through the others, or is pulled away from them."""
    symbols = pair(rng, species)
    a, b, c = (symbols[int(k)] for k in rng.integers(len(symbols), size=3))
    along = _unit(rng)
    across = np.cross(along, _unit(rng))
    across /= np.linalg.norm(across)
    near, far = bond_length(a, b), bond_length(b, c)
    middle = near * along
    if straight:
        before = float(rng.uniform(0.3, 0.5))
        place, direction, length = middle + far * along - before * across, across, 2.0 * float(rng.uniform(0.4, 0.5))
    else:
        tilt = float(rng.uniform(0.3, 1.2))
        direction = math.cos(tilt) * along + math.sin(tilt) * across
        place, length = middle + 0.9 * far * direction, max(reach - 0.5 * far, 1.0)
    structure = Atoms([a, b, c], positions=[np.zeros(3), middle, place])
    boxed_one = _placed(structure, near + far + length, reach, boxed(capabilities))
    return Case(boxed_one, None, _line("straight" if straight else "trio", [2], direction, length, reach))


def _placed(structure: Atoms, extent: float, reach: float, in_a_box: bool) -> Atoms:
    """Return the atoms as they are, or in a box in which they do not see their own images."""
    placed: Atoms = structure.copy()
    if in_a_box:
        placed.set_cell(np.eye(3) * math.ceil(extent + reach + 0.5))
        placed.pbc = True
    legal: Atoms = made_legal(placed)
    return legal


def _pulled(rng: np.random.Generator, sample: Sample, reach: float) -> Case:
    """Return the outermost atom, or the two outermost, pulled out of a molecule, a cluster or a surface."""
    structure = sample.structure
    for _ in range(20):
        try:
            direction = out_of(structure, _unit(rng))
        except ValueError:
            continue
        heights = structure.positions @ direction
        order = np.argsort(-heights)
        atoms = [int(order[0])]
        if len(structure) > 4 and rng.random() < 0.25:
            atoms.append(int(order[1]))
        length = reach if not structure.pbc.all() else min(reach, _room(structure, direction))
        if passes(structure, atoms, direction, length):
            return sample.case(_line("pulled", atoms, direction, length, reach))
    return _through(rng, sample, reach)


def _room(structure: Atoms, direction: FloatArray) -> float:
    """Return how far an atom may go into the vacuum of a box before it comes close to the next image, Å."""
    opened = open_directions(structure)
    cell = structure.cell.array[opened]
    return 0.5 * float(np.abs(cell @ direction).max()) if len(cell) else 1.0


def _through(rng: np.random.Generator, sample: Sample, reach: float) -> Case:
    """Return an atom, or two side by side, carried between the others as far as they let it pass."""
    structure = sample.structure
    best: tuple[float, list[int], FloatArray] = (0.0, [0], _unit(rng))
    for _ in range(6):
        direction = _unit(rng)
        count = 2 if len(structure) > 3 and rng.random() < 0.25 else 1
        atoms = [int(atom) for atom in rng.permutation(len(structure))[:count]]
        length = CARRIED
        while length > 0.1 and not passes(structure, atoms, direction, length):
            length *= 0.7
        if length > best[0]:
            best = (length, atoms, direction)
        if length == CARRIED:
            break
    length, atoms, direction = best
    return sample.case(_line("through", atoms, direction, length, reach))


def passes(structure: Atoms, atoms: list[int], direction: FloatArray, length: float) -> bool:
    """Return whether atoms can go along a line without coming much closer to others than any two are already."""
    least = min(CLOSEST, 0.97 * contact_ratio(structure))
    for t in np.linspace(0.0, length, max(3, math.ceil(length / 0.3) + 1))[1:]:
        moved: Atoms = structure.copy()
        moved.positions[atoms] += t * np.asarray(direction)
        if contact_ratio(moved) < least:
            return False
    return True


def _dense(rng: np.random.Generator, species: Palette, capabilities: Capabilities, reach: float) -> Case:
    """Return a small cell pressed until an atom has many neighbours, with one of its atoms carried about."""
    symbols = pair(rng, species)
    cutoff = capabilities.cutoff or 6.0
    contact = max(contact_distance(a, b) for a in symbols for b in symbols)
    # bcc: nearest neighbours at √3/2 of the cubic cell, two atoms in each.
    wanted = (2.0 * 4.0 / 3.0 * math.pi * cutoff**3 / MANY) ** (1.0 / 3.0)
    edge = float(np.clip(wanted, 0.72 * contact / 0.866, 0.95 * contact / 0.866))
    cell = edge * (np.eye(3) + 0.06 * rng.uniform(-1.0, 1.0, size=(3, 3)))
    structure = Atoms([symbols[0], symbols[-1]], positions=[np.zeros(3), 0.5 * cell.sum(axis=0)], cell=cell, pbc=True)
    if cutoff < 5.0:  # where a cell is small compared with the cutoff, two atoms see the same neighbours
        structure = structure * (2, 1, 1)
    structure.positions += 0.03 * edge * rng.uniform(-1.0, 1.0, size=structure.positions.shape)
    direction = _unit(rng)
    length = 0.3 * edge
    start: Atoms = structure.copy()
    start.positions[1] -= 0.5 * length * direction
    return Case(made_legal(start), None, _line("dense", [1], direction, length, reach))
