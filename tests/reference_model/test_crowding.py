"""Where an atom is more crowded, or more one-sidedly, than all that was learnt a network fades; nuclei still repel."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from reference_model.angular import Harmonics
from reference_model.crowding import LEAST, MARGIN, UNLIMITED, fading, squared_crowding
from reference_model.derivatives import predict
from reference_model.graph import Graph, collate, find_neighbours
from reference_model.model import Network
from reference_model.radial import envelope
from reference_model.variants import hyperparameters


def graph_of(structures: list[Atoms]) -> Graph:
    return collate([find_neighbours(one, 5.0) for one in structures], ("Cu",), torch.float64)


def crowding_of(structure: Atoms) -> list[float]:
    """Return c_0, c_1 and c_2 of the first atom."""
    vectors = graph_of([structure]).vectors
    r = vectors.square().sum(0).sqrt()
    angular = Harmonics(2).double()(vectors / r).transpose(0, 1)
    return squared_crowding(r, envelope(r / 5.0), angular)[0].sqrt().tolist()


def crowding_in_fcc(a: float) -> float:
    return crowding_of(bulk("Cu", a=a))[0]


def network(variant: str = "lmax2") -> Network:
    return Network(hyperparameters(["Cu"], variant), seed=1, mean_neighbours=42.0, energy_scale=5.0).double()


def test_crowding_follows_the_formula() -> None:
    r = torch.tensor([[2.0, 3.0]], dtype=torch.float64)
    window = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    apart = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]]], dtype=torch.float64)  # at a right angle
    near, far = 4.25**-3, 0.5**2 * 9.25**-3
    found = squared_crowding(r, window, Harmonics(2).double()(apart).transpose(0, 1))
    # P_l of the angles between two neighbours: 1 with itself; 0 and −1/2 with the other, for l = 1 and 2.
    expected = [(near + far) ** 2, near**2 + far**2, near**2 + far**2 - near * far]
    np.testing.assert_allclose(found.numpy(), [expected], rtol=1e-13)
    assert 1.7 < crowding_in_fcc(3.24) / crowding_in_fcc(3.6) < 2.3


def test_a_network_fades_between_what_was_seen_and_thrice_that() -> None:
    seen = torch.tensor([[1.0]], dtype=torch.float64)
    for share, lowest, highest in ((0.5, 0.9999, 1.0), (1.0, 0.99, 0.999), (2.0, 0.36, 0.37), (3.0, 0.0, 1e-9)):
        assert lowest <= float(fading((share * seen).square(), MARGIN * seen)) <= highest


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_derivatives_are_finite_where_atoms_meet(dtype) -> None:
    r = torch.tensor([[1e-12, 2.0], [1e-3, 4.0], [2.0, 5.0]], dtype=dtype, requires_grad=True)
    angular = Harmonics(2).to(dtype)(torch.eye(3, dtype=dtype)[:, :, None].expand(3, 3, 2)).transpose(0, 1)
    value = fading(squared_crowding(r, envelope(r / 5.0), angular), torch.full((3, 3), LEAST, dtype=dtype))
    (slope,) = torch.autograd.grad(value.sum(), r, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), r)
    assert bool(torch.isfinite(value).all())
    assert bool(torch.isfinite(slope).all())
    assert bool(torch.isfinite(bend).all())


@pytest.mark.parametrize("variant", ["lmax2", "equivariant", "invariant", "adaptive", "direct"])
def test_a_crystal_pressed_far_beyond_what_was_seen_is_left_to_the_repulsion_of_nuclei(variant) -> None:
    model = network(variant)
    pressed = bulk("Cu", cubic=True, a=3.6 * 0.55)
    pressed.rattle(0.05, seed=1)
    graph = graph_of([pressed])
    wild = predict(model, graph)
    model.set_crowding_limits([graph_of([bulk("Cu", a=3.5), bulk("Cu", a=3.6)])])
    assert float(model.crowding_limits[0, 0]) == pytest.approx(MARGIN * crowding_in_fcc(3.5), rel=1e-12)
    tame = predict(model, graph)
    repulsion = float(model.pair_energies(graph.vectors, graph.species, model.partners(graph), graph.n_close).sum())
    assert float(tame.energies) == pytest.approx(repulsion, abs=1e-6)
    assert abs(float(wild.energies) - repulsion) > 0.5
    step = 1e-4
    energies = []
    for sign in (1.0, -1.0):
        moved = pressed.copy()
        moved.positions[0, 0] += sign * step
        energies.append(float(predict(model, graph_of([moved])).energies))
    if variant != "direct":
        slope = (energies[1] - energies[0]) / (2.0 * step)
        assert slope == pytest.approx(float(tame.forces[0, 0]), rel=1e-5, abs=1e-5)


def test_a_cluster_with_all_neighbours_on_one_side_is_left_to_the_repulsion_of_nuclei() -> None:
    model = network()
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(8.0)
    tetrahedron = Atoms("Cu4", 1.9 * corners)
    graph = graph_of([tetrahedron])
    rattled = bulk("Cu", a=3.6, cubic=True) * (2, 2, 2)
    rattled.rattle(0.1, seed=1)
    model.set_crowding_limits([graph_of([rattled])])
    # Fewer neighbours than in the crystal, but all of them on one side.
    c_0, c_1, c_2 = crowding_of(tetrahedron)
    assert c_1 == pytest.approx(c_0 * np.sqrt(2.0 / 3.0), rel=1e-9)
    assert c_2 == pytest.approx(c_0 * 0.5, rel=1e-9)
    assert c_0 < float(model.crowding_limits[0, 0])
    assert c_1 > 1.5 * float(model.crowding_limits[0, 1])
    found = float(predict(model, graph).energies)
    repulsion = float(model.pair_energies(graph.vectors, graph.species, model.partners(graph), graph.n_close).sum())
    assert found == pytest.approx(repulsion, abs=0.1)


def test_forces_stay_the_gradient_while_a_network_fades() -> None:
    model = network()
    model.set_crowding_limits([graph_of([bulk("Cu", a=3.6)])])
    at = bulk("Cu", cubic=True, a=3.6 * 0.93)
    at.rattle(0.1, seed=2)
    graph = graph_of([at])
    r = graph.vectors.square().sum(0).sqrt()
    angular = Harmonics(2).double()(graph.vectors / r).transpose(0, 1)
    factors = fading(squared_crowding(r, envelope(r / 5.0), angular), model.crowding_limits.expand(4, -1))
    assert 0.05 < float(factors.min()) < float(factors.max()) < 0.95
    forces = predict(model, graph).forces.numpy()
    single = collate([find_neighbours(at, 5.0)], ("Cu",), torch.float32)
    rounded = predict(copy.deepcopy(model).float(), single).forces.numpy()
    np.testing.assert_allclose(rounded, forces, rtol=0, atol=1e-5 * np.abs(forces).max())
    step = 1e-4
    for atom in range(3):
        energies = []
        for sign in (1.0, -1.0):
            moved = at.copy()
            moved.positions[atom, 1] += sign * step
            energies.append(float(predict(model, graph_of([moved])).energies))
        assert (energies[1] - energies[0]) / (2.0 * step) == pytest.approx(forces[atom, 1], rel=1e-5, abs=1e-5)


def test_elements_have_limits_of_their_own_and_without_neighbours_the_least() -> None:
    model = Network(hyperparameters(["Si", "Cu"]), seed=1).double()
    assert model.crowding_limits.shape == (2, 3)
    assert bool((model.crowding_limits == UNLIMITED).all())
    hoods = [find_neighbours(one, 5.0) for one in (Atoms("Si"), bulk("Cu", a=3.6))]
    model.set_crowding_limits([collate(hoods, ("Si", "Cu"), torch.float64)])
    # A crystal at rest has no odd degree, and of a cubic one the second vanishes as well.
    expected = [[MARGIN * LEAST] * 3, [MARGIN * crowding_in_fcc(3.6), MARGIN * LEAST, MARGIN * LEAST]]
    np.testing.assert_allclose(model.crowding_limits.numpy(), expected, rtol=1e-12)


def test_a_network_without_layers_has_no_limits() -> None:
    model = network("twobody")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.set_crowding_limits([graph_of([bulk("Cu", a=3.6)])])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
