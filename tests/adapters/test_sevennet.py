"""The SevenNet adapter against the package itself."""

from __future__ import annotations

import hashlib
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from torch.fx import GraphModule

from gnnp_bench.adapters.registry import load
from gnnp_bench.adapters.sevennet import MAX_BATCH_EDGES, SevennetPotential, create
from gnnp_bench.potential import (
    ALL_PROPERTIES,
    ENERGY,
    ENERGY_FORCES,
    FloatArray,
    Identity,
    Potential,
    PotentialError,
    Prediction,
    Property,
    Unsupported,
)

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
    import sevenn
    from e3nn.o3 import TensorProduct
    from sevenn import util
    from sevenn.calculator import SevenNetCalculator

    from gnnp_bench.adapters._sevennet_weights import NAMES, find, opened

SHIPPED: dict[str, dict[str, str]] = {
    "7net-0": {},
    "7net-0_22May2024": {},
    "7net-l3i5": {},
    "7net-mf-0": {"modal": "R2SCAN"},
}
# What float32 rounding does to these structures, with a margin: eV/atom, eV/Å, eV/Å³.
NOISE_ENERGY, NOISE_FORCES, NOISE_STRESS = 5e-6, 1e-4, 1e-5

PERIODIC = [
    bulk("Si", cubic=True),
    bulk("NaCl", "rocksalt", a=5.64) * (2, 1, 1),
    bulk("Cu"),
    bulk("Al", cubic=True) * (2, 2, 1),
    Atoms("Cu", cell=[15, 15, 15], pbc=True),  # without neighbours
]
SLAB = fcc111("Cu", (1, 1, 3), vacuum=6)
NOT_PERIODIC = [molecule("H2O"), SLAB, Atoms("Ar"), molecule("C6H6")]
for seed, atoms in enumerate([*PERIODIC, *NOT_PERIODIC]):
    atoms.rattle(0.08, seed=seed)
EVERY_KIND = [*PERIODIC, *NOT_PERIODIC]


@pytest.fixture(scope="module")
def potential() -> SevennetPotential:
    return create(None, {}, None)


def evaluate_one(
    potential: Potential, structure: Atoms, properties: frozenset[Property] = ALL_PROPERTIES
) -> Prediction:
    (prediction,) = potential.evaluate([structure], properties)
    return prediction


@pytest.fixture(scope="module")
def calculator(potential: SevennetPotential) -> Iterator[SevenNetCalculator]:
    """The package's own ASE calculator, with a network of its own: it is told not to expect batches."""
    with pytest.warns(UserWarning, match="No tensor product accelerator"):
        yield SevenNetCalculator(create(None, {}, None).model, file_type="model_instance", device="cpu")


def reference(calculator: SevenNetCalculator, structure: Atoms) -> Prediction:
    alone = structure.copy()
    alone.calc = calculator
    stress = alone.get_stress(voigt=False) if alone.pbc.all() else None
    return Prediction(alone.get_potential_energy(), alone.get_forces(), stress, alone.get_potential_energies())


def assert_same(first: Prediction, second: Prediction) -> None:
    assert first.forces is not None
    assert second.forces is not None
    assert first.energies is not None
    assert second.energies is not None
    assert first.energy == pytest.approx(second.energy, abs=NOISE_ENERGY * len(first.forces))
    np.testing.assert_allclose(first.forces, second.forces, rtol=0, atol=NOISE_FORCES)
    np.testing.assert_allclose(first.energies, second.energies, rtol=0, atol=10 * NOISE_ENERGY)
    if first.stress is not None and second.stress is not None:
        np.testing.assert_allclose(first.stress, second.stress, rtol=0, atol=NOISE_STRESS)


def test_batch_is_what_the_calculator_says_one_by_one(
    potential: SevennetPotential, calculator: SevenNetCalculator
) -> None:
    predictions = [
        *potential.evaluate(PERIODIC, ALL_PROPERTIES),
        *potential.evaluate(NOT_PERIODIC, ENERGY_FORCES),
    ]
    for structure, prediction in zip(EVERY_KIND, predictions, strict=True):
        assert_same(prediction, reference(calculator, structure))
        assert (prediction.stress is not None) == structure.pbc.all()


def test_company_and_order_do_not_matter_beyond_rounding(potential: SevennetPotential) -> None:
    forward = potential.evaluate(EVERY_KIND, ENERGY_FORCES)
    backward = potential.evaluate(EVERY_KIND[::-1], ENERGY_FORCES)
    for structure, first, second in zip(EVERY_KIND, forward, backward[::-1], strict=True):
        assert_same(first, second)
        assert_same(first, evaluate_one(potential, structure, ENERGY_FORCES))


def test_structures_share_forward_passes_up_to_a_number_of_edges(potential: SevennetPotential) -> None:
    silicon, passes = PERIODIC[0], []
    n_edges = potential._graph(silicon).num_edges
    per_batch = MAX_BATCH_EDGES // n_edges
    assert per_batch > 3
    hook = potential.model.get_submodule("edge_embedding").register_forward_hook(lambda *_: passes.append(1))
    try:
        potential.evaluate([silicon] * per_batch, ENERGY)
        assert len(passes) == 1
        potential.evaluate([silicon] * (per_batch + 1), ENERGY_FORCES)
        assert len(passes) == 3
    finally:
        hook.remove()
    assert potential.evaluate([], ALL_PROPERTIES) == []


def test_structure_larger_than_a_batch(potential: SevennetPotential) -> None:
    small = bulk("Al", cubic=True)
    large = small * (3, 3, 2)
    assert potential._graph(large).num_edges > MAX_BATCH_EDGES
    one, two, three = potential.evaluate([small, large, small], ENERGY)
    assert two.energy / len(large) == pytest.approx(one.energy / len(small), abs=NOISE_ENERGY)
    assert three.energy == pytest.approx(one.energy, abs=NOISE_ENERGY * len(small))


def test_energy_does_not_depend_on_what_else_is_asked_for(potential: SevennetPotential) -> None:
    energy, forces, everything = (
        potential.evaluate(PERIODIC, properties) for properties in (ENERGY, ENERGY_FORCES, ALL_PROPERTIES)
    )
    for one, two, three in zip(energy, forces, everything, strict=True):
        assert one.energy == two.energy == three.energy
        assert one.forces is None
        assert one.stress is None
        assert two.stress is None


def strained(structure: Atoms, strain: FloatArray) -> Atoms:
    changed: Atoms = structure.copy()
    changed.set_cell(structure.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return changed


def test_stress_has_sign_order_and_size_of_the_strain_derivative(potential: SevennetPotential) -> None:
    sheared = strained(PERIODIC[0], np.array([[0.02, 0.03, 0.0], [0.0, -0.04, 0.05], [-0.01, 0.0, 0.03]]))
    step = 2e-3
    pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    ends = []
    for i, j in pairs:
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[i, j] += sign * step / 2
            strain[j, i] += sign * step / 2
            ends.append(strained(sheared, strain))
    energies = np.array([p.energy for p in potential.evaluate(ends, ENERGY)]).reshape(6, 2)
    slopes = (energies[:, 0] - energies[:, 1]) / (2 * step * sheared.get_volume())
    stress = evaluate_one(potential, sheared).stress
    assert stress is not None
    np.testing.assert_array_equal(stress, stress.T)
    found = [stress[i, j] for i, j in pairs]
    tolerance = 2e-4
    np.testing.assert_allclose(found, slopes, rtol=0, atol=tolerance)
    assert np.ptp(found) > 0.05
    # No two could be exchanged unnoticed.
    assert min(abs(a - b) for k, a in enumerate(found) for b in found[:k]) > 2 * tolerance


def test_forces_are_the_slope_of_the_energy(potential: SevennetPotential) -> None:
    for structure in (PERIODIC[0], SLAB, NOT_PERIODIC[0]):
        forces = evaluate_one(potential, structure, ENERGY_FORCES).forces
        assert forces is not None
        direction = forces / np.linalg.norm(forces)
        ends = []
        for sign in (1, -1):
            ends.append(structure.copy())
            ends[-1].positions += sign * 0.01 * direction
        up, down = (p.energy for p in potential.evaluate(ends, ENERGY))
        assert (down - up) / 0.02 == pytest.approx(np.linalg.norm(forces), rel=2e-2)


def test_stress_needs_a_volume(potential: SevennetPotential) -> None:
    flat = SLAB.copy()
    flat.cell[2] = 0
    for structure in (NOT_PERIODIC[0], flat):
        with pytest.raises(Unsupported, match="stress needs"):
            potential.evaluate([PERIODIC[0], structure], ALL_PROPERTIES)
    assert evaluate_one(potential, flat, ENERGY).energy == pytest.approx(evaluate_one(potential, SLAB, ENERGY).energy)
    assert evaluate_one(potential, SLAB).stress is not None


def test_left_handed_cells_are_as_good_as_others(potential: SevennetPotential) -> None:
    left = PERIODIC[0].copy()
    left.set_cell(left.cell.array[[1, 0, 2]])
    assert np.linalg.det(left.cell.array) < 0
    assert_same(evaluate_one(potential, left), evaluate_one(potential, PERIODIC[0]))


def test_evaluation_is_stateless_and_leaves_its_input_alone(potential: SevennetPotential) -> None:
    for structure, others in ((PERIODIC[0].copy(), PERIODIC[1:]), (SLAB.copy(), NOT_PERIODIC)):
        structure.info = {"recipe": ["kept"]}
        structure.set_initial_magnetic_moments([1.0] * len(structure))
        before = structure.copy()
        first = evaluate_one(potential, structure, ENERGY_FORCES)
        assert structure == before
        assert structure.info == {"recipe": ["kept"]}
        potential.evaluate(others, ENERGY_FORCES)
        again = evaluate_one(potential, structure, ENERGY_FORCES)
        assert again.energy == first.energy
        np.testing.assert_array_equal(again.forces, first.forces)


def test_silent(capfd: pytest.CaptureFixture[str]) -> None:
    load("sevennet").potential.evaluate(EVERY_KIND, ENERGY)
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def test_derivatives_by_the_weights_are_not_prepared(potential: SevennetPotential) -> None:
    assert not any(parameter.requires_grad for parameter in potential.model.parameters())
    graphs = [potential._graph(PERIODIC[0])]
    saved: list[int] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        list(potential._predictions(graphs, ENERGY))
        assert saved == []
        list(potential._predictions(graphs, ENERGY_FORCES))
        assert sum(saved) > 0


def products(model: torch.nn.Module) -> dict[str, TensorProduct]:
    """Return those that have an output: the last layer gates nothing."""
    named = ((name, module) for name, module in model.named_modules() if isinstance(module, TensorProduct))
    return {name: module for name, module in named if module.irreps_out.dim}


@pytest.mark.parametrize("name", SHIPPED)
def test_products_give_what_those_of_the_package_give_bit_by_bit(name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        as_shipped = products(opened(find(name)[1]).build_model())
    ours = products(create(name, SHIPPED[name], None).model)
    assert as_shipped.keys() == ours.keys()
    for key, product in ours.items():
        torch.manual_seed(0)
        weights = [product.weight_numel] if product.weight_numel else []
        widths = [product.irreps_in1.dim, product.irreps_in2.dim, *weights]
        inputs = [torch.randn((7, width), requires_grad=True) for width in widths]
        answers = []
        for module in (product, as_shipped[key]):
            out = module(*inputs)
            answers.append([out, *torch.autograd.grad(out.square().sum(), inputs)])
        assert all(torch.equal(one, other) for one, other in zip(*answers, strict=True))
        assert answers[0][0].abs().max() > 0


def test_products_compute_nothing_in_vain(potential: SevennetPotential) -> None:
    convolutions = [product for key, product in products(potential.model).items() if "convolution" in key]
    codes = [str(module.code) for c in convolutions for module in c.children() if isinstance(module, GraphModule)]
    assert len(codes) >= 5
    for code in codes:
        assert not re.findall(r"(\bw?einsum\w*) = .*;  \1 = None", code)  # made and dropped in one line
        assert "slice(None, None, None), slice(" not in code  # weights cut one by one


def test_unknown_elements_are_refused(potential: SevennetPotential) -> None:
    assert "Po" not in potential.capabilities.species
    for number in (0, 84, 118):
        with pytest.raises(Unsupported, match=r"7net-0 does not know \w+"):
            evaluate_one(potential, Atoms([number, 29], [[0, 0, 0], [2, 2, 2]], cell=[4, 4, 4], pbc=True))


def test_neighbour_search_that_would_not_end_is_refused(potential: SevennetPotential) -> None:
    far, infinite = PERIODIC[0].copy(), PERIODIC[0].copy()
    far.positions[0] += 1e12
    infinite.cell[0, 0] = np.inf
    for structure in (far, infinite):
        with pytest.raises(Unsupported, match="does not come back"):
            evaluate_one(potential, structure, ENERGY)


def test_atoms_some_cells_away_are_evaluated(potential: SevennetPotential) -> None:
    moved = PERIODIC[0].copy()
    moved.positions += np.arange(len(moved))[:, None] * moved.cell.array[0]
    assert_same(evaluate_one(potential, moved), evaluate_one(potential, PERIODIC[0]))


def test_nothing_beyond_the_receptive_field_is_felt(potential: SevennetPotential) -> None:
    chain = Atoms("Si30", [[2.35 * i, 0, 0] for i in range(30)])
    chain.rattle(0.05, seed=0)
    moved = chain.copy()
    moved.positions[0] += [0.1, 0.2, 0.3]
    before, after = (evaluate_one(potential, structure, ENERGY).energies for structure in (chain, moved))
    assert before is not None
    assert after is not None
    distance = np.linalg.norm(chain.positions - chain.positions[0], axis=1)
    felt = np.abs(after - before)
    assert felt[distance < 5].max() > 1e-2
    assert felt[(distance > 10) & (distance < 15)].max() > 1e-5  # more than two layers
    assert felt[distance > 25].max() < 1e-5


def test_capabilities(potential: SevennetPotential) -> None:
    has = potential.capabilities
    assert has.properties == ALL_PROPERTIES
    assert has.periodicity == {"periodic", "partial", "isolated"}
    assert (has.cutoff, has.receptive_field, has.dtype, has.device) == (5.0, 25.0, "float32", "cpu")
    assert len(has.species) == 89  # those of MPtrj, doi:10.1038/s42256-023-00716-3
    assert has.species[:3] == ("H", "He", "Li")
    assert has.claims == {"conservative", "permutation-invariant", "size-extensive", "strictly-local", "smooth"}


def test_mirror_images_are_not_claimed_to_be_alike_and_are_not(potential: SevennetPotential) -> None:
    """The features of all shipped weights carry no parity (is_parity: false), so that pseudo-scalars enter energies."""
    chiral = Atoms("CHFClBr", [[0, 0, 0], [0.6, 0.6, 0.6], [-0.8, -0.8, 0.8], [-1, 1, -1], [1.1, -1.1, -1.1]])
    mirrored, turned = chiral.copy(), chiral.copy()
    mirrored.positions[:, 0] *= -1
    turned.rotate(50, (1, 2, 3))
    one, image, other = (p.energy for p in potential.evaluate([chiral, mirrored, turned], ENERGY))
    assert abs(one - other) < 5 * NOISE_ENERGY
    assert abs(one - image) > 20 * NOISE_ENERGY
    assert "equivariant" not in potential.capabilities.claims


def test_third_derivatives_jump_at_the_cutoff_where_second_ones_do_not() -> None:
    """The cutoff functions are as smooth as claimed and no smoother: XPLOR has (r_c² − r²)², the polynomial r³."""
    for name, order in (("7net-0", 1), ("7net-l3i5", 2)):
        potential = create(name, {}, None)
        cutoff = potential.model.get_submodule("edge_embedding.cutoff_function")
        r = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
        value = cutoff(r)
        derivatives = [value.item()]
        for _ in range(order + 1):
            (value,) = torch.autograd.grad(value, r, create_graph=True)
            derivatives.append(value.item())
        assert max(map(abs, derivatives[:-1])) < 1e-9
        assert abs(derivatives[-1]) > 0.1
        assert potential.capabilities.smoothness == order


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_name(name: str) -> None:
    query = "".join(f"?{key}={value}" for key, value in SHIPPED[name].items())
    loaded = load(f"sevennet:{name.upper()}{query}", ["C", "Si"])
    (weights,) = [Path(util.pretrained_name_to_path(name))]
    assert Path(sevenn.__file__).parent in weights.parents
    made = loaded.reload()
    identity = getattr(made, "identity", None)
    assert isinstance(identity, Identity)
    assert made.name == "-".join([name, *SHIPPED[name].values()])
    assert made.capabilities.species == ("C", "Si")
    assert made.capabilities.receptive_field == 25.0
    assert identity.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert identity.parameters is not None
    assert identity.parameters > 8e5
    assert {"sevenn", "e3nn", "torch"} <= set(identity.packages)
    assert np.isfinite(evaluate_one(made, PERIODIC[0]).energy)


def test_names_are_those_of_the_package() -> None:
    assert {name.lower() for name in NAMES} == set(util.get_available_pretrained_models())


def test_modals_are_different_levels_of_theory_and_share_a_batch(tmp_path: Path) -> None:
    energies = []
    for modal in ("PBE", "R2SCAN"):
        answers = create("7net-mf-0", {"modal": modal}, None).evaluate([PERIODIC[0]] * 2, ENERGY)
        assert answers[0].energy == pytest.approx(answers[1].energy, abs=1e-4)
        energies.append(answers[0].energy)
    assert abs(energies[0] - energies[1]) > 1


def test_checkpoint_by_its_path(tmp_path: Path, potential: SevennetPotential) -> None:
    mine = tmp_path / "mine.pth"
    mine.symlink_to(util.pretrained_name_to_path("7net-0"))
    from_file = load(f"sevennet:{mine}").potential
    assert from_file.name == "mine"
    assert evaluate_one(from_file, PERIODIC[0]).energy == evaluate_one(potential, PERIODIC[0]).energy


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("sevennet:7net-1", "sevennet knows no weights '7net-1': did you mean '7net-0'?; choose from 7net-0, "),
        (
            "sevennet:7net-omni",
            "the weights 7net-omni do not come with sevenn 0.13.0 and nothing is downloaded here; choose from 7net-0,"
            " 7net-0_22May2024, 7net-l3i5, 7net-mf-0, or give a checkpoint's path",
        ),
        ("sevennet?dtype=float64", "sevennet has no option 'dtype'; choose from device, modal"),
        ("sevennet?modal=PBE", "7net-0 learned one level of theory only: leave out modal=PBE"),
        ("sevennet:7net-mf-0", "name a modal of R2SCAN, PBE, as in sevennet:7net-mf-0?modal=R2SCAN"),
        ("sevennet:7net-mf-0?modal=pbe", "7net-mf-0 has no modal 'pbe'"),
        ("sevennet?device=gpu", "sevennet cannot use the device 'gpu': RuntimeError"),
        ("sevennet?device=cuda:99", "sevennet cannot use the device 'cuda:99'"),
        (f"sevennet:{__file__}", "test_sevennet.py is no checkpoint of SevenNet: "),
    ],
)
def test_error_says_how_to_mend_it(spec: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where weights that were downloaded before would lie
    with pytest.raises(PotentialError) as caught:
        load(spec)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_dependency_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gnnp_bench.adapters.sevennet")
    monkeypatch.setitem(sys.modules, "sevenn.atom_graph_data", None)
    with pytest.raises(PotentialError, match=r"sevennet needs sevenn, .* pip install 'gnnp-bench\[sevennet\]'"):
        load("sevennet")
