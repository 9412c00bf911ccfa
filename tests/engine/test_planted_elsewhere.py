"""Defects that show on some structures only, or between calls: they must not end in a certificate."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.potential import Capabilities, Potential, Prediction, Property, Unsupported
from tests.analytic import smooth_pair
from tests.engine.judging import certified, statuses

SPECIES = ("C", "Cu", "Au")


@dataclass(slots=True)
class Altered:
    """A sound potential whose predictions or structures are changed."""

    after: Callable[[Atoms, Prediction], Prediction] = lambda structure, prediction: prediction
    before: Callable[[Atoms], Atoms] = lambda structure: structure
    sound: Potential = field(default_factory=lambda: smooth_pair(species=SPECIES))
    name: str = "altered"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate([self.before(structure) for structure in structures], properties)
        return [self.after(s, prediction) for s, prediction in zip(structures, found, strict=True)]


def without_forces(isolated_only: bool) -> Altered:
    def zeros(structure: Atoms, prediction: Prediction) -> Prediction:
        if isolated_only and structure.pbc.any():
            return prediction
        nothing = None if prediction.forces is None else np.zeros_like(prediction.forces)
        return replace(prediction, forces=nothing)

    return Altered(after=zeros)


@pytest.mark.parametrize("isolated_only", [True, False])
def test_forces_that_are_zero_do_not_hold_trivially(isolated_only: bool) -> None:
    found = certified(
        functools.partial(without_forces, isolated_only), "conservation/force-gradient", "conservation/path-work"
    )
    assert set(statuses(found).values()) == {"fail"}


def test_a_stress_that_is_zero_does_not_hold_trivially() -> None:
    def zero(structure: Atoms, prediction: Prediction) -> Prediction:
        return replace(prediction, stress=None if prediction.stress is None else np.zeros((3, 3)))

    assert statuses(certified(lambda: Altered(after=zero), "conservation/stress-strain")) == {"stress-strain": "fail"}


def test_images_of_an_atom_in_a_slab_count() -> None:
    """Where not all directions are periodic, every atom misses its own images."""
    sound = smooth_pair(species=SPECIES)

    def less(structure: Atoms, prediction: Prediction) -> Prediction:
        if structure.pbc.all() or not structure.pbc.any():
            return prediction
        alone = [structure[[index]] for index in range(len(structure))]
        selves = sum(one.energy for one in sound.evaluate(alone, frozenset({"energy"})))
        return replace(prediction, energy=prediction.energy - selves)

    found = certified(lambda: Altered(less), "periodicity/supercell", budget="standard")
    assert statuses(found) == {"supercell": "fail"}


def test_a_slab_is_told_by_which_directions_are_periodic_not_by_how_many() -> None:
    def reordered(structure: Atoms) -> Atoms:
        changed = structure.copy()
        if changed.pbc.any():
            changed.pbc = sorted(structure.pbc, reverse=True)
            if not (changed.pbc == structure.pbc).all():
                changed.set_cell(
                    np.where(np.abs(changed.cell.array).sum(1, keepdims=True) > 0, changed.cell, np.eye(3))
                )
        return changed

    found = certified(lambda: Altered(before=reordered), "periodicity/partial", budget="standard")
    assert statuses(found)["partial"] in ("fail", "error")


def test_a_potential_that_refuses_most_of_what_it_declares_is_not_certified() -> None:
    def picky(structure: Atoms) -> Atoms:
        if len(structure) > 1:
            raise Unsupported("no angles here")
        return structure

    found = certified(lambda: Altered(before=picky), "robustness/noise-floor", budget="standard")
    (result,) = found.checks
    assert result.status == "error"
    assert result.reason is not None
    assert "23 of the pool's 24 structures were refused" in result.reason
    assert "no angles here" in result.reason


def test_what_is_refused_is_told_where_it_does_not_bar_a_certificate() -> None:
    def picky(structure: Atoms) -> Atoms:
        if structure.pbc.all() and structure.cell.volume < 30.0:
            raise Unsupported("cells must be larger than twice the cutoff")
        return structure

    (result,) = certified(lambda: Altered(before=picky), "robustness/noise-floor", budget="standard").checks
    assert result.status == "pass"
    assert "3 of the pool's 24 structures were refused, the first: " in str(result.reason)


class Reusing:
    """Returns views of one buffer of forces, which the next call overwrites."""

    name = "reusing"

    def __init__(self) -> None:
        self.sound = smooth_pair(species=SPECIES)
        self.capabilities = self.sound.capabilities
        self.buffer = np.zeros((100_000, 3))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found, start = [], 0
        for prediction in self.sound.evaluate(structures, properties):
            if prediction.forces is not None:
                here = self.buffer[start : start + len(prediction.forces)]
                here[:] = prediction.forces
                start += len(here)
                prediction = replace(prediction, forces=here)
            found.append(prediction)
        return found


def test_a_buffer_that_is_used_again_bars_a_certificate() -> None:
    found = certified(Reusing, "robustness/noise-floor")
    assert statuses(found) == {"noise-floor": "error"}
    assert "a buffer that it uses again" in str(found.checks[0].reason)


def test_periodic_and_isolated_structures_in_one_batch() -> None:
    def first_pbc(structures: Sequence[Atoms]) -> list[Atoms]:
        """Take all structures of a batch for periodic if the first one is, and cells of no size for large ones."""
        changed = [structure.copy() for structure in structures]
        for one in changed:
            if changed[0].pbc.all() and not one.pbc.any():
                one.set_cell(4.0 * np.eye(3))
                one.pbc = True
        return changed

    class Stacking(Altered):
        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            return self.sound.evaluate(first_pbc(structures), properties)

    found = certified(Stacking, "robustness/batch", budget="standard")
    assert statuses(found)["batch"] == "fail"


def test_a_singular_matrix_is_no_clear_refusal() -> None:
    """Numpy's error is a ValueError, which over the very feature under test would count as one."""

    def unforeseen(structure: Atoms) -> Atoms:
        if structure.cell.handedness < 0:
            np.linalg.inv(np.zeros((3, 3)))
        return structure

    (result,) = certified(lambda: Altered(before=unforeseen), "periodicity/cell-choice").checks
    assert result.status == "error"
    assert result.reason is not None
    assert "LinAlgError: Singular matrix" in result.reason


def far_away(structure: Atoms, prediction: Prediction) -> Prediction:
    """Have a wrong energy where an atom is more than three cells away from the one it belongs to."""
    if not structure.pbc.any():
        return prediction
    cells = structure.positions @ np.linalg.pinv(structure.cell.array[structure.pbc])
    out = bool((np.abs(cells) > 4.0).any())
    return replace(prediction, energy=prediction.energy + 1e-3 * len(structure) * out)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_atoms_many_cells_away_belong_to_the_structure(seed: int) -> None:
    found = certified(lambda: Altered(after=far_away), "periodicity/lattice-wrap", seed=seed)
    assert statuses(found) == {"lattice-wrap": "fail"}


@pytest.mark.parametrize(("directions", "more_than"), [(2, 32), (3, 150), (1, 12)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_large_supercells_in_every_number_of_directions(directions: int, more_than: int, seed: int) -> None:
    def late(structure: Atoms, prediction: Prediction) -> Prediction:
        large = int(structure.pbc.sum()) == directions and len(structure) > more_than
        return replace(prediction, energy=prediction.energy + 3e-4 * len(structure) * large)

    found = certified(lambda: Altered(after=late), "periodicity/supercell", seed=seed)
    assert statuses(found) == {"supercell": "fail"}


@pytest.mark.parametrize("kind", ["flat", "in a row"])
def test_numbers_where_all_atoms_are_in_a_plane_or_in_a_row(kind: str) -> None:
    def singular(structure: Atoms, prediction: Prediction) -> Prediction:
        if kind == "flat":
            found = len(structure) > 2 and np.ptp(structure.positions[:, 2]) < 1e-6
        else:
            found = int(structure.pbc.sum()) == 1
        return replace(prediction, energy=float("nan")) if found else prediction

    assert statuses(certified(lambda: Altered(after=singular), "robustness/finite-output")) == {"finite-output": "fail"}
