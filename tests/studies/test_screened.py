"""The teacher of the study of adaptive cutoffs: its derivatives, its limits, its structures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from benchmarks.studies.screened import (
    APART,
    ATTRACTION,
    CONTACT,
    KINDS,
    LATTICE,
    MAKERS,
    REACH,
    REPULSION,
    SPARSE,
    STEEPNESS,
    SYMBOL,
    Screened,
    labelled,
    structures,
)
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY
from reference_model.radial import envelope
from tests.analytic.derivatives import numerical_forces, numerical_stress


def pair(distance: float) -> Atoms:
    return Atoms(f"{SYMBOL}2", [[0.0, 0.0, 0.0], [0.0, 0.0, distance]])


def energy(teacher: Screened, structure: Atoms) -> float:
    return teacher.evaluate([structure], ENERGY)[0].energy


@pytest.mark.parametrize("kind", KINDS)
def test_forces_and_stress_are_derivatives_of_the_energy(kind: str) -> None:
    structure = MAKERS[kind](np.random.default_rng(3))
    structure = structure[::2]  # fewer atoms, in the same cell
    teacher = Screened()
    (found,) = teacher.evaluate([structure], ALL_PROPERTIES)
    assert found.forces is not None
    assert np.abs(found.forces).max() > 0.01
    assert found.forces == pytest.approx(numerical_forces(teacher, structure), abs=1e-7)
    if structure.pbc.all():
        assert found.stress == pytest.approx(numerical_stress(teacher, structure), abs=1e-9)
    else:
        assert found.stress is None


def test_a_pair_has_the_energy_of_the_formula() -> None:
    r = 3.3
    teacher = Screened(SPARSE, SPARSE)
    bare = REPULSION * np.exp(-STEEPNESS * (r / CONTACT - 1.0)) - ATTRACTION * np.exp(-SPARSE * (r - CONTACT))
    window = float(envelope(torch.tensor(r / REACH, dtype=torch.float64), 12, 4))
    assert 0.5 < window < 1.0
    assert energy(teacher, pair(r)) == pytest.approx(bare * window, abs=1e-12)
    assert energy(teacher, pair(REACH)) == 0.0
    assert energy(teacher, Atoms(SYMBOL)) == 0.0


def test_it_does_not_depend_on_the_order_of_atoms() -> None:
    cluster = next(one for kind, one in structures(2, seed=1) if kind == "cluster")
    (a,), (b,) = (Screened().evaluate([one], ALL_PROPERTIES) for one in (cluster, cluster[::-1]))
    assert a.energy == pytest.approx(b.energy, abs=1e-12)
    assert np.asarray(a.forces)[::-1] == pytest.approx(np.asarray(b.forces), abs=1e-12)


def test_dense_surroundings_are_screened_and_the_controls_are_not() -> None:
    crystal = bulk(SYMBOL, "fcc", a=LATTICE)
    far, near = (float(Screened().range_of(one).mean()) for one in (pair(3.2), crystal))
    assert far == REACH
    assert 3.5 < near < 4.3
    control = Screened(SPARSE, SPARSE)
    assert control.range_of(crystal)[0] == control.range_of(pair(3.2))[0] == REACH
    assert Screened(3.0, 3.0).range_of(crystal)[0] == Screened(3.0, 3.0).range_of(pair(3.2))[0] < near
    energies = [energy(Screened(), bulk(SYMBOL, "fcc", a=scale * LATTICE)) for scale in (0.96, 1.0, 1.04)]
    assert energies[1] == min(energies)


def test_structures_are_those_of_the_seed_and_no_two_atoms_meet() -> None:
    first, again, other = (labelled(Screened(), 2, seed) for seed in (5, 5, 6))
    assert [one.energy for one in first] == [one.energy for one in again] != [one.energy for one in other]
    assert [one.config_type for one in first] == [*KINDS, *KINDS, "atom"]
    for frame in first:
        sparse = frame.config_type in ("cluster", "gas")
        distances = frame.structure.get_all_distances(mic=bool(frame.structure.pbc.any()))
        nearest = min((distances[i, j] for i, j in itertools.combinations(range(len(distances)), 2)), default=9.0)
        assert nearest > (APART if sparse else 2.0)
        assert (frame.stress is None) == (frame.config_type in ("cluster", "atom"))
