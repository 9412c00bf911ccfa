"""Laws of crystals: sound ones hold them, defects are found, and nothing binds unless somebody says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.adapters.registry import load
from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.check import Case, Noise, PoolView, for_potential
from gnnp_bench.checks.physics.crystals import crystals_for, drawn, held_stable
from gnnp_bench.checks.physics.elasticity import LARGEST, NODES, ODD, PANELS, SMOOTH, _integral, _operations
from gnnp_bench.checks.physics.equation_of_state import EQUATION_OF_STATE, minima_of, moduli_of
from gnnp_bench.checks.physics.frozen_phonon_stress import AMPLITUDE, _chosen, frozen
from gnnp_bench.checks.physics.phonons import OF_ROOTS, PHONONS
from gnnp_bench.checks.physics.studying import Waves, at_rest, waves_of
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.ended import Done
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.replay import replay
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import ENERGY_FORCES, Capabilities, Prediction, Property
from gnnp_bench.properties.force_constants import force_constants
from gnnp_bench.properties.known_stable import as_measured, known_stable
from gnnp_bench.properties.relaxation import Relaxed
from tests.analytic import (
    CALIBRATION,
    HELD_OUT,
    buckingham_zbl,
    cluster_density,
    embedded_atom,
    smooth_pair,
    three_body,
)
from tests.analytic.evaluation import AnalyticPotential
from tests.analytic.graph import DType
from tests.analytic.kinks import ENVELOPES, kinked
from tests.engine.judging import judged
from tests.mutants import plant

METALS = ("Cu", "Au")
BOTH = ("Cu:fcc", "Au:fcc")
STATE = "physics/equation-of-state"
STIFFNESS = "physics/elasticity"
WAVES = "physics/phonons"
FROZEN = "physics/frozen-phonon-stress"
FORMS = CALIBRATION + HELD_OUT


def held(potential: AnalyticPotential, *crystals: str) -> AnalyticPotential:
    """Return a potential that was made for some crystals."""
    return replace(potential, capabilities=replace(potential.capabilities, stable=crystals))


def parts(found: CheckResult) -> dict[str, str]:
    """Return the status of each quantity."""
    return {component.quantity: component.status for component in found.components}


@pytest.mark.parametrize(
    ("make", "dtype"), [(embedded_atom, "float32"), (smooth_pair, "float64"), (three_body, "float64")]
)
def test_sound_crystals_have_one_minimum(make: Callable[..., AnalyticPotential], dtype: DType) -> None:
    found = judged(lambda: held(make(species=METALS, dtype=dtype), *BOTH), STATE)
    assert (found.category, found.status) == ("mandatory", "pass")
    assert all(component.measured == 0.0 for component in found.components)
    assert "Cu:fcc at" in str(found.reason)
    assert "GPa" in str(found.reason)


def test_the_embedded_atoms_of_ase_hold_copper_and_gold() -> None:
    loaded = load("ase:ase.calculators.emt:EMT?stable=Cu:fcc,Au:fcc", METALS)
    found = judged(loaded.reload, STATE, seed=1)
    assert (found.category, found.status) == ("mandatory", "pass")
    assert "Cu:fcc at 0.99" in str(found.reason)


def test_a_second_minimum_fails_whoever_was_made_for_the_crystal() -> None:
    mutant = partial(plant, "second-minimum", smooth_pair(species=METALS))
    told = judged(mutant, STATE)
    assert (told.category, told.status, told.grade) == ("informational", "pass", "violated")
    found = judged(partial(plant, "second-minimum", held(smooth_pair(species=METALS), *BOTH)), STATE)
    assert (found.status, found.quantity) == ("fail", "energy below the minimum")
    assert "a minimum" in str(found.reason)
    assert "lower at 0." in str(found.reason)


@dataclass(frozen=True, slots=True)
class Curve:
    """A potential whose energy per atom is a function of the volume per atom."""

    energy: Callable[[float], float]
    breaks_below: float = 0.0
    name: str = "curve"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(("Cu",), frozenset({"energy"}), stable=("Cu:fcc",))
    )

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        sizes = [one.cell.volume / len(one) if one.pbc.all() else 20.0 for one in structures]
        if min(sizes) < self.breaks_below:
            raise RuntimeError("no convergence")
        return [Prediction(len(one) * self.energy(v)) for one, v in zip(structures, sizes, strict=True)]


def _valley(v: float) -> float:
    return 4.0 * (v / 12.0 - 1.0) ** 2


def test_no_minimum_at_all() -> None:
    found = judged(lambda: Curve(lambda v: 1.0 / v), STATE)
    assert (found.status, parts(found)) == ("fail", {"minimum": "fail"})
    assert "lowest at 1.39 of the measured lattice constant, an end of the way" in str(found.reason)
    found = judged(lambda: Curve(lambda v: v), STATE)
    assert "lowest at 0.7" in str(found.reason)
    found = judged(lambda: Curve(lambda v: 1e-3 * _valley(v)), STATE)
    assert parts(found)["minimum"] == "pass"
    found = judged(lambda: Curve(lambda v: -5e-4 * np.exp(-(((v - 12.0) / 2.0) ** 2))), STATE)
    assert "lowest at" in str(found.reason)
    assert "an end" not in str(found.reason)


def test_a_cusp_that_curves_the_wrong_way() -> None:
    found = judged(lambda: Curve(lambda v: abs(v / 12.0 - 1.0) ** 0.8), STATE)
    assert parts(found) == {
        "minimum": "pass",
        "energy below the minimum": "pass",
        "negative bulk modulus": "fail",
    }


def test_a_higher_minimum_is_told_and_a_lower_end_fails() -> None:
    def higher(v: float) -> float:
        return _valley(v) - 1.5 * np.exp(-(((v - 20.0) / 1.0) ** 2))

    found = judged(lambda: Curve(higher), STATE)
    assert (found.status, found.measured) == ("pass", 0.0)
    assert "higher at 1." in str(found.reason)

    def collapsing(v: float) -> float:
        return _valley(v) - 30.0 * np.exp(-((v / 6.0) ** 4))

    found = judged(lambda: Curve(collapsing), STATE)
    assert found.status == "fail"
    assert "the end of the way" in str(found.reason)


def test_who_gives_up_where_atoms_are_close_is_judged_by_the_rest() -> None:
    assert judged(lambda: Curve(_valley, breaks_below=5.0), STATE).status == "pass"
    found = judged(lambda: Curve(_valley, breaks_below=10.0), STATE)
    assert (found.status, "no convergence" in str(found.reason)) == ("error", True)


def test_what_feels_no_volume_proves_nothing() -> None:
    found = judged(lambda: Curve(lambda v: -3.0), STATE)
    assert (found.status, "does not depend on the volume" in str(found.reason)) == ("error", True)


def test_the_counterexample_replays() -> None:
    make = partial(plant, "second-minimum", held(smooth_pair(species=METALS), *BOTH))
    *_, last = run(make(), all_checks(), Settings(spec="x", budget="quick", only=(STATE,)), reload=make)
    (result,) = last.certificate.checks
    assert result.counterexample is not None
    assert result.counterexample.case["measured"] > 10 * result.counterexample.case["significance"]
    assert result.counterexample.case["parameters"]["grid"] == 0.0


def test_minima_lie_between_walls() -> None:
    grid = np.linspace(0.7, 1.4, 71)
    (one,) = minima_of(grid, (grid - 1.003) ** 2, 1e-3)
    assert one.at == pytest.approx(1.003, abs=1e-4)
    assert minima_of(grid, grid, 1e-3) == []
    rippled = (grid - 1.0) ** 2 + 2e-4 * (np.arange(71) % 2)
    assert len(minima_of(grid, rippled, 1e-3)) == 1, "ripples below what matters are no minima"
    with_two = np.minimum((grid - 0.85) ** 2, (grid - 1.2) ** 2 + 0.01)
    assert [round(found.at, 2) for found in minima_of(grid, with_two, 1e-3)] == [0.85, 1.2]


def test_modulus_of_a_parabola() -> None:
    volumes = np.array([11.5, 12.0, 12.6])
    (modulus,), rounding = moduli_of(volumes, 0.5 * 0.08 * (volumes - 12.0) ** 2, 1e-6)
    assert modulus == pytest.approx(0.08 * 12.0 * 160.2177, rel=1e-5)
    assert 0.0 < rounding < 1e-6 * 160.3 * 12.0 * 2.5 * 2.0 / 0.25


def test_which_crystals() -> None:
    assert crystals_for(Capabilities(("Si", "Cu"), stable=("Si:diamond", "Si:bcc"))) == ["Si:diamond"]
    assert held_stable(Capabilities(("Si", "Cu"), stable=("Si", "Cu:fcc", "Si:diamond"))) == ["Si:diamond", "Cu:fcc"]
    assert held_stable(Capabilities(("Li",), stable=("Li",))) == []
    assert set(crystals_for(Capabilities(("Li", "Si", "C")))) == {"Si:diamond", "C:diamond"}
    assert set(crystals_for(Capabilities(("Ga", "As"), combinations=(frozenset({"Ga"}), frozenset({"As"}))))) == {
        "Ga:fcc",
        "As:fcc",
    }
    assert crystals_for(Capabilities(("Ga", "As"))) == ["GaAs:zincblende"]
    everything = Capabilities(tuple({symbol for name in known_stable() for symbol in ("Cu", "Si", "Mg", "W")}))
    view = PoolView((), everything)
    names = [drawn(view).parameters["crystal"] for _ in range(4)]
    assert sorted(names) == ["Cu:fcc", "Mg:hcp", "Si:diamond", "W:bcc"]


def test_isolated_structures_have_no_crystals() -> None:
    molecules = Capabilities(("C", "Cu"), periodicity=frozenset({"isolated"}))
    assert "isolated" in str(EQUATION_OF_STATE.applies(molecules))
    assert for_potential(EQUATION_OF_STATE, molecules).category == "informational"


@pytest.mark.parametrize(("make", "dtype"), [(embedded_atom, "float32"), (three_body, "float64")])
def test_elastic_constants_are_those_of_the_energy(make: Callable[..., AnalyticPotential], dtype: DType) -> None:
    found = judged(lambda: held(make(species=("Cu", "Ti"), dtype=dtype), "Cu:fcc", "Ti:hcp"), STIFFNESS)
    assert found.status == "pass"
    assert parts(found) == dict.fromkeys(("stiffness by energies", "symmetry", "negative stiffness"), "pass")
    assert "Cu:fcc: C11" in str(found.reason)
    assert "C33" in str(found.reason)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_rough_potential_is_no_broken_one(seed: int) -> None:
    found = judged(lambda: kinked("cosine", species=("Cu", "Ti", "Si")), STIFFNESS, seed=seed)
    assert found.status == "pass", found.reason


def test_a_crystal_that_prefers_an_axis() -> None:
    found = judged(partial(plant, "tetragonal", embedded_atom(species=METALS)), STIFFNESS)
    assert (found.status, found.quantity) == ("fail", "symmetry")
    assert "negative stiffness" not in parts(found), "nobody said that it was made for these crystals"


def test_a_crystal_that_shears_away_fails_whoever_was_made_for_it() -> None:
    told = judged(partial(plant, "negative-shear", embedded_atom(species=METALS)), STIFFNESS)
    assert told.status == "pass"
    assert "unstable" in str(told.reason)
    found = judged(partial(plant, "negative-shear", held(embedded_atom(species=METALS), *BOTH)), STIFFNESS)
    assert (found.status, found.quantity) == ("fail", "negative stiffness")


@pytest.mark.parametrize("name", ["stress-sign", "shear-halved", "cell-curl"])
def test_a_stress_that_is_no_derivative(name: str) -> None:
    found = judged(partial(plant, name, embedded_atom(species=METALS), 0.3), STIFFNESS)
    assert parts(found)["stiffness by energies"] == "fail"


def test_a_held_crystal_that_does_not_come_to_rest_is_undecided() -> None:
    bare = held(buckingham_zbl(species=("C",)), "C:diamond")
    found = judged(lambda: bare, STIFFNESS)
    assert parts(found)["stiffness by energies"] == "pass"
    assert parts(found)["negative stiffness"] == "inconclusive"
    assert judged(lambda: bare, STATE).status == "fail"


@pytest.mark.parametrize(("make", "dtype"), [(smooth_pair, "float32"), (cluster_density, "float64")])
def test_sound_crystals_swing(make: Callable[..., AnalyticPotential], dtype: DType) -> None:
    found = judged(lambda: held(make(species=("Cu", "Ti"), dtype=dtype), "Cu:fcc", "Ti:hcp"), WAVES)
    assert found.status == "pass"
    assert parts(found) == dict.fromkeys(("shift of the whole", "imaginary frequency"), "pass")
    assert "Ti:hcp: frequencies up to" in str(found.reason)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sublattices_that_leave_each_other_fail_whoever_was_made_for_the_crystal(dtype: DType) -> None:
    sound = smooth_pair(species=("Ti",), dtype=dtype)
    told = judged(partial(plant, "soft-optical", sound), WAVES)
    assert told.status == "pass"
    assert "i THz at (0 0 0)" in str(told.reason)
    found = judged(partial(plant, "soft-optical", held(sound, "Ti:hcp")), WAVES)
    assert (found.status, found.quantity) == ("fail", "imaginary frequency")
    assert judged(partial(plant, "soft-optical", held(sound, "Ti:hcp")), STATE).status == "pass"


def test_forces_that_push_against_nothing_break_the_sum_rule() -> None:
    found = judged(partial(plant, "external-field", embedded_atom(species=METALS), 10.0), WAVES)
    assert (found.status, found.quantity) == ("fail", "shift of the whole")


def test_a_rough_potential_keeps_the_sum_rule() -> None:
    assert judged(lambda: kinked("cosine", species=("Cu", "Ti", "Si")), WAVES).grade == "exact"


def test_the_supercell_grows_with_the_budget() -> None:
    view = PoolView((), Capabilities(("Cu",)))
    rng = np.random.default_rng(0)
    sizes = [PHONONS.draw(rng, replace(view, largest=n)).parameters["supercell"][0] for n in (400, 1500, 20_000)]
    assert sizes == [2, 3, 4]


def test_a_gas_has_no_elastic_constants() -> None:
    found = judged(lambda: smooth_pair(2.0, species=METALS), STIFFNESS)
    assert (found.status, "feel nothing of each other" in str(found.reason)) == ("error", True)
    assert judged(lambda: smooth_pair(2.0, species=METALS), WAVES).status == "error"


@pytest.mark.parametrize(("make", "dtype"), [*((make, "float64") for make in FORMS), (three_body, "float32")])
def test_both_ways_to_a_grueneisen_parameter_agree(make: Callable[..., AnalyticPotential], dtype: DType) -> None:
    found = judged(lambda: make(species=("Cu", "Ti", "Si"), dtype=dtype), FROZEN)
    assert (found.category, found.status, found.cases) == ("informational", "pass", 3)
    (component,) = found.components
    assert component.measured is not None
    assert component.measured < 0.1 * max(component.bound or 0.0, component.significance or 0.0)
    assert "Cu:fcc: " in str(found.reason)
    assert " THz at (" in str(found.reason)


@pytest.mark.parametrize("shape", ENVELOPES)
def test_kinks_are_no_wrong_stress(shape: str) -> None:
    found = judged(lambda: kinked(shape, species=("Cu", "Ti", "Si")), FROZEN)
    assert found.grade != "violated", found.reason


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_stress_that_is_wrong_where_atoms_are_not_at_rest(dtype: DType, seed: int) -> None:
    make = partial(plant, "stress-of-forces", embedded_atom(species=("Cu", "Au"), dtype=dtype))
    found = judged(make, FROZEN, seed=seed)
    assert (found.status, found.grade) == ("pass", "violated"), "informational: told, and never failed"
    assert parts(judged(make, STIFFNESS, seed=seed)) == dict.fromkeys(("stiffness by energies", "symmetry"), "pass")


def test_a_gas_has_no_waves() -> None:
    found = judged(lambda: smooth_pair(2.0, species=METALS), FROZEN)
    assert (found.status, "feel nothing of each other" in str(found.reason)) == ("error", True)


def test_a_frozen_wave_is_an_eigenvector_of_the_supercell() -> None:
    """Forces on atoms that a wave has moved a little are −ω² m u: the way it is put into a supercell is right."""
    potential = smooth_pair(species=("Ti",))
    evaluator = Evaluator(potential, lambda: potential)
    unit = as_measured("Ti:hcp")
    (done,) = evaluator.drive([waves_of(unit, 3)])
    assert isinstance(done, Done)
    waves = done.value
    for k, branch in ((0, 5), (1, 2), (4, 3), (13, 1)):
        still, along = frozen(unit, waves.q[k], waves.modes[k][:, branch].reshape(-1, 3))
        moved = [still.copy(), still.copy()]
        for sign, one in zip((1e-3, -1e-3), moved, strict=True):
            one.positions += sign * along
        plus, minus = (np.asarray(found.forces) for found in potential.evaluate(moved, ENERGY_FORCES))
        wanted = -waves.squares[k, branch] / OF_ROOTS**2 * still.get_masses()[:, None] * along
        np.testing.assert_allclose((plus - minus) / 2e-3, wanted, atol=5e-3 * np.abs(wanted).max())  # not all is linear
        assert np.linalg.norm(along, axis=1).max() == pytest.approx(AMPLITUDE)


def test_the_value_is_that_of_two_volumes() -> None:
    """γ = −∂ln ω/∂ln V by frequencies at two volumes, for a mode that nothing else has a share in."""
    potential = smooth_pair(species=("Cu",))
    evaluator = Evaluator(potential, lambda: potential)
    found = judged(lambda: potential, FROZEN)
    told = float(str(found.reason).partition("Cu:fcc: Grüneisen parameter ")[2].split()[0])
    q = np.array([float(x) for x in str(found.reason).rpartition("(")[2].rstrip(")").split()])
    (rest,) = evaluator.drive([at_rest(Case(as_measured("Cu:fcc"), Noise(1e-12, 1e-12, 1e-12), {}))])
    assert isinstance(rest, Done)
    assert isinstance(rest.value, Relaxed)
    frequencies = []
    for factor in (0.998, 1.002):
        unit = rest.value.structure.copy()
        unit.set_cell(unit.cell * factor, scale_atoms=True)
        (done,) = evaluator.drive([force_constants(unit, (2, 2, 2), 0.005)])
        assert isinstance(done, Done)
        frequencies.append(done.value.frequencies(q[None])[0])
    slopes = -np.log(frequencies[1] / frequencies[0]) / (3.0 * np.log(1.002 / 0.998))
    assert np.abs(slopes - told).min() < 0.1, (slopes, told)


def test_a_wrong_stress_is_made_simpler_and_replays() -> None:
    make = partial(plant, "stress-of-forces", embedded_atom(species=("Ti",), dtype="float32"))
    *_, last = run(make(), all_checks(), Settings(spec="x", budget="quick", only=(FROZEN,)), reload=make)
    (result,) = last.certificate.checks
    assert result.counterexample is not None
    assert result.counterexample.case["parameters"]["supercell"] == [1, 1, 1]
    again = replay(make(), all_checks(), last.certificate, FROZEN, reload=make)
    assert (again.grade, again.measured) == ("violated", result.counterexample.case["measured"])


@pytest.mark.parametrize(("seed", "cell"), [(0, ("Cu",)), (2, ("Cu", "Ti", "Si"))])
def test_forces_that_jump_leave_no_stiffness_undecided(seed: int, cell: tuple[str, ...]) -> None:
    """Pairs enter the cutoff while the crystal is strained: the stress jumps, and the integral over it is hard."""
    found = judged(lambda: kinked("slope", species=cell), STIFFNESS, seed=seed)
    (part,) = [one for one in found.components if one.quantity == "stiffness by energies"]
    assert part.status == "pass"
    assert part.measured is not None
    assert part.bound is not None
    assert part.measured < 0.5 * part.bound


def test_a_kink_behind_the_last_point_is_told_as_an_error() -> None:
    t = LARGEST * NODES
    whole, error = _integral((t**3 + 2.0 * t)[None], LARGEST**3 + 2.0 * LARGEST, ODD)
    assert whole == pytest.approx(LARGEST**4 / 4.0 + LARGEST**2, rel=1e-12)
    assert error < 1e-9 * whole
    jump = 0.5 * LARGEST  # between the last point and the end
    _, error = _integral((2.0 * t)[None], 2.0 * LARGEST + jump, ODD)
    assert error > 0.9 * jump * LARGEST * (1.0 - NODES[-1])
    inner = LARGEST * np.concatenate([(k + NODES) / PANELS for k in range(PANELS)])
    stepped = 2.0 * inner + jump * (inner > 0.5 * LARGEST)  # where two panels meet
    whole, error = _integral(stepped.reshape(PANELS, -1), 2.0 * LARGEST + jump, SMOOTH)
    assert whole == pytest.approx(LARGEST**2 + 0.5 * jump * LARGEST, rel=1e-9)
    assert error > 0.9 * jump * LARGEST / PANELS * (1.0 - NODES[-1])


def test_a_rough_crystal_that_shears_away_is_no_open_question() -> None:
    """By any two of three amplitudes it shears away: that these do not quite agree about how much is no doubt."""
    rough = held(kinked("xplor", species=("Cu",)), "Cu:fcc")
    found = judged(partial(plant, "negative-shear", rough, 1.0), STIFFNESS)
    (part,) = [one for one in found.components if one.quantity == "negative stiffness"]
    assert part.status == "fail"
    assert part.measured is not None
    assert 3.0 < part.measured < 10.0


@pytest.mark.parametrize("part", [0.0, 0.999, 1.0])
def test_a_part_that_was_rounded_to_one_is_the_last(part: float) -> None:
    copper = as_measured("Cu:fcc")
    (turn,) = _operations(copper, np.diag([1.0, -1.0, 0.0]) / 2**0.5, [part])
    assert np.allclose(turn @ turn.T, np.eye(3))
    squares = np.ones((2, 3))
    waves = Waves((2, 1, 1), 1.0, 0.0, np.zeros((2, 3)), squares, squares, np.zeros((2, 3, 3), complex))
    assert _chosen(waves, part) == ((0, 0) if part == 0.0 else (1, 2))
