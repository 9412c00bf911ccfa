"""Many atoms: what goes wrong from some size on is told, and what is left out is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.checks.registry import all_checks
from gnnp_bench.checks.robustness import size
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Periodicity, Potential, Prediction, Unsupported
from tests.analytic import smooth_pair
from tests.engine.judging import certified, statuses
from tests.engine.test_planted_elsewhere import SPECIES, Altered
from tests.mutants import plant

LAW = "robustness/size"


def spoilt(structure: Atoms, prediction: Prediction) -> Prediction:
    if len(structure) < 300 or prediction.forces is None:
        return prediction
    forces = prediction.forces.copy()
    forces[-1] = np.nan
    return replace(prediction, forces=forces)


def test_nan_from_some_size_on_is_told() -> None:
    found = certified(lambda: Altered(after=spoilt), LAW)
    assert statuses(found) == {"size": "fail"}
    assert "not finite" in str(found.checks[0].reason)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_block_that_is_lost_is_told_at_quick(seed: int) -> None:
    def make() -> Potential:
        return plant("block-lost", smooth_pair(species=SPECIES))

    settings = Settings(spec="block-lost", budget="quick", seed=seed, only=(LAW,))
    *_, last = run(make(), all_checks(), settings, reload=make)
    assert statuses(last.certificate) == {"size": "fail"}
    counterexample = last.certificate.checks[0].counterexample
    assert counterexample is not None
    assert counterexample.case["parameters"]["sizes"][-1] <= 400


def overflowing(structure: Atoms) -> Atoms:
    if len(structure) > 300:
        raise RuntimeError("value cannot be converted to type int16 without overflow")
    return structure


def test_who_breaks_over_many_atoms_alone_is_told() -> None:
    found = certified(lambda: Altered(before=overflowing), LAW)
    assert statuses(found) == {"size": "fail"}
    assert "int16" in str(found.checks[0].reason)


def limited(structure: Atoms) -> Atoms:
    if len(structure) > 300:
        raise Unsupported("at most 300 atoms")
    return structure


def test_a_limit_that_is_said_is_a_remark() -> None:
    found = certified(lambda: Altered(before=limited), LAW)
    assert statuses(found) == {"size": "pass"}
    assert "400 atoms were refused: at most 300 atoms" in str(found.checks[0].reason)


def test_what_takes_too_long_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "SECONDS_PER_ATOM", 1e-9)
    found = certified(lambda: Altered(), LAW)
    assert statuses(found) == {"size": "pass"}
    assert "400 atoms were not looked at" in str(found.checks[0].reason)


@pytest.mark.parametrize("periodicity", [frozenset({"isolated"}), frozenset({"partial"})])
def test_what_is_not_periodic_is_made_of_many_copies(periodicity: frozenset[Periodicity]) -> None:
    def make(broken: bool) -> Potential:
        sound = smooth_pair(species=SPECIES)
        declared = replace(sound, capabilities=replace(sound.capabilities, periodicity=periodicity))
        return plant("block-lost", declared) if broken else declared

    assert statuses(certified(lambda: make(False), LAW)) == {"size": "pass"}
    assert statuses(certified(lambda: make(True), LAW)) == {"size": "fail"}
