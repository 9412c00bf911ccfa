"""The reference potential by its spec strings, as a potential and as an ASE calculator."""

from __future__ import annotations

import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.optimize import BFGS

from gnnp_bench.adapters.registry import load
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Potential, PotentialError, Unsupported
from reference_model import potential as module
from reference_model.calculator import ReferenceCalculator
from reference_model.files import save_network
from reference_model.graph import find_neighbours
from reference_model.potential import ReferencePotential, batches, create
from reference_model.variants import VARIANTS, hyperparameters
from tests.reference_model.answers import answers
from tests.reference_model.structures import SPECIES, every_kind, rotation, salt, small_cell

MADE = create("untrained", {"dtype": "float64"}, SPECIES)


def test_spec_strings_build_it():
    made = load("reference:untrained-lmax1?dtype=float64&seed=3", ["Cl", "Na"]).potential
    assert isinstance(made, Potential)
    assert made.name == "reference-untrained-lmax1"
    has = made.capabilities
    assert (has.species, has.dtype, has.device, has.cutoff, has.receptive_field) == (
        ("Na", "Cl"),
        "float64",
        "cpu",
        5.0,
        10.0,
    )
    assert has.properties == ALL_PROPERTIES
    assert {"conservative", "equivariant", "permutation-invariant", "strictly-local", "smooth"} <= has.claims
    again, other = (load(f"reference:untrained-lmax1?seed={seed}", ["Na", "Cl"]).potential for seed in (3, 4))
    energies = [answers(p, [salt()], ENERGY)[0].energy for p in (made, again, other)]
    assert energies[1] == pytest.approx(energies[0], abs=1e-4)
    assert abs(energies[2] - energies[0]) > 1e-2


def test_a_file_is_a_potential(tmp_path):
    path = tmp_path / "mine.safetensors"
    save_network(MADE.network, path)
    loaded = load(f"reference:{path}?dtype=float64").potential
    assert isinstance(loaded, ReferencePotential)
    assert loaded.name == "reference-mine"
    assert loaded.identity.weights_sha256 == MADE.identity.weights_sha256
    assert answers(loaded, [salt()], ENERGY)[0].energy == answers(MADE, [salt()], ENERGY)[0].energy


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("reference:untrained-lmax9", "no variant 'lmax9': did you mean 'lmax"),
        ("reference:unknown", "reference:untrained"),
        ("reference:untrained?dtype=float16", "float32 or float64, not in 'float16'"),
        ("reference:untrained?device=abacus", "cannot use the device 'abacus'"),
        ("reference:untrained?seed=many", "seed must be a whole number"),
        ("reference:untrained?seed=-1", "seed must be a whole number"),
        ("reference:untrained?epsilon=0.1", "epsilon mixes direct forces"),
        ("reference:untrained-direct?epsilon=nan", "epsilon must be a number"),
        ("reference:untrained?precision=high", "no option 'precision'"),
        ("reference:./nowhere.safetensors", "there is no file nowhere.safetensors"),
        ("reference:./weights.safetensors?seed=1", "seed draws random weights"),
    ],
)
def test_bad_specs_get_one_line_that_says_how_to_mend_them(spec, message):
    with pytest.raises(PotentialError, match=r"\A[^\n]*\Z") as refusal:
        load(spec, ["Na", "Cl"])
    assert message in str(refusal.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device that must be missing")
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(PotentialError, match="cannot use the device 'cuda'"):
        load("reference:untrained?device=cuda", ["Na", "Cl"])


def test_species_beyond_curium_are_refused():
    with pytest.raises(PotentialError, match="from H to Cm, not 'Og'"):
        load("reference:untrained", ["Og"])
    with pytest.raises(PotentialError, match="no hyperparameter 'width'"):
        hyperparameters(["Na"], width=3)


def test_stress_needs_a_volume():
    for structure in (Atoms("H"), Atoms("H", cell=[3, 3, 0], pbc=[True, True, False])):
        with pytest.raises(Unsupported, match="stress"):
            answers(MADE, [structure], ALL_PROPERTIES)
    assert answers(MADE, [Atoms("H")], ENERGY_FORCES)[0].stress is None


def test_what_is_asked_for_is_returned_in_order_and_inputs_stay():
    structures = list(every_kind().values())
    copies = [structure.copy() for structure in structures]
    found = answers(MADE, structures, ENERGY)
    assert all(one.forces is None and one.stress is None for one in found)
    for one, structure, copy in zip(found, structures, copies, strict=True):
        assert one.energies.shape == (len(structure),)
        assert one.energy == pytest.approx(float(one.energies.sum()), abs=1e-12)
        assert structure == copy
    assert answers(MADE, [], ENERGY) == []


def test_similar_structures_share_a_batch_and_dense_ones_do_not_pad_sparse_ones():
    hoods = [find_neighbours(structure, 5.0) for structure in every_kind().values()]
    groups = list(batches(hoods))
    assert sorted(index for group in groups for index in group) == list(range(len(hoods)))
    many = [find_neighbours(salt(seed=seed), 5.0) for seed in range(6)]
    assert list(batches(many)) == [sorted(range(6), key=[module._width(h) for h in many].__getitem__)]
    dense = find_neighbours(small_cell() * (1, 1, 1), 5.0)
    assert len(list(batches([*many, dense, find_neighbours(Atoms("H"), 5.0)]))) > 1


def test_large_systems_are_evaluated_in_chunks_with_the_same_result(monkeypatch):
    structure = salt() * (2, 2, 1)
    (whole,) = answers(MADE, [structure], ALL_PROPERTIES)
    monkeypatch.setattr(module, "CHUNK", 10)
    (pieces,) = answers(MADE, [structure], ALL_PROPERTIES)
    assert pieces.energy == pytest.approx(whole.energy, abs=1e-11)
    np.testing.assert_allclose(pieces.forces, whole.forces, atol=1e-12)
    np.testing.assert_allclose(pieces.stress, whole.stress, atol=1e-13)


def test_two_hundred_atoms_in_single_precision():
    structure: Atoms = bulk("NaCl", "rocksalt", a=5.5, cubic=True) * (3, 3, 3)
    structure.rattle(0.1, seed=0)
    single, double = (create("untrained", {"dtype": dtype}, SPECIES) for dtype in ("float32", "float64"))
    (a,), (b,) = answers(single, [structure], ALL_PROPERTIES), answers(double, [structure], ALL_PROPERTIES)
    assert a.energy == pytest.approx(b.energy, abs=1e-6 * len(structure))
    np.testing.assert_allclose(a.forces, b.forces, atol=2e-5)
    assert np.abs(a.forces.sum(0)).max() < 1e-12 * np.abs(a.forces).max() * len(structure)


def test_latent_features_are_invariant():
    structure = salt()
    turned = structure.copy()
    turn = -rotation(2)
    turned.set_cell(structure.cell.array @ turn.T)
    turned.positions = structure.positions @ turn.T
    features = MADE.features(structure)
    assert features.shape == (8, 128)
    np.testing.assert_allclose(MADE.features(turned), features, atol=1e-10)


def test_the_same_potential_on_another_device():
    elsewhere = MADE.on("cpu")
    assert elsewhere.network is not MADE.network
    assert answers(elsewhere, [salt()], ENERGY)[0].energy == answers(MADE, [salt()], ENERGY)[0].energy


def test_the_calculator_says_what_the_potential_says():
    atoms = salt()
    atoms.calc = ReferenceCalculator(MADE)
    (expected,) = answers(MADE, [atoms], ALL_PROPERTIES)
    assert atoms.get_potential_energy() == expected.energy
    np.testing.assert_array_equal(atoms.get_forces(), expected.forces)
    np.testing.assert_array_equal(atoms.get_stress(voigt=False), expected.stress)
    np.testing.assert_array_equal(atoms.get_potential_energies(), expected.energies)
    before = atoms.get_potential_energy()
    with BFGS(atoms, logfile=None) as optimiser:
        optimiser.run(fmax=0.01, steps=4)
    assert atoms.get_potential_energy() < before


def test_the_calculator_knows_molecules():
    atoms = Atoms("H2O", [[0, 0, 0], [0.9, 0, 0], [0.2, 0.9, 0]])
    atoms.calc = ReferenceCalculator(MADE)
    assert np.abs(atoms.get_forces().sum(0)).max() < 1e-10
    with pytest.raises(Unsupported, match="stress"):
        atoms.get_stress()


def test_every_variant_names_itself_and_what_it_claims():
    for variant in VARIANTS:
        made = create(f"untrained-{variant}", {}, ("Na",))
        assert made.network.hyper.variant == variant
        assert ("conservative" in made.capabilities.claims) == (variant != "direct")
        assert ("permutation-invariant" in made.capabilities.claims) == (variant != "ordered")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide otherwise what to keep")
def test_memory_is_kept_between_evaluations():
    code = """
import resource
import torch
from ase.build import bulk
from gnnp_bench.potential import ALL_PROPERTIES
from reference_model.potential import create

torch.set_num_threads(1)
potential, copper = create("untrained", {}, ("Cu",)), bulk("Cu", cubic=True) * (4, 4, 4)
for _ in range(16):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    potential.evaluate([copper], ALL_PROPERTIES)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Pages; a thousand and more every time if they are given back. A busy system may take some back by itself.
    assert min(int(line) for line in ran.stdout.split()[8:]) < 100
