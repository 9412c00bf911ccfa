"""Potentials of QUIP against what is known of Stillinger and Weber's silicon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, PotentialError

pytest.importorskip("quippy", reason="quippy is not installed: pip install quippy-ase")

from gnnp_bench.adapters.quip import create
from gnnp_bench.adapters.registry import load

SW = str(Path(__file__).parent / "quip" / "sw.xml")


def test_silicon() -> None:
    potential = create(SW, {}, None)
    has = potential.capabilities
    assert has.species == ("Si",)
    assert has.cutoff == pytest.approx(1.8 * 2.0951)
    assert potential.name == "quip-sw.xml"
    assert len(potential.identity.weights_sha256 or "") == 64
    # In the ideal crystal angles cost nothing, and each of two bonds per atom has the depth ε.
    (found,) = potential.evaluate([bulk("Si", a=5.431)], ENERGY)
    assert found.energy / 2 == pytest.approx(-2 * 2.1683, rel=1e-4)


def test_forces_and_stress_are_derivatives() -> None:
    potential, rng, step = create(SW, {}, None), np.random.default_rng(0), 1e-5
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=0)
    direction, strain = rng.normal(size=(8, 3)), rng.normal(size=(3, 3))
    strain += strain.T
    ends = []
    for sign in (1, -1):
        moved, strained = atoms.copy(), atoms.copy()
        moved.positions += sign * step * direction
        strained.set_cell(atoms.cell.array @ (np.eye(3) + sign * step * strain), scale_atoms=True)
        ends.append([one.energy for one in potential.evaluate([moved, strained], ENERGY)])
    (told,) = potential.evaluate([atoms], ALL_PROPERTIES)
    slopes = (np.array(ends[0]) - np.array(ends[1])) / (2 * step)
    assert -slopes[0] == pytest.approx(float((np.array(told.forces) * direction).sum()), abs=1e-5)
    assert slopes[1] == pytest.approx(float((np.array(told.stress) * strain).sum()) * atoms.get_volume(), abs=1e-4)


def test_by_its_spec() -> None:
    assert load(f"quip:{SW}?init=IP SW").potential.name == "quip-sw.xml"


@pytest.mark.parametrize(
    ("argument", "options", "message"),
    [
        (None, {}, "needs a file"),
        ("none.xml", {}, "no file none.xml"),
        (__file__, {}, "is no XML"),
        (SW, {"inti": "IP SW"}, "did you mean 'init'"),
    ],
)
def test_wrong_requests(argument: str | None, options: dict[str, str], message: str) -> None:
    with pytest.raises(PotentialError, match=message) as told:
        create(argument, options, None)
    assert "\n" not in str(told.value)
