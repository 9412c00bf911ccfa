"""The neighbour list against that of ASE."""

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from gnnp_bench.potential import Unsupported
from tests.analytic.geometries import EVERY, alloy, cluster
from tests.analytic.graph import REACH, Index, Store, edges, graphs, remembering


def _triples(centres: Index, neighbours: Index, shifts: NDArray[np.int64]) -> list[tuple[int, ...]]:
    return sorted(map(tuple, np.column_stack([centres, neighbours, shifts]).tolist()))


def _assert_same_edges(structure: Atoms, cutoff: float) -> None:
    found = edges(structure.positions, structure.cell.array, structure.pbc, cutoff)
    assert _triples(*found) == _triples(*neighbor_list("ijS", structure, cutoff * REACH**0.5)), structure


@pytest.mark.parametrize("seed", range(40))
def test_edges_of_random_cells_are_those_of_ase(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cell = 3.0 * rng.normal(size=(3, 3)) + 2.0 * np.eye(3)
    cell *= max(1.0, (20.0 / abs(np.linalg.det(cell))) ** (1 / 3))
    pbc = rng.random(3) < 0.6
    if seed % 3 == 0:
        cell[~pbc] = 0.0
    n_atoms = int(rng.integers(1, 7))
    _assert_same_edges(Atoms(f"Cu{n_atoms}", positions=6.0 * rng.normal(size=(n_atoms, 3)), cell=cell, pbc=pbc), 5.0)


@pytest.mark.parametrize("geometry", EVERY)
@pytest.mark.parametrize("cutoff", [3.3, 8.0])
def test_edges_of_every_geometry_are_those_of_ase(geometry: Callable[[], Atoms], cutoff: float) -> None:
    _assert_same_edges(geometry(), cutoff)


def test_vectors_lead_from_centre_to_neighbour() -> None:
    structure = EVERY[0]()
    (graph,) = graphs([structure], 5.0, "float64")
    ends = structure.positions[graph.neighbours] + graph.shifts @ structure.cell.array
    np.testing.assert_allclose(structure.positions[graph.centres] + graph.vectors, ends, rtol=0, atol=1e-12)
    np.testing.assert_allclose(graph.distances, np.linalg.norm(graph.vectors, axis=1), rtol=1e-14)


def test_periodic_zero_cell_vector_is_refused() -> None:
    with pytest.raises(Unsupported, match="pbc"):
        list(graphs([Atoms("Cu", pbc=[True, False, False])], 5.0, "float64"))


@pytest.mark.parametrize(
    "structure", [Atoms(), Atoms("Cu", positions=[[np.nan, 0, 0]]), Atoms("Cu", cell=[np.inf, 1, 1])]
)
def test_senseless_structures_are_refused(structure: Atoms) -> None:
    with pytest.raises(ValueError, match=r"no atoms|NaN or infinity"):
        list(graphs([structure], 5.0, "float64"))


def test_who_asks_again_has_the_same_graph_of_his_own_structures() -> None:
    structures = [alloy(), cluster()]
    (first,) = graphs(structures, 5.0, "float64")
    again = [structure.copy() for structure in structures]
    again[0].set_tags(7)
    (second,) = graphs(again, 5.0, "float64")
    assert second.vectors is first.vectors
    assert second.structures[0] is again[0]
    with pytest.raises(ValueError, match="read-only"):
        second.vectors[0] = 0.0
    again[0].positions[0] += 1e-9
    (third,) = graphs(again, 5.0, "float64")
    assert not np.array_equal(third.vectors, first.vectors)


def test_graphs_are_remembered_only_while_they_are_to_be() -> None:
    store: Store = {}
    with remembering(store):
        (first,) = graphs([alloy()], 5.0, "float64")
        list(graphs([cluster()], 5.0, "float64"))
        (again,) = graphs([alloy()], 5.0, "float64")
        assert again.vectors is first.vectors
    list(graphs([cluster()], 5.0, "float64"))
    (anew,) = graphs([alloy()], 5.0, "float64")
    assert anew.vectors is not first.vectors
    assert np.array_equal(anew.vectors, first.vectors)
    assert len(store) == 2
