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


@cache
def raising(degree: int) -> torch.Tensor:
    """Return the matrix that makes Y_l from the products Y_{l−1,m} Y_{1,m'}.

    Returns
    -------
    (2l + 1, 3 (2l − 1)) tensor of float64
    """
    table = coupling(degree - 1, 1, degree)
    # Both harmonics at the pole, where component normalisation fixes the length.
    pole = torch.zeros(3, dtype=torch.float64)
    pole[1] = 1.0
    lower = harmonics(pole.reshape(3, 1), degree - 1)[degree_slice(degree - 1), 0]
    raised = torch.einsum("cab,a,b->c", table, lower, pole * sqrt(3.0))
    # The sign is that of e3nn, whose harmonics are positive at their pole, y.
    scale = sqrt(2 * degree + 1) / raised[degree]
    return (table * scale).flatten(1)


def harmonics(direction: torch.Tensor, l_max: int) -> torch.Tensor:
    """Return the real spherical harmonics up to degree l_max as polynomials, each from the degree below.

    Parameters
    ----------
    direction : (3, ...) tensor
        Unit vectors.
    l_max : int

    Returns
    -------
    ((l_max + 1)², ...) tensor
    """
    degrees = [torch.ones_like(direction[:1])]
    if l_max > 0:
        degrees.append(direction * sqrt(3.0))
    for degree in range(2, l_max + 1):
        products = (degrees[-1][:, None] * degrees[1][None]).flatten(0, 1)
        table = raising(degree).to(products)
        degrees.append((table @ products.flatten(1)).reshape(-1, *direction.shape[1:]))
    return torch.cat(degrees)
