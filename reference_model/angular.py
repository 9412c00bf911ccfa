"""Directions: spherical harmonics, and how two of them couple to a third.

Real harmonics in the conventions of e3nn [1]_: components of degree l stand at l² … (l + 1)² − 1, degree 1 is
(x, y, z), and Σ_m Y_lm² = 2l + 1 ("component" normalisation).

.. [1] M. Geiger, T. Smidt, arXiv:2207.09453
"""

from __future__ import annotations

from functools import cache
from math import sqrt

import torch
from e3nn.o3 import wigner_3j
from torch import nn


def degree_slice(degree: int) -> slice:
    """Return where the components of a degree stand."""
    return slice(degree * degree, (degree + 1) ** 2)


@cache
def coupling(l1: int, l2: int, l3: int) -> torch.Tensor:
    """Return the tensor that couples degrees l1 and l2 to l3: √(2 l3 + 1) times Wigner's 3j symbol.

    Returns
    -------
    (2 l3 + 1, 2 l1 + 1, 2 l2 + 1) tensor of float64
    """
    symbols: torch.Tensor = wigner_3j(l1, l2, l3, dtype=torch.float64)
    return symbols.permute(2, 0, 1) * sqrt(2 * l3 + 1)


class Harmonics(nn.Module):
    """The real spherical harmonics up to degree l_max as polynomials, each degree from the one below.

    Y_l = c_l (Y_{l−1} ⊗ Y₁)_l, c_l such that the normalisation and the sign are those of e3nn.
    """

    def __init__(self, l_max: int) -> None:
        super().__init__()
        self.l_max = l_max
        # At its pole, y, a harmonic has one component alone, √(2l + 1) in the middle.
        lower = torch.tensor([0.0, sqrt(3.0), 0.0], dtype=torch.float64)
        pole = lower
        for degree in range(2, l_max + 1):
            table = coupling(degree - 1, 1, degree).flatten(1)
            raised = table @ torch.outer(lower, pole).flatten()
            scale = sqrt(2 * degree + 1) / raised[degree]
            self.register_buffer(f"raise_{degree}", table * scale, persistent=False)
            lower = raised * scale

    def forward(self, direction: torch.Tensor) -> torch.Tensor:
        """Return ((l_max + 1)², ...) harmonics of (3, ...) unit vectors."""
        degrees = [torch.ones_like(direction[:1])]
        if self.l_max > 0:
            degrees.append(direction * sqrt(3.0))
        for degree in range(2, self.l_max + 1):
            products = (degrees[-1][:, None] * degrees[1][None]).flatten(0, 1).flatten(1)
            raised = self.get_buffer(f"raise_{degree}") @ products
            degrees.append(raised.reshape(-1, *direction.shape[1:]))
        return torch.cat(degrees)
