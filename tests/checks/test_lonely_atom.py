"""Atoms alone: what another table says of them is told, and what acts over any distance is no defect."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.potential import Potential, Prediction, Unsupported
from tests.analytic import embedded_atom, three_body
from tests.checks.test_detached_atom import AnyDistance, coulomb, dispersion, in_boxes_only, slow_tail
from tests.engine.judging import judged
from tests.engine.readers import SOUND
from tests.engine.test_planted_elsewhere import Altered
from tests.mutants import plant

SPECIES = ("C", "Cu", "Au")
LAW = "locality/lonely-atom"


@pytest.mark.parametrize("term", [dispersion, coulomb, slow_tail])
def test_what_falls_off_with_the_distance_is_sound(
    term: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> None:
    for seed in range(3):
        assert judged(functools.partial(AnyDistance, term), LAW, seed=seed).status == "pass"


@pytest.mark.parametrize("offset", [0.0, -1000.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("make", [embedded_atom, three_body])
def test_sound_potentials_pass_anywhere(make: Callable[..., Potential], dtype: str, offset: float) -> None:
    def sound() -> Potential:
        return make(species=SPECIES, dtype=dtype, offset=offset)

    assert judged(sound, LAW).status == "pass"
    assert judged(lambda: in_boxes_only(sound), LAW).status == "pass"


@pytest.mark.parametrize("name", SOUND)
def test_what_a_structure_carries_is_no_defect(name: str) -> None:
    assert judged(SOUND[name], LAW).status in ("pass", "not_applicable")


def test_another_energy_alone_is_told_with_its_size() -> None:
    found = judged(lambda: plant("lonely-offset", embedded_atom(species=SPECIES), 2e-3), LAW)
    assert found.status == "fail"
    assert "alone is 2.00e-03 eV higher than" in (found.reason or "")


def test_one_species_that_is_wrong_in_large_cells_only_is_told() -> None:
    def change(structure: Atoms, prediction: Prediction) -> Prediction:
        off = 5e-3 if structure.get_chemical_formula() == "Au" and structure.cell.volume > 500.0 else 0.0
        return replace(prediction, energy=prediction.energy + off, energies=None)

    found = judged(lambda: Altered(after=change), LAW)
    assert (found.status, found.quantity) == ("fail", "energy in a large cell")
    assert "Au alone is 5.00e-03 eV lower than in a large cell" in (found.reason or "")


def test_a_lone_atom_without_a_finite_energy_is_told() -> None:
    def change(structure: Atoms, prediction: Prediction) -> Prediction:
        lonely = len(structure) == 1 and structure.symbols[0] == "Au" and not structure.pbc.any()
        return replace(prediction, energy=np.nan if lonely else prediction.energy)

    assert judged(lambda: Altered(after=change), LAW).status == "fail"


def test_who_refuses_lone_atoms_is_not_judged() -> None:
    def refusing(structure: Atoms) -> Atoms:
        if len(structure) == 1 and not structure.pbc.any():
            raise Unsupported("every atom needs a neighbour")
        return structure

    assert judged(lambda: Altered(before=refusing), LAW).status == "not_applicable"
