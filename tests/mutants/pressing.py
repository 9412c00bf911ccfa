"""The laws of physics, each measured directly on a few ways and crystals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from ase import Atoms, units
from ase.data import atomic_numbers, covalent_radii

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, FloatArray, Potential
from tests.analytic.values import forces_of, stress_of
from tests.mutants.laws import Law, Make

HOLE_SCALE = 0.025
"""eV, or eV per atom (docs/adr/0022)."""
MINIMUM_SCALE = 1e-3
"""eV/atom (docs/adr/0022)."""
STIFFNESS_SCALE = 1.0
"""GPa; `STABLE_SCALE` of negative ones."""
STABLE_SCALE = 0.1
SHIFT_SCALE, SOFT_SCALE = 0.03, 0.03
MODE_SCALE, GRUENEISEN_SCALE = 0.1, 0.05
"""eV, by which the energy of a mode bends; and of its Grüneisen parameter."""
"""eV/Å²: 0.3 % of a force constant, and 0.3 THz of copper."""
LENGTHS = np.arange(0.7, 1.4, 0.01)
FAR = 20.0
FRACTIONS = np.arange(1.3, 0.3, -0.01)


def _walls(potential: Potential, at: Callable[[float], Atoms], zero: float | None) -> float:
    """Return by how much the energy per unit falls between the bond and 3 eV, or lacks of 3 eV at 0.4."""
    predictions = potential.evaluate([at(float(x)) for x in FRACTIONS], ENERGY)
    sizes = 1 if zero is not None else len(at(1.0))
    energies = np.array([p.energy for p in predictions]) / sizes
    bond = int(np.argmin(np.where(FRACTIONS >= 0.8, energies, np.inf)))
    way, left = energies[bond:] - (energies[bond] if zero is None else zero), FRACTIONS[bond:]
    (beyond,) = np.nonzero(way >= 3.0)
    within = way[: beyond[0] + 1 if len(beyond) else None]
    fall = float((np.maximum.accumulate(within) - within).max())
    return max(fall, 3.0 - float(way[left >= 0.4].max())) / HOLE_SCALE


def short_range(make: Make) -> float:
    """Pairs of carbon, copper and gold, pairs beside a third atom, and crystals of copper."""
    potential, worst = make(), 0.0
    radii = {symbol: float(covalent_radii[atomic_numbers[symbol]]) for symbol in ("C", "Cu", "Au")}
    for first, second in (("C", "C"), ("C", "Au"), ("Cu", "Au"), ("Cu", "Cu")):
        touching = radii[first] + radii[second]
        for third in ([], [[1.1 * 2.0 * radii[first], 0.0, 0.0]]):

            def at(x: float, touching: float = touching, pair: str = first + second, third: list[list[float]] = third,
                   first: str = first) -> Atoms:  # fmt: skip
                return Atoms(pair + first * len(third), positions=[[0, 0, 0], [0, 0, x * touching], *third])

            (separated,) = potential.evaluate([at(FAR / touching)], ENERGY)
            worst = max(worst, _walls(potential, at, separated.energy))
    a = 2.0 * radii["Cu"] * 2**0.5
    basis = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    metal = Atoms("Cu4", cell=a * np.eye(3), scaled_positions=basis, pbc=True)

    def scaled(x: float) -> Atoms:
        crystal: Atoms = metal.copy()
        crystal.set_cell(x * metal.cell.array, scale_atoms=True)
        return crystal

    return max(worst, _walls(potential, scaled, None))


def equation_of_state(make: Make) -> float:
    """Copper at fixed shape: by how much the lowest energy is below the minimum next to touching atoms."""
    potential = make()
    a = 2.0 * float(covalent_radii[atomic_numbers["Cu"]]) * 2**0.5
    metal = Atoms("Cu", cell=0.5 * a * (np.ones((3, 3)) - np.eye(3)), positions=[[0, 0, 0]], pbc=True)
    crystals = [metal.copy() for _ in LENGTHS]
    for x, one in zip(LENGTHS, crystals, strict=True):
        one.set_cell(x * metal.cell.array, scale_atoms=True)
    energies = np.array([found.energy for found in potential.evaluate(crystals, ENERGY)])
    (minima,) = np.nonzero((energies[1:-1] < energies[:-2]) & (energies[1:-1] < energies[2:]))
    if not len(minima):
        return np.inf
    nearest = min(minima + 1, key=lambda k: abs(np.log(LENGTHS[k])))
    return float(energies[nearest] - energies.min()) / MINIMUM_SCALE


def elasticity(make: Make) -> float:
    """Copper: curvatures of the energy along strains against those of the stress and of equivalent strains; shears."""
    potential = make()
    a = 2.0 * float(covalent_radii[atomic_numbers["Cu"]]) * 2**0.5
    metal = Atoms("Cu", cell=0.5 * a * (np.ones((3, 3)) - np.eye(3)), positions=[[0, 0, 0]], pbc=True)
    volume, step = float(metal.cell.volume), 2e-4

    def curvatures(direction: FloatArray) -> tuple[float, float]:
        strained = [metal.copy() for _ in range(3)]
        for sign, one in zip((1.0, 0.0, -1.0), strained, strict=True):
            one.set_cell(metal.cell.array @ (np.eye(3) + sign * step * direction), scale_atoms=True)
        found = potential.evaluate(strained, ALL_PROPERTIES)
        works = [
            one.cell.volume * np.trace(stress_of(p) @ direction @ np.linalg.inv(np.eye(3) + sign * step * direction))
            for sign, one, p in zip((1.0, 0.0, -1.0), strained, found, strict=True)
        ]
        by_energy = (found[0].energy - 2.0 * found[1].energy + found[2].energy) / step**2
        return by_energy / volume / units.GPa, (works[0] - works[2]) / (2.0 * step) / volume / units.GPa

    rng = np.random.default_rng(0)
    turn, mirror = np.eye(3)[[1, 2, 0]], np.diag([-1.0, 1.0, 1.0])
    worst, lowest = 0.0, np.inf
    for k in range(8):
        direction = rng.normal(size=(3, 3))
        direction = direction + direction.T
        if k % 2:  # shears alone
            direction -= np.trace(direction) / 3.0 * np.eye(3)
        direction /= np.linalg.norm(direction)
        by_energy, by_stress = curvatures(direction)
        others = [curvatures(r @ direction @ r.T)[0] for r in (turn, mirror)]
        worst = max([worst, *(abs(by_energy - other) / STIFFNESS_SCALE for other in (by_stress, *others))])
        lowest = min(lowest, by_energy)
    return max(worst, -lowest / STABLE_SCALE)


def phonons(make: Make) -> float:
    """Copper, four atoms in a cube: force constants by differences add up to zero, and have no negative eigenvalue."""
    potential, step = make(), 1e-3
    a = 2.0 * float(covalent_radii[atomic_numbers["Cu"]]) * 2**0.5
    basis = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    metal = Atoms("Cu4", cell=a * np.eye(3), scaled_positions=basis, pbc=True)
    moved = []
    for k in range(12):
        for sign in (1.0, -1.0):
            one = metal.copy()
            one.positions[k // 3, k % 3] += sign * step
            moved.append(one)
    forces = np.array([forces_of(found) for found in potential.evaluate(moved, ENERGY_FORCES)]).reshape(12, 2, 12)
    constants = (forces[:, 1] - forces[:, 0]) / (2.0 * step)
    shifts = np.abs(constants.reshape(12, 4, 3).sum(axis=1)).max()
    lowest = float(np.linalg.eigvalsh(0.5 * (constants + constants.T)).min())
    return max(float(shifts) / SHIFT_SCALE, -lowest / SOFT_SCALE)


def frozen_phonon_stress(make: Make) -> float:
    """Copper, four atoms in a cube, planes moved against each other: energy over strain against the stress."""
    potential, a = make(), 2.0 * float(covalent_radii[atomic_numbers["Cu"]]) * 2**0.5
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    along = np.array([[0.06, 0.03, 0.0]] * 2 + [[-0.06, -0.03, 0.0]] * 2)
    steps, signs = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) * 1e-3, (1.0, -1.0, 0.0)
    metals = [
        Atoms("Cu4", cell=a * (1.0 + e) * np.eye(3), positions=(a * basis + sign * along) * (1.0 + e), pbc=True)
        for e in steps
        for sign in signs
    ]
    found = potential.evaluate(metals, ALL_PROPERTIES)
    energies = np.array([one.energy for one in found]).reshape(5, 3) @ [1.0, 1.0, -2.0]
    works = a**3 * np.array([np.trace(stress_of(one)) for one in found]).reshape(5, 3) @ [1.0, 1.0, -2.0]
    by_energy = float(energies @ [1.0, -8.0, 0.0, 8.0, -1.0]) / (12.0 * steps[3])
    return abs(by_energy - float(works[2])) / (6.0 * MODE_SCALE) / GRUENEISEN_SCALE


PHYSICS_LAWS: Mapping[str, Law] = {
    "physics/short-range": short_range,
    "physics/equation-of-state": equation_of_state,
    "physics/elasticity": elasticity,
    "physics/phonons": phonons,
    "physics/frozen-phonon-stress": frozen_phonon_stress,
}
