"""The course of a run follows from its recipe."""

from __future__ import annotations

import pytest

from reference_model.train.recipe import Recipe, averaging_decay, batch_size, epochs_for, learning_rate, weights

RECIPE = Recipe(variant="lmax2", learning_rate=0.01)


def test_the_learning_rate_rises_for_an_epoch_and_falls_to_zero():
    rates = [learning_rate(RECIPE, step, 10, 20) for step in range(200)]
    assert rates[:10] == pytest.approx([0.001 * (k + 1) for k in range(10)])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert 0.0 < rates[-1] < 1e-6


def test_the_first_epoch_does_not_depend_on_the_number_of_epochs():
    for step in range(10):
        assert learning_rate(RECIPE, step, 10, 1) == learning_rate(RECIPE, step, 10, 500)
        assert weights(RECIPE, step, 10, 1) == weights(RECIPE, step, 10, 500)
        assert averaging_decay(step, 10, 1) == averaging_decay(step, 10, 500) == 0.9


def test_energies_weigh_more_late():
    assert weights(RECIPE, 59, 1, 100).energy == RECIPE.energy_weight
    assert weights(RECIPE, 60, 1, 100).energy == RECIPE.energy_weight * RECIPE.late_energy_weight
    assert weights(RECIPE, 60, 1, 100).forces == 1.0


def test_the_average_remembers_a_hundredth_of_the_run():
    assert [averaging_decay(10, 10, n) for n in (2, 1000, 10**6)] == pytest.approx([0.9, 0.99, 0.999])


@pytest.mark.parametrize(("atoms", "n", "batch"), [(62.0, 200, 4), (3.0, 200, 32), (3.0, 7, 7), (5000.0, 9, 1)])
def test_batches_hold_about_as_many_atoms(atoms, n, batch):
    assert batch_size(RECIPE, atoms, n) == batch


def test_minutes_make_epochs():
    assert epochs_for(10.0, first_epoch_s=6.0, spent_s=30.0) == 95
    assert epochs_for(0.1, first_epoch_s=60.0, spent_s=30.0) == 1
