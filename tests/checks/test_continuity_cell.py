"""Paths of the cell lead across right angles and across the heights at which a number of images changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.checks.smoothness.cell_paths import across_heights, across_right_angles
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from gnnp_bench.structures.transform import strain
from tests.analytic import embedded_atom, smooth_pair
from tests.analytic.kinks import kinked
from tests.engine.judging import judged

LAW = "smoothness/continuity-cell"
SPECIES = ("Cu", "Au")
CUTOFF = 6.0
CRYSTALS = (
    bulk("Cu"),
    bulk("Cu", cubic=True),
    bulk("Fe"),
    bulk("Si"),
    bulk("Mg"),
    bulk("NaCl", "rocksalt", a=5.6),
    bulk("Ti", "hcp", orthorhombic=True),
)


def heights(structure: Atoms) -> np.ndarray:
    return np.asarray(1.0 / np.linalg.norm(np.linalg.inv(structure.cell.array), axis=0))


@pytest.mark.parametrize("crystal", CRYSTALS)
@pytest.mark.parametrize("seed", range(3))
def test_each_angle_passes_90_degrees(crystal: Atoms, seed: int) -> None:
    path = across_right_angles(np.random.default_rng(seed), crystal, 8)
    assert path is not None
    assert len(path.start) <= 8
    assert np.abs(path.direction).max() == pytest.approx(1.0)
    ends = [
        structure.cell.angles() - 90.0 for structure in (path.start, strain(path.start, path.size * path.direction))
    ]
    passed = ends[0] * ends[1] < 0.0
    assert passed.all() if len(crystal) <= 4 else passed.any()


@pytest.mark.parametrize("crystal", CRYSTALS)
@pytest.mark.parametrize("axis", range(3))
def test_a_height_passes_a_whole_part_of_the_cutoff_and_one_half_way(crystal: Atoms, axis: int) -> None:
    path = across_heights(np.random.default_rng(0), crystal, axis, CUTOFF, 8)
    assert path is not None
    ends = [CUTOFF / heights(one)[axis] for one in (path.start, strain(path.start, path.size * path.direction))]
    halves = [int(count) for count in range(1, 20) if ends[1] < 0.5 * count < ends[0]]
    assert {count % 2 for count in halves} == {0, 1}
    # Two atoms are almost a whole cell apart, and none is on a face.
    level = path.start.get_scaled_positions(wrap=False)[:, axis]
    assert 0.0 < level.min() < 0.2
    assert 0.8 < level.max() < 1.0
    assert len(path.start) <= 16


@dataclass(frozen=True, slots=True)
class Tilted:
    """A potential whose energy per atom is 2 meV higher where an angle of the cell is acute."""

    which: int
    sound: Potential = field(default_factory=lambda: embedded_atom(CUTOFF, species=SPECIES))
    name: str = "tilted"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate(structures, properties)
        return [
            replace(p, energy=p.energy + 0.002 * len(s) * (s.cell.angles()[self.which] < 90.0), energies=None)
            if s.pbc.all()
            else p
            for s, p in zip(structures, found, strict=True)
        ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("which", range(3))
def test_jumps_at_right_angles_are_seen_and_named(which: int, seed: int) -> None:
    found = judged(lambda: Tilted(which), LAW, seed=seed)
    assert found.status == "fail", found
    assert "where an angle of the cell is 90°" in str(found.reason)


@dataclass(frozen=True, slots=True)
class Listed:
    """Pairs within so many images of the cell to either side, of atoms that are wrapped into it.

    E = ½ Σ e^{−(r − 2.5 Å)} (1 − r/r_c)⁴ eV, with a soft pair potential in structures that are not periodic.
    """

    count: Callable[[float], float]
    sound: Potential = field(default_factory=lambda: smooth_pair(CUTOFF, species=SPECIES))
    name: str = "listed"

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.sound.capabilities, claims=frozenset(), smoothness=None)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return [
            self._of(structure) if structure.pbc.all() else self.sound.evaluate([structure], properties)[0]
            for structure in structures
        ]

    def _of(self, structure: Atoms) -> Prediction:
        counts = [int(self.count(CUTOFF / height)) for height in heights(structure)]
        images = np.array(list(itertools.product(*(range(-n, n + 1) for n in counts)))) @ structure.cell.array
        positions = structure.get_scaled_positions(wrap=True) @ structure.cell.array
        vectors = positions[None, :, None] + images - positions[:, None, None]
        distances = np.linalg.norm(vectors, axis=3)
        near = (distances > 1e-6) & (distances < CUTOFF)
        first, second, _ = np.nonzero(near)
        r, vectors = distances[near], vectors[near]
        left = 1.0 - r / CUTOFF
        decay = 0.5 * np.exp(2.5 - r)
        pull = 0.5 * (-left - 4.0 / CUTOFF) * (left**3 * decay / r)
        gradient = pull[:, None] * vectors
        forces = np.zeros((len(structure), 3))
        np.add.at(forces, first, gradient)
        np.add.at(forces, second, -gradient)
        stress = gradient.T @ vectors / structure.get_volume()
        return Prediction(energy=0.5 * float((left**4 * decay).sum()), forces=forces, stress=0.5 * (stress + stress.T))


@pytest.mark.parametrize(
    ("count", "part", "seed"),
    [(np.floor, "1/", 0), (np.floor, "1/", 1), (np.floor, "1/", 2), (np.rint, "2/3", 0), (np.rint, "2/3", 2)],
)
def test_images_that_are_missing_from_a_list_are_seen_and_named(
    count: Callable[[float], float], part: str, seed: int
) -> None:
    found = judged(lambda: Listed(count), LAW, seed=seed)
    assert found.status == "fail", found
    assert f"Å, {part}" in str(found.reason)


def test_enough_images_are_no_jump() -> None:
    found = judged(lambda: Listed(np.ceil), LAW)
    assert (found.status, found.grade) == ("pass", "exact"), found


def test_a_right_angle_that_stays_is_no_cause() -> None:
    found = judged(lambda: kinked("slope", 5.0, species=("Cu",)), LAW)
    assert found.status == "fail", found
    assert "90°" not in str(found.reason), found.reason
