"""What a network does far outside of what it has learnt: as little as may be.

Products of three densities grow with the cube of compression. Without limits, the energy of a crystal pressed to half
its volume fell by hundreds of eV, far below that of the crystal at rest, and its forces drowned in their own rounding.
Training sets the limits from what its structures reach (`reference_model.train.limits`): inside of that nothing
changes, and beyond it the field is left to the repulsion of nuclei.
"""

from __future__ import annotations

import torch

UNLIMITED = 1e15
"""A limit that nothing reaches."""


def shrinkage(squares: torch.Tensor) -> torch.Tensor:
    """Return the factors that keep values within ±c, of the squares of x/c: (1 + (x/c)⁸)^(-1/8).

    All derivatives are continuous; up to x = c/3 the factor differs from 1 by 2e-5 at most.

    Parameters
    ----------
    squares : tensor
    """
    # Further out, where powers would overflow, the factor stays as it is.
    share = squares.clamp(max=1e6).square().square()
    return (1.0 + share).pow(-0.125)
