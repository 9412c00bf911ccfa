"""A stress that is no derivative, or holds momenta, makes the enthalpy run away; a sound one does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.check import Case, Noise
from gnnp_bench.checks.dynamics.cells import run_with_cell, settled_with_cell, started_with_cell
from gnnp_bench.checks.dynamics.stress_in_motion import STRESS_IN_MOTION
from gnnp_bench.engine.ended import Done
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.run import not_applicable
from gnnp_bench.numerics import nph
from gnnp_bench.numerics.nph import Path, real_momenta
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.analytic import long_range, smooth_pair, three_body
from tests.analytic.geometries import alloy
from tests.analytic.graph import DType
from tests.engine.judging import judged
from tests.mutants import plant

LAW = "dynamics/stress-in-motion"
SPECIES = ("C", "O", "Cu", "Au")


@pytest.mark.parametrize(("make", "dtype"), [(long_range, "float64"), (three_body, "float32")])
def test_sound_potentials_keep_their_enthalpy(make: Callable[..., Potential], dtype: DType) -> None:
    found = judged(lambda: make(4.0, species=SPECIES, dtype=dtype), LAW, seed=7)
    assert found.status == "pass"
    assert found.measured is not None
    assert found.bound is not None
    assert found.significance is not None
    assert found.measured < 0.1 * max(found.bound, found.significance)


def test_a_stress_that_holds_momenta_runs_away_at_every_step() -> None:
    found = judged(lambda: plant("kinetic-stress", smooth_pair(4.0, species=SPECIES)), LAW)
    assert found.status == "fail"
    assert "the enthalpy runs away" in str(found.reason)
    assert "no time step mends it" in str(found.reason)


def test_a_wrong_kinetic_sign_in_the_integrator_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    force = nph.kinetic_force
    monkeypatch.setattr(nph, "kinetic_force", lambda *given: -force(*given))
    assert judged(lambda: smooth_pair(4.0, species=SPECIES), LAW).status == "fail"


@pytest.mark.parametrize("moves", ["freely", "evenly"])
def test_structures_carry_the_momenta_and_the_cell_that_the_integrator_has(moves: str) -> None:
    seen: list[Atoms] = []
    potential = smooth_pair(4.0)

    class Looking:
        name, capabilities = potential.name, potential.capabilities

        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            seen.extend(structure.copy() for structure in structures)
            return potential.evaluate(structures, properties)

    path = _path(Looking(), alloy(), moves)
    last, state, kick = seen[-1], path.states[-1], path.kicks[-1]
    np.testing.assert_allclose(last.cell.array, path.barostat.cell(state.y), atol=1e-12)
    behind = nph.kicked(state, kick, -path.timestep)
    np.testing.assert_allclose(last.get_momenta(), real_momenta(path.barostat, behind), atol=1e-12)
    shapes = [one.cell.array / one.cell.volume ** (1.0 / 3.0) for one in (seen[-2], last)]
    assert np.allclose(shapes[0], shapes[1], atol=1e-9) == (moves == "evenly")


def _path(potential: Potential, structure: Atoms, moves: str) -> Path:
    case = Case(structure, Noise(1e-12, 1e-12, 1e-12), {"timestep": 1.0, "steps": 4, "cell_moves": moves, "seed": 0})
    evaluator = Evaluator(potential, lambda: potential)
    (rest,) = evaluator.drive([settled_with_cell(structure)])
    assert isinstance(rest, Done)
    assert rest.value is not None
    (outcome,) = evaluator.drive([run_with_cell([started_with_cell(rest.value, 1, case)])])
    assert isinstance(outcome, Done)
    return outcome.value[0]


def test_where_no_stress_pulls_nothing_is_proved() -> None:
    class Gas:
        name, capabilities = "gas", Capabilities(("Cu",))

        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            return [Prediction(0.0, np.zeros((len(structure), 3)), np.zeros((3, 3))) for structure in structures]

    structure = Atoms("Cu2", positions=[[0, 0, 0], [1.8, 1.8, 1.8]], cell=[3.6, 3.6, 3.6], pbc=True)
    case = Case(structure, Noise(0.0, 0.0, 0.0), {"timestep": 1.0, "steps": 48, "cell_moves": "freely", "seed": 0})
    (outcome,) = Evaluator(Gas(), Gas).drive([STRESS_IN_MOTION.measure(case)])
    assert isinstance(outcome, Done), outcome
    assert "pulls" in str(outcome.value.vacuous)


def test_a_potential_without_stress_or_without_crystals_is_not_asked() -> None:
    assert "no stress" in str(not_applicable(STRESS_IN_MOTION, Capabilities(("Cu",), frozenset({"energy", "forces"}))))
    isolated = Capabilities(("Cu",), periodicity=frozenset({"isolated"}))
    assert "not for periodic structures" in str(not_applicable(STRESS_IN_MOTION, isolated))
