"""What fixes a training run, and how its course follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from reference_model.train.loss import Kind, Weights

SHARE_HELD_OUT = 0.05
"""Of the training file, for validation, where no file is given for that."""
ATOMS_PER_STEP = 240
"""Gradient steps see about as many atoms; many small molecules, or a few large cells."""
STEPS = 4_000
FEWEST_EPOCHS = 20
"""Gradient steps of a run that is given neither epochs nor minutes, and epochs of one on many structures. Longer runs
on a few hundred structures fit energies a little better and forces worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The settings of a run. Together with the data, they fix every bit of the outcome on one kind of CPU.

    Attributes
    ----------
    variant : str
    cutoff : float, Å
    seed : int
        Draws weights, the validation set, and the order of structures in each epoch.
    epochs, minutes : int or None, float or None
        How long. Of minutes, the first epoch makes a number of epochs.
    dtype : {"float32", "float64"}
    device : str
    loss : {"mae", "rmse"}
    learning_rate : float
        Of AdamW (with amsgrad), after one epoch of warm-up; from there it falls to zero along a cosine.
    batch : int or None
        Structures per gradient step; None takes about `ATOMS_PER_STEP` atoms.
    energy_weight, stress_weight : float
        λ_E and λ_S; λ_F is 1. See `loss.loss` for their units.
    late_energy_weight : float
        λ_E is multiplied by it after `late_from` of the run, when forces have settled what the surface looks like.
    late_from : float
    clip : float
        Largest norm of a gradient.
    weight_decay : float
        Of the weights of products alone. What the data do not determine becomes small, so that environments unlike
        all that was learnt are not answered by what happens to be there.
    permutation_penalty : float
        Weight of what changes when like atoms are swapped.
    """

    variant: str
    cutoff: float = 5.0
    seed: int = 0
    epochs: int | None = None
    minutes: float | None = None
    dtype: Literal["float32", "float64"] = "float32"
    device: str = "cpu"
    loss: Kind = "rmse"
    learning_rate: float = 1e-2
    batch: int | None = None
    energy_weight: float = 0.6
    stress_weight: float = 0.05
    late_energy_weight: float = 10.0
    late_from: float = 0.6
    clip: float = 0.1
    weight_decay: float = 0.03
    permutation_penalty: float = 0.0


def batch_size(recipe: Recipe, atoms_per_structure: float, n_structures: int) -> int:
    """Return how many structures a gradient step sees."""
    wanted = recipe.batch or min(32, max(1, round(ATOMS_PER_STEP / atoms_per_structure)))
    return min(wanted, n_structures)


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the learning rate of a gradient step, counted from zero.

    It rises in proportion over the first epoch, and follows half a cosine to zero over the others. What the first
    epoch does must not depend on their number, which it may have to find.
    """
    if step < steps_per_epoch:
        return recipe.learning_rate * (step + 1) / steps_per_epoch
    progress = (step - steps_per_epoch) / (steps_per_epoch * (epochs - 1))
    return recipe.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))


def weights(recipe: Recipe, step: int, steps_per_epoch: int, epochs: int) -> Weights:
    """Return the weights of the terms of the loss at a gradient step."""
    is_late = step >= max(recipe.late_from * epochs, 1.0) * steps_per_epoch
    return Weights(recipe.energy_weight * (recipe.late_energy_weight if is_late else 1.0), 1.0, recipe.stress_weight)


def averaging_decay(step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the decay of the weights' moving average: it remembers a hundredth of the run, 10 to 1000 steps."""
    total = 0 if step < steps_per_epoch else steps_per_epoch * epochs
    return 1.0 - 1.0 / min(1000.0, max(10.0, total / 100.0))


def epochs_for(minutes: float, first_epoch_s: float, spent_s: float) -> int:
    """Return how many epochs fill the minutes, the first included, when it took so long after so much preparation.

    The first epoch is slower than those that follow, which makes room for the last validation and the figures.
    """
    return max(1, 1 + int((60.0 * minutes - spent_s - first_epoch_s) / max(first_epoch_s, 1e-9)))
