"""The laws, each measured directly on a few structures. Residuals are multiples of what matters to a physicist.

Much plainer than the checks of the suite, and independent of them: no search, no bounds, float64 potentials only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from ase import Atoms

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES, FloatArray, Potential, Prediction
from tests.analytic.derivatives import deform, numerical_forces, numerical_stress
from tests.analytic.geometries import EVERY, PERIODIC, alloy, cluster, covalent, left_handed, molecule, single, slab
from tests.analytic.values import available, forces_of, random_rotation, stress_of

ENERGY_SCALE = 1e-4
"""eV/atom; `FORCE_SCALE` in eV/Å and `STRESS_SCALE` in eV/Å³ (docs/design.md, section 4)."""
FORCE_SCALE = 1e-3
STRESS_SCALE = 1e-4
LOOP_SCALE = 1e-4
"""eV/Å, mean force that belongs to no energy."""
ASYMMETRY_SCALE = 5e-4

Make: TypeAlias = Callable[[], Potential]
Law: TypeAlias = Callable[[Make], float]


def largest(values: FloatArray) -> float:
    """Return the largest absolute value; infinity if any is not finite."""
    return float(np.abs(values).max()) if np.isfinite(values).all() else np.inf


def difference(
    one: Prediction, other: Prediction, n_atoms: int, forces: FloatArray | None = None, stress: FloatArray | None = None
) -> float:
    """Return how far `other` is from `one`, or from what the forces and stress of `one` have become."""
    parts = [largest(np.asarray(other.energy - one.energy)) / n_atoms / ENERGY_SCALE]
    if one.forces is not None:
        expected = forces_of(one) if forces is None else forces
        parts.append(largest(forces_of(other) - expected) / FORCE_SCALE)
    if one.stress is not None:
        parts.append(largest(stress_of(other) - (stress_of(one) if stress is None else stress)) / STRESS_SCALE)
    return max(parts)


def same(make: Make, structures: Sequence[Atoms], change: Callable[[Atoms, np.random.Generator], Atoms]) -> float:
    """Return by how much predictions differ after a change that keeps atoms, axes and order."""
    worst, rng, potential = 0.0, np.random.default_rng(1), make()
    for structure in structures:
        one, other = potential.evaluate([structure, change(structure, rng)], available(structure))
        worst = max(worst, difference(one, other, len(structure)))
    return worst


def _orthogonal(make: Make, structures: Sequence[Atoms], operations: Sequence[FloatArray]) -> float:
    worst, potential = 0.0, make()
    for structure in structures:
        one, *others = potential.evaluate(
            [structure, *(deform(structure, operation) for operation in operations)], available(structure)
        )
        for operation, other in zip(operations, others, strict=True):
            stress = None if one.stress is None else operation.T @ one.stress @ operation
            worst = max(worst, difference(one, other, len(structure), forces_of(one) @ operation, stress))
    return worst


def rotation(make: Make) -> float:
    rng = np.random.default_rng(2)
    return _orthogonal(make, [geometry() for geometry in EVERY], [random_rotation(rng) for _ in range(2)])


def inversion(make: Make) -> float:
    normal = np.array([0.6, 0.0, 0.8])
    operations = [-np.eye(3), np.eye(3) - 2.0 * np.outer(normal, normal)]
    return _orthogonal(make, [geometry() for geometry in EVERY], operations)


def translation(make: Make) -> float:
    def change(structure: Atoms, rng: np.random.Generator) -> Atoms:
        moved: Atoms = structure.copy()
        moved.positions += rng.uniform(-2.0, 2.0, 3)
        return moved

    return same(make, [geometry() for geometry in EVERY], change)


def permutation(make: Make) -> float:
    worst, rng, potential = 0.0, np.random.default_rng(3), make()
    for structure in (
        alloy(),
        covalent(),
        slab(),
        cluster(),
        molecule(),
        cluster() + Atoms("Cu", positions=[[0.0, 0.0, 60.0]]),
    ):
        structure.set_initial_magnetic_moments(np.linspace(-1.0, 2.0, len(structure)))
        for _ in range(3):
            order = rng.permutation(len(structure))
            one, other = potential.evaluate([structure, structure[order]], available(structure))
            worst = max(worst, difference(one, other, len(structure), forces_of(one)[order]))
    return worst


def net_force(make: Make) -> float:
    structures = [geometry() for geometry in EVERY]
    return max(largest(forces_of(p).sum(axis=0)) / FORCE_SCALE for p in make().evaluate(structures, ENERGY_FORCES))


def net_torque(make: Make) -> float:
    structures = [cluster(), molecule()]
    torques = [
        np.cross(structure.positions - structure.positions.mean(axis=0), forces_of(prediction)).sum(axis=0)
        for structure, prediction in zip(structures, make().evaluate(structures, ENERGY_FORCES), strict=True)
    ]
    return max(largest(torque) for torque in torques) / FORCE_SCALE


def space_group(make: Make) -> float:
    """Ideal cubic crystals off every axis: no forces, isotropic stress."""
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    metal = Atoms("Cu4", cell=3.6 * np.eye(3), scaled_positions=basis, pbc=True)
    diamond = Atoms("Si8", cell=5.4 * np.eye(3), scaled_positions=np.concatenate([basis, basis + 0.25]), pbc=True)
    turned = [deform(s, random_rotation(np.random.default_rng(4))) for s in (metal, diamond)]
    worst = 0.0
    for prediction in make().evaluate(turned, ALL_PROPERTIES):
        stress = stress_of(prediction)
        anisotropy = largest(stress - np.eye(3) * np.trace(stress) / 3) / STRESS_SCALE
        worst = max(worst, anisotropy, largest(forces_of(prediction)) / FORCE_SCALE)
    return worst


def lattice_wrap(make: Make) -> float:
    def change(structure: Atoms, rng: np.random.Generator) -> Atoms:
        moved: Atoms = structure.copy()
        moved.positions += (rng.integers(-2, 3, (len(structure), 3)) * structure.pbc) @ structure.cell.array
        return moved

    return same(make, [geometry() for geometry in PERIODIC] + [slab()], change)


def cell_choice(make: Make) -> float:
    worst = 0.0
    for matrix in ([[1, 0, 0], [1, 1, 0], [-1, 1, 1]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]]):

        def change(structure: Atoms, rng: np.random.Generator, matrix: list[list[int]] = matrix) -> Atoms:
            changed: Atoms = structure.copy()
            changed.set_cell(np.array(matrix) @ structure.cell.array)
            return changed

        worst = max(worst, same(make, [geometry() for geometry in PERIODIC], change))
    return worst


def supercell(make: Make) -> float:
    worst, potential = 0.0, make()
    tilings = ((single, (1, 2, 2)), (single, (4, 4, 7)), (left_handed, (2, 1, 3)), (alloy, (1, 2, 1)))
    for geometry, repeats in tilings:
        structure = geometry()
        number = int(np.prod(repeats))
        one, many = potential.evaluate([structure, structure.repeat(repeats)], ALL_PROPERTIES)
        tiled = Prediction(one.energy * number, np.tile(forces_of(one), (number, 1)), one.stress)
        worst = max(worst, difference(tiled, many, len(structure) * number))
    return worst


def partial(make: Make) -> float:
    """Widen a vacuum of 2 Å; the stress times the volume stays."""
    narrow = slab()
    narrow.cell[2] = [0.0, 0.0, np.ptp(narrow.positions[:, 2]) + 2.0]
    wide = narrow.copy()
    wide.cell[2] = [0.0, 0.0, 40.0]
    one, other = make().evaluate([narrow, wide], ALL_PROPERTIES)
    return difference(one, other, 3, stress=stress_of(one) * narrow.get_volume() / wide.get_volume())


def force_gradient(make: Make) -> float:
    worst = 0.0
    for geometry in (left_handed, slab):
        potential, structure = make(), geometry()
        (prediction,) = potential.evaluate([structure], ENERGY_FORCES)
        worst = max(worst, largest(forces_of(prediction) - numerical_forces(potential, structure)) / FORCE_SCALE)
    return worst


def stress_strain(make: Make) -> float:
    worst = 0.0
    for geometry in (left_handed, single):
        potential, structure = make(), geometry()
        (prediction,) = potential.evaluate([structure], ALL_PROPERTIES)
        worst = max(worst, largest(stress_of(prediction) - numerical_stress(potential, structure)) / STRESS_SCALE)
    return worst


def path_work(make: Make) -> float:
    """∫F·dx = −ΔE along straight lines, by Gauss-Legendre quadrature with 24 points."""
    worst = 0.0
    nodes, weights = np.polynomial.legendre.leggauss(24)
    for geometry in (left_handed, molecule, slab):
        structure = geometry()
        direction = np.random.default_rng(5).normal(0.0, 0.1, (len(structure), 3))
        path = [_moved(structure, direction * s) for s in (-1.0, 1.0, *nodes)]
        begin, end, *between = make().evaluate(path, ENERGY_FORCES)
        work = sum(w * (forces_of(p) * direction).sum() for w, p in zip(weights, between, strict=True))
        length = 2.0 * np.linalg.norm(direction, axis=1).sum()
        worst = max(worst, largest(np.asarray(work + end.energy - begin.energy)) / length / LOOP_SCALE)
    return worst


def _moved(structure: Atoms, displacement: FloatArray) -> Atoms:
    moved: Atoms = structure.copy()
    moved.positions += displacement
    return moved


def loop(make: Make, structure: Atoms, shear: float, radius: float, n: int = 32) -> float:
    """Return ∮ [F·(dx − x·L) − V σ : sym L] over the path length, eV/Å, by the periodic trapezoidal rule.

    The loop is x(t) = x₀ (1 + e(t)) + r (u cos t + v sin t), h(t) = h₀ (1 + e(t)) with the symmetric strain
    e(t) = shear × (a cos t + b sin t).
    """
    rng = np.random.default_rng(6)
    u, v = radius * rng.normal(size=(2, len(structure), 3))
    a, b = _symmetric(rng, shear)
    path, steps = [], []
    for t in 2.0 * np.pi * np.arange(n) / n:
        gradient = np.eye(3) + a * np.cos(t) + b * np.sin(t)
        rate = b * np.cos(t) - a * np.sin(t)
        deformed = deform(structure, gradient)
        deformed.positions += u * np.cos(t) + v * np.sin(t)
        path.append(deformed)
        increment = np.linalg.solve(gradient, rate)
        steps.append((structure.positions @ rate + v * np.cos(t) - u * np.sin(t), increment))
    work = length = 0.0
    wanted = ALL_PROPERTIES if shear else ENERGY_FORCES
    for deformed, (dx, increment), prediction in zip(path, steps, make().evaluate(path, wanted), strict=True):
        relative = dx - deformed.positions @ increment
        work += float((forces_of(prediction) * relative).sum())
        length += float(np.linalg.norm(relative, axis=1).sum())
        if shear:
            symmetric = (increment + increment.T) / 2
            volume = abs(np.linalg.det(deformed.cell.array))
            work -= volume * float((stress_of(prediction) * symmetric).sum())
            length += volume ** (1 / 3) * float(np.linalg.norm(symmetric))
    return abs(work) / length


def _symmetric(rng: np.random.Generator, scale: float) -> tuple[FloatArray, FloatArray]:
    a, b = scale * rng.normal(size=(2, 3, 3))
    return (a + a.T) / 2, (b + b.T) / 2


def closed_loop(make: Make) -> float:
    return max(loop(make, geometry(), 0.0, 0.1) for geometry in (left_handed, slab)) / LOOP_SCALE


def closed_loop_cell(make: Make) -> float:
    return max(loop(make, geometry(), 0.04, 0.06) for geometry in (left_handed, slab)) / LOOP_SCALE


def jacobian(make: Make) -> float:
    """‖J − Jᵀ‖/2‖J‖ by central differences of the forces."""
    worst, step = 0.0, 1e-4
    for geometry in (left_handed, molecule, slab):
        structure = geometry()
        unit = np.eye(3 * len(structure)).reshape(-1, len(structure), 3) * step
        moved = [_moved(structure, sign * displacement) for displacement in unit for sign in (1.0, -1.0)]
        forces = np.array([forces_of(p).ravel() for p in make().evaluate(moved, ENERGY_FORCES)])
        matrix = (forces[::2] - forces[1::2]) / (2.0 * step)
        worst = max(worst, float(np.linalg.norm(matrix - matrix.T) / (2.0 * np.linalg.norm(matrix))))
    return worst / ASYMMETRY_SCALE


def continuity(make: Make) -> float:
    """Jumps of E + ∫F·dx and of F along lines, in whichever interval they are largest, halved down to 1e-7 Å."""
    worst = 0.0
    pair = Atoms("CuAu", positions=[[0.0, 0.0, 0.0], [1.9, 0.6, 0.3]])
    across = Atoms("Cu3", positions=[[0.0, 0.0, 0.0], [2.4, 0.0, 0.0], [4.8, -0.4, 0.0]])
    crowd = alloy().repeat((2, 1, 1))
    for structure, length in ((pair, 6.0), (across, 0.8), (crowd, 0.6)):
        direction = np.zeros((len(structure), 3))
        direction[-1] = [0.8, 0.6, 0.0] if structure is not across else [0.0, 1.0, 0.0]
        potential = make()
        begin, step = 0.0, length / 512
        for number in (512, *[16] * 5):
            ends = begin + step * np.arange(number + 1)
            found = potential.evaluate([_moved(structure, t * direction) for t in ends], ENERGY_FORCES)
            if not all(np.isfinite(p.energy) and np.isfinite(forces_of(p)).all() for p in found):
                return np.inf
            forces = np.array([forces_of(p) for p in found])
            power = (forces * direction).sum(axis=(1, 2))
            energy = np.abs(np.diff([p.energy for p in found]) + 0.5 * step * (power[1:] + power[:-1]))
            energy -= 0.5 * step * np.abs(np.diff(power))
            change = np.abs(np.diff(forces, axis=0)).max(axis=(1, 2))
            # What changes no more than next to it is a slope.
            change -= np.minimum(np.roll(change, 1), np.roll(change, -1))
            missed = np.maximum(energy / ENERGY_SCALE, change / FORCE_SCALE)
            where = int(np.argmax(missed))
            begin, step = float(ends[where]), step / 16
        worst = max(worst, float(missed[where]))
    return worst


def stiffness_continuous(make: Make) -> float:
    """Jumps of the slope of forces along lines, from second differences, in units of 0.1 eV/Å²."""
    worst, potential = 0.0, make()
    pair = Atoms("CuAu", positions=[[0.0, 0.0, 0.0], [1.9, 0.6, 0.3]])
    for structure, length in ((pair, 5.0), (alloy().repeat((2, 1, 1)), 0.6)):
        direction = np.zeros((len(structure), 3))
        direction[-1] = [0.8, 0.6, 0.0]
        begin, step = 0.0, length / 512
        for number in (512, *[32] * 3):
            ends = begin + step * np.arange(number + 1)
            found = potential.evaluate([_moved(structure, t * direction) for t in ends], ENERGY_FORCES)
            forces = np.array([forces_of(p) for p in found])
            missed = np.abs(np.diff(forces, 2, axis=0)).max(axis=(1, 2)) / step
            if not np.isfinite(missed).all():
                return np.inf
            where = int(np.argmax(missed))
            begin, step = float(ends[where]), step / 16
        worst = max(worst, float(missed[where]) / 0.1)
    return worst


def continuity_cell(make: Make) -> float:
    """Jumps of E per atom, beyond the work of the stress, and of forces and stress while a cell is stretched."""
    worst, potential = 0.0, make()
    for structure in (single(), left_handed()):
        begin, step = 0.0, 0.25 / 256
        for number in (256, *[16] * 5):
            ends = begin + step * np.arange(number + 1)
            path = [deform(structure, np.eye(3) * (1.0 + t)) for t in ends]
            found = potential.evaluate(path, ALL_PROPERTIES)
            rows = {FORCE_SCALE: np.array([forces_of(p) for p in found])}
            rows[STRESS_SCALE] = np.array([stress_of(p) for p in found])
            pressure = np.trace(rows[STRESS_SCALE], axis1=1, axis2=2)
            power = pressure * np.array([s.get_volume() for s in path]) / (1.0 + ends)
            energy = np.abs(np.diff([p.energy for p in found]) - 0.5 * step * (power[1:] + power[:-1]))
            energy -= 0.5 * step * np.abs(np.diff(power))
            missed = energy / len(structure) / ENERGY_SCALE
            for scale, values in rows.items():
                change = np.abs(np.diff(values, axis=0)).max(axis=(1, 2))
                change -= np.minimum(np.roll(change, 1), np.roll(change, -1))
                missed = np.maximum(missed, change / scale)
            where = int(np.argmax(missed))
            begin, step = float(ends[where]), step / 16
        worst = max(worst, float(missed[where]))
    return worst if np.isfinite(worst) else np.inf


def detached_atom(make: Make) -> float:
    """An atom far from a molecule and a cluster, first, last and in the middle of the list: energies in all."""
    worst, potential = 0.0, make()
    far = Atoms("Cu", positions=[[0.0, 0.0, 60.0]])
    for host in (molecule(), cluster()):
        for place in (0, 3, len(host)):
            both = host[:place] + far + host[place:]
            alone, lone, together = potential.evaluate([host, far, both], ENERGY_FORCES)
            parts = (alone, lone, together)
            if not all(np.isfinite(p.energy) for p in parts):
                return np.inf
            rest = np.delete(forces_of(together), place, axis=0)
            worst = max(
                worst,
                abs(together.energy - alone.energy - lone.energy) / ENERGY_SCALE,
                largest(rest - forces_of(alone)) / FORCE_SCALE,
                largest(forces_of(together)[place] - forces_of(lone)[0]) / FORCE_SCALE,
            )
    return worst


def fragments_add_up(make: Make) -> float:
    """A cluster and a molecule 20 Å apart, alone and in periodic boxes of two sizes: energies in all, and forces."""
    worst, potential = 0.0, make()
    for scale in (0.0, 1.0, 2.0):
        parts = []
        for part, height in ((cluster(), 0.0), (molecule(), 20.0)):
            part.positions += [0.0, 0.0, height]
            part.set_cell(scale * np.diag([16.0, 16.0, 36.0]))
            part.pbc = scale > 0.0
            parts.append(part)
        for one, other in ((0, 1), (1, 0)):
            both = parts[one] + parts[other]
            first, second, together = potential.evaluate([parts[one], parts[other], both], ENERGY_FORCES)
            if not all(np.isfinite(p.energy) for p in (first, second, together)):
                return np.inf
            alone = np.concatenate([forces_of(first), forces_of(second)])
            worst = max(
                worst,
                abs(together.energy - first.energy - second.energy) / ENERGY_SCALE,
                largest(forces_of(together) - alone) / FORCE_SCALE,
            )
    return worst


def lonely_atom(make: Make) -> float:
    """Atoms alone, in large cells, and far from two others."""
    worst, potential = 0.0, make()
    for symbol in ("Cu", "H"):
        alone, pair = Atoms(symbol), Atoms("Cu2", positions=[[0.0, 0.0, 0.0], [2.5, 0.0, 0.0]])
        cell = Atoms(symbol, cell=20.0 * np.eye(3), pbc=True)
        away = pair + Atoms(symbol, positions=[[0.0, 0.0, 30.0]])
        energies = [p.energy for p in potential.evaluate([alone, cell, pair, away], ENERGY_FORCES)]
        gaps = np.array([energies[1] - energies[0], energies[3] - energies[2] - energies[0]])
        worst = max(worst, largest(gaps) / ENERGY_SCALE)
    return worst


def reach(make: Make) -> float:
    """The first atom of a crooked chain is moved: forces beyond twice the receptive field, energies beyond once."""
    rng = np.random.default_rng(8)
    positions = np.cumsum(rng.uniform([-0.4, -0.4, 2.0], [0.4, 0.4, 2.6], (14, 3)), axis=0)
    chain = Atoms("CuAlAuCuCuAlAuCuAlAlCuAuCuAl", positions=positions)
    moved, potential = chain.copy(), make()
    moved.positions[0] += [0.05, 0.02, 0.08]
    one, other = potential.evaluate([chain, moved], ENERGY_FORCES)
    distances = np.linalg.norm(positions - positions[0], axis=1) - 0.1
    field = potential.capabilities.receptive_field
    assert field is not None
    worst = largest((forces_of(other) - forces_of(one))[distances > 2.0 * field]) / FORCE_SCALE
    if one.energies is not None and other.energies is not None:
        worst = max(worst, largest((other.energies - one.energies)[distances > field]) / ENERGY_SCALE)
    return worst


def _forces_along(potential: Potential, structure: Atoms, direction: FloatArray, steps: FloatArray) -> FloatArray:
    found = potential.evaluate([_moved(structure, step * direction) for step in steps], ENERGY_FORCES)
    return np.array([forces_of(prediction) for prediction in found])


def one_stiffness(make: Make) -> float:
    """A jump of the forces at special geometries, from differences at steps of 2, 4 and 8 mÅ."""
    line = Atoms("Cu3", positions=[[-2.4, 0, 0], [0, 0, 0], [2.4, 0, 0]])
    corner = Atoms("Cu3", positions=[[2.4, 0, 0], [0, 0, 0], [0, 2.4, 0]])
    salt = Atoms("CuO", cell=2.0 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]), positions=[[0, 0, 0], [2.0, 0, 0]])
    salt.pbc = True
    steps = np.array([2e-3, 4e-3, 8e-3])
    worst = 0.0
    for structure, atom in ((line, 1), (corner, 0), (salt, 1)):
        direction = np.zeros((len(structure), 3))
        direction[atom, 1] = 1.0
        plus, minus = (_forces_along(make(), structure, sign * direction, steps) for sign in (1.0, -1.0))
        # The value at 0 of the polynomial c₀ + c₁ δ + c₃ δ³ through the three differences.
        first = np.linalg.inv(np.vander(steps, 4, increasing=True)[:, [0, 1, 3]])[0]
        worst = max(worst, largest(np.einsum("s,sij->ij", first, plus - minus)))
    return worst / FORCE_SCALE


def ripples(make: Make) -> float:
    """What a polynomial of order 6 leaves of the forces on lines of 0.08 Å."""
    worst = 0.0
    steps = np.linspace(-0.04, 0.04, 41)
    for geometry in (molecule, covalent):
        structure = geometry()
        direction = np.zeros((len(structure), 3))
        direction[0] = [0.6, 0.0, 0.8]
        values = np.einsum("sij,ij->s", _forces_along(make(), structure, direction, steps), direction)
        fitted = np.polynomial.Polynomial.fit(steps, values, 6)(steps)
        worst = max(worst, largest(values - fitted))
    return worst / FORCE_SCALE


GEOMETRIC_LAWS: dict[str, Law] = {
    "symmetry/translation": translation,
    "symmetry/rotation": rotation,
    "symmetry/inversion": inversion,
    "symmetry/permutation": permutation,
    "symmetry/net-force": net_force,
    "symmetry/net-torque": net_torque,
    "symmetry/space-group": space_group,
    "periodicity/lattice-wrap": lattice_wrap,
    "periodicity/cell-choice": cell_choice,
    "periodicity/supercell": supercell,
    "periodicity/partial": partial,
    "conservation/force-gradient": force_gradient,
    "conservation/stress-strain": stress_strain,
    "conservation/path-work": path_work,
    "conservation/closed-loop": closed_loop,
    "conservation/closed-loop-cell": closed_loop_cell,
    "conservation/jacobian": jacobian,
    "smoothness/continuity": continuity,
    "smoothness/continuity-cell": continuity_cell,
    "smoothness/stiffness-continuous": stiffness_continuous,
    "smoothness/one-stiffness": one_stiffness,
    "smoothness/ripples": ripples,
    "locality/detached-atom": detached_atom,
    "locality/fragments-add-up": fragments_add_up,
    "locality/lonely-atom": lonely_atom,
    "locality/reach": reach,
}
