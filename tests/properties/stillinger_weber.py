"""Silicon of Stillinger and Weber, doi:10.1103/PhysRevB.31.5262, as a calculator of ASE, by plain loops."""

from __future__ import annotations

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import neighbor_list

EPSILON, SIGMA = 2.1683, 2.0951
A, B, RANGE, LAMBDA, GAMMA = 7.049556277, 0.6022245584, 1.80, 21.0, 1.20
BOND = 2 ** (1 / 6) * SIGMA
LATTICE_CONSTANT = 4 * BOND / 3**0.5


def pair(r):
    """Return the energy of a pair at a distance, and its slope."""
    tail = np.exp(1 / (r / SIGMA - RANGE))
    core = B * (SIGMA / r) ** 4 - 1
    tail_slope = -tail / (r / SIGMA - RANGE) ** 2 / SIGMA
    core_slope = -4 * B * (SIGMA / r) ** 4 / r
    return EPSILON * A * core * tail, EPSILON * A * (core_slope * tail + core * tail_slope)


def decay(r):
    """Return how the energy of an angle decays with a bond, and its slope."""
    value = np.exp(GAMMA / (r / SIGMA - RANGE))
    return value, -value * GAMMA / (r / SIGMA - RANGE) ** 2 / SIGMA


class StillingerWeber(Calculator):
    """Energy and forces, with stress from them."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012  # as ASE types it

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        i, j, r, vectors = neighbor_list("ijdD", self.atoms, RANGE * SIGMA)
        energies, slopes = pair(r)
        gradients = 0.5 * slopes[:, None] * vectors / r[:, None]  # of the energy by the vector of each edge
        energy = 0.5 * energies.sum()
        values, value_slopes = decay(r)
        units = vectors / r[:, None]
        for centre in range(len(self.atoms)):
            (edges,) = np.nonzero(i == centre)
            for n, one in enumerate(edges):
                for other in edges[n + 1 :]:
                    cosine = units[one] @ units[other]
                    off = cosine + 1 / 3
                    scale = LAMBDA * EPSILON
                    energy += scale * values[one] * values[other] * off**2
                    for a, b in ((one, other), (other, one)):
                        turn = (units[b] - cosine * units[a]) / r[a]
                        gradients[a] += (
                            scale * values[b] * (value_slopes[a] * off**2 * units[a] + 2 * values[a] * off * turn)
                        )
        forces = np.zeros((len(self.atoms), 3))
        np.add.at(forces, i, gradients)
        np.add.at(forces, j, -gradients)
        virial = gradients.T @ vectors / self.atoms.cell.volume
        self.results = {
            "energy": energy,
            "forces": forces,
            "stress": virial[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        }
