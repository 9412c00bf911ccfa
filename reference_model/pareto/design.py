"""Which weightings are tried: the recipe's own first, then points that fill the plane of ratios evenly.

Only ratios of λ_E, λ_F and λ_S count, so λ_F is 1. The logarithms of the other two follow Halton's sequence [1]_,
scrambled: the first n points are the same however many are asked for, so a design can be made larger later.

.. [1] J. H. Halton, Numer. Math. 2, 84 (1960), doi:10.1007/BF01386213
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import qmc

from reference_model.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Weighting:
    """Weights of the terms of the loss over that of forces.

    Attributes
    ----------
    energy : float
        λ_E as the recipe means it: multiplied by `late_energy_weight` late in the run.
    stress : float
        λ_S.
    """

    energy: float
    stress: float


def weightings(n: int, decades: float, seed: int, recipe: Recipe, with_stress: bool = True) -> list[Weighting]:
    """Return n weightings, the recipe's own first.

    Parameters
    ----------
    n : int
    decades : float
        How far λ_E and λ_S go up and down from the recipe's.
    seed : int
        Of the scrambling.
    recipe : Recipe
    with_stress : bool
        Whether there are stresses; else λ_S stays as it is.
    """
    centre = (recipe.energy_weight, recipe.stress_weight)
    sampler = qmc.Halton(d=2 if with_stress else 1, scramble=True, seed=seed)
    drawn = [Weighting(*centre)]
    for point in sampler.random(n - 1):
        exponents = [*(decades * (2.0 * point - 1.0)), 0.0][:2]
        # Four digits: what stands in the file is what was trained with, whatever the last bits of a logarithm are.
        values = [float(f"{one * 10.0**exponent:.4g}") for one, exponent in zip(centre, exponents, strict=True)]
        drawn.append(Weighting(*values))
    return drawn
