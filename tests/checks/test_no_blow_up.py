"""Hot runs: holes and explosions are told; what reacts, leaves, or takes a shorter step is no fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.lj import LennardJones

from gnnp_bench.adapters.ase import from_calculator
from gnnp_bench.check import Case, Noise, Residual
from gnnp_bench.checks.dynamics.hot import MOST_SET_FREE, USUAL_COHESION, Gain, Rest, gains, temperature_of
from gnnp_bench.checks.dynamics.no_blow_up import NO_BLOW_UP
from gnnp_bench.checks.dynamics.own_crystals import above_own_crystals
from gnnp_bench.checks.physics.approach import Contact, closest_contact
from gnnp_bench.engine.ended import Done
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.numerics.verlet import Trajectory
from gnnp_bench.potential import ENERGY, Capabilities, Potential, Prediction, Property
from tests.analytic import embedded_atom, smooth_pair
from tests.engine.judging import judged
from tests.mutants import plant

SPECIES = ("H", "C", "O", "Cu", "Au")


@dataclass(frozen=True, slots=True)
class Springs:
    """Each atom on a spring of its own, k eV/Å², and pushed sideways by c times its way from there."""

    stiffness: float
    sideways: float = 0.0
    alone: float = 0.0

    @property
    def name(self) -> str:
        return "springs"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(("Cu",))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = []
        for structure in structures:
            if len(structure) == 1 and np.isnan(self.alone):
                raise RuntimeError("no neighbours")
            x = structure.positions - np.round(structure.positions / 3.0) * 3.0
            forces = -self.stiffness * x + self.sideways * np.cross([0.0, 0.0, 1.0], x)
            energy = self.alone if len(structure) == 1 else float((0.5 * self.stiffness * x**2).sum())
            found.append(Prediction(energy, forces))
        return found


def _measured(potential: Potential, structure: Atoms, **parameters: Any) -> Residual:
    """Return what the law says of one structure."""
    case = Case(
        structure,
        Noise(1e-12, 1e-12, 0.0),
        {"hot_timestep": 3.2, "steps": 64, "seed": 1, "separated": 6.0, "boxless": True} | parameters,
    )
    evaluator = Evaluator(potential, lambda: potential)
    (outcome,) = evaluator.drive([NO_BLOW_UP.measure(case)])
    assert isinstance(outcome, Done), outcome
    return outcome.value


def _missed(found: Residual) -> dict[str, float]:
    return {one.quantity: one.residual / one.significance for one in found.components}


def _pair(offset: float = 0.02) -> Atoms:
    return Atoms("Cu2", positions=[[offset, 0, 0], [3, 0, 0]])


def test_what_reacts_or_rearranges_is_told_and_fails_nothing() -> None:
    found = judged(lambda: embedded_atom(6.0), "dynamics/no-blow-up")
    assert found.status == "pass"
    assert "K atoms come as close as 0.7" in str(found.reason)
    assert "rearranged, in no hole: O3 by 0.31 eV/atom" in str(found.reason)


@pytest.mark.parametrize(("seed", "told"), [(0, "before it comes to rest"), (2, "below its structure at rest")])
def test_atoms_that_fall_into_each_other_are_told_with_their_distance(seed: int, told: str) -> None:
    found = judged(lambda: plant("collapse", embedded_atom(6.0, dtype="float32")), "dynamics/no-blow-up", seed=seed)
    assert (found.status, found.quantity) == ("fail", "hole")
    assert told in str(found.reason)
    assert "Å apart, 0.5" in str(found.reason)


def test_what_evaporates_is_in_no_hole() -> None:
    structure = Atoms("Cu2", positions=[[0, 0, 0], [2.6, 0, 0]])
    potential = smooth_pair(4.0, species=SPECIES)
    found = _measured(potential, structure, steps=200)
    assert max(_missed(found).values()) < 0.1
    assert found.told["gained"] == 0.0


def test_what_falls_without_an_end_from_where_it_hardly_moves_is_a_hole() -> None:
    found = _measured(Springs(-500.0), _pair(0.004))
    assert _missed(found)["hole"] > 100.0
    assert "finds no rest" in str(found.note)


def test_what_falls_far_from_a_wall_proves_nothing() -> None:
    assert _measured(Springs(1e4), _pair(0.5)).vacuous == "the structure stands on a wall"


def test_atoms_that_stand_in_each_other_prove_nothing() -> None:
    inside = Atoms("Cu2", positions=[[0, 0, 0], [1.0, 0, 0]])
    assert "stand in each other" in str(_measured(smooth_pair(species=SPECIES), inside).vacuous)


def test_a_step_too_long_is_taken_again_in_quarters() -> None:
    """A spring of which 3.2 fs are more than a third of a period, beyond which velocity Verlet goes off."""
    found = _measured(Springs(3e3), _pair())
    assert _missed(found)["energy"] < 0.01
    assert found.note is None


def test_forces_that_do_work_all_around_go_off_at_any_step() -> None:
    found = _measured(Springs(20.0, sideways=10.0), _pair())
    assert _missed(found)["energy"] > 1.0
    assert "also in steps of 0.8 fs" in str(found.note)


@pytest.mark.parametrize(
    ("alone", "expected"),
    [(2.0, 0.06 * 2.0 / units.kB), (0.01, 300.0), (20.0, 6000.0)],
)
def test_runs_are_as_hot_as_the_cohesive_energy_says(alone: float, expected: float) -> None:
    assert _temperature(Springs(1.0, alone=alone)) == pytest.approx(expected)


@pytest.mark.parametrize(("alone", "separated"), [(np.nan, 6.0), (-1.0, 6.0), (2.0, None)])
def test_where_atoms_alone_were_not_learnt_a_usual_cohesive_energy_is_taken(
    alone: float, separated: float | None
) -> None:
    found = _temperature(Springs(1.0, alone=alone), separated)
    assert found == pytest.approx(0.06 * USUAL_COHESION / units.kB)


def _temperature(potential: Potential, separated: float | None = 6.0) -> float:
    asked = temperature_of(Rest(_pair(0.0), 0.0, 0.0, 0.0), separated, boxless=False)
    return float(_driven(potential, asked))


def test_what_is_a_hole() -> None:
    far, near = Contact("O", "O", 1.2, 0.9), Contact("O", "O", 0.7, 0.53)
    assert not Gain(4.4, far).is_hole  # lanthanum and fluorine
    assert Gain(5.5, far).is_hole
    assert not Gain(5.5, far, condensing=1.0).is_hole  # of atoms that were loosely bound
    assert Gain(50.0, far, bottomless=True, condensing=60.0).is_hole
    assert Gain(0.2, near).is_hole
    assert not Gain(0.05, near).is_hole
    assert not Gain(0.2, replace(near, ratio=0.67)).is_hole  # as close as in Cr₂


def _driven(potential: Potential, asked: Any) -> Any:
    (outcome,) = Evaluator(potential, lambda: potential).drive([asked])
    assert isinstance(outcome, Done), outcome
    return outcome.value


def _strong() -> Potential:
    """Return a sound potential that binds copper by some 25 eV per atom: seven times what copper does."""
    return from_calculator(LennardJones(sigma=2.64 / 2 ** (1 / 6), epsilon=4.0, rc=5.0, smooth=True), ["Cu", "Au"])


@dataclass(frozen=True, slots=True)
class LowerTogether:
    """The same, where a cluster is lower by an energy, eV/atom, once its atoms are closer than 4 Å."""

    energy: float

    @property
    def name(self) -> str:
        return "lower together"

    @property
    def capabilities(self) -> Capabilities:
        return _strong().capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = []
        for structure, one in zip(structures, _strong().evaluate(structures, properties), strict=True):
            together = not structure.pbc.any() and closest_contact(structure).distance < 4.0
            found.append(replace(one, energy=one.energy - self.energy * len(structure) * together))
        return found


def _cube(distance: float) -> Atoms:
    corners = [[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    return Atoms("Cu8", positions=distance * np.array(corners, float))


def _condensed(potential: Potential) -> Gain:
    """Return what is gained where eight atoms that hardly touch find each other."""
    apart, together = _cube(4.9), _cube(2.64)
    before, after = (one.energy for one in potential.evaluate([apart, together], ENERGY))
    places, none = np.array([apart.positions, together.positions]), np.zeros((2, 8, 3))
    run = Trajectory(1.0, apart.get_masses(), places, none, none, np.array([before, after]))
    (gain,) = _driven(potential, gains(run, Rest(apart, before, before, 0.0)))
    assert isinstance(gain, Gain)
    return gain


def test_loosely_bound_atoms_that_condense_are_in_no_hole() -> None:
    gain = _condensed(_strong())
    assert gain.energy > MOST_SET_FREE
    assert not gain.is_hole


def test_what_lies_below_where_atoms_condense_is_a_hole() -> None:
    gain = _condensed(LowerTogether(30.0))
    assert gain.energy > MOST_SET_FREE + gain.condensing
    assert gain.is_hole


@pytest.mark.parametrize(("structure", "expected"), [(bulk("Cu", a=3.65), 0.0), (_cube(9.0), 27.6), (_cube(4.9), 27.5)])
def test_what_condensing_sets_free_is_read_from_the_potentials_own_crystals(structure: Atoms, expected: float) -> None:
    potential = _strong()
    (found,) = potential.evaluate([structure], ENERGY)
    assert _driven(potential, above_own_crystals(structure, found.energy, 3.0)) == pytest.approx(expected, abs=0.3)


@dataclass(frozen=True, slots=True)
class OnlyPairsBind:
    """Cells of copper and gold have -4 eV, those of one of them nothing; cells with all of some species are refused."""

    refuses: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return "only pairs bind"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(("Cu", "Au"))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if self.refuses is not None and any(self.refuses <= set(structure.symbols) for structure in structures):
            raise RuntimeError("cells are too small")
        return [Prediction(-4.0 if len(set(structure.symbols)) == 2 else 0.0) for structure in structures]


def test_a_mixture_is_held_to_the_best_mixture_of_crystals() -> None:
    structure = Atoms("Cu3Au", positions=3.0 * np.eye(4, 3))
    assert _driven(OnlyPairsBind(), above_own_crystals(structure, 0.0, 3.0)) == pytest.approx(1.0)
    assert _driven(OnlyPairsBind(), above_own_crystals(structure, -6.0, 3.0)) == 0.0


class Ions:
    """Silicon and oxygen with fixed charges: what is neutral has -8 eV per atom, what is not has nothing."""

    name = "ions"
    capabilities = Capabilities(("O", "Si"))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        neutral = [
            2 * list(structure.symbols).count("Si") == list(structure.symbols).count("O") for structure in structures
        ]
        return [Prediction(-8.0 * len(structure) * bound) for structure, bound in zip(structures, neutral, strict=True)]


def test_ions_are_held_to_neutral_crystals() -> None:
    """Of silicon and oxygen, one to one, none is neutral, and none is bound."""
    structure = Atoms("SiO2", positions=3.0 * np.eye(3))
    assert _driven(Ions(), above_own_crystals(structure, -6.0, 3.0)) == pytest.approx(6.0)


def test_where_crystals_cannot_be_asked_nothing_is_known() -> None:
    assert _driven(OnlyPairsBind(frozenset()), above_own_crystals(_cube(4.9), 0.0, 3.0)) == 3.0


@pytest.mark.parametrize(
    ("refused", "of_gold", "of_both"),
    [
        ({"Cu"}, 60.0, 3.0),  # without copper no mixture is left
        ({"Cu", "Au"}, 60.0, 15.0),  # that of the elements is
    ],
)
def test_a_refused_crystal_costs_only_the_compositions_that_need_it(
    refused: set[str], of_gold: float, of_both: float
) -> None:
    potential = OnlyPairsBind(frozenset(refused))
    assert _driven(potential, above_own_crystals(Atoms("Au"), 60.0, 3.0)) == pytest.approx(of_gold)
    both = Atoms("Cu3Au", positions=3.0 * np.eye(4, 3))
    assert _driven(potential, above_own_crystals(both, 60.0, 3.0)) == pytest.approx(of_both)


def test_where_a_crystal_is_refused_at_least_what_is_usual_counts() -> None:
    both = Atoms("Cu3Au", positions=3.0 * np.eye(4, 3))
    assert _driven(OnlyPairsBind(frozenset({"Cu", "Au"})), above_own_crystals(both, 4.0, 3.0)) == 3.0


def test_images_are_neighbours_too() -> None:
    crystal = Atoms("CuAu", positions=[[0, 0, 0], [1.5, 1.5, 1.5]], cell=[2.0, 3.0, 3.0], pbc=True)
    assert (closest_contact(crystal).first, closest_contact(crystal).second) == ("Au", "Au")
    assert closest_contact(crystal).distance == pytest.approx(2.0)
