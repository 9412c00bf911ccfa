"""Velocity Verlet is ASE's, and its shadow energy is conserved where H is not."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.md.verlet import VelocityVerlet

from gnnp_bench.numerics.verlet import Trajectory, kicked, moved, shadow_energies, total_energies
from gnnp_bench.potential import FloatArray


def oscillators(timestep: float, n_points: int, anharmonic: float = 0.0) -> Trajectory:
    """Return two atoms of different mass, each on springs of its own: U = ½ k x² + a x⁴."""
    stiffness = np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 4.0]])
    masses = np.array([1.0, 3.0])

    def forces(x: FloatArray) -> FloatArray:
        return -stiffness * x - 4.0 * anharmonic * x**3

    x, p = np.full((2, 3), 0.7), np.array([[0.1, -0.5, 0.3], [0.2, 0.0, -1.0]])
    rows = []
    for _ in range(n_points):
        rows.append((x, p, forces(x), float((0.5 * stiffness * x**2 + anharmonic * x**4).sum())))
        x, p = moved(x, p, forces(x), masses, timestep)
        p = kicked(p, forces(x), timestep)
    return Trajectory(timestep, masses, *(np.array(column) for column in zip(*rows, strict=True)))


def test_steps_are_those_of_ase() -> None:
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.05, seed=1)
    atoms.set_momenta(np.random.default_rng(0).normal(scale=2.0, size=(4, 3)))
    atoms.calc = EMT()
    timestep = 2.0 * units.fs
    x, p, masses = atoms.positions.copy(), atoms.get_momenta(), atoms.get_masses()
    mine = atoms.copy()
    mine.calc = EMT()
    for _ in range(20):
        x, p = moved(x, p, mine.get_forces(), masses, timestep)
        mine.positions = x
        p = kicked(p, mine.get_forces(), timestep)
    VelocityVerlet(atoms, timestep=timestep).run(20)
    np.testing.assert_allclose(x, atoms.positions, atol=1e-12)
    np.testing.assert_allclose(p, atoms.get_momenta(), atol=1e-12)


@pytest.mark.parametrize("reach", [1, 2, 3, 4])
def test_what_is_left_of_the_swinging_falls_with_twice_the_reach(reach: int) -> None:
    runs = [oscillators(dt, round(20.0 / dt), anharmonic=0.1) for dt in (0.1, 0.05)]
    spread = [np.ptp(shadow_energies(run, reach)) for run in runs]
    assert np.log2(spread[0] / spread[1]) == pytest.approx(2 * reach, abs=0.35)
    assert spread[1] < 0.1 * np.ptp(total_energies(runs[1]))


@pytest.mark.parametrize("reach", [1, 4])
def test_of_harmonic_oscillators_nothing_is_left(reach: int) -> None:
    run = oscillators(0.2, 100)
    assert np.ptp(total_energies(run)) > 1e-3
    assert np.ptp(shadow_energies(run, reach)) < 1e-13


def test_the_shadow_energy_is_that_of_the_second_order() -> None:
    """H + dt²(vᵀKv/12 − FᵀM⁻¹F/24), vᵀKv from the forces before and after."""
    differences = []
    for timestep in (0.1, 0.05):
        run = oscillators(timestep, 200)
        v, f = run.speeds, run.forces
        bend = -(v[4:-4] * (f[5:-3] - f[3:-5])).sum(axis=(1, 2)) / (2.0 * timestep)
        push = (f[4:-4] ** 2 / run.masses[:, None]).sum(axis=(1, 2))
        expected = total_energies(run)[4:-4] + timestep**2 * (bend / 12.0 - push / 24.0)
        differences.append(np.abs(shadow_energies(run, 4) - expected).max())
        assert differences[-1] < 0.01 * np.ptp(total_energies(run))
    assert np.log2(differences[0] / differences[1]) == pytest.approx(4.0, abs=0.2)


def test_a_constant_added_to_the_energy_and_a_shift_change_nothing() -> None:
    run = oscillators(0.1, 50)
    shifted = Trajectory(run.timestep, run.masses, run.positions + 3.0, run.momenta, run.forces, run.energies - 1000.0)
    np.testing.assert_allclose(shadow_energies(shifted), shadow_energies(run), atol=1e-12)


def test_work_that_no_energy_knows_of_shows() -> None:
    run = oscillators(0.05, 400)
    friction = run.energies + 1e-3 * 0.05 * np.arange(400)
    leaking = Trajectory(run.timestep, run.masses, run.positions, run.momenta, run.forces, friction)
    shadow = shadow_energies(leaking)
    assert (shadow[-1] - shadow[0]) / (0.05 * (len(shadow) - 1)) == pytest.approx(1e-3, rel=1e-4)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 8 points"):
        shadow_energies(oscillators(0.1, 8))


def test_atoms_stay_where_no_force_acts() -> None:
    still = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 3.0]])
    x, p = moved(still.positions, np.zeros((2, 3)), np.zeros((2, 3)), still.get_masses(), 1.0)
    assert (x == still.positions).all()
    assert not p.any()
