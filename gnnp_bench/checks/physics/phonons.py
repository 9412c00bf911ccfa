"""physics/phonons: a shift of a whole crystal costs nothing, and a stable one has real frequencies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Residual, vacuous
from gnnp_bench.checks.physics.crystals import applies, drawn, rounder, tell
from gnnp_bench.checks.physics.studying import (
    DISPLACEMENT,
    WITHOUT_STRESS,
    repeats_for,
    resting,
    swinging,
    where,
)
from gnnp_bench.checks.physics.ways import FELT, rounded
from gnnp_bench.potential import ENERGY_FORCES

S_SHIFT = 3e-3
"""Of the largest force constant: acoustic modes at Γ then have 5 % of the highest frequency, √0.003."""
S_IMAGINARY = 0.1
"""THz: h f is 0.4 meV, k_B T at 5 K. What is softer freezes in at no temperature of interest."""
OF_ROOTS = 15.633302
"""THz per √(eV/Å²/amu)/2π: of an eigenvalue of the dynamical matrix."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return drawn(view, once=True, supercell=[repeats_for(view.largest)] * 3)


def _simpler(case: Case) -> Iterator[Case]:
    times = case.parameters["supercell"][0]
    yield from rounder(case, [("supercell", [fewer] * 3) for fewer in range(1, times)])


def _measure(case: Case) -> Measurement:
    name, held = case.parameters["crystal"], case.parameters["held_stable"]
    times = int(case.parameters["supercell"][0])
    end = yield from resting(case)
    structure = where(case.structure, end)
    waves = yield from swinging(case, end, times)
    scale, squares, others = waves.largest, waves.squares, waves.coarse
    noise = case.nu.forces * (len(structure) * times**3) ** 0.5 / (2.0**0.5 * DISPLACEMENT)
    if scale <= FELT * noise:
        return vacuous(f"{name}: its atoms feel nothing of each other")
    missed, bound = waves.net_force / DISPLACEMENT, FELT * noise
    components = [Component("shift of the whole", missed, S_SHIFT * scale, "eV/Å²", bound=bound)]
    if isinstance(end, str):
        if (
            held and end != WITHOUT_STRESS
        ):  # nobody knows: where there is no minimum at all, *equation-of-state* says so
            components.append(Component("imaginary frequency", 0.0, S_IMAGINARY, "THz", bound=0.0, converged=False))
        return Residual(tuple(components), told={"crystal": name, "said": f"{name}: {end}"})
    lowest = int(np.argmin(squares.min(axis=1)))
    softest = float(np.sign(squares.min()) * abs(squares.min()) ** 0.5)
    if held:
        # A displacement errs with its square, of which twice the displacement knows. What is imaginary is so by either
        # displacement, and in the limit that both tell; where these disagree, nobody knows.
        fine, coarse = float(squares[lowest].min()), float(others[lowest].min())
        doubt = max(0.0, coarse - fine, (fine - coarse) / 3.0)
        # Of one eigenvector, in which the columns of an atom of the cell add up and the atoms of the cell share.
        rounding = OF_ROOTS**2 * noise / float(structure.get_masses().min()) / len(structure) ** 0.5
        bound = (FELT * rounding + doubt) ** 0.5
        components.append(Component("imaginary frequency", max(0.0, -softest), S_IMAGINARY, "THz", bound=bound))
    highest = max(0.0, float(squares.max())) ** 0.5
    said = f"{name}: frequencies up to {rounded(highest)} THz" if highest > S_IMAGINARY else f"{name}: no real ones"
    if softest < -S_IMAGINARY:
        place = " ".join(f"{x:.3g}" for x in waves.q[lowest])
        said += f", one of {rounded(-softest)}i THz at ({place})"
    return Residual(tuple(components), told={"crystal": name, "said": said})


PHONONS = Check(
    id="physics/phonons",
    law="Σ_j Φ_ij = 0 before any correction; ω²(q) ≥ 0 of a stable crystal, at waves q that fit into the supercell",
    category="mandatory",
    needs=ENERGY_FORCES,
    source=(
        "Born and Huang, Dynamical Theory of Crystal Lattices (1954), section 23; force constants by finite "
        "displacements: Parlinski, Li and Kawazoe, doi:10.1103/PhysRevLett.78.4063, and Togo and Tanaka, "
        "doi:10.1016/j.scriptamat.2015.07.021"
    ),
    tolerance=(
        "s = 0.3 % of the largest force constant, which gives acoustic modes at Γ 5 % of the highest frequency; of an "
        "imaginary frequency 0.1 THz, the energy of 5 K"
    ),
    physics=(
        "Move one atom of a crystal and the others push it back: what they feel adds up to what it feels, for the "
        "whole has nothing to push against. So the force constants of an atom with all add up to zero, and moving all "
        "atoms together costs nothing. Programs for phonons impose this, and so hide where a potential misses it; here "
        "it is looked at before. And a crystal that is known to be stable swings: at the bottom of its valley every "
        "wave that fits into the supercell has a real frequency. An imaginary one is a way downhill, along which the "
        "crystal becomes another; its free energy means nothing, and a run at low temperature finds that way. Nothing "
        "is interpolated. The second part binds for crystals for which the potential was made (`--stable "
        "Si:diamond`); of others it is told."
    ),
    applies=applies,
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    tell=tell,
    studied="waves",
    weight=2.0,
    cost=22,
    side_by_side=2,
)
