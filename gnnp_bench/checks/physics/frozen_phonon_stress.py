"""physics/frozen-phonon-stress: the stress of a crystal in which a wave is frozen tells its Grüneisen parameter."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual, vacuous
from gnnp_bench.checks.physics.crystals import applies, drawn, rounder, tell
from gnnp_bench.checks.physics.phonons import OF_ROOTS
from gnnp_bench.checks.physics.studying import DISPLACEMENT, Waves, repeats_for, resting, swinging, where
from gnnp_bench.checks.physics.ways import FELT, rounded
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Prediction
from gnnp_bench.structures.carried import multiply
from gnnp_bench.structures.transform import strain

AMPLITUDE = 0.1
"""Å, of the atom that moves furthest: what heat does at room temperature."""
LARGEST = 0.01
"""Strain along each axis."""
NODES = np.array([-1.0, -((3 / 7) ** 0.5), 0.0, (3 / 7) ** 0.5, 1.0])
WEIGHTS = np.array([1 / 10, 49 / 90, 32 / 45, 49 / 90, 1 / 10])
FEWER = np.array([1 / 3, 0.0, 4 / 3, 0.0, 1 / 3])
"""Lobatto's rule, exact to the seventh power, and Simpson's at three of its points: their difference is the error."""
SIGNS = (1.0, -1.0, 0.0)
OF_INTEREST = 0.1
"""Of the largest |ω²|. What is softer has a Grüneisen parameter that nobody can measure."""
S = 0.05
"""Grüneisen parameters are between 1 and 3, and known to some per cent."""
FACTOR = 10.0


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return drawn(view, supercell=[repeats_for(view.largest)] * 3, mode=round(float(rng.random()), 3))


def _simpler(case: Case) -> Iterator[Case]:
    times = case.parameters["supercell"][0]
    yield from rounder(case, [*(("supercell", [fewer] * 3) for fewer in range(1, times)), ("mode", 0.0)])


def _measure(case: Case) -> Measurement:
    name, times = case.parameters["crystal"], int(case.parameters["supercell"][0])
    end = yield from resting(case)
    waves = yield from swinging(case, end, times)
    structure = where(case.structure, end)
    noise = case.nu.forces * (len(structure) * times**3) ** 0.5 / (2.0**0.5 * DISPLACEMENT)
    chosen = _chosen(waves, case.parameters["mode"])
    if chosen is None or waves.largest <= FELT * noise:
        return vacuous(f"{name}: its atoms feel nothing of each other")
    k, branch = chosen
    still, along = frozen(structure, waves.q[k], waves.modes[k][:, branch].reshape(-1, 3))
    moved = [_displaced(still, sign * along) for sign in SIGNS]
    strained = [strain(one, LARGEST * node * np.eye(3)) for node in NODES for one in moved]
    answers = yield Request(strained, ALL_PROPERTIES)
    volume, n, square = float(still.cell.volume), len(still), float(waves.squares[k, branch])
    energies = np.array([answer.energy for answer in answers]).reshape(len(NODES), len(SIGNS))
    slopes = np.array([_slope(answer, volume) for answer in answers]).reshape(len(NODES), len(SIGNS))
    slopes *= (1.0 + LARGEST * NODES[:, None]) ** 2
    bending, stresses = energies @ [1.0, 1.0, -2.0], slopes @ [1.0, 1.0, -2.0]
    # ω²Q², by which the energies of both signs exceed that of none; Q² = Σ m u².
    size = square / OF_ROOTS**2 * float((still.get_masses() @ along**2).sum())
    unit = 12.0 * LARGEST * abs(size)
    by_energy = float(bending[-1] - bending[0])
    by_stress, coarse = (LARGEST * float(weights @ stresses) for weights in (WEIGHTS, FEWER))
    noise = 12.0**0.5 * n * case.nu.energy + 18.0**0.5 * volume * case.nu.stress * LARGEST * np.linalg.norm(WEIGHTS)
    bound = (FELT * float(noise) + FACTOR * abs(by_stress - coarse)) / unit
    component = Component("Grüneisen parameter", abs(by_energy - by_stress) / unit, S, "", bound=bound)
    value = (2.0 - by_stress / (2.0 * LARGEST * size)) / 6.0
    place = " ".join(f"{x:.3g}" for x in waves.q[k])
    frequency = f"{rounded(abs(square) ** 0.5)}{'i' if square < 0 else ''} THz"
    said = f"{name}: Grüneisen parameter {rounded(value)} of the wave of {frequency} at ({place})"
    return Residual((component,), told={"crystal": name, "said": said})


def _chosen(waves: Waves, part: float) -> tuple[int, int] | None:
    """Return the place and the branch of a wave that is not soft, by a number between 0 and 1."""
    sizes = np.abs(waves.squares)
    eligible = np.argwhere(sizes > OF_INTEREST * sizes.max())
    if not len(eligible):
        return None
    # A part that was drawn just below 1 may have been rounded to it.
    k, branch = eligible[min(int(part * len(eligible)), len(eligible) - 1)]
    return int(k), int(branch)


def frozen(unit: Atoms, q: FloatArray, mode: np.ndarray) -> tuple[Atoms, FloatArray]:
    """Return the smallest supercell of a crystal in which a wave repeats, and how far its atoms move.

    Parameters
    ----------
    unit : Atoms
    q : (3,) array
        In units of the reciprocal vectors.
    mode : (atoms, 3) complex array
        e of an eigenvector of the dynamical matrix. Atoms move along Re e exp(2πi q·r)/√m; its phase is the one with
        which they move most.

    Returns
    -------
    Atoms
    (n_atoms, 3) array, Å
        The longest is `AMPLITUDE`.
    """
    repeats = [Fraction(float(x)).limit_denominator(12).denominator for x in q]
    still = unit.repeat(repeats)
    multiply(still, len(still) // len(unit))
    phases = np.exp(2j * np.pi * (still.positions @ np.linalg.inv(unit.cell.array) @ q))
    moved = np.tile(mode, (len(still) // len(unit), 1)) * phases[:, None]
    moved = moved * np.exp(-0.5j * np.angle((moved**2).sum()))
    along = moved.real / np.sqrt(still.get_masses())[:, None]
    return still, AMPLITUDE * along / float(np.linalg.norm(along, axis=1).max())


def _displaced(still: Atoms, by: FloatArray) -> Atoms:
    moved: Atoms = still.copy()
    moved.positions += by
    return moved


def _slope(answer: Prediction, volume: float) -> float:
    """Return V₀ tr σ, eV: dE/dε of a cell h₀(1 + ε) is V₀ tr σ (1 + ε)²."""
    return volume * float(np.trace(np.asarray(answer.stress, dtype=float)))


FROZEN_PHONON_STRESS = Check(
    id="physics/frozen-phonon-stress",
    law="∂²(−pV)/∂Q² = V ∂(ω²)/∂V + ⅔ ω², Q the amplitude of a wave that fits into the supercell",
    category="informational",
    needs=ALL_PROPERTIES,
    source=(
        "Togo, Chaput, Tanaka and Hug, doi:10.1103/PhysRevB.81.174301 (mode Grüneisen parameters γ = −∂ln ω/∂ln V); "
        "the identity is the symmetry of ∂³E/∂Q²∂V, where atoms move with the cell: docs/adr/0022"
    ),
    tolerance="s = 0.05 of a Grüneisen parameter, which is between 1 and 3 and known to some per cent",
    physics=(
        "A crystal expands because its waves push: the pressure of a wave is as large as its frequency falls with "
        "the volume. So there are two ways to the Grüneisen parameter of a wave: how its energy changes as the crystal "
        "is stretched, and the stress that the potential tells of atoms that stand where the wave has moved them. They "
        "must agree. A stress that is right for atoms at rest and wrong for displaced ones passes every test on "
        "ideal crystals, and gives a crystal that expands by another amount in a run at constant pressure than its "
        "own phonons say. One wave of each crystal is frozen in with 0.1 Å, and the crystal stretched by 1 % and "
        "pressed by as much. Energies are compared with an integral over stresses, so that nothing has to be "
        "small. The value is told."
    ),
    applies=applies,
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    tell=tell,
    studied="waves",
    weight=1.4,
    cost=len(NODES) * len(SIGNS),
    side_by_side=3,
)
