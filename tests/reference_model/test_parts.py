"""The pieces of the network against independent statements of what they are."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list
from e3nn import o3
from torch import nn

from gnnp_bench.potential import Unsupported
from reference_model.aggregation import BLOCK, EdgeBasis, aggregate
from reference_model.angular import Harmonics, degree_slice
from reference_model.graph import PADDING, collate, find_neighbours
from reference_model.layer import Layer
from reference_model.model import gather
from reference_model.products import Couple, Invariants, n_invariants, triples
from reference_model.radial import bessel, envelope
from reference_model.repulsion import Repulsion, reach
from reference_model.variants import hyperparameters
from tests.reference_model.structures import SPECIES, every_kind, rotation, salt, water

KINDS = every_kind()


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("l_max", range(4))
def test_harmonics_are_those_of_e3nn(l_max):
    directions = nn.functional.normalize(random(50, 3), dim=1)
    expected = o3.spherical_harmonics(list(range(l_max + 1)), directions, False, "component")
    torch.testing.assert_close(Harmonics(l_max)(directions.T).T, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("flat", "contact"), [(6, 3), (6, 4), (5, 3)])
def test_the_envelope_is_the_usual_polynomial_and_ends_smoothly(flat, contact):
    u = torch.linspace(0, 1, 101, dtype=torch.float64)
    # 1 − I_u(p, m), the complement of the regularised incomplete beta function, written out.
    n = flat + contact - 1
    tail = sum(comb(n, k) * u**k * (1 - u) ** (n - k) for k in range(flat))
    torch.testing.assert_close(envelope(u, flat, contact), tail, rtol=0, atol=1e-14)
    assert envelope(torch.tensor([1.0, 1.5, 1e6]), flat, contact).tolist() == [0.0, 0.0, 0.0]
    at_end = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    value = envelope(at_end, flat, contact)
    for _ in range(contact - 1):
        (value,) = torch.autograd.grad(value, at_end, create_graph=True)
        assert abs(float(value.detach())) < 1e-12


def test_the_envelope_is_exact_to_rounding_in_single_precision():
    u = torch.linspace(0.9, 0.9999, 200, dtype=torch.float32)
    exact = envelope(u.double())
    assert float(((envelope(u).double() - exact) / exact).abs().max()) < 2e-5


def test_bessel_functions_vanish_at_the_cutoff_and_are_orthonormal():
    r = (torch.arange(20_000, dtype=torch.float64) + 0.5) * (5.0 / 20_000)
    functions = bessel(r, 5.0, 8)
    overlap = (functions[:, None] * functions * r**2).sum(-1) * (5.0 / 20_000)
    torch.testing.assert_close(overlap, torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-6)
    assert float(bessel(torch.tensor([5.0], dtype=torch.float64), 5.0, 8).abs().max()) < 1e-14


def by_degree(density: torch.Tensor) -> list[torch.Tensor]:
    """Return an (S, ...) density as one tensor for each degree."""
    return [density[degree_slice(degree)] for degree in range(round(len(density) ** 0.5))]


def turning(turn: torch.Tensor, l_max: int) -> torch.Tensor:
    """Return the matrix D of Y(R r̂) = D Y(r̂), from harmonics in many directions."""
    harmonics = Harmonics(l_max).double()
    directions = nn.functional.normalize(random(100, 3, seed=4), dim=1).T
    turned = harmonics(turn @ directions).T
    found: torch.Tensor = torch.linalg.lstsq(harmonics(directions).T, turned).solution.T
    return found


@pytest.mark.parametrize("l_max", range(4))
def test_couplings_turn_with_their_features(l_max):
    turn = torch.from_numpy(rotation(3))
    full = turning(turn, l_max)
    density = random((l_max + 1) ** 2, 5, 3)
    turned = torch.einsum("ab,bnk->ank", full, density)
    found = Invariants(l_max)(by_degree(density))
    assert len(found) == n_invariants(l_max)
    torch.testing.assert_close(Invariants(l_max)(by_degree(turned)), found, rtol=1e-10, atol=1e-10)
    for l1, l2, l3 in triples(l_max):
        couple = Couple(l1, l2, l3)
        expected = torch.einsum("ab,bnk->ank", full[degree_slice(l3), degree_slice(l3)], couple(by_degree(density)))
        torch.testing.assert_close(couple(by_degree(turned)), expected, rtol=1e-10, atol=1e-10)


def test_invariants_are_independent():
    found = Invariants(3)(by_degree(random(16, 4000))).T
    assert np.linalg.matrix_rank(found.numpy()) == n_invariants(3)


@pytest.mark.parametrize("n_sources", [1, 2, 3])  # at l_max 1, a single one is summed in another way than several
def test_the_sum_over_neighbours_can_be_derived_twice(n_sources):
    angular, radial, sources = random(3, 4, 5), random(3, 2, 5, seed=1), random(3, 5, n_sources, seed=2)
    inputs = [tensor.requires_grad_() for tensor in (angular, radial, sources)]
    assert torch.autograd.gradcheck(lambda y, r, h: aggregate(EdgeBasis(y, r), h), inputs)
    assert torch.autograd.gradgradcheck(lambda y, r, h: aggregate(EdgeBasis(y, r), h), inputs)


def test_derivatives_written_by_hand_are_derivatives_and_can_be_derived_again():
    density = random(9, 4).requires_grad_()
    invariants = Invariants(2)
    assert torch.autograd.gradcheck(lambda a: invariants(by_degree(a)), (density,))
    assert torch.autograd.gradgradcheck(lambda a: invariants(by_degree(a)), (density,))
    graph = collate([find_neighbours(water(), 5.0)], SPECIES, torch.float64)
    features = random(3, 2).requires_grad_()
    filled = (graph.vectors.square().sum(0) < 25.0)[..., None]
    function = lambda h: gather(h, graph.neighbours, graph.reverse) * filled  # noqa: E731  # as short as it is
    assert torch.autograd.gradcheck(function, (features,))
    assert torch.autograd.gradgradcheck(function, (features,))


@pytest.mark.parametrize("n_sources", [1, 2])
def test_the_sum_over_neighbours_is_the_same_across_blocks(n_sources):
    n = 2 * BLOCK + 3
    angular, radial, sources = random(n, 4, 6), random(n, 3, 6, seed=1), random(n, 6, n_sources, seed=2)
    expected = torch.einsum("nsm,nbm,nmq->nsbq", angular, radial, sources)
    torch.testing.assert_close(aggregate(EdgeBasis(angular, radial), sources), expected)


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "lone atom"])
def test_neighbour_lists_are_those_of_ase(kind):
    structure = KINDS[kind]
    graph = collate([find_neighbours(structure, 5.0)], SPECIES, torch.float64)
    i, j, vectors = neighbor_list("ijD", structure, 5.0)
    r = graph.vectors.square().sum(0).sqrt()
    filled = r < 5.0
    assert int(filled.sum()) == len(i)
    rows, slots = np.nonzero(filled.numpy())
    found = np.column_stack([rows, graph.neighbours[filled].numpy(), graph.vectors[:, rows, slots].T.numpy()])
    expected = np.column_stack([i, j, vectors])
    order = [np.lexsort(np.round(table, 6).T) for table in (found, expected)]
    np.testing.assert_allclose(found[order[0]], expected[order[1]], atol=1e-10)


def test_every_edge_knows_its_reverse_and_empty_slots_point_to_themselves():
    structures = [salt(), KINDS["small cell"], KINDS["lone atom"], water()]
    graph = collate([find_neighbours(structure, 5.0) for structure in structures], SPECIES, torch.float64)
    flat, reverse = graph.vectors.flatten(1), graph.reverse.flatten()
    empty = graph.vectors[0].flatten() == PADDING
    assert empty.any()
    own = torch.arange(len(reverse))
    torch.testing.assert_close(reverse[empty], own[empty])
    torch.testing.assert_close(flat[:, reverse][:, ~empty], -flat[:, ~empty], rtol=0, atol=0)
    assert (reverse[reverse] == own).all()
    assert graph.sizes == (8, 2, 1, 3)


def test_neighbours_that_repel_stand_first():
    structure = Atoms("H2O", [[0, 0, 0], [2.0, 0, 0], [0.7, 0, 0]])
    graph = collate([find_neighbours(structure, 5.0)], SPECIES, torch.float64)
    close = float(reach(np.array(8), np.array(1)))
    assert graph.n_close == 1
    first = graph.vectors[:, :, 0].square().sum(0).sqrt()
    assert float(first[0]) < close
    assert float(first[2]) < close


def test_repulsion_is_that_of_the_literature_at_short_range():
    """Two copper nuclei 0.1 Å apart: 3,700 eV or so with Z = 29 and the universal screening length of 0.1078 Å."""
    r, numbers = 0.1, np.array([29])
    length = 0.46850 / (2 * 29**0.23)
    screening = 0.18175 * np.exp(-3.1998 * r / length) + 0.50986 * np.exp(-0.94229 * r / length)
    screening += 0.28022 * np.exp(-0.4029 * r / length) + 0.02817 * np.exp(-0.20162 * r / length)
    expected = 14.399645 * 29**2 / r * screening
    half = Repulsion(("Cu",))(torch.tensor([[r]], dtype=torch.float64), torch.zeros(1, 1, dtype=torch.int64))
    assert 2 * float(half[0]) == pytest.approx(expected, rel=1e-4)
    assert float(reach(numbers, numbers)[0]) == pytest.approx(2.64)


def test_layers_of_one_species_have_no_gains():
    generator = torch.Generator()
    names = {name for name, _ in Layer(hyperparameters(["Cu"]), 1, 0, generator).named_parameters()}
    assert names == {"mixing", "to_scalars"}


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (Atoms(), "no atoms"),
        (Atoms("H", [[np.nan, 0, 0]]), "not finite"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 0]]), "coincide"),
        (Atoms("H2", [[0, 0, 0], [0, 0, 3.0]], cell=[4, 4, 3.0], pbc=True), "coincide"),
    ],
    ids=["empty", "NaN", "two in one place", "an image in one place"],
)
def test_nonsense_is_refused(structure, message):
    with pytest.raises(ValueError, match=message):
        find_neighbours(structure, 5.0)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (Atoms("H", cell=[3, 3, 0], pbc=True), "zero"),
        (Atoms("H", cell=[[3, 0, 0], [0, 3, 0], [3, 3, 0]], pbc=True), "dependent"),
    ],
    ids=["zero vector", "dependent vectors"],
)
def test_cells_that_span_nothing_are_unsupported(structure, message):
    with pytest.raises(Unsupported, match=message):
        find_neighbours(structure, 5.0)


def test_other_elements_are_unsupported():
    with pytest.raises(Unsupported, match="Z = 79"):
        collate([find_neighbours(Atoms("Au"), 5.0)], SPECIES)
