"""Labels in other units, with other signs or in another order are named."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ase import units

from gnnp_bench.accuracy import stresses
from gnnp_bench.accuracy.correlation import ratio
from gnnp_bench.accuracy.frames import Frame
from gnnp_bench.accuracy.scales import HARTREE, KCAL, KJ, VOIGT, all_electron_energy, expected_stiffness
from reference_model.train.data import prepare
from reference_model.train.sanity import Evidence, complaints, examine, mended
from tests.reference_model.train.frames import as_frames, crystals

SOUND = Evidence(explained=0.95, stiffness=1.0, energy_ratio=1.0, all_electron=None, stress={})
BOHR = units.Bohr


def judged(frames: list[Frame]) -> Evidence:
    found = examine(prepare(frames, 3.5, "x"), ("Cu",), 3.5, seed=0)
    assert found is not None
    return found


def scaled(frames: list[Frame], energy: float, forces: float) -> list[Frame]:
    return [dataclasses.replace(f, energy=energy * f.energy, forces=forces * f.forces) for f in frames]


def relabelled(frame: Frame) -> Frame:
    """Give each config type a defect of its own."""
    stress = frame.stress
    assert stress is not None
    new = {
        "sign": -stress,
        "unit": stress / units.GPa,
        "order": stress[np.ix_([1, 0, 2], [1, 0, 2])] * (1 - np.eye(3)) + np.diag(np.diag(stress)),
        "all": -10.0 / units.GPa * stress,
        "": stress,
    }[frame.config_type]
    return dataclasses.replace(frame, stress=new)


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return as_frames(crystals(60))


def test_sound_labels_raise_no_complaint_and_wrong_stresses_are_mended(frames):
    kinds = ("sign", "unit", "order", "all", "")
    sound = [dataclasses.replace(f, config_type=kinds[i % 5]) for i, f in enumerate(frames)]
    wrong = [relabelled(frame) for frame in sound]
    evidence = judged(wrong)
    assert evidence.explained > 0.9
    assert complaints(evidence) == []
    texts = {}
    for frame, original in zip(wrong, sound, strict=True):
        again, texts[frame.config_type] = mended(frame, evidence)
        assert again.stress is not None
        assert original.stress is not None
        np.testing.assert_allclose(again.stress, original.stress, atol=1e-12)
    assert texts[""] is None
    assert texts["sign"] == "the wrong sign (it must be positive under tension)"
    assert texts["unit"] == "the unit GPa instead of eV/Å³"
    assert texts["order"] == "the order xx yy zz xz yz xy instead of xx yy zz yz xz xy"
    assert texts["all"] == "the wrong sign (it must be positive under tension) and the unit kbar instead of eV/Å³"


@pytest.mark.parametrize(
    ("energy", "force", "named"),
    [
        (1 / HARTREE, BOHR / HARTREE, ["energies seem to be in hartree, not in eV", "forces seem to be in hartree/b"]),
        (1.0, -1.0, ["the forces have the wrong sign: they are gradients"]),
    ],
    ids=["hartree", "gradients"],
)
def test_whole_files_in_other_units_are_named(frames, energy, force, named):
    found = complaints(judged(scaled(frames, energy, force)))
    assert len(found) == len(named)
    for text, expected in zip(found, named, strict=True):
        assert expected in text


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, []),
        ({"stiffness": 4.0, "energy_ratio": 1.3}, []),
        ({"stiffness": 0.25, "energy_ratio": 0.7}, []),
        ({"energy_ratio": None}, []),
        ({"energy_ratio": 1 / KCAL}, ["energies seem to be in kcal/mol"]),
        ({"energy_ratio": 1 / HARTREE}, ["energies seem to be in hartree"]),
        ({"energy_ratio": -1.0}, ["energies have the wrong sign"]),
        ({"stiffness": 1 / KCAL, "energy_ratio": KCAL}, ["forces seem to be in kcal/mol/Å"]),
        ({"stiffness": BOHR / HARTREE, "energy_ratio": None, "all_electron": "hartree"}, ["hartree,", "hartree/bohr"]),
        ({"all_electron": "eV", "stiffness": 3.0}, []),
        ({"stiffness": 0.5 / HARTREE, "energy_ratio": 1.0}, ["hartree,", "hartree/Å"]),
        # What effective medium theory makes of single molecules.
        ({"stiffness": 0.114, "energy_ratio": None}, []),
        ({"stiffness": 1 / KCAL, "explained": 0.3}, []),
    ],
)
def test_evidence_decides(change, named):
    found = complaints(dataclasses.replace(SOUND, **change))
    assert len(found) == len(named)
    for text, expected in zip(found, named, strict=True):
        assert expected in text


def test_kilojoules_are_not_ruled_out_by_stiffness_alone():
    """Matter of typical stiffness in kJ/mol is named as such only where total energies tell; the factor is there."""
    loose = complaints(dataclasses.replace(SOUND, stiffness=0.5 / KJ))
    assert [text.partition(": ")[2] for text in loose] == [
        "multiply them by 0.0433641 (if they are in kJ/mol, by 0.0103643)"
    ] * 2
    told = complaints(dataclasses.replace(SOUND, stiffness=0.5 / KJ, all_electron="kJ/mol"))
    assert "seem to be in kJ/mol, not in eV: multiply them by 0.0103643" in told[0]
    assert "if they are" not in complaints(dataclasses.replace(SOUND, stiffness=0.4 / KCAL))[0]


def test_nothing_is_said_without_evidence(frames):
    flat = [dataclasses.replace(frame, forces=0.0 * frame.forces) for frame in frames[:3]]
    assert examine(prepare(flat, 4.0, "x"), ("Cu",), 4.0, seed=0) is None
    assert complaints(None) == []
    assert mended(frames[0], None) == (frames[0], None)


def test_a_group_that_was_not_judged_is_mended_as_all_others_of_its_elements(frames):
    copper, silver = frozenset({"Cu"}), frozenset({"Ag"})
    wrong, sound = stresses.Evidence(-1.0, None), stresses.Evidence(1.0, None)

    def after(stress):
        return mended(frames[0], dataclasses.replace(SOUND, stress=stress))

    again, text = after({("other", copper): wrong, ("another", copper): wrong, ("other", silver): sound})
    assert again.stress is not None
    assert frames[0].stress is not None
    np.testing.assert_array_equal(again.stress, -frames[0].stress)
    assert text == "the wrong sign (it must be positive under tension)"
    assert after({("other", copper): wrong, ("another", copper): sound}) == (frames[0], None)
    assert after({("other", silver): wrong}) == (frames[0], None)
    assert after({("other", copper): wrong, ("untold", copper): stresses.Evidence(None, None)})[1] == text
    # What is tested does not decide what is trained on.
    only_tested = dataclasses.replace(SOUND, elsewhere={("other", copper): wrong})
    assert mended(frames[0], only_tested) == (frames[0], None)


def test_groups_that_are_not_trained_on_are_judged_by_themselves(frames):
    tested = [relabelled(dataclasses.replace(f, config_type="order")) for f in frames[-8:]]
    trained = [dataclasses.replace(f, config_type="") for f in frames[:-8]]
    found = examine(prepare(trained, 3.5, "x"), ("Cu",), 3.5, 0, prepare(tested, 3.5, "x"))
    assert found is not None
    assert found.stress[("", frozenset({"Cu"}))].order is None
    assert set(found.stress) == {("", frozenset({"Cu"}))}
    for frame, original in zip(tested, frames[-8:], strict=True):
        again, _ = mended(frame, found)
        assert again.stress is not None
        np.testing.assert_allclose(again.stress, original.stress, atol=1e-12)


@pytest.mark.parametrize(("symbol", "hartree"), [("H", -0.5), ("C", -37.85), ("O", -75.07), ("Si", -289.4)])
def test_total_energies_of_atoms(symbol, hartree):
    """Against Hartree–Fock and experiment, to some percent."""
    assert all_electron_energy([symbol]) == pytest.approx(hartree, rel=0.08)


@pytest.mark.parametrize(
    ("symbols", "measured"),
    [("Si", 11.5), ("Cu", 6.5), ("Ni", 9.4), ("Mo", 17.0), ("Ge", 9.4), ("Li", 0.82), ("C", 48.0), ("Na", 0.5)],
)
def test_stiffness_is_right_within_a_factor_of_four(symbols, measured):
    """Against m (3/4 k_B θ_D / ħ)², θ_D the Debye temperatures of the elements."""
    assert 0.25 < expected_stiffness([symbols]) / measured < 4.0


def test_every_order_is_another():
    assert len({*VOIGT.values(), (0, 1, 2)}) == 6


def test_ionic_hydrides_are_soft_and_not_in_hartree():
    """Lithium hydride: 2 eV/Å², where the radius of hydrogen lets expect 27."""
    assert complaints(dataclasses.replace(SOUND, stiffness=0.079)) == []
    assert complaints(dataclasses.replace(SOUND, stiffness=0.037)) != []


def test_a_few_energies_by_chance_do_not_turn_a_sign():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        pairs = rng.normal(size=(2, 2, 2))
        pairs -= pairs.mean(axis=2, keepdims=True)
        found.append(ratio(pairs[0].ravel(), pairs[1].ravel(), taken=2))
    assert set(found) == {None}
    label = rng.normal(size=12)
    assert ratio(label, -label) == pytest.approx(-1.0)


def test_a_stress_that_all_structures_share_says_nothing():
    rng = np.random.default_rng(1)
    shared = np.diag([1.0, -0.5, -0.5])
    label, predicted = (sign * shared + 0.01 * rng.normal(size=(8, 3, 3)) for sign in (1.0, -1.0))
    found = stresses._of_stresses(label + np.swapaxes(label, 1, 2), predicted + np.swapaxes(predicted, 1, 2))
    assert found.ratio is None
    changing = rng.normal(size=(8, 3, 3))
    changing = changing + np.swapaxes(changing, 1, 2)
    assert stresses._of_stresses(changing, -changing).ratio == pytest.approx(-1.0)
