"""Motion of atoms and cell under constant pressure: a symmetric, symplectic splitting, and what it conserves.

Atoms are at x = s h, the rows of h the cell vectors. The cell is h = Σ_k y_k D_k: all nine of its components, or its
size alone. With momenta π of the scaled coordinates s, and Y of y,

    H = Σ |π h⁻ᵀ|²/2m + U(s, h) + P|det h| + |Y|²/2W

is conserved (Andersen, doi:10.1063/1.439486; Parrinello and Rahman, doi:10.1063/1.328693). It is a sum of three parts
whose motion is known: U + PV kicks π and Y, the cell drifts, and the kinetic energy of the atoms moves s and kicks Y.
Units are ASE's: Å, eV, amu, and the time that follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnp_bench.numerics.verlet import REACH, half_product
from gnnp_bench.potential import FloatArray


@dataclass(frozen=True, slots=True)
class Barostat:
    """What a cell moves by.

    Attributes
    ----------
    directions : (k, 3, 3) array
        D, orthonormal: h = Σ_k y_k D_k.
    mass : float
        W, amu.
    pressure : float
        P, eV/Å³.
    masses : (n_atoms,) array, amu
    """

    directions: FloatArray
    mass: float
    pressure: float
    masses: FloatArray

    def cell(self, y: FloatArray) -> FloatArray:
        """Return h, (3, 3), Å."""
        h: FloatArray = np.tensordot(y, self.directions, 1)
        return h

    def along(self, gradient: FloatArray) -> FloatArray:
        """Return derivatives by y, (k,), of those by h."""
        projected: FloatArray = np.tensordot(self.directions, gradient, 2)
        return projected


@dataclass(frozen=True, slots=True)
class State:
    """Scaled coordinates and the cell, and the momenta that belong to them.

    Attributes
    ----------
    s, pi : (n_atoms, 3) arrays
    y, cell_momenta : (k,) arrays
    """

    s: FloatArray
    pi: FloatArray
    y: FloatArray
    cell_momenta: FloatArray


@dataclass(frozen=True, slots=True)
class Kick:
    """What U + PV does at a point.

    Attributes
    ----------
    energy : float, eV
        U + PV.
    on_atoms : (n_atoms, 3) array
        −∂U/∂s.
    on_cell : (k,) array
        −∂(U + PV)/∂y.
    """

    energy: float
    on_atoms: FloatArray
    on_cell: FloatArray


@dataclass(frozen=True, slots=True)
class Path:
    """Points one step apart, what kicked there, and what the motion of atoms did to the cell between them.

    Attributes
    ----------
    barostat : Barostat
    timestep : float
    states : sequence of State
    kicks : sequence of Kick
    between : sequence of ((k,) array, (k,) array)
        y where the atoms moved, and the force of their motion on the cell there.
    """

    barostat: Barostat
    timestep: float
    states: tuple[State, ...]
    kicks: tuple[Kick, ...]
    between: tuple[tuple[FloatArray, FloatArray], ...]


def real_momenta(barostat: Barostat, state: State) -> FloatArray:
    """Return p = π h⁻ᵀ, (n_atoms, 3)."""
    p: FloatArray = state.pi @ np.linalg.inv(barostat.cell(state.y)).T
    return p


def kick_of(barostat: Barostat, y: FloatArray, energy: float, forces: FloatArray, stress: FloatArray) -> Kick:
    """Return what U + PV does where the potential says so: ∂U/∂s = −F hᵀ, ∂(U + PV)/∂h = V h⁻ᵀ(σ + P)."""
    h = barostat.cell(y)
    volume = abs(float(np.linalg.det(h)))
    gradient = volume * np.linalg.inv(h).T @ (stress + barostat.pressure * np.eye(3))
    return Kick(energy + barostat.pressure * volume, forces @ h.T, -barostat.along(gradient))


def kinetic_force(barostat: Barostat, y: FloatArray, pi: FloatArray) -> FloatArray:
    """Return −∂K/∂y of K = Σ |π h⁻ᵀ|²/2m: h⁻ᵀ Σ p⊗p/m, which presses outwards."""
    inverse = np.linalg.inv(barostat.cell(y)).T
    p = pi @ inverse
    return barostat.along(inverse @ (p.T @ (p / barostat.masses[:, None])))


def kicked(state: State, kick: Kick, timestep: float) -> State:
    """Return the state after half a step of U + PV."""
    return State(
        state.s,
        state.pi + 0.5 * timestep * kick.on_atoms,
        state.y,
        state.cell_momenta + 0.5 * timestep * kick.on_cell,
    )


def moved(barostat: Barostat, state: State, timestep: float) -> tuple[State, tuple[FloatArray, FloatArray]]:
    """Return the state after half a step of the cell, one of the atoms, and half a step of the cell.

    Besides, where the cell was when the atoms moved, and the force of their motion on it.
    """
    middle = state.y + 0.5 * timestep * state.cell_momenta / barostat.mass
    force = kinetic_force(barostat, middle, state.pi)
    inverse = np.linalg.inv(barostat.cell(middle))
    s = state.s + timestep * (state.pi @ inverse.T / barostat.masses[:, None]) @ inverse
    cell_momenta = state.cell_momenta + timestep * force
    end = middle + 0.5 * timestep * cell_momenta / barostat.mass
    return State(s, state.pi, end, cell_momenta), (middle, force)


def enthalpies(path: Path) -> FloatArray:
    """Return H at each point, eV, above the first U + PV."""
    barostat, first = path.barostat, path.kicks[0].energy
    found: FloatArray = np.array(
        [
            0.5 * float((real_momenta(barostat, state) ** 2 / barostat.masses[:, None]).sum())
            + 0.5 * float((state.cell_momenta**2).sum()) / barostat.mass
            + (kick.energy - first)
            for state, kick in zip(path.states, path.kicks, strict=True)
        ]
    )
    return found


def shadow_enthalpies(path: Path, reach: int = REACH) -> FloatArray:
    """Return the shadow of H at each point but the first and last `reach`, eV, above the first U + PV.

    As `verlet.shadow_energies`: each part of H, kept for a while, changes β at a constant rate. Of U + PV that is
    −2(U + PV) + q·∂(U + PV)/∂q, and of K, which is quadratic in π, y·∂K/∂y; of the cell nothing. Coordinates are
    counted from their means.

    Raises
    ------
    ValueError
        If the path is too short.
    """
    if len(path.states) <= 2 * reach:
        raise ValueError(f"a shadow from {reach} points on either side needs more than {2 * reach} points")
    s, y = (np.array([getattr(state, name) for state in path.states]) for name in ("s", "y"))
    s_mean, y_mean = s.mean(axis=0), y.mean(axis=0)
    rates = np.array(
        [
            -2.0 * (kick.energy - path.kicks[0].energy)
            - float(((state.s - s_mean) * kick.on_atoms).sum())
            - float((state.y - y_mean) @ kick.on_cell)
            for state, kick in zip(path.states, path.kicks, strict=True)
        ]
    )
    between = np.array([-float((y_there - y_mean) @ force) for y_there, force in path.between])
    steps = path.timestep * (0.5 * (rates[:-1] + rates[1:]) + between)
    beta = np.concatenate([[0.0], np.cumsum(steps)])
    q = np.hstack([(s - s_mean).reshape(len(s), -1), y - y_mean])
    p = np.array([np.concatenate([state.pi.ravel(), state.cell_momenta]) for state in path.states])
    return half_product(q, p, beta, path.timestep, reach)
