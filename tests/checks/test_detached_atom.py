"""Atoms without neighbours: lost ones are told by the right law, and what acts over any distance is no defect."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.numerics.far import limit_far_away
from gnnp_bench.potential import Capabilities, Periodicity, Potential, Prediction, Property, Unsupported
from gnnp_bench.structures.apart import open_directions, out_of, set_apart
from tests.analytic import embedded_atom
from tests.analytic.geometries import alloy, cluster, molecule, slab
from tests.analytic.references import with_references
from tests.engine.judging import certified, statuses
from tests.engine.readers import SOUND
from tests.engine.test_planted_elsewhere import Altered
from tests.mutants import plant

SPECIES = ("C", "Cu", "Au")
LAW = "locality/detached-atom"


@dataclass(slots=True)
class AnyDistance:
    """A sound potential of free structures with a term over all pairs, without a cutoff."""

    term: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    sound: Potential = field(default_factory=lambda: embedded_atom(species=SPECIES))
    name: str = "any distance"

    @property
    def capabilities(self) -> Capabilities:
        free: frozenset[Periodicity] = frozenset({"isolated"})
        return replace(self.sound.capabilities, periodicity=free, cutoff=None, claims=frozenset())

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate(structures, properties)
        return [self._with_term(s, p) for s, p in zip(structures, found, strict=True)]

    def _with_term(self, structure: Atoms, prediction: Prediction) -> Prediction:
        vectors = structure.positions[:, None] - structure.positions[None]
        distances = np.linalg.norm(vectors, axis=2)
        np.fill_diagonal(distances, 1.0)
        charges = np.where(structure.numbers == 6, 0.3, -0.2)
        energies, slopes = self.term(distances, charges[:, None] * charges[None])
        for pairs in (energies, slopes):
            np.fill_diagonal(pairs, 0.0)
        forces = -(slopes / distances)[..., None] * vectors
        return replace(
            prediction,
            energy=prediction.energy + 0.5 * float(energies.sum()),
            forces=None if prediction.forces is None else prediction.forces + forces.sum(axis=1),
            energies=None,
        )


def dispersion(r: np.ndarray, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    damped = r**6 + 200.0
    return -80.0 / damped, 480.0 * r**5 / damped**2


def coulomb(r: np.ndarray, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fixed charges, damped at short range: the slowest decay there is."""
    soft = np.sqrt(r * r + 1.0)
    return 14.4 * charges / soft, -14.4 * charges * r / soft**3


def slow_tail(r: np.ndarray, charges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return -5.0 * np.exp(-r / 4.0), 1.25 * np.exp(-r / 4.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("term", [dispersion, coulomb, slow_tail])
def test_what_falls_off_with_the_distance_is_sound(
    term: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]], seed: int
) -> None:
    found = certified(functools.partial(AnyDistance, term), LAW, seed=seed)
    assert statuses(found) == {"detached-atom": "pass"}, found.checks[0]


@pytest.mark.parametrize("seed", [0, 3, 4])
def test_digits_of_large_energies_are_no_interaction(seed: int) -> None:
    """In float32 a sum of −20,000.7 eV is told in steps of 2 meV, and a host without energy does not know."""
    sound = embedded_atom(species=SPECIES, dtype="float32")
    found = certified(lambda: with_references(sound, (0.0, -20000.7, -9000.3), inside=True), LAW, seed=seed)
    assert statuses(found) == {"detached-atom": "pass"}, found.checks[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", ["lonely-atoms-lost", "trailing-atoms-lost"])
def test_lost_atoms_are_told(name: str, seed: int) -> None:
    found = certified(lambda: plant(name, embedded_atom(species=SPECIES)), LAW, "symmetry/permutation", seed=seed)
    assert statuses(found)["detached-atom"] == "fail"
    assert (statuses(found)["permutation"] == "fail") == (name == "trailing-atoms-lost")


def in_boxes_only(make: Callable[[], Potential]) -> Altered:
    sound = make()

    @dataclass(slots=True)
    class Boxed(Altered):
        @property
        def capabilities(self) -> Capabilities:
            return replace(self.sound.capabilities, periodicity=frozenset({"periodic"}))

    return Boxed(sound=sound)


@pytest.mark.parametrize("seed", [0, 1])
def test_periodic_boxes_with_vacuum_serve_as_well(seed: int) -> None:
    def sound() -> Potential:
        return in_boxes_only(lambda: embedded_atom(species=SPECIES))

    def broken() -> Potential:
        return in_boxes_only(lambda: plant("lonely-atoms-lost", embedded_atom(species=SPECIES)))

    assert statuses(certified(sound, LAW, seed=seed)) == {"detached-atom": "pass"}
    assert statuses(certified(broken, LAW, seed=seed)) == {"detached-atom": "fail"}


@pytest.mark.parametrize("seed", [0, 1])
def test_charge_that_is_shared_out_over_any_distance_is_told(seed: int) -> None:
    """Half an electron goes from one species to the other wherever they are: the energy of it never leaves."""

    def equilibrated(structure: Atoms, prediction: Prediction) -> Prediction:
        carbon = float(np.mean(structure.numbers == 6))
        return replace(prediction, energy=prediction.energy - 0.5 * carbon * (1.0 - carbon), energies=None)

    found = certified(lambda: Altered(after=equilibrated), LAW, seed=seed)
    assert statuses(found) == {"detached-atom": "fail"}


def test_a_force_on_an_atom_far_away_is_told() -> None:
    def pulled(structure: Atoms, prediction: Prediction) -> Prediction:
        if prediction.forces is None or len(structure) < 2:
            return prediction
        distances = structure.get_all_distances(mic=structure.pbc.any()) + np.diag(np.full(len(structure), np.inf))
        far = distances.min(axis=1) > 6.0
        return replace(prediction, forces=prediction.forces + 5e-3 * far[:, None])

    found = certified(lambda: Altered(after=pulled), LAW)
    assert statuses(found) == {"detached-atom": "fail"}
    assert found.checks[0].quantity == "forces"


def test_who_refuses_atoms_without_neighbours_is_not_judged() -> None:
    def refusing(structure: Atoms) -> Atoms:
        distances = structure.get_all_distances(mic=structure.pbc.any())
        if not structure.pbc.any() and (distances + 99.0 * np.eye(len(structure))).min(axis=1).max() > 6.0:
            raise Unsupported("every atom needs a neighbour")
        if structure.pbc.any():
            raise Unsupported("free structures only")
        return structure

    found = certified(lambda: Altered(before=refusing), LAW)
    assert statuses(found) == {"detached-atom": "not_applicable"}
    assert "every atom needs a neighbour" in str(found.checks[0].reason)


def test_powers_of_the_distance_are_extrapolated_away() -> None:
    d = 8.0 * 2.0 ** np.arange(5)
    found = np.array([3.0 / d - 20.0 / d**2 + 50.0 / d**3, 0.7 + 80.0 / d**6]).T
    limit = limit_far_away(found, 1e-13)
    assert limit.values == pytest.approx([0.0, 0.7], abs=1e-6)
    assert np.abs(limit.values - [0.0, 0.7]).max() <= 10.0 * limit.error + 1e-12
    with pytest.raises(ValueError, match="two distances"):
        limit_far_away(found[:1], 0.0)


def test_parts_stand_apart_and_are_the_same_alone() -> None:
    host = slab()
    assert open_directions(host).tolist() == [False, False, True]
    up = out_of(host, np.array([0.3, 0.1, 1.0]))
    placed = set_apart(host, [Atoms("O"), Atoms("Au")], [0, 3], up, 9.0)
    assert placed.together.get_chemical_symbols() == ["O", *host.get_chemical_symbols(), "Au"]
    assert [rows.tolist() for rows in placed.rows] == [[1, 2, 3], [0], [4]]
    for part, rows in zip(placed.alone, placed.rows, strict=True):
        assert part.positions == pytest.approx(placed.together.positions[rows])
    assert np.abs(host.cell.array[:2] @ up).max() < 1e-12
    with pytest.raises(ValueError, match="out of"):
        out_of(host, host.cell.array[0])
    assert not open_directions(alloy()).any()
    boxed = cluster()
    boxed.set_cell([30, 30, 30])
    boxed.pbc = True
    boxed.wrap()
    assert open_directions(boxed).all()
    placed = set_apart(boxed, [Atoms("Cu")], [7], np.array([0.0, 0.0, 1.0]), 20.0)
    distances = placed.together.get_all_distances(mic=True)
    assert distances[-1, :-1].min() >= 20.0
    assert open_directions(molecule()).all()


@pytest.mark.parametrize("name", SOUND)
def test_what_a_structure_carries_is_no_energy_of_atoms_far_away(name: str) -> None:
    """Charged hosts of the pool are judged as neutral ones: nobody says whose their charge is far away."""
    for seed in range(2):
        assert statuses(certified(SOUND[name], LAW, seed=seed)) == {"detached-atom": "pass"}
