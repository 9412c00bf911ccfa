"""The screened repulsion of nuclei, so that no two atoms fall into each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from ase import units
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray
from torch import nn

from gnnp_bench.potential import FloatArray
from reference_model.radial import envelope

COULOMB = units.Hartree * units.Bohr
"""e²/(4πε₀), eV Å."""
SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
"""Weights and exponents of the universal screening function."""


def reach(first: NDArray[np.int64], second: NDArray[np.int64]) -> FloatArray:
    """Return the distance at which two elements, given by atomic number, begin to repel each other, Å."""
    total: FloatArray = covalent_radii[first] + covalent_radii[second]
    return total


class Repulsion(nn.Module):
    """Ziegler, Biersack and Littmark's universal repulsion [1]_, switched off where covalent bonds begin.

    V(r) = Z₁Z₂ e²/(4πε₀ r) φ(r/a) f(r/r_s), a = 0.46850 Å / (Z₁^0.23 + Z₂^0.23), r_s the sum of the covalent radii,
    f the `envelope` with four-fold contact: three continuous derivatives.

    Parameters
    ----------
    species : sequence of str

    References
    ----------
    .. [1] J. F. Ziegler, J. P. Biersack, U. Littmark, The Stopping and Range of Ions in Matter, Pergamon (1985);
       the constants as in LAMMPS' pair_style zbl
    """

    charge: torch.Tensor
    length: torch.Tensor
    reach: torch.Tensor

    def __init__(self, species: Sequence[str]) -> None:
        super().__init__()
        numbers = np.array([atomic_numbers[symbol] for symbol in species])
        z = torch.from_numpy(numbers.astype(np.float64))
        # Half of each pair's energy belongs to either atom.
        self.register_buffer("charge", 0.5 * COULOMB * torch.outer(z, z), persistent=False)
        self.register_buffer("length", 0.46850 / (z[:, None] ** 0.23 + z**0.23), persistent=False)
        self.register_buffer("reach", torch.from_numpy(reach(numbers[:, None], numbers)), persistent=False)

    def forward(self, r: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
        """Return the energy of each atom, eV.

        Parameters
        ----------
        r : (N, M) tensor, Å
        pairs : (N, M) tensor of int64
            First species times the number of species plus the second.

        Returns
        -------
        (N,) tensor
        """
        u = r / self.reach.flatten()[pairs]
        x = r / self.length.flatten()[pairs]
        screening = sum(weight * torch.exp(-exponent * x) for weight, exponent in SCREENING)
        return (self.charge.flatten()[pairs] / r * screening * envelope(u, contact=4)).sum(1)
