"""Lists of neighbours that are kept for too long: whatever the skin and the criterion, call-history tells them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.potential import Capabilities, FloatArray, Periodicity, Prediction, Property
from gnnp_bench.structures.radii import IntArray
from tests.analytic.graph import graphs
from tests.engine.judging import certified, statuses

LAW = "robustness/call-history"
CUTOFF, INNER = 5.0, 3.5
"""Å, where the potential ends, twice differentiable, and from where on it is made to."""
Criterion = Callable[[FloatArray, float], bool]
"""Whether displacements since the list was made, (n, 3), Å, ask for a new one with this skin, Å."""


def lengths(displacements: FloatArray) -> FloatArray:
    found: FloatArray = np.linalg.norm(displacements, axis=1)
    return found


SOUND: dict[str, Criterion] = {
    "half of the skin": lambda d, skin: bool(lengths(d).max() > skin / 2),
    "the two largest": lambda d, skin: bool(np.sort(lengths(d))[-2:].sum() > skin),
}
BROKEN: dict[str, Criterion] = {
    "the whole skin": lambda d, skin: bool(lengths(d).max() > skin),
    "mean": lambda d, skin: bool(lengths(d).mean() > skin / 2),
    "root mean square": lambda d, skin: bool(np.sqrt(np.mean(lengths(d) ** 2)) > skin / 2),
    "sum of vectors": lambda d, skin: bool(np.linalg.norm(d.sum(axis=0)) > skin / 2),
    "never": lambda d, skin: False,
}


@dataclass(slots=True)
class ListKept:
    """A Morse pair potential that keeps the pairs of cutoff and skin until a criterion asks for new ones."""

    skin: float
    criterion: Criterion
    sees_cells: bool = True
    every: int | None = None
    periodicity: frozenset[Periodicity] = frozenset({"periodic", "partial", "isolated"})
    made_for: Atoms | None = None
    pairs: tuple[IntArray, IntArray, FloatArray] | None = None
    age: int = 0
    name: str = "list kept"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(species=("Cu",), dtype="float64", periodicity=self.periodicity)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return [self._one(structure) for structure in structures]

    def _one(self, structure: Atoms) -> Prediction:
        self.age += 1
        if self.pairs is None or self._is_old(structure):
            # The graph leaves out the outermost half per cent of its cutoff.
            (graph,) = graphs([structure], (CUTOFF + self.skin) / 0.994, "float64")
            self.pairs = graph.centres, graph.neighbours, graph.shifts.astype(float)
            self.made_for, self.age = structure.copy(), 0
        i, j, shifts = self.pairs
        vectors = structure.positions[j] - structure.positions[i] + shifts @ structure.cell.array
        r = np.linalg.norm(vectors, axis=1)
        i, j, vectors, r = i[r < CUTOFF], j[r < CUTOFF], vectors[r < CUTOFF], r[r < CUTOFF]
        decay = np.exp(-1.5 * (r - 2.6))
        pair, pair_slope = 0.3 * (decay * decay - 2.0 * decay), 0.9 * (decay - decay * decay)
        x = np.clip((r - INNER) / (CUTOFF - INNER), 0.0, 1.0)
        cut, cut_slope = 1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x * x), -30.0 * (x * (1.0 - x)) ** 2 / (CUTOFF - INNER)
        pulls = (0.5 * (pair_slope * cut + pair * cut_slope) / r)[:, None] * vectors
        forces = np.zeros((len(structure), 3))
        np.add.at(forces, i, pulls)
        np.add.at(forces, j, -pulls)
        volume = abs(float(np.linalg.det(structure.cell.array)))
        stress = vectors.T @ pulls / volume if volume else None
        return Prediction(0.5 * float(pair @ cut), forces, stress)

    def _is_old(self, structure: Atoms) -> bool:
        known = self.made_for
        if known is None or not np.array_equal(known.numbers, structure.numbers) or (known.pbc != structure.pbc).any():
            return True
        if self.sees_cells and not np.array_equal(known.cell.array, structure.cell.array):
            return True
        if self.every is not None:
            return self.age >= self.every
        return self.criterion(structure.positions - known.positions, self.skin)


@pytest.mark.parametrize(
    ("criterion", "skin"),
    [
        ("the whole skin", 0.6),
        ("the whole skin", 1.0),
        ("the whole skin", 2.0),
        ("the whole skin", 3.0),
        ("mean", 0.6),
        ("root mean square", 2.0),
        ("sum of vectors", 1.0),
        ("never", 0.3),
    ],
)
def test_a_list_that_is_kept_for_too_long_is_told(criterion: str, skin: float) -> None:
    found = certified(functools.partial(ListKept, skin, BROKEN[criterion]), LAW)
    assert statuses(found) == {"call-history": "fail"}


@pytest.mark.parametrize("criterion", SOUND)
def test_a_list_that_is_made_anew_in_time_is_sound(criterion: str) -> None:
    found = certified(functools.partial(ListKept, 0.6, SOUND[criterion]), LAW)
    assert statuses(found) == {"call-history": "pass"}


def test_a_list_that_does_not_see_the_cell_shrink_is_told() -> None:
    make = functools.partial(ListKept, 2.0, SOUND["half of the skin"], sees_cells=False)
    assert statuses(certified(make, LAW)) == {"call-history": "fail"}


def test_a_list_that_is_made_anew_every_so_many_steps_is_told() -> None:
    make = functools.partial(ListKept, 1.0, SOUND["half of the skin"], every=20)
    assert statuses(certified(make, LAW)) == {"call-history": "fail"}


def test_crystals_serve_where_nothing_else_is_known() -> None:
    only: frozenset[Periodicity] = frozenset({"periodic"})
    broken = functools.partial(ListKept, 1.0, BROKEN["the whole skin"], periodicity=only)
    sound = functools.partial(ListKept, 1.0, SOUND["half of the skin"], periodicity=only)
    assert statuses(certified(broken, LAW)) == {"call-history": "fail"}
    assert statuses(certified(sound, LAW)) == {"call-history": "pass"}
