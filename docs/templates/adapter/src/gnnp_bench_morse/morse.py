"""Morse pairs between metals. This module stands for the package that you adapt: it knows nothing of gnnp-bench."""

from __future__ import annotations

import numpy as np
from ase.geometry import complete_cell

DISTANCES = {"Ni": 2.49, "Cu": 2.56, "Pd": 2.75, "Ag": 2.89, "Pt": 2.77, "Au": 2.88}
"""Nearest neighbours in the crystals of the elements, Å."""


class Morse:
    """E = ½ Σ_ij D (e^{−2α(r−d)} − 2 e^{−α(r−d)}) c(r), with a cutoff c all of whose derivatives vanish at its end."""

    def __init__(self, alpha: float, cutoff: float) -> None:
        self.depth, self.alpha, self.cutoff = 0.35, alpha, cutoff

    def compute(self, symbols, positions, cell, periodic):
        """Return energies of the atoms, eV, forces, eV/Å, and the strain derivative of the energy, eV."""
        i, j, vectors = neighbours(positions, cell, periodic, self.cutoff)
        r = np.linalg.norm(vectors, axis=1)
        size = np.array([DISTANCES[symbol] for symbol in symbols])
        decay = np.exp(-self.alpha * (r - (size[i] + size[j]) / 2))
        pair = self.depth * (decay**2 - 2 * decay)
        slope = -2 * self.alpha * self.depth * (decay**2 - decay)
        inside = 1 - (r / self.cutoff) ** 2
        cut = np.exp(1 - 1 / inside)
        cut_slope = -2 * r / (self.cutoff * inside) ** 2 * cut
        along = ((slope * cut + pair * cut_slope) / (2 * r))[:, None] * vectors
        forces = np.zeros((len(symbols), 3))
        np.add.at(forces, i, along)
        np.add.at(forces, j, -along)
        energies = np.bincount(i, pair * cut / 2, minlength=len(symbols))
        return energies, forces, vectors.T @ along


def neighbours(positions, cell, periodic, cutoff):
    """Return centres, neighbours and the vectors from the former to the latter, Å, of all pairs within a cutoff."""
    # A cell vector along a direction that is not periodic is a box and nothing else.
    lattice = complete_cell(np.where(periodic[:, None], cell, 0.0))
    inverse = np.linalg.inv(lattice)
    apart = (positions[None] - positions[:, None]) @ inverse
    apart -= np.where(periodic, np.round(apart), 0.0)
    reach = np.where(periodic, np.ceil(cutoff * np.linalg.norm(inverse, axis=0) + 0.5), 0).astype(int)
    images = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    vectors = (apart[:, :, None] + images) @ lattice
    squares = np.einsum("ijkx,ijkx->ijk", vectors, vectors)
    i, j, k = np.nonzero((squares < cutoff**2) & (squares > 1e-12))
    return i, j, vectors[i, j, k]
