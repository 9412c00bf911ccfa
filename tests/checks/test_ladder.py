"""The derivative of an energy in single precision: what longer steps settle, and what they must not average away."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.checks.conservation.ladder import energy_derivative
from gnnp_bench.potential import ENERGY_FORCES, Prediction

NOISE = 1e-6
"""ν of the energy, eV, and of a slope, eV/Å."""
LONGEST, MATTERS = 0.064, 1e-3
"""Å, and eV/Å."""


def _missed(wrong: float, wave: float, rounding: float = 0.0) -> float:
    """Return by how much the energy's slope, which is nothing, is found to miss a force of `wrong` cos(2πh/wave).

    The energy is rounded by so much with another sign at each place.
    """
    asking = energy_derivative(
        lambda h: Atoms("H", positions=[[h, 0.0, 0.0]]),
        lambda prediction, _: -float(prediction.forces[0, 0]),  # type: ignore[index]
        wrong,
        LONGEST,
        ENERGY_FORCES,
        noise=NOISE,
        slope_noise=NOISE,
        significance=MATTERS,
        jump_matters=0.0,
    )
    request = next(asking)
    try:
        while True:
            places = [float(structure.positions[0, 0]) for structure in request.structures]
            forces = [np.array([[-wrong * np.cos(2.0 * np.pi * h / wave), 0.0, 0.0]]) for h in places]
            answers = [Prediction(rounding * np.sign(h), force) for h, force in zip(places, forces, strict=True)]
            request = asking.send(answers)
    except StopIteration as end:
        derivative, rough, _ = end.value
    assert rough is None
    return float(abs(derivative.value - wrong))


@pytest.mark.parametrize("wrong", [0.01, 0.02])
def test_what_short_steps_tell_from_rounding_is_not_averaged_away(wrong: float) -> None:
    """Over ±0.064 Å a wave of 0.128 Å averages to nothing; steps of 0.008 Å see it 78 times as large as rounding."""
    assert _missed(wrong, 2.0 * LONGEST) == pytest.approx(wrong, rel=1e-3)


def test_what_short_steps_leave_open_is_settled_by_longer_ones() -> None:
    assert _missed(0.0, 1.0, rounding=2e-5) < MATTERS


def test_what_varies_on_the_length_of_a_bond_is_seen_by_long_steps_as_well() -> None:
    assert _missed(3.0 * MATTERS, 1.0) > 2.5 * MATTERS
