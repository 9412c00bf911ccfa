"""Models of torch-sim for the tests of its adapter: run by the Python of the environment `torchsim`."""

from __future__ import annotations

from typing import Any

import torch
from torch_sim.models.interface import ModelInterface
from torch_sim.neighbors import vesin_nl_ts


class SmoothPairs(ModelInterface):  # type: ignore[misc]  # which is not installed where types are checked
    """E = Σ ε (σ/r)⁶ (1 - r²/c²)⁴ over pairs closer than c; forces and stress by automatic differentiation."""

    def __init__(self, epsilon: float, sigma: float, cutoff: float, compute_stress: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self._device = torch.device("cpu")
        self._dtype = dtype
        self._compute_forces = True
        self._compute_stress = compute_stress
        self.sigma, self.cutoff = sigma, torch.tensor(cutoff, dtype=dtype)
        self.epsilon = torch.nn.Parameter(torch.tensor(epsilon, dtype=dtype), requires_grad=False)

    def forward(self, state: Any, **_: Any) -> dict[str, torch.Tensor]:
        """Compute all systems of a state."""
        n = state.n_systems
        strain = torch.zeros((n, 3, 3), dtype=self.dtype, requires_grad=True)
        positions = state.positions.detach().clone().requires_grad_(True)
        energies = []
        for k in range(n):
            mine = state.system_idx == k
            cell, here = state.row_vector_cell[k], positions[mine]
            pairs, shifts = vesin_nl_ts(here.detach(), cell, state.pbc, self.cutoff)
            symmetric = (strain[k] + strain[k].T) / 2
            vectors = here[pairs[1]] - here[pairs[0]] + shifts @ cell
            r = torch.linalg.norm(vectors + vectors @ symmetric, dim=1)
            x = (r / self.cutoff).clamp(max=1.0)
            pair = self.epsilon * (self.sigma / r) ** 6 * (1 - x**2) ** 4
            energies.append(torch.zeros(len(here), dtype=self.dtype).index_add(0, pairs[0], pair / 2))
        energy = torch.stack([part.sum() for part in energies])
        by_position, by_strain = torch.autograd.grad(energy.sum(), [positions, strain])
        found = {"energy": energy.detach(), "forces": -by_position, "energies": torch.cat(energies).detach()}
        if self.compute_stress:
            volume = torch.linalg.det(state.row_vector_cell).abs().reshape(-1, 1, 1)
            found["stress"] = by_strain / volume
        return found


def smooth(
    epsilon: float = 0.5,
    sigma: float = 2.5,
    cutoff: float = 5.0,
    compute_stress: bool = True,
    dtype: torch.dtype = torch.float64,
) -> SmoothPairs:
    """Return the sound model."""
    return SmoothPairs(epsilon, sigma, cutoff, compute_stress, dtype)


def no_model() -> str:
    """Return something else."""
    return "no model"
