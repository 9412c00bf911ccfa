"""What runs away is told, with its reason; what only a long step does is no fault of the potential."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pytest
from ase import Atoms, units

from gnnp_bench.adapters.registry import load
from gnnp_bench.check import Case, Noise, Request, Residual
from gnnp_bench.checks.dynamics.drifts import DRIFT_S, Drift, Words, drift_left
from gnnp_bench.checks.dynamics.energy import ENERGY_CONSERVED
from gnnp_bench.checks.dynamics.momentum import MOMENTUM
from gnnp_bench.checks.dynamics.trajectories import Start, kind_of, run, settled, timestep_of
from gnnp_bench.engine.ended import Done
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.potential import Capabilities, FloatArray, Potential, Prediction, Property
from tests.analytic import embedded_atom, smooth_pair, three_body
from tests.analytic.geometries import alloy, cluster, slab
from tests.analytic.graph import DType
from tests.engine.judging import certified, judged, statuses
from tests.mutants import plant

T = TypeVar("T")

SPECIES = ("C", "O", "Cu", "Au")
NAMES = ("energy-conserved", "order", "momentum", "time-reversal")
LAWS = dict.fromkeys(NAMES, "pass")
IDS = tuple(f"dynamics/{name}" for name in NAMES)


@pytest.mark.parametrize(
    ("make", "dtype"), [(embedded_atom, "float64"), (smooth_pair, "float64"), (three_body, "float32")]
)
def test_sound_potentials_keep_what_motion_keeps(make: Callable[..., Potential], dtype: DType) -> None:
    found = certified(lambda: make(3.3, species=SPECIES, dtype=dtype), *IDS, seed=7)
    assert statuses(found) == LAWS, found.checks
    assert all(result.grade in ("exact", "limited") for result in found.checks)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_part_in_a_thousand_of_the_forces_that_is_no_gradient_runs_away(seed: int) -> None:
    found = judged(
        lambda: plant("turned-forces", embedded_atom(species=SPECIES)), "dynamics/energy-conserved", seed=seed
    )
    assert found.status == "fail"
    assert "no time step mends it" in str(found.reason)


def test_friction_is_told() -> None:
    found = certified(lambda: plant("friction", embedded_atom(species=SPECIES)), *IDS)
    assert statuses(found)["energy-conserved"] == "fail"
    assert statuses(found)["time-reversal"] == "fail"


def test_rough_forces_are_told_and_fail_no_law_of_conservation() -> None:
    found = certified(lambda: plant("rounded-positions", embedded_atom(species=SPECIES)), *IDS)
    assert statuses(found) == LAWS
    by_name = {result.id: result for result in found.checks}
    assert by_name["dynamics/order"].grade == "violated"
    assert "the forces are rough" in str(by_name["dynamics/order"].reason)
    assert "shorter ones" in str(by_name["dynamics/energy-conserved"].reason)


def test_an_axis_that_is_preferred_spins_clusters_up() -> None:
    found = judged(lambda: plant("axis-preference", smooth_pair(species=SPECIES)), "dynamics/momentum")
    assert (found.status, found.quantity) == ("fail", "angular momentum")
    *axes, matters = found.series
    assert [one.name for one in found.series] == ["about x", "about y", "about z", "what matters"]
    assert {(one.figure, one.unit) for one in found.series} == {("Angular momentum that was gained", "eV fs")}
    gained, elapsed = np.array([one.y for one in axes], dtype=float), matters.x[-1]
    assert not gained[:, 0].any()
    assert elapsed is not None
    assert np.abs(gained[:, -1]).max() / elapsed == pytest.approx(found.measured, rel=1e-4)


def test_a_cluster_that_turns_goes_on_at_its_rate() -> None:
    """Three atoms in a bent row, with three unlike axes, set in motion at 300 K: what is gained is rounding."""
    bent = Atoms("Cu3", positions=[[0.0, 0.0, 0.0], [2.3, 0.3, 0.0], [4.5, 0.2, 0.4]])
    potential = smooth_pair(5.0, species=("Cu",))
    case = Case(bent, Noise(1e-14, 1e-13, 0.0), {"timestep": 1.6, "steps": 24, "seed": 3})
    (done,) = Evaluator(potential, lambda: potential).drive([MOMENTUM.measure(case)])
    assert isinstance(done, Done)
    *axes, matters = done.value.series
    assert {one.figure for one in axes} == {"Angular momentum that was gained"}
    last = matters.y[-1]
    assert last is not None
    assert np.abs(np.array([one.y for one in axes], dtype=float)).max() < 1e-9 * last


def test_a_force_on_the_whole_is_drawn_along_its_direction() -> None:
    found = judged(lambda: plant("net-force", smooth_pair(species=SPECIES)), "dynamics/momentum")
    assert (found.status, found.quantity) == ("fail", "momentum")
    assert {(one.figure, one.unit) for one in found.series} == {("Momentum that was gained", "eV fs/Å")}


@dataclass(frozen=True, slots=True)
class Springs:
    """Each atom on a spring of its own, k eV/Å², whose stiffness is another on either side of its place."""

    stiffness: float
    other: float

    @property
    def name(self) -> str:
        return "springs"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(("Cu",))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = []
        for structure in structures:
            x = structure.positions - 1.5
            stiffness = np.where(x > 0.0, self.stiffness, self.other)
            stress = np.zeros((3, 3)) if "stress" in properties else None
            found.append(Prediction(float((0.5 * stiffness * x**2).sum()), -stiffness * x, stress))
        return found


def _end(potential: Potential, generator: Generator[Request, list[Prediction], T]) -> T:
    (outcome,) = Evaluator(potential, lambda: potential).drive([generator])
    assert isinstance(outcome, Done), outcome
    return outcome.value


def test_trajectories_side_by_side_are_those_that_run_alone() -> None:
    potential = smooth_pair()
    rng = np.random.default_rng(0)
    starts = [
        Start(structure, rng.normal(size=(len(structure), 3)), timestep, steps)
        for structure, timestep, steps in ((alloy(), 1.0, 12), (cluster(), 0.5, 7))
    ]
    together = _end(potential, run(starts))
    for start, trajectory in zip(starts, together, strict=True):
        (alone,) = _end(potential, run([start]))
        assert len(trajectory.energies) == start.steps + 1
        np.testing.assert_allclose(trajectory.positions, alone.positions, atol=1e-12)
    np.testing.assert_array_equal(together[0].momenta[0], starts[0].momenta)


def test_the_way_back_ends_where_it_began() -> None:
    potential = smooth_pair()
    start = Start(alloy(), np.random.default_rng(1).normal(size=(len(alloy()), 3)), 1.0, 20)
    (out,) = _end(potential, run([start]))
    (back,) = _end(potential, run([start.turned(out)]))
    assert np.abs(out.positions[-1] - out.positions[0]).max() > 0.1
    np.testing.assert_allclose(back.positions[-1], out.positions[0], atol=1e-10)


def test_potentials_are_sent_momenta_half_a_step_behind() -> None:
    seen: list[FloatArray] = []

    class Reading(Springs):
        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            seen.append(structures[0].get_momenta())
            return Springs.evaluate(self, structures, properties)

    start = Start(Atoms("Cu", positions=[[1.6, 1.5, 1.5]], cell=[3, 3, 3], pbc=True), np.ones((1, 3)), 1.0, 1)
    (trajectory,) = _end(Reading(1.0, 1.0), run([start]))
    half = start.momenta + 0.5 * units.fs * trajectory.forces[0]
    np.testing.assert_allclose(seen, [start.momenta, half])


def _drift(potential: Potential, seed: int) -> tuple[Residual, int]:
    """Return what the law of energies says of a copper atom on a spring, and how many evaluations that takes."""
    structure = Atoms("Cu2", positions=[[1.6, 1.5, 1.5], [1.5, 1.5, 1.45]], cell=[3, 3, 3], pbc=True)
    parameters = {"timestep": 1.6, "steps": 48, "seed": seed}
    evaluator = Evaluator(potential, lambda: potential)
    (outcome,) = evaluator.drive([ENERGY_CONSERVED.measure(Case(structure, Noise(1e-16, 1e-16, 0.0), parameters))])
    assert isinstance(outcome, Done), outcome
    return outcome.value, evaluator.meter.evaluations


def test_harmonic_springs_keep_their_shadow_energy_at_any_step() -> None:
    found, evaluations = _drift(Springs(5.0, 5.0), 0)
    assert found.components[0].residual < 1e-6
    assert evaluations < 120


def test_drifts_that_another_step_changes_fail_nothing_and_cost_little() -> None:
    wandering = [_drift(Springs(5.0, 9.0), seed) for seed in range(8)]
    told = [found for found, _ in wandering if found.note is not None]
    assert len(told) > 4
    assert all("shorter" in str(found.note) for found in told)
    assert all(found.components[0].residual <= 0.02 for found, _ in wandering)
    assert np.median([evaluations for _, evaluations in wandering]) < 750


@pytest.mark.parametrize("finer", [0, 1, 2])
def test_blocks_that_scatter_hide_nothing_that_rounding_does_not(finer: int) -> None:
    """What an integrator does makes the blocks of a trajectory scatter: a sound potential stays exact."""

    def repetition(steps: int) -> Generator[Request, list[Prediction], list[Drift]]:
        yield Request([], frozenset())
        here = [Drift(np.array([5e-4, -5e-4]) * 4.0**k, np.full(2, 0.05), np.full(2, 1e-8)) for k in range(finer + 1)]
        return here[::-1]

    case = Case(Atoms("Cu2"), None, {"steps": 48, "timestep": 1.0})
    measuring = drift_left(case, repetition, Words("energy", ""))
    next(measuring)
    with pytest.raises(StopIteration) as ended:
        measuring.send([])
    (component,) = ended.value.value.components
    assert component.residual <= component.bound <= DRIFT_S == component.significance


def test_what_falls_without_an_end_is_not_set_in_motion() -> None:
    assert _end(Springs(-50.0, -50.0), settled(Atoms("Cu2", positions=[[0, 0, 0], [2, 2, 2]]))) is None


def test_kinds_of_structures_are_told_apart() -> None:
    assert [kind_of(structure) for structure in (alloy(), slab(), cluster())] == ["crystal", "slab", "molecule"]


def test_light_atoms_take_short_steps() -> None:
    assert [timestep_of(Atoms(symbols)) for symbols in ("H2O", "C", "Au")] == [0.2, 0.7, 2.0]


def test_kinks_of_a_potential_in_use_fail_no_law() -> None:
    found = certified(load("ase:ase.calculators.emt:EMT", ("Cu", "Au")).reload, *IDS)
    assert set(statuses(found).values()) == {"pass"}, found.checks
