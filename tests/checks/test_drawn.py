"""What laws put into the certificate to be drawn: of the worst case, of the counterexample where one fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from ase import Atoms

from benchmarks.planted import judge
from gnnp_bench.certificate import io
from gnnp_bench.certificate.result import CheckResult, Series
from gnnp_bench.check import Component
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.checks.symmetry.sphere import axis_told, on_the_sphere
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.run import judge_check, prepare
from gnnp_bench.engine.settings import Settings
from gnnp_bench.numerics.drawing import ON_A_SPHERE
from gnnp_bench.numerics.rotations import about
from gnnp_bench.potential import FloatArray, Potential, Prediction, Property
from tests.analytic import smooth_pair
from tests.checks.test_continuity import WithPair, energy_step, measured
from tests.mutants import MUTANTS
from tests.mutants.base import planted
from tests.mutants.energies import AXIS

SCALED = 0.01


def with_scaled_forces() -> Potential:
    sound = smooth_pair(5.0, species=("Cu",))

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = sound.evaluate(structures, properties)
        return [p if p.forces is None else replace(p, forces=(1.0 + SCALED) * p.forces) for p in found]

    return planted(sound, "scaled", evaluation)


def judged(law: str) -> CheckResult:
    (check,) = [one for one in all_checks() if one.id == law]
    settings = Settings(spec="scaled", budget="quick", seed=0, only=(law,))
    potential = with_scaled_forces()
    evaluator = Evaluator(potential, partial(lambda: potential))
    try:
        return judge_check(check, prepare(evaluator, settings).pool, evaluator, settings)
    finally:
        evaluator.close()


def test_a_wrong_slope_is_a_plateau_where_steps_are_small():
    result = judged("conservation/force-gradient")
    assert result.status == "fail"
    missed, rounding = result.series
    assert (missed.name, missed.unit, missed.logarithmic) == ("missed by", "eV/Å", True)
    assert result.counterexample is not None
    there = result.counterexample.case["measured"]
    finest = missed.y[int(np.argmin(np.array(missed.x, dtype=float)))]
    assert finest == pytest.approx(there, rel=0.05)  # of the counterexample, not of the worst case of the search
    assert all(small is not None and small < 1e-3 * there for small in rounding.y)


def test_a_preferred_direction_is_the_place_where_little_is_missed():
    (result,) = judge(MUTANTS["direction-dependent"], "float64", "unclaimed", 0.05, 0, ["symmetry/rotation"])
    assert result.status == "fail"
    _, *steps = result.series
    assert {one.figure for one in result.series} == {ON_A_SPHERE}
    assert sum(len(one.x) for one in steps) == result.cases
    assert len(io.encode_value(result.series)) < 5000

    def away(one: Series) -> FloatArray:
        """Return by how much each axis is inclined to the preferred one, degrees."""
        places = np.array([one.x, one.y], dtype=float)
        squares = (places**2).sum(axis=0)  # the projection, back
        axes = np.array([*(places * np.sqrt(2.0 - squares)), 1.0 - squares])
        assert np.linalg.norm(axes, axis=0) == pytest.approx(np.ones(len(one.x)), abs=1e-5)
        found: FloatArray = np.rad2deg(np.arccos(np.abs(AXIS @ axes)))
        return found

    assert steps[0].name == "at most 10 % of the worst"
    assert steps[-1].name == "up to the worst"
    assert away(steps[0]).max() < 10.0
    assert away(steps[-1]).min() > 15.0


def test_axes_are_drawn_whatever_was_missed():
    axis = [0.6, 0.0, 0.8]
    part = Component("forces", 2e-3, 1e-3, "eV/Å")
    assert axis_told([-0.6, 0.0, -0.8, 0.0], [part, replace(part, residual=1e-3)]) == {"axis": axis, "missed": 2.0}
    assert axis_told(about((0, 0, 1), 90), [replace(part, residual=np.inf)])["missed"] is None
    assert axis_told(about((0, 0, 1), 90), [part, replace(part, residual=np.nan), part])["missed"] is None
    assert on_the_sphere([]) == ()
    names = [
        [one.name for one in on_the_sphere([{"axis": axis, "missed": m} for m in missed])[1:]] for missed in MISSED
    ]
    assert names == [
        ["at most 1 % of the worst"],
        ["at most 1 % of the worst", "up to the worst"],
        ["at most half of the worst", "up to the worst"],
    ]


MISSED: list[list[float | None]] = [[0.0, 0.0], [1.0, None], [0.5, 1.0]]


def test_work_around_a_loop_comes_back_to_zero():
    result = judged("conservation/closed-loop")  # forces too large by 1 % are the gradient of another energy
    assert result.status == "pass"
    (work,) = result.series
    assert (work.x[0], work.x[-1], work.y[0]) == (0.0, 360.0, 0.0)
    largest = max(abs(y) for y in work.y if y is not None)
    assert abs(work.y[-1] or 0.0) < 1e-6 * largest


def drawn(figure: str) -> tuple[Series, ...]:
    residual = measured(lambda: WithPair(energy_step(0.05, 3.9)))
    return tuple(one for one in residual.series if one.figure == figure)


def test_a_jump_is_marked_where_it_is_and_both_sides_are_kept():
    line, marks = drawn("Energy along the line")
    assert marks.points
    assert not line.points
    (place,) = marks.x
    t, energies = np.array(line.x, dtype=float), np.array(line.y, dtype=float)
    k = int(np.argmax(np.abs(np.diff(energies)) / np.maximum(np.diff(t), 1e-9)))
    assert abs(energies[k + 1] - energies[k]) == pytest.approx(0.05, rel=0.05)
    assert t[k] == pytest.approx(place, abs=1e-4)
    assert len(drawn("Force along the line")) == 2
