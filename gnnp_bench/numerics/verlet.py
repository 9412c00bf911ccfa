"""Velocity Verlet on arrays, and the energy that it conserves.

The integrator does not conserve H but a shadow Hamiltonian, which differs from it by dt²(vᵀKv/12 − FᵀM⁻¹F/24) and by
higher even powers of dt. H swings by meV where atoms swing by kT; the shadow does not, so that it shows what is left.
Units are ASE's: Å, eV, amu, and the time that follows from them, Å·√(amu/eV).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnp_bench.potential import FloatArray

REACH = 4
"""Points on either side from which derivatives by time are taken: what is left of the swinging is of order dt⁸."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Points that velocity Verlet went through, one step apart.

    Attributes
    ----------
    timestep : float
    masses : (n_atoms,) array, amu
    positions : (n_points, n_atoms, 3) array, Å
    momenta : (n_points, n_atoms, 3) array, amu·Å per time
        At the times of the positions.
    forces : (n_points, n_atoms, 3) array, eV/Å
    energies : (n_points,) array, eV
        Potential energies.
    """

    timestep: float
    masses: FloatArray
    positions: FloatArray
    momenta: FloatArray
    forces: FloatArray
    energies: FloatArray

    @property
    def speeds(self) -> FloatArray:
        """Velocities (n_points, n_atoms, 3), Å per time."""
        speeds: FloatArray = self.momenta / self.masses[:, None]
        return speeds


def moved(
    positions: FloatArray, momenta: FloatArray, forces: FloatArray, masses: FloatArray, timestep: float
) -> tuple[FloatArray, FloatArray]:
    """Return the positions a step later, and the momenta half a step later.

    p(t + dt/2) = p + F dt/2, x(t + dt) = x + p(t + dt/2) dt/m (Swope et al., doi:10.1063/1.442716). With the forces
    at the new positions, `kicked` completes the step.
    """
    half = kicked(momenta, forces, timestep)
    return positions + timestep * half / masses[:, None], half


def kicked(momenta: FloatArray, forces: FloatArray, timestep: float) -> FloatArray:
    """Return the momenta half a step later."""
    return momenta + 0.5 * timestep * forces


def total_energies(trajectory: Trajectory) -> FloatArray:
    """Return H = Σ p²/2m + U at each point, eV, above the first potential energy."""
    kinetic: FloatArray = 0.5 * (trajectory.momenta * trajectory.speeds).sum(axis=(1, 2))
    total: FloatArray = kinetic + trajectory.energies - trajectory.energies[0]
    return total


def shadow_energies(trajectory: Trajectory, reach: int = REACH) -> FloatArray:
    """Return the shadow energy at each point but the first and last `reach`, eV, above the first potential energy.

    The integrator's points lie on an orbit of its shadow Hamiltonian H̃. Written homogeneously, α²H̃(q/α, p/α), it is
    half the symplectic product of a point with its derivative by time: H̃ = ½(q̇·p − ṗ·q − β̇), where β, the momentum
    that belongs to α, is kicked by −(2U + q·F). Derivatives come from points on either side (Skeel and Hardy, SIAM J.
    Sci. Comput. 23 (2001) 1172, doi:10.1137/S106482750138318X). Of harmonic oscillators it is conserved exactly.
    Nothing but sums of kicks is differentiated, so that rounding is not amplified; q is counted from the mean
    positions, for the rounding of forces is multiplied by it.

    Parameters
    ----------
    trajectory : Trajectory
        Of more than 2·`reach` points.
    reach : int
        The error of what is left is of order dt to the power 2·`reach`.

    Raises
    ------
    ValueError
        If the trajectory is too short.
    """
    n_points = len(trajectory.energies)
    if n_points <= 2 * reach:
        raise ValueError(f"a shadow energy from {reach} points on either side needs more than {2 * reach} points")
    q = trajectory.positions - trajectory.positions.mean(axis=0)
    p = trajectory.momenta
    kicks = 2.0 * (trajectory.energies - trajectory.energies[0]) + (q * trajectory.forces).sum(axis=(1, 2))
    beta = np.concatenate([[0.0], -0.5 * trajectory.timestep * np.cumsum(kicks[:-1] + kicks[1:])])
    return half_product(q.reshape(n_points, -1), p.reshape(n_points, -1), beta, trajectory.timestep, reach)


def half_product(q: FloatArray, p: FloatArray, beta: FloatArray, timestep: float, reach: int = REACH) -> FloatArray:
    """Return ½(q̇·p − ṗ·q − β̇) at each point but the first and last `reach`: the shadow energy of a symplectic map.

    Parameters
    ----------
    q, p : (n_points, n) arrays
        Coordinates, from any origin, and the momenta that belong to them.
    beta : (n_points,) array
        The momentum that belongs to α in α²H(q/α, p/α), at α = 1: a part H_i of H changes it by
        −2H_i + q·∂H_i/∂q + p·∂H_i/∂p per time.
    timestep : float
    reach : int
    """
    inner = slice(reach, len(q) - reach)
    q_dot, p_dot, beta_dot = (_slopes(values, timestep, reach) for values in (q, p, beta))
    shadow: FloatArray = 0.5 * ((q_dot * p[inner] - p_dot * q[inner]).sum(axis=1) - beta_dot)
    return shadow


def _slopes(values: FloatArray, spacing: float, reach: int) -> FloatArray:
    """Return derivatives by central differences over 2·`reach` + 1 points.

    Their weights: Fornberg, Math. Comp. 51 (1988) 699, doi:10.1090/S0025-5718-1988-0935077-0.
    """
    n_inner = len(values) - 2 * reach
    slopes = np.zeros((n_inner, *values.shape[1:]))
    weight = 2.0
    for k in range(1, reach + 1):
        # w_k = 2 (−1)^{k+1} (m!)² / ((m−k)! (m+k)!) / 2k
        weight *= -(reach - k + 1) / (reach + k)
        slopes += -weight / (2 * k) * (values[reach + k :][:n_inner] - values[reach - k :][:n_inner])
    return slopes / spacing
