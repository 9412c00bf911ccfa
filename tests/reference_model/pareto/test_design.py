"""The design: the recipe's own weighting first, then points that fill the plane and can be added to."""

import numpy as np

from reference_model.pareto.design import weightings
from reference_model.train.recipe import Recipe

RECIPE = Recipe(variant="lmax2")


def test_the_first_is_the_recipe_and_all_lie_in_range():
    found = weightings(16, 1.5, 0, RECIPE)
    assert (found[0].energy, found[0].stress) == (RECIPE.energy_weight, RECIPE.stress_weight)
    logs = np.log10([[one.energy / RECIPE.energy_weight, one.stress / RECIPE.stress_weight] for one in found])
    assert np.abs(logs).max() <= 1.501
    # Each quarter of the plane holds its share.
    quarters = (logs[1:] > 0.0) @ [2, 1]
    assert np.bincount(quarters, minlength=4).min() >= 3


def test_a_larger_design_begins_with_the_smaller_one():
    assert weightings(9, 1.0, 3, RECIPE)[:5] == weightings(5, 1.0, 3, RECIPE)
    assert weightings(5, 1.0, 4, RECIPE)[1:] != weightings(5, 1.0, 3, RECIPE)[1:]


def test_without_stresses_only_the_weight_of_energies_varies():
    found = weightings(6, 1.0, 0, RECIPE, with_stress=False)
    assert {one.stress for one in found} == {RECIPE.stress_weight}
    assert len({one.energy for one in found}) == 6
