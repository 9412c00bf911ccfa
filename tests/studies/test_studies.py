"""The studies measure what they say, and run from end to end."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from benchmarks.studies import adaptive, angular, penalty
from benchmarks.studies.costs import costs
from benchmarks.studies.crossing import cutoff_at, cutoffs, densities, drift, edges, force_steps
from benchmarks.studies.laboratory import Plan, main
from benchmarks.studies.screened import MAKERS, SYMBOL, Screened
from gnnp_bench.potential import Prediction, Property
from reference_model.model import Network
from reference_model.potential import ReferencePotential, from_network
from reference_model.radial import AdaptiveCutoff
from reference_model.train.data import prepare
from reference_model.train.references import reference_energies
from reference_model.train.sets import Frames, Sets
from reference_model.variants import hyperparameters
from tests.reference_model.train.frames import as_frames, crystals, save


def network(variant: str, cutoff: float = 5.0, species: Sequence[str] = (SYMBOL,)) -> ReferencePotential:
    small = hyperparameters(species, variant, cutoff=cutoff, n_channels=8, n_messages=4, n_radial=4)
    return from_network(Network(small, seed=1), variant, dtype="float64")


# Penalty


def test_a_violation_is_seen_where_there_is_one_and_nowhere_else() -> None:
    structures = [one.copy() for one in crystals(2)]
    broken, sound = (
        penalty.violations(network(variant, species=("Cu",)), structures, orders=2, shaken=0.1)
        for variant in ("ordered", "lmax2")
    )
    for law in ("permutation", "supercell", "unlike"):
        for what, value in broken[law].items():
            assert value > 1e-3, (law, what)
            assert sound[law][what] < 1e-8 * sound["rms_force"], (law, what)


def test_the_penalty_is_planned_and_shown() -> None:
    asked = penalty.plan(False)
    assert len(asked.keys) == len({tuple(key.items()) for key in asked.keys}) == 18
    change = dict.fromkeys(penalty.MATTERS, 0.25)
    trainings = [
        {
            **key,
            "errors": dict.fromkeys(penalty.ERRORS, 10.0 + float(key["seed"])),
            **dict.fromkeys(("permutation", "supercell", "unlike"), change),
            "rms_force": 500.0,
            "rms_force_unlike": 200.0,
            "gain": None if key["variant"] == "lmax2" else -0.125,
            "cpu_s": None if key["seed"] == 0 else 20.0,
        }
        for key in asked.keys
    ]
    found = {"settings": asked.settings, "trainings": trainings}
    lines = list(penalty.rows(found))
    assert "| 0.01 | 3 | 11 ± 1 | 11 ± 1 | 11 ± 1 | 0.125 ± 0 | 20 ± 0 |" in lines
    assert lines[-1].startswith("| lmax2, exact | 0.25 ± 0 |")
    assert lines[-1].endswith("| 0.12 ± 0 |")
    penalty.draw(found)


def test_the_penalty_runs(tmp_path: Path) -> None:
    save(tmp_path / "Si_train.extxyz", crystals(10))
    arguments = ["run", "--data", str(tmp_path), "--work", str(tmp_path / "work"), "--smallest", "--at-most", "1"]
    assert main(penalty.STUDY, arguments) == 1
    (row,) = json.loads((tmp_path / "work" / "penalty.json").read_text())["trainings"]
    assert (row["variant"], row["weight"], row["seed"]) == ("ordered", 0.0, 0)
    assert row["errors"]["forces_rmse_mev_per_ang"] > 0.0 < row["permutation"]["forces_mev_per_ang"]


# Adaptive cutoffs


def test_cutoffs_and_densities_are_those_of_the_network() -> None:
    structure = MAKERS["surface"](np.random.default_rng(0))
    potential = network("adaptive", 6.0)
    mine = cutoffs(potential, structure)
    begun = AdaptiveCutoff(3.5, 6.0)
    formula = cutoff_at(begun.offset.item(), begun.slope.item(), 3.5, 6.0, densities(6.0, structure))
    assert mine == pytest.approx(formula, abs=1e-12)
    assert 3.5 < mine.min() < mine.max() < 6.0
    assert cutoffs(network("lmax2"), structure) == pytest.approx(np.full(len(structure), 5.0))


def test_edges_are_counted_from_both_ends() -> None:
    crystal = bulk("Cu", "fcc", a=4.0, cubic=True)
    assert edges(crystal, np.full(4, 3.0)) == 12.0
    assert edges(crystal, np.array([3.0, 3.0, 3.0, 4.1])) == (3 * 12 + 18) / 4


@dataclass(frozen=True, slots=True)
class Jumping:
    """A network whose forces jump where a neighbour comes nearer than the cutoff."""

    network: Network
    jump: float

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = from_network(self.network, "sound", dtype="float64").evaluate(structures, properties)
        made = []
        for structure, one in zip(structures, found, strict=True):
            distances = structure.get_all_distances(mic=True)
            pushed = np.asarray(one.forces) + self.jump * (distances < self.network.hyper.cutoff).sum(1)[:, None]
            made.append(dataclasses.replace(one, forces=pushed))
        return made


@pytest.mark.parametrize("variant", ["lmax2", "adaptive"])
def test_forces_that_are_continuous_change_in_proportion_to_the_step(variant: str) -> None:
    structures = [MAKERS[kind](np.random.default_rng(2)) for kind in ("surface", "gas")]
    coarse, middle, fine = force_steps(network(variant), structures)
    assert coarse > 1e-3
    assert (middle, fine) == pytest.approx((coarse / 10, coarse / 100), rel=0.2)


def test_forces_that_jump_are_seen() -> None:
    gas = MAKERS["gas"](np.random.default_rng(2))
    jumping = Jumping(network("lmax2").network, 1e-3)
    assert force_steps(jumping, [gas])[-1] == pytest.approx(1.0, abs=0.01)  # type: ignore[arg-type]


def test_the_fluctuation_of_energy_falls_with_the_square_of_the_step() -> None:
    crystal = bulk(SYMBOL, "fcc", a=4.05, cubic=True)
    coarse, fine = (drift(Screened(), crystal, step)["fluctuation"] for step in (4.0, 2.0))
    assert coarse > 1e-4
    assert coarse / fine == pytest.approx(4.0, rel=0.2)


def test_the_adaptive_cutoff_runs_and_is_shown(tmp_path: Path) -> None:
    work = str(tmp_path / "work")
    assert main(adaptive.STUDY, ["run", "--work", work, "--smallest", "--at-most", "1"]) == 1
    found = json.loads((tmp_path / "work" / "adaptive.json").read_text())
    (row,) = found["trainings"]
    assert row["sight"]["bulk"]["density"] > row["sight"]["surface"]["density"] > row["sight"]["gas"]["density"]
    assert row["sight"]["bulk"]["cutoff"] < row["sight"]["gas"]["cutoff"]
    lines = "\n".join(adaptive.rows(found))
    assert "| adaptive | 1 | " in lines
    assert "| screened: learnt | 1 | " in lines
    adaptive.draw(found)


def test_the_adaptive_study_is_planned() -> None:
    keys = adaptive.plan(False).keys
    assert len(keys) == len({tuple(key.items()) for key in keys}) == 15
    assert {key["network"] for key in keys if key["teacher"] != "screened"} == {"adaptive"}


# Angular resolution


def test_72_trainings_and_what_is_asked_of_fewer_networks() -> None:
    asked: Plan = angular.plan(False)
    keys = [tuple(key.values()) for key in asked.keys]
    assert len(keys) == len(set(keys)) == 72 + 12 + 10
    assert len([one for one in keys if one[0] in ("Si", "Cu") and one[1] in angular.DEGREES]) == 72
    assert asked.settings["errors_on"] == "test"
    assert angular.plan(True).settings["errors_on"] == "valid"


def test_a_smaller_share_is_part_of_a_larger_one() -> None:
    samples = prepare(as_frames(crystals(12)), 3.5, "structures")
    frames = Frames([one.frame for one in samples], [], [], [])
    sets = Sets(samples, [], [], reference_energies(samples, ["Cu"]), [])
    quarter, half, whole = (angular.part(frames, sets, share, seed=1) for share in (0.25, 0.5, 1.0))
    assert [len(one[1].train) for one in (quarter, half, whole)] == [3, 6, 12]
    names = [{id(one.frame) for one in kept.train} for _, kept in (quarter, half, whole)]
    assert names[0] < names[1] < names[2]
    assert [id(one) for one in half[0].train] == [id(one.frame) for one in half[1].train]
    assert {id(one.frame) for one in angular.part(frames, sets, 0.5, seed=2)[1].train} != names[1]


def test_gains_compare_networks_of_the_same_seed() -> None:
    def row(variant: str, seed: int, error: float) -> dict[str, object]:
        return {"element": "Si", "variant": variant, "share": 1.0, "seed": seed, "errors": {"forces_rmse": error}}

    found = {
        "trainings": [
            row("invariant", 0, 100.0),
            row("invariant", 1, 200.0),
            row("lmax1", 0, 50.0),
            row("lmax1", 1, 100.0),
            row("lmax1", 2, 1.0),
            row("lmax2", 0, 25.0),
        ]
    }
    gained = angular.gains(found, "Si", 1.0)
    assert [gained[degree][0] for degree in (1, 2)] == pytest.approx([2.0, 4.0])
    assert gained[1][1] == pytest.approx(0.0, abs=1e-12)
    assert gained[2][1] is None
    assert angular.gains(found, "Cu", 1.0) == {}
    assert angular.contrasts(found, 1.0) == {}
    copper = [
        {**one, "element": "Cu", "errors": {"forces_rmse": 10.0 + int(str(one["seed"]))}} for one in found["trainings"]
    ]
    found["trainings"] += copper
    assert angular.contrasts(found, 1.0)[1][0] == pytest.approx(2.0)


def test_more_degrees_cost_more_operations() -> None:
    networks = {name: network(name, species=("Cu",)) for name in ("invariant", "lmax3")}
    found = costs(networks, {"Cu": bulk("Cu", cubic=True)}, rounds=1)
    flops = [found[name]["Cu"]["mflop_per_atom"] for name in networks]
    assert 0.0 < flops[0] < flops[1]
    assert all(found[name]["Cu"]["us_per_atom"] > 0.0 for name in networks)


def test_the_angular_study_runs_and_is_shown(tmp_path: Path) -> None:
    save(tmp_path / "Si_train.extxyz", crystals(10))
    arguments = ["run", "--data", str(tmp_path), "--work", str(tmp_path / "work"), "--smallest", "--at-most", "1"]
    assert main(angular.STUDY, arguments) == 1
    found = json.loads((tmp_path / "work" / "angular.json").read_text())
    (row,) = found["trainings"]
    assert (row["variant"], row["structures"], row["epochs"]) == ("invariant", 2, 4)
    assert any(line.startswith("| Si | 2 | invariant | 1 |") for line in angular.rows(found))
    angular.draw(found)
