"""Slabs, wires and isolated structures: defects that show on them alone must not end in a certificate."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.periodicity.partial import boxed, reach_of
from gnnp_bench.checks.virial import volume_of_matter
from gnnp_bench.engine.settings import Budget
from gnnp_bench.potential import Capabilities, FloatArray, Periodicity, Potential, Prediction, Unsupported
from tests.analytic import embedded_atom, long_range, smooth_pair, three_body
from tests.engine.judging import certified, statuses
from tests.engine.test_planted_elsewhere import SPECIES, Altered

LAWS = ("conservation/stress-strain", "periodicity/partial")
REFUSALS = (Unsupported("no stress"), NotImplementedError("no stress"), ValueError("no stress"))
QUICK_AND_STANDARD: tuple[Budget, ...] = ("quick", "standard")


@dataclass(slots=True)
class Declaring(Altered):
    """An altered potential that declares something else than the sound one does."""

    declared: Capabilities = field(default_factory=lambda: smooth_pair(species=SPECIES).capabilities)

    @property
    def capabilities(self) -> Capabilities:
        return self.declared


def is_slab(structure: Atoms) -> bool:
    return int(structure.pbc.sum()) == 2


def is_wire(structure: Atoms) -> bool:
    return int(structure.pbc.sum()) == 1


def is_isolated(structure: Atoms) -> bool:
    return not structure.pbc.any()


def stress_times(factor: float, kind: Callable[[Atoms], bool]) -> Altered:
    """Return a potential whose stress is wrong for one kind of structures."""

    def changed(structure: Atoms, prediction: Prediction) -> Prediction:
        if prediction.stress is None or not kind(structure):
            return prediction
        return replace(prediction, stress=factor * prediction.stress)

    return Altered(after=changed)


def scaled(kind: Callable[[Atoms], bool]) -> Altered:
    """Return a potential that has all of one kind of structures five per cent too large."""

    def times(array: FloatArray | None) -> FloatArray | None:
        return None if array is None else 1.05 * array

    def changed(structure: Atoms, prediction: Prediction) -> Prediction:
        if not kind(structure):
            return prediction
        return Prediction(1.05 * prediction.energy, times(prediction.forces), times(prediction.stress))

    return Altered(after=changed)


def refusing(error: Exception) -> Altered:
    def refused(structure: Atoms, prediction: Prediction) -> Prediction:
        if prediction.stress is not None and not structure.pbc.all():
            raise error
        return prediction

    return Altered(after=refused)


def without_stress() -> Altered:
    def nothing(structure: Atoms, prediction: Prediction) -> Prediction:
        return prediction if structure.pbc.all() else replace(prediction, stress=None)

    return Altered(after=nothing)


def violated(certificate: Certificate) -> set[str]:
    return {name for name, status in statuses(certificate).items() if status == "fail"}


@pytest.mark.parametrize("make", [smooth_pair, embedded_atom, three_body, long_range])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("budget", QUICK_AND_STANDARD)
def test_sound_potentials_pass(make: Callable[..., Potential], dtype: str, budget: Budget) -> None:
    found = certified(lambda: make(species=SPECIES, dtype=dtype), *LAWS, budget=budget)
    assert statuses(found) == {"stress-strain": "pass", "partial": "pass"}


@pytest.mark.parametrize("factor", [-1.0, 0.0, 0.95])
@pytest.mark.parametrize("budget", QUICK_AND_STANDARD)
def test_a_wrong_stress_of_slabs(factor: float, budget: Budget) -> None:
    assert violated(certified(lambda: stress_times(factor, is_slab), *LAWS, budget=budget)) >= {"stress-strain"}


@pytest.mark.parametrize("factor", [-1.0, 0.0, 0.95])
def test_a_wrong_stress_of_wires(factor: float) -> None:
    assert "stress-strain" in violated(certified(lambda: stress_times(factor, is_wire), *LAWS, budget="standard"))


def test_a_stress_of_slabs_for_another_volume_than_that_of_the_cell() -> None:
    def thin(structure: Atoms, prediction: Prediction) -> Prediction:
        if prediction.stress is None or structure.pbc.all():
            return prediction
        return replace(prediction, stress=prediction.stress * 2.0)

    assert "stress-strain" in violated(certified(lambda: Altered(after=thin), *LAWS))


@pytest.mark.parametrize("error", REFUSALS, ids=[type(error).__name__ for error in REFUSALS])
def test_a_stress_of_slabs_may_be_refused(error: Exception) -> None:
    found = certified(lambda: refusing(error), *LAWS, budget="standard")
    assert statuses(found) == {"stress-strain": "pass", "partial": "pass"}


def test_slabs_may_have_no_stress() -> None:
    found = certified(without_stress, *LAWS, budget="standard")
    assert statuses(found) == {"stress-strain": "pass", "partial": "pass"}


def test_who_is_for_slabs_and_molecules_only_is_judged_by_the_stress_of_slabs() -> None:
    sound = smooth_pair(species=SPECIES)
    declared = replace(sound.capabilities, periodicity=frozenset({"partial", "isolated"}))
    for make, status in (
        (Altered, "pass"),
        (lambda: refusing(Unsupported("no stress")), "not_applicable"),
        (lambda: stress_times(-1.0, is_slab), "fail"),
    ):
        after = make().after
        found = certified(functools.partial(Declaring, after=after, declared=declared), *LAWS)
        assert statuses(found) == {"stress-strain": status, "partial": "pass"}


def test_who_does_not_declare_slabs_is_not_asked_for_them() -> None:
    def refused(structure: Atoms) -> Atoms:
        assert structure.pbc.all() or not structure.pbc.any(), "a slab was asked for"
        return structure

    declared = replace(
        smooth_pair(species=SPECIES).capabilities, periodicity=frozenset[Periodicity]({"periodic", "isolated"})
    )
    found = certified(lambda: Declaring(before=refused, declared=declared), *LAWS, budget="standard")
    assert statuses(found) == {"stress-strain": "pass", "partial": "pass"}


@pytest.mark.parametrize("kind", [is_isolated, is_slab], ids=["isolated", "slabs"])
@pytest.mark.parametrize("budget", QUICK_AND_STANDARD)
def test_other_energies_than_in_a_box_with_vacuum(kind: Callable[[Atoms], bool], budget: Budget) -> None:
    assert violated(certified(lambda: scaled(kind), *LAWS, budget=budget)) == {"partial"}


def test_other_energies_of_wires_than_in_a_box_with_vacuum() -> None:
    assert violated(certified(lambda: scaled(is_wire), *LAWS, budget="standard")) == {"partial"}


WITHOUT_REACH = replace(smooth_pair(species=SPECIES).capabilities, receptive_field=None, claims=frozenset())


@pytest.mark.parametrize("kind", [is_isolated, is_slab], ids=["isolated", "slabs"])
@pytest.mark.parametrize("cutoff", [None, 6.0])
def test_who_declares_no_reach_is_compared_with_a_wide_box(kind: Callable[[Atoms], bool], cutoff: float | None) -> None:
    """The cutoff of one layer is not the reach of the potential."""
    declared = replace(WITHOUT_REACH, cutoff=cutoff)
    found = certified(functools.partial(Declaring, after=scaled(kind).after, declared=declared), LAWS[1])
    assert statuses(found) == {"partial": "fail"}


@pytest.mark.parametrize("power", [1, 2, 3])
def test_what_feels_its_images_in_every_box_is_sound(power: int) -> None:
    """The energy of images falls off as a power of the distance, as that of charges and dipoles does."""

    def image(structure: Atoms, prediction: Prediction) -> Prediction:
        if not structure.pbc.all():
            return prediction
        return replace(prediction, energy=prediction.energy + structure.cell.volume ** (-power / 3.0))

    found = certified(functools.partial(Declaring, after=image, declared=WITHOUT_REACH), LAWS[1], budget="standard")
    assert statuses(found) == {"partial": "pass"}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_molecule_in_a_tight_cell_is_no_crystal(seed: int) -> None:
    def periodic(structure: Atoms) -> Atoms:
        changed: Atoms = structure.copy()
        if is_isolated(structure) and structure.cell.rank == 3 and (structure.cell.lengths() > 4.0).all():
            changed.pbc = True
        return changed

    found = certified(lambda: Altered(before=periodic), LAWS[1], seed=seed)
    assert statuses(found) == {"partial": "fail"}


@pytest.mark.parametrize("without", ["periodic", "partial", "isolated"])
def test_only_what_is_declared_is_asked_for(without: Periodicity) -> None:
    declared = smooth_pair(species=SPECIES).capabilities
    declared = replace(declared, periodicity=declared.periodicity - {without})

    def counted(structure: Atoms) -> Atoms:
        n = int(structure.pbc.sum())
        assert without != {0: "isolated", 3: "periodic"}.get(n, "partial")
        return structure

    found = certified(lambda: Declaring(before=counted, declared=declared), LAWS[1], budget="standard")
    assert statuses(found) == {"partial": "pass"}


@pytest.mark.parametrize("pbc", [(False, False, False), (True, True, False), (False, True, False)])
def test_the_box_has_as_much_vacuum_as_is_asked_for(pbc: tuple[bool, bool, bool]) -> None:
    cell = [[4.0, 0.0, 0.0], [1.0, 5.0, 0.0], [1.0, 2.0, 3.0]]
    structure = Atoms("Cu3", positions=[[0, 0, 0], [1, 2, 2], [-1, 0, 9]], cell=cell, pbc=pbc)
    box = boxed(structure, 7.0)
    assert box.pbc.all()
    assert np.array_equal(box.positions, structure.positions)
    assert np.array_equal(box.cell.array[structure.pbc], structure.cell.array[structure.pbc])
    assert np.linalg.det(box.cell.array) > 0.0
    for axis in np.flatnonzero(~structure.pbc):
        length = np.linalg.norm(box.cell.array[axis])
        normal = box.cell.array[axis] / length
        np.testing.assert_allclose(np.delete(box.cell.array, axis, axis=0) @ normal, 0.0, atol=1e-12)
        assert length - np.ptp(structure.positions @ normal) == pytest.approx(7.0)


def test_which_reach_counts() -> None:
    assert reach_of(Capabilities(("Cu",), cutoff=5.0, receptive_field=10.0)) == 10.0
    assert reach_of(Capabilities(("Cu",), cutoff=5.0)) is None
    assert reach_of(Capabilities(("Cu",), cutoff=5.0, claims=frozenset({"strictly-local"}))) == 5.0
    assert reach_of(Capabilities(("Cu",))) is None


def test_vacuum_is_no_matter() -> None:
    slab = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 2]], cell=[3.0, 3.0, 10.0], pbc=(True, True, False))
    wider = slab.copy()
    wider.set_cell([3.0, 3.0, 100.0])
    assert volume_of_matter(slab) == volume_of_matter(wider) == 40.0
    wider.set_cell([3.0, 3.0, 4.0])
    assert volume_of_matter(wider) == pytest.approx(36.0)
    wider.set_cell([3.0, 3.0, 10.0])
    wider.pbc = True
    assert volume_of_matter(wider) == pytest.approx(90.0)
