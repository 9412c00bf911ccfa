"""smoothness/ripples: no short waves on the forces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Request,
    Residual,
    base_prediction,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import EXTREME, FORCES_S, TWO_ATOMS, displaced, moves, pressed
from gnnp_bench.checks.smoothness.modes import mode
from gnnp_bench.numerics.ripples import Waves, waves
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction
from gnnp_bench.structures.simpler import simpler_structures

LENGTHS = ("0.3", "0.1", "0.03", "0.01")
"""Å."""
POINTS = 40
SHORTER = 1.0 / 3.0
"""Of the line, another one on which waves are looked at that are shorter than they seem."""
SMALLER = 0.5
"""Of the amplitude, below which the shorter line does not show the same waves."""
SHORTEST = 1e-3
"""Å."""
NOISE = float(np.sqrt(2.0))
"""The amplitude of white noise of unit standard deviation."""
MODES = ("atom along an axis", "along a bond", "across a bond")


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    length = float(view.next_of(LENGTHS))
    sample = view.pick(rng, moves, TWO_ATOMS)
    name = MODES[int(rng.integers(len(MODES)))]
    return sample.case({"mode": mode(rng, sample.structure, name).tolist(), "length": length})


def _simpler(case: Case) -> Iterator[Case]:
    rows = np.asarray(case.parameters["mode"], dtype=float)
    atom = int(np.argmax(np.linalg.norm(rows, axis=1)))
    for simpler in simpler_structures(case.structure):
        if len(simpler) > 1:
            kept = np.zeros((len(simpler), 3))
            kept[min(atom, len(simpler) - 1)] = rows[atom]
            yield on_structure(case, simpler, mode=kept.tolist())
    along = np.zeros_like(rows)
    along[atom, int(np.argmax(np.abs(rows[atom])))] = 1.0
    if not np.array_equal(along, rows):
        yield with_parameters(case, mode=along.tolist())


def _measure(case: Case) -> Measurement:
    base = yield from base_prediction(case)
    rows = np.asarray(case.parameters["mode"], dtype=float)
    length = float(case.parameters["length"])
    noise = NOISE * case.nu.forces * float(np.linalg.norm(rows))
    seen: Waves | None = None
    while True:
        steps = length * (np.arange(POINTS) / (POINTS - 1) - 0.5)
        found = yield Request([displaced(case.structure, step * rows) for step in steps], ENERGY_FORCES)
        values = np.array([_along(prediction, rows) for prediction in found])
        if seen is None and np.ptp(values) <= max(10.0 * noise, 1e-8):
            return vacuous("no force changes along the line")
        now = waves(values, length)
        if seen is not None and not (now.everywhere and now.amplitude > SMALLER * seen.amplitude):
            break
        seen = now
        # Waves shorter than two points of the line seem longer than they are.
        if not now.everywhere or now.amplitude <= 10.0 * noise or length * SHORTER < SHORTEST:
            break
        length *= SHORTER
    significance = FORCES_S * pressed(base)
    residual = seen.amplitude if seen.everywhere else 0.0
    note = None
    if residual > 10.0 * noise:
        atom = int(np.argmax(np.linalg.norm(rows, axis=1)))
        symbol, formula = case.structure.symbols[atom], case.structure.get_chemical_formula()
        note = (
            f"waves of {1e3 * residual:.3g} meV/Å, {seen.wavelength:.2g} Å long, "
            f"on the force where a {symbol} atom of {formula} moves"
        )
    return Residual((Component("waves of the force", residual, significance, "eV/Å", noise=noise),), note=note)


def _along(prediction: Prediction, rows: FloatArray) -> float:
    """Return F·u, eV/Å."""
    assert prediction.forces is not None
    return float(np.sum(prediction.forces * rows))


RIPPLES = Check(
    id="smoothness/ripples",
    law="F(x + su)·u on a line of 0.01 to 0.3 Å is what a polynomial of low order is",
    category="informational",
    needs=ENERGY_FORCES,
    source=(
        "the egg-box effect: Soler et al., doi:10.1088/0953-8984/14/11/302, section 9; least squares, "
        "Press et al., Numerical Recipes, 3rd ed., section 15.4"
    ),
    tolerance=f"s = 1 meV/Å; {EXTREME}",
    physics=(
        "Interactions of atoms change over tenths of an ångström. A potential may be smooth and rough at once: "
        "tables that are read between their points, grids in space, radial functions of a high frequency put waves on "
        "the forces that are much shorter. Geometries and barriers hardly notice; vibrational frequencies and thermal "
        "expansion do, for a wave of 1 meV/Å that is 0.04 Å long is a stiffness of 0.16 eV/Å², and dynamics need "
        "shorter steps. Amplitude and wavelength are told, and no verdict depends on them."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=5.0,
    cost=POINTS,
)
