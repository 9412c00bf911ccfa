"""Fragments far apart: what no distance takes away is told, with its name; what falls off is sound."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.potential import Capabilities, Potential, Prediction
from tests.analytic import buckingham_zbl, embedded_atom, three_body
from tests.checks.test_detached_atom import AnyDistance, coulomb, dispersion, in_boxes_only, slow_tail
from tests.engine.judging import judged
from tests.engine.readers import SOUND
from tests.engine.test_planted_elsewhere import Altered
from tests.mutants import plant

SPECIES = ("C", "Cu", "Au")
LAW = "locality/fragments-add-up"
Change = Callable[[Atoms, Prediction], Prediction]


def told(found: CheckResult) -> str:
    """Return the remark of a law that has to fail."""
    assert found.status == "fail", found
    return found.reason or ""


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("term", [dispersion, coulomb, slow_tail])
def test_what_falls_off_with_the_distance_is_sound(
    term: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]], seed: int
) -> None:
    found = judged(functools.partial(AnyDistance, term), LAW, seed=seed)
    assert found.status == "pass", found


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("make", [embedded_atom, three_body, buckingham_zbl])
def test_sound_potentials_pass_in_boxes_only_as_well(make: Callable[..., Potential], seed: int) -> None:
    found = judged(lambda: in_boxes_only(lambda: make(species=SPECIES)), LAW, seed=seed)
    assert (found.status, found.grade) == ("pass", "exact")


@pytest.mark.parametrize("claims", [True, False])
@pytest.mark.parametrize(
    ("name", "felt"),
    [
        ("pairs-per-atom", "an average over all atoms"),
        ("mean-composition", "the composition"),
        ("shared-charge", "equalised charge"),
        ("mean-density", "the mean density"),
        ("non-extensive", "the number of atoms"),
    ],
)
def test_what_is_felt_is_named(name: str, felt: str, *, claims: bool) -> None:
    def make() -> Potential:
        sound = embedded_atom(species=SPECIES)
        known = sound.capabilities if claims else replace(sound.capabilities, claims=frozenset())
        return plant(name, replace(sound, capabilities=known))

    assert felt in told(judged(make, LAW))


def _energy(term: Callable[[Atoms], float]) -> Callable[[], Potential]:
    def change(structure: Atoms, prediction: Prediction) -> Prediction:
        return replace(prediction, energy=prediction.energy + term(structure), energies=None)

    @dataclass(slots=True)
    class Undeclared(Altered):
        @property
        def capabilities(self) -> Capabilities:
            return replace(self.sound.capabilities, cutoff=None, receptive_field=None, claims=frozenset())

    return lambda: Undeclared(sound=embedded_atom(species=SPECIES), after=change)


def _carbon(atoms: Atoms) -> float:
    return float(np.mean(atoms.numbers == 6))


def _in_order(atoms: Atoms) -> float:
    """Two atoms have one order, so that theirs is left out."""
    return 0.01 * float(np.abs(np.diff(atoms.numbers)).sum()) if len(atoms) > 2 else 0.0


@pytest.mark.parametrize(
    ("term", "felt"),
    [
        (lambda atoms: -0.5 * len(atoms) * _carbon(atoms) * (1.0 - _carbon(atoms)), "the composition"),
        (lambda atoms: 0.02 * np.sqrt(len(atoms)), "the number of atoms"),
        (_in_order, "the order of the list"),
        (lambda atoms: 0.01 * np.log(atoms.cell.volume) if atoms.pbc.all() else 0.0, "the mean density"),
    ],
)
def test_what_is_felt_is_named_where_nothing_is_declared(term: Callable[[Atoms], float], felt: str) -> None:
    assert felt in told(judged(_energy(term), LAW))


def test_how_what_is_left_falls_off_is_told() -> None:
    found = judged(functools.partial(AnyDistance, coulomb), LAW)
    assert "falls off as R^-" in (found.reason or "")


@pytest.mark.parametrize("name", SOUND)
def test_what_a_structure_carries_is_no_defect(name: str) -> None:
    for seed in range(2):
        assert judged(SOUND[name], LAW, seed=seed).status == "pass"
