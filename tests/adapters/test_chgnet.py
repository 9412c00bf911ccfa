"""The CHGNet adapter against the package itself."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chgnet
import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk, fcc111, molecule
from ase.data import chemical_symbols
from chgnet.model.dynamics import CHGNetCalculator
from chgnet.model.model import CHGNet
from pymatgen.io.ase import AseAtomsAdaptor

from gnnp_bench.adapters.chgnet import MAX_BATCH_ATOMS, ChgnetPotential, create
from gnnp_bench.adapters.registry import load
from gnnp_bench.potential import (
    ALL_PROPERTIES,
    ENERGY,
    ENERGY_FORCES,
    Potential,
    PotentialError,
    Prediction,
    Property,
    Unsupported,
)

# What float32 rounding does to these structures, with a margin: eV/atom, eV/Å, eV/Å³.
NOISE_ENERGY, NOISE_FORCES, NOISE_STRESS = 1e-5, 2e-4, 1e-5

PERIODIC = [
    bulk("Si", cubic=True),
    bulk("NaCl", "rocksalt", a=5.64) * (2, 1, 1),
    bulk("Cu"),
    bulk("Al", cubic=True) * (2, 2, 1),
    molecule("H2O", cell=[9, 9, 9], pbc=True),
    bulk("Cs", cubic=True),  # without bonds shorter than 3 Å: no angles
    Atoms("Cu", cell=[15, 15, 15], pbc=True),  # without neighbours
]
for seed, atoms in enumerate(PERIODIC):
    atoms.rattle(0.08, seed=seed)


@pytest.fixture(scope="module")
def potential() -> ChgnetPotential:
    return create(None, {}, None)


@pytest.fixture(scope="module")
def models() -> dict[str, CHGNet]:
    return {version: create(version, {}, None).model for version in ("0.2.0", "0.3.0", "r2scan")}


def evaluate_one(
    potential: Potential, structure: Atoms, properties: frozenset[Property] = ALL_PROPERTIES
) -> Prediction:
    (prediction,) = potential.evaluate([structure], properties)
    return prediction


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar:UserWarning")
def reference(model: CHGNet, structure: Atoms) -> Prediction:
    """Return what the package's own ASE calculator says."""
    atoms = structure.copy()
    atoms.calc = CHGNetCalculator(model, use_device="cpu", on_isolated_atoms="ignore")
    return Prediction(atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False))


def assert_same(first: Prediction, second: Prediction) -> None:
    assert first.forces is not None
    assert first.stress is not None
    assert second.forces is not None
    assert second.stress is not None
    assert first.energy == pytest.approx(second.energy, abs=NOISE_ENERGY * len(first.forces))
    np.testing.assert_allclose(first.forces, second.forces, rtol=0, atol=NOISE_FORCES)
    np.testing.assert_allclose(first.stress, second.stress, rtol=0, atol=NOISE_STRESS)


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar:UserWarning")
def test_batch_is_what_the_calculator_says_one_by_one(potential: ChgnetPotential) -> None:
    predictions = potential.evaluate(PERIODIC, ALL_PROPERTIES)
    assert sum(map(len, PERIODIC)) > 0.5 * MAX_BATCH_ATOMS
    for structure, prediction in zip(PERIODIC, predictions, strict=True):
        assert_same(prediction, reference(potential.model, structure))


def test_company_and_order_do_not_matter_beyond_rounding(potential: ChgnetPotential) -> None:
    many = [*PERIODIC, *PERIODIC]  # two batches, cut at another place in the other order
    assert MAX_BATCH_ATOMS < sum(map(len, many)) < 2 * MAX_BATCH_ATOMS
    forward, backward = potential.evaluate(many, ALL_PROPERTIES), potential.evaluate(many[::-1], ALL_PROPERTIES)
    alone = [evaluate_one(potential, structure) for structure in PERIODIC]
    for first, second, single in zip(forward, backward[::-1], alone * 2, strict=True):
        assert_same(first, second)
        assert_same(first, single)


def test_structure_larger_than_a_batch(potential: ChgnetPotential) -> None:
    large = bulk("Al", cubic=True) * (3, 3, 2)
    assert len(large) > MAX_BATCH_ATOMS
    small = bulk("Al", cubic=True)
    one, two, three = potential.evaluate([small, large, small], ENERGY)
    assert two.energy / len(large) == pytest.approx(one.energy / len(small), abs=NOISE_ENERGY)
    assert three.energy == pytest.approx(one.energy, abs=NOISE_ENERGY * len(small))


def test_energy_does_not_depend_on_what_else_is_asked_for(potential: ChgnetPotential) -> None:
    energy, forces, everything = (
        potential.evaluate(PERIODIC, properties) for properties in (ENERGY, ENERGY_FORCES, ALL_PROPERTIES)
    )
    for one, two, three in zip(energy, forces, everything, strict=True):
        assert one.energy == two.energy == three.energy
        assert one.forces is None
        assert one.stress is None
        assert two.stress is None


def test_atomic_energies_add_up(potential: ChgnetPotential) -> None:
    for structure, prediction in zip(PERIODIC, potential.evaluate(PERIODIC, ENERGY), strict=True):
        assert prediction.energies is not None
        assert prediction.energies.shape == (len(structure),)
        assert prediction.energies.sum() == pytest.approx(prediction.energy, abs=NOISE_ENERGY * len(structure))


def test_stress_is_symmetric_and_tension_positive(potential: ChgnetPotential) -> None:
    stretched = bulk("Cu", a=3.8)
    stress = evaluate_one(potential, stretched).stress
    assert stress is not None
    np.testing.assert_array_equal(stress, stress.T)
    assert (np.diag(stress) > 0.01).all()


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar:UserWarning")
def test_left_handed_cell_reaches_the_package_as_it_is(potential: ChgnetPotential) -> None:
    left = PERIODIC[0].copy()
    left.set_cell(-left.cell.array)
    assert np.linalg.det(left.cell.array) < 0
    assert_same(evaluate_one(potential, left), reference(potential.model, left))


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar:UserWarning")
def test_positions_that_are_not_numbers_reach_the_package(potential: ChgnetPotential) -> None:
    wrong = PERIODIC[0].copy()
    wrong.positions[0, 0] = np.nan
    energies = evaluate_one(potential, wrong, ENERGY).energy, reference(potential.model, wrong).energy
    np.testing.assert_allclose(*energies, rtol=0, atol=NOISE_ENERGY)  # where one is NaN, so must be the other


def test_evaluation_is_stateless_and_leaves_its_input_alone(potential: ChgnetPotential) -> None:
    structure = PERIODIC[0].copy()
    structure.info["recipe"] = ["kept"]
    structure.set_initial_magnetic_moments([1.0] * len(structure))
    before = structure.copy()
    first = evaluate_one(potential, structure)
    assert structure == before
    assert structure.info == {"recipe": ["kept"]}
    potential.evaluate(PERIODIC[1:], ALL_PROPERTIES)
    again = evaluate_one(potential, structure)
    assert again.energy == first.energy
    np.testing.assert_array_equal(again.forces, first.forces)


def test_silent(capfd: pytest.CaptureFixture[str]) -> None:
    load("chgnet").potential.evaluate(PERIODIC, ALL_PROPERTIES)
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar:UserWarning")
def test_derivatives_are_not_recorded_for_being_derived_again(potential: ChgnetPotential) -> None:
    def saved_bytes(evaluate: Callable[[], object]) -> int:
        sizes: list[int] = []

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel() * tensor.element_size())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            evaluate()
        return sum(sizes)

    silicon = PERIODIC[0]
    graph = potential.model.graph_converter(AseAtomsAdaptor.get_structure(silicon))
    ours = saved_bytes(lambda: evaluate_one(potential, silicon))
    assert 0 < ours < 0.5 * saved_bytes(lambda: potential.model.predict_graph(graph, task="efs"))
    assert saved_bytes(lambda: evaluate_one(potential, silicon, ENERGY)) == 0


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar:UserWarning")
def test_forces_and_stress_come_from_one_pass_back_and_are_those_of_two(potential: ChgnetPotential) -> None:
    passes: list[int] = []

    def count(*found: Any) -> None:
        if found[2].requires_grad:
            found[2].register_hook(lambda _: passes.append(1))

    silicon = PERIODIC[0]
    hook = potential.model.mlp.register_forward_hook(count)
    try:
        ours = evaluate_one(potential, silicon)
    finally:
        hook.remove()
    assert len(passes) == 1
    theirs = potential.model.predict_graph(potential._graph(silicon), task="efs")
    assert isinstance(theirs, dict)
    # Derivatives that are recorded round elsewhere.
    np.testing.assert_allclose(ours.forces, np.asarray(theirs["f"], np.float64), atol=1e-4)
    stress = np.asarray(theirs["s"], np.float64) * units.GPa
    np.testing.assert_allclose(ours.stress, (stress + stress.T) / 2, atol=5e-6)


def test_structures_share_forward_passes(potential: ChgnetPotential) -> None:
    silicon, passes = PERIODIC[0], []
    hook = potential.model.composition_model.register_forward_hook(lambda *_: passes.append(1))
    try:
        potential.evaluate([silicon] * (2 * MAX_BATCH_ATOMS // len(silicon)), ENERGY)
    finally:
        hook.remove()
    assert len(passes) == 2


def test_only_periodic_structures(potential: ChgnetPotential) -> None:
    assert potential.capabilities.periodicity == {"periodic"}
    for structure in (molecule("H2O"), fcc111("Cu", (1, 1, 3), vacuum=6)):
        with pytest.raises(Unsupported, match="periodic structures only"):
            potential.evaluate([PERIODIC[0], structure], ENERGY)


def test_elements_without_an_embedding_are_refused_and_untrained_ones_are_not(potential: ChgnetPotential) -> None:
    for number in (0, 95, 118):
        with pytest.raises(Unsupported, match="has no embedding for"):
            evaluate_one(potential, Atoms([number, 29], [[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True))
    assert "Po" not in potential.capabilities.species
    assert np.isfinite(evaluate_one(potential, bulk("Po", "sc", a=3.35)).energy)


@pytest.mark.parametrize("shift", [[300.0, 300.0, 300.0], [0.0, 0.0, 7e5]])
def test_neighbour_search_that_would_fill_the_memory_is_refused(potential: ChgnetPotential, shift: list[float]) -> None:
    far = PERIODIC[0].copy()
    far.positions[0] += shift
    with pytest.raises(Unsupported, match="wrap them"):
        evaluate_one(potential, far)


def test_neighbour_search_that_would_not_end_is_refused(potential: ChgnetPotential) -> None:
    far = PERIODIC[0].copy()
    far.positions += 1e10
    with pytest.raises(Unsupported, match="wrap them"):
        evaluate_one(potential, far)


def test_atoms_some_cells_away_are_evaluated(potential: ChgnetPotential) -> None:
    moved = PERIODIC[0].copy()
    moved.positions += np.arange(len(moved))[:, None] * moved.cell.array[0]
    assert_same(evaluate_one(potential, moved), evaluate_one(potential, PERIODIC[0]))


def test_graph_that_cannot_be_built_is_an_error_and_writes_nothing(
    potential: ChgnetPotential, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blurred = PERIODIC[0].copy()
    blurred.positions += 1e9  # float64 places atoms to 1e-7 Å here: neighbours at the cutoff lose their partners
    with pytest.raises(RuntimeError, match=r"could not build the graph of a structure: ValueError: .*not complete"):
        evaluate_one(potential, blurred)
    assert list(tmp_path.iterdir()) == []


def test_species_are_those_the_weights_were_trained_on(models: dict[str, CHGNet]) -> None:
    # r2scan was trained on from 0.3.0: the embeddings of elements that its data lack have not moved by a bit.
    before, after = (models[version].atom_embedding.embedding.weight for version in ("0.3.0", "r2scan"))
    still = {chemical_symbols[i + 1] for i in torch.nonzero((before == after).all(dim=1)).flatten().tolist()}
    mptrj, r2scan = (set(create(version, {}, None).capabilities.species) for version in ("0.3.0", "r2scan"))
    all_94 = set(chemical_symbols[1:95])
    assert r2scan == all_94 - still
    assert mptrj == r2scan | {"Yb"}  # which MPtrj holds and MP-r2SCAN does not
    assert len(mptrj) == 89  # as its paper says, doi:10.1038/s42256-023-00716-3


def test_capabilities(potential: ChgnetPotential) -> None:
    has = potential.capabilities
    older = create("0.2.0", {}, None).capabilities
    assert has.properties == ALL_PROPERTIES
    assert (has.cutoff, has.receptive_field, has.dtype, has.device) == (6.0, 24.0, "float32", "cpu")
    assert (older.cutoff, older.receptive_field) == (5.0, 20.0)
    assert has.claims == {
        "conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local"
    }  # fmt: skip
    assert older.claims == {"conservative", "equivariant", "permutation-invariant"}
    assert has.smoothness is None


def test_nothing_beyond_the_receptive_field_is_felt(potential: ChgnetPotential) -> None:
    chain = Atoms("Si24", [[2.35 * i, 0, 0] for i in range(24)], cell=[2.35 * 24 + 30, 12, 12], pbc=True)
    chain.rattle(0.05, seed=0)
    moved = chain.copy()
    moved.positions[0] += [0.1, 0.2, 0.3]
    before, after = (evaluate_one(potential, structure, ENERGY).energies for structure in (chain, moved))
    assert before is not None
    assert after is not None
    distance = np.linalg.norm(chain.positions - chain.positions[0], axis=1)
    felt = np.abs(after - before)
    assert felt[distance < 6].min() > 1e-3
    assert felt[(distance > 6) & (distance < 12)].max() > 1e-5  # more than one layer
    assert felt[distance > 24].max() < 2e-6


def test_oldest_version_is_batched_as_its_package_batches_it(models: dict[str, CHGNet]) -> None:
    sodium, silicon = bulk("Na", cubic=True), PERIODIC[0]  # no angles; angles
    together = create("0.2.0", {}, None).evaluate([sodium, silicon], ENERGY)
    structures = [AseAtomsAdaptor.get_structure(structure) for structure in (sodium, silicon)]
    with torch.no_grad():
        answers = list(models["0.2.0"].predict_structure(structures, task="e"))
    for structure, ours, theirs in zip((sodium, silicon), together, answers, strict=True):
        assert isinstance(theirs, dict)
        assert ours.energy / len(structure) == pytest.approx(float(theirs["e"]), abs=NOISE_ENERGY)


@pytest.mark.parametrize("version", ["0.2.0", "0.3.0", "r2scan"])
def test_identity(version: str, models: dict[str, CHGNet]) -> None:
    loaded = load(f"chgnet:{version}")
    potential = loaded.potential
    assert isinstance(potential, ChgnetPotential)
    (weights,) = (Path(chgnet.__file__).parent / "pretrained" / version).glob("*.tar")
    assert potential.name == f"chgnet-{version}"
    assert potential.identity.version == version
    assert potential.identity.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert potential.identity.parameters == sum(p.numel() for p in models[version].parameters())
    assert "chgnet" in potential.identity.packages
    again = loaded.reload()
    assert isinstance(again, ChgnetPotential)
    assert again.model is not potential.model
    assert again.identity == potential.identity


def test_restricted_species() -> None:
    loaded = load("chgnet", ["Si", "C"])
    assert loaded.potential.capabilities.species == ("C", "Si")
    with pytest.raises(PotentialError, match=r"chgnet does not support Po: leave it out"):
        load("chgnet", ["Si", "Po"])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("chgnet:0.3", "CHGNet has no version '0.3': did you mean '0.3.0'?; choose from 0.3.0, 0.2.0, r2scan"),
        ("chgnet?dtype=float64", "chgnet has no option 'dtype'; choose from device"),
        ("chgnet?device=gpu", "chgnet cannot use the device 'gpu': RuntimeError"),
        ("chgnet?device=cuda:99", "chgnet cannot use the device 'cuda:99'"),
    ],
)
def test_error_says_how_to_mend_it(spec: str, expected: str) -> None:
    with pytest.raises(PotentialError) as caught:
        load(spec)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_dependency_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gnnp_bench.adapters.chgnet")
    monkeypatch.setitem(sys.modules, "pymatgen.core.lattice", None)
    with pytest.raises(PotentialError, match=r"chgnet needs pymatgen, .* pip install 'gnnp-bench\[chgnet\]'"):
        load("chgnet")
