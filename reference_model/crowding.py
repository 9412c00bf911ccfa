"""How crowded an atom is and how one-sidedly, and what a network says beyond all that it has learnt: little.

Products of three densities grow with the cube of what is seen. Without fading, the energy of a crystal pressed to half
its volume fell by thousands of eV, far below that of the crystal at rest, and four atoms in a tetrahedron, who have all
neighbours on one side, were bound by 25 eV each, by a network that had seen crystals and their surfaces; forces drowned
in their own rounding. The repulsion of nuclei is left, which needs no learning.
"""

from __future__ import annotations

import torch

SOFTENED = 0.5
"""Å; keeps the crowding finite where two atoms meet."""
MARGIN = 2.0
"""Crowding at which the network has faded to 1/e, over the largest that was seen."""
LEAST = 0.01
"""Å⁻⁶; the largest crowding seen counts as this at least: there may have been no neighbours at all."""
ROUND = 0.25
"""Limits of one-sidedness over that of the crowding, at least: in a perfect crystal nothing is one-sided, and the first
atom that moved would be beyond all that was seen."""
UNLIMITED = 1e15
"""Å⁻⁶; a limit that nothing reaches."""


def squared_crowding(r: torch.Tensor, window: torch.Tensor, angular: torch.Tensor) -> torch.Tensor:
    """Return c_il² of N atoms for each degree l, c_il = |Σ_j f(r_ij/r_c)² / (r_ij² + ½² Å²)³ Y_l| / √(2l + 1).

    c_i0 is the crowding: compression of a crystal by a tenth doubles it; the shaken crystals and liquids of a training
    set differ by less. c_i1 is how one-sided it is, c_i2 how far from round; neither exceeds the crowding.

    Parameters
    ----------
    r : (N, M) tensor, Å
    window : (N, M) tensor
        f, what lets a neighbour come and go smoothly: squared, for what is multiplied by it may not be rougher than
        the basis, which vanishes at the cutoff itself.
    angular : (N, (l_max + 1)², M) tensor
        Harmonics of the directions of neighbours, normalised as in `Harmonics`.

    Returns
    -------
    (N, l_max + 1) tensor, Å⁻¹²
    """
    weights = window * window * (r * r + SOFTENED**2).pow(-3)
    moments = (angular @ weights[..., None])[..., 0].square()
    sizes = [2 * degree + 1 for degree in range(round(moments.shape[1] ** 0.5))]
    of_degrees = torch.split(moments, sizes, dim=1)
    return torch.stack([one.sum(1) / size for one, size in zip(of_degrees, sizes, strict=True)], dim=1)


def fading(squared: torch.Tensor, limits: torch.Tensor) -> torch.Tensor:
    """Return s_i = exp(−Σ_l (c_il/c_l,max)⁸), by which the network multiplies all that atom i sees of its neighbours.

    A slower fall costs accuracy: with the fourth power, errors of silicon's forces were larger by a quarter.

    Parameters
    ----------
    squared : (N, l_max + 1) tensor, Å⁻¹²
        c_il².
    limits : (N, l_max + 1) tensor, Å⁻⁶
        c_l,max.
    """
    # Far beyond the limit all is zero, and powers would be infinite.
    shares = (squared / (limits * limits)).clamp(max=1e3)
    return torch.exp(-shares.square().square().sum(1))
