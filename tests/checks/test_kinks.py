"""Forces with kinks: sound potentials settle, defects are seen all the same, and what stays open tells where."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.check import Request
from gnnp_bench.checks.conservation import loop_work, path_work, samples
from gnnp_bench.checks.conservation.places import rough_place
from gnnp_bench.checks.conservation.samples import settled_work
from gnnp_bench.engine.settings import Budget
from gnnp_bench.potential import ENERGY_FORCES, Capabilities, Potential, Prediction, Property
from tests.analytic.derivatives import numerical_forces, numerical_stress
from tests.analytic.geometries import alloy
from tests.analytic.graph import DType, graphs
from tests.analytic.kinks import ENVELOPES, kinked
from tests.analytic.values import assert_close, forces_of, stress_of
from tests.engine.judging import certified, statuses

SPECIES = ("Cu", "Au")
HELD = {"pass", "not_applicable"}


@pytest.mark.parametrize("name", ENVELOPES)
def test_forces_and_stress_are_derivatives_of_the_energy(name: str) -> None:
    potential, structure = kinked(name, 4.5), alloy()
    (found,) = potential.evaluate([structure], frozenset({"energy", "forces", "stress"}))
    within = 1e-4 if name in ("tabulated", "stepped") else 1e-7  # their knots are as close as the steps are long
    assert_close(forces_of(found), numerical_forces(potential, structure, 1e-4), within)
    assert_close(stress_of(found), numerical_stress(potential, structure, 1e-5), within)


def held(make: functools.partial[Any], *laws: str, seed: int, budget: Budget = "quick") -> None:
    found = certified(make, *laws, seed=seed, budget=budget)
    told = {r.id: (r.status, r.measured, r.bound, r.reason) for r in found.checks if r.status not in HELD}
    assert not told


def test_a_late_but_smooth_envelope_is_settled_at_standard() -> None:
    held(functools.partial(kinked, "quartic-bump", species=SPECIES), "conservation/*", seed=0, budget="standard")


@pytest.mark.parametrize(("name", "seed"), [("late-cosine", 0), ("late-cosine", 1), ("xplor", 1)])
def test_kinks_leave_no_law_open(name: str, seed: int) -> None:
    held(functools.partial(kinked, name, species=SPECIES), "conservation/*", seed=seed)


@pytest.mark.parametrize(
    ("name", "law", "seed"),
    [
        ("xplor", "jacobian", 3),  # two samples nearly coincide on the side of a kink; loops cannot be smaller
        ("xplor", "force-gradient", 7),  # the ladder ends at short steps, which amplify rounding
        ("xplor", "stress-strain", 9),  # two kinks need more points than a ladder that gets nowhere may have
        ("late-cosine", "jacobian", 7),
        ("late-cosine", "stress-strain", 9),
    ],
)
def test_kinks_in_single_precision_leave_no_law_open(name: str, law: str, seed: int) -> None:
    make = functools.partial(kinked, name, species=SPECIES, dtype="float32")
    held(make, f"conservation/{law}", seed=seed, budget="standard")


def test_forces_that_jump_leave_no_law_open() -> None:
    held(functools.partial(kinked, "slope", species=SPECIES), "conservation/*", seed=0)


@dataclass(frozen=True, slots=True)
class Defective:
    """A kinked potential with a defect of a given strength.

    Attributes
    ----------
    kind : "scaled", "swirling" or "jumping"
        Forces too large by a fraction; a force field of curl, eV/Å²; an energy that jumps by so much, eV, for each pair
        that comes nearer than 3 Å.
    """

    kind: str
    strength: float
    sound: Potential = field(default_factory=functools.partial(kinked, "late-cosine", species=SPECIES))
    name: str = "defective"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate(structures, properties)
        return [self._spoiled(s, p) for s, p in zip(structures, found, strict=True)]

    def _spoiled(self, structure: Atoms, prediction: Prediction) -> Prediction:
        if self.kind == "jumping":
            (graph,) = graphs([structure], 3.0, "float64")
            near = float(np.count_nonzero(graph.distances < 2.9)) / 2.0
            return replace(prediction, energy=prediction.energy + self.strength * near, energies=None)
        if prediction.forces is None:
            return prediction
        wrong = prediction.forces * (1.0 + self.strength)
        if self.kind == "swirling":
            around = structure.positions - structure.positions.mean(axis=0)
            wrong = prediction.forces + self.strength * np.cross([0.0, 0.0, 1.0], around)
        return replace(prediction, forces=wrong)


@pytest.mark.parametrize(
    ("kind", "strength", "law"),
    [
        ("scaled", 1e-4, "path-work"),
        ("scaled", 1e-3, "force-gradient"),
        ("swirling", 1e-3, "closed-loop"),
        ("swirling", 1e-2, "jacobian"),
        ("jumping", 1e-3, "path-work"),
    ],
)
def test_defects_are_seen_beside_kinks(kind: str, strength: float, law: str) -> None:
    found = certified(lambda: Defective(kind, strength), f"conservation/{law}")
    assert statuses(found) == {law: "fail"}, found.checks


def test_what_stays_open_tells_the_pair_and_its_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    few = functools.partial(settled_work, far_more=0)
    monkeypatch.setattr(samples, "FAR_MORE", 0)
    for module in (loop_work, path_work):
        monkeypatch.setattr(module, "settled_work", few)
    found = certified(functools.partial(kinked, "slope", species=SPECIES), "conservation/*", seed=1)
    reasons = [r.reason or "" for r in found.checks if r.status == "inconclusive"]
    assert reasons
    assert all("Å apart there" in reason for reason in reasons)


def told_between(potential: Potential, at: Callable[[float], Atoms], start: float, end: float) -> str:
    asking = rough_place(at, start, end)
    request: Request = next(asking)
    while True:
        try:
            request = asking.send(potential.evaluate(list(request.structures), ENERGY_FORCES))
        except StopIteration as ended:
            return str(ended.value)


@pytest.mark.parametrize(("start", "end"), [(0.0999, 0.1001), (0.02, 0.3)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_kink_is_placed_and_named(dtype: DType, start: float, end: float) -> None:
    """Au passes the cutoff of Cu while C stands by, somewhere on the part of the path that is looked at."""
    potential = kinked("slope", 3.3, species=("C", "Cu", "Au"), dtype=dtype)

    def at(t: float) -> Atoms:
        return Atoms("CCuAu", [[0.0, 1.8, 0.0], [0.0, 0.0, 0.0], [3.2 + t, 0.0, 0.0]])

    told = told_between(potential, at, start, end)
    found = re.fullmatch(r"mostly between (.*), which are (.*) Å apart there", told)
    assert found is not None, told
    assert found[1] in ("Cu (1) and Au (2)", "Au (2) and Cu (1)")
    assert float(found[2]) == pytest.approx(3.3, abs=0.0101)


def test_no_pair_is_told_whose_atoms_do_not_pull_at_each_other() -> None:
    """A wave along z, the same for all atoms: two that lie along it are no pair."""

    @dataclass(frozen=True, slots=True)
    class Outside:
        name: str = "outside"
        capabilities: Capabilities = field(default_factory=functools.partial(Capabilities, ("Cu",)))

        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            return [Prediction(0.0, np.sin(9.0 * s.positions) * [0.0, 0.0, 1.0]) for s in structures]

    def at(t: float) -> Atoms:
        return Atoms("Cu2", [[0.0, 0.0, t], [0.0, 0.0, 2.8 + t]])

    assert told_between(Outside(), at, 0.1, 0.12).startswith("mostly on Cu")
    assert told_between(Outside(), lambda t: Atoms("Cu2", np.zeros((2, 3))), 0.1, 0.12) == "no pair of atoms stands out"
