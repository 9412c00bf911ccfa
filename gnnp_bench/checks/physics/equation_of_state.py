"""physics/equation-of-state: a crystal that is known to be stable has a minimum, and none lower beside it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual, vacuous
from gnnp_bench.checks.physics.crystals import WHERE_STABLE, applies, drawn, rounder, tell
from gnnp_bench.checks.physics.ways import FELT, rounded
from gnnp_bench.potential import ENERGY, FloatArray, Prediction
from gnnp_bench.properties.equation_of_state import scaled

SHORTEST, LONGEST = 0.7, 1.4
"""Of the measured lattice constant."""
POINTS = 28
"""On the way: steps of 2.5 % of the lattice constant."""
MAY_BREAK = 0.85
"""Of the lattice constant. Denser, a potential may give up: what is known in front of it is judged."""
AROUND = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
"""About the minimum, in lattice constants."""
S = 1e-3
"""eV/atom: differences of density functionals between crystals of one element are not known better."""
S_MODULUS = 1.0
"""GPa. The softest metal has 1.6 GPa: caesium."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """A minimum on the way.

    Attributes
    ----------
    at : float
        Lattice constant over the measured one.
    energy : float, eV/atom
    """

    at: float
    energy: float


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return drawn(view, grid=round(float(rng.random()), 3))


def _simpler(case: Case) -> Iterator[Case]:
    return rounder(case, [("grid", 0.0)])


def _measure(case: Case) -> Measurement:
    structure, n = case.structure, len(case.structure)
    step = np.log(LONGEST / SHORTEST) / POINTS
    grid = SHORTEST * np.exp(step * (np.arange(POINTS) + case.parameters["grid"]))
    grid, energies = yield from _energies(structure, grid)
    noise = 2.0 * case.nu.energy
    if np.ptp(energies) <= FELT * noise:
        return vacuous("the energy does not depend on the volume")
    minima = minima_of(grid, energies, S + FELT * noise)
    name = case.parameters["crystal"]
    if not minima:
        end, lowest = int(np.argmin(energies)), float(grid[np.argmin(energies)])
        said = f"{name} has no minimum with walls of 1 meV/atom: its energy is lowest at {lowest:.2f} of the measured"
        said += f" lattice constant{', an end of the way' if end in (0, len(grid) - 1) else ''}"
        return Residual((Component("minimum", 1.0, 0.0, "missing", bound=0.0),), told={"crystal": name, "said": said})
    chosen = min(minima, key=lambda one: abs(np.log(one.at)))
    near = chosen.at * (1.0 + AROUND)
    answers = yield Request(scaled(structure, near**3), ENERGY)
    here = np.array([answer.energy for answer in answers]) / n
    volumes = structure.cell.volume / n * near**3
    moduli, rounding = moduli_of(volumes, here, case.nu.energy)
    bottom = min(chosen.energy, float(here.min()))
    lower = bottom - float(energies.min())
    components = (
        Component("minimum", 0.0, 0.0, "missing", bound=0.0),
        Component("energy below the minimum", max(0.0, lower), S, "eV/atom", bound=FELT * noise),
        Component("negative bulk modulus", max(0.0, -float(moduli.min())), S_MODULUS, "GPa", bound=FELT * rounding),
    )
    others = [_words(one, bottom) for one in minima if one is not chosen]
    end = int(np.argmin(energies))
    if lower > S and not any(one.energy <= energies[end] for one in minima if one is not chosen):
        others.append(f"{rounded(1e3 * lower)} meV/atom lower still at {grid[end]:.2f}, the end of the way")
    said = f"{name} at {chosen.at:.3f} of the measured lattice constant, {rounded(moduli[1])} GPa"
    return Residual(components, told={"crystal": name, "said": said + "".join(f", and {other}" for other in others)})


def _words(one: Minimum, bottom: float) -> str:
    above = 1e3 * (one.energy - bottom)
    return f"a minimum {rounded(abs(above))} meV/atom {'higher' if above > 0 else 'lower'} at {one.at:.2f}"


def _energies(
    structure: Atoms, grid: FloatArray
) -> Generator[Request, list[Prediction], tuple[FloatArray, FloatArray]]:
    """Return where there are energies, and these, eV/atom."""
    structures = scaled(structure, grid**3)
    try:
        answers = yield Request(structures, ENERGY)
    except Exception:  # of somebody else's code, perhaps over atoms that lie in each other
        kept, answers = [], []
        for factor, one in zip(grid[::-1], structures[::-1], strict=True):
            try:
                answers[:0] = yield Request([one], ENERGY)
            except Exception:
                if factor > MAY_BREAK:
                    raise
                break
            kept.append(factor)
        grid = np.array(kept[::-1])
    return grid, np.array([answer.energy for answer in answers]) / len(structure)


def minima_of(grid: FloatArray, energies: FloatArray, least: float) -> list[Minimum]:
    """Return the minima of energies along a way, each between walls that are higher than it by `least` or more.

    The place is that of the parabola through the lowest point and its neighbours. An end is no minimum.
    """
    found = []
    for k in range(1, len(energies) - 1):
        left, right = energies[:k][::-1], energies[k + 1 :]
        if not all(_rises(side, energies[k], least) for side in (left, right)):
            continue
        x, y = np.log(grid[k - 1 : k + 2]), energies[k - 1 : k + 2]
        a, b, _ = np.polyfit(x - x[1], y, 2)
        found.append(Minimum(float(np.exp(x[1] - 0.5 * b / a)), float(energies[k])))
    return found


def _rises(side: FloatArray, here: float, least: float) -> bool:
    """Return whether energies rise by `least` above one point before they fall below it."""
    lower = np.flatnonzero(side < here)
    before = side[: lower[0]] if len(lower) else side
    return bool(len(before) and before.max() > here + least)


def moduli_of(volumes: FloatArray, energies: FloatArray, nu: float) -> tuple[FloatArray, float]:
    """Return V d²E/dV² from each three neighbouring points, GPa, and the largest part of rounding in one.

    Parameters
    ----------
    volumes : (n,) array, Å³/atom
    energies : (n,) array, eV/atom
    nu : float, eV/atom
    """
    v = np.stack([volumes[:-2], volumes[1:-1], volumes[2:]])
    apart = [(v[0] - v[1]) * (v[0] - v[2]), (v[1] - v[0]) * (v[1] - v[2]), (v[2] - v[0]) * (v[2] - v[1])]
    weights = 2.0 / np.stack(apart)
    weights *= v[1] / units.GPa
    moduli: FloatArray = (weights * np.stack([energies[:-2], energies[1:-1], energies[2:]])).sum(axis=0)
    return moduli, nu * float(np.sqrt((weights**2).sum(axis=0)).max())


EQUATION_OF_STATE = Check(
    id="physics/equation-of-state",
    law="E(V) of a stable crystal has a minimum, d²E/dV² > 0 about it, and is nowhere lower between 0.7 a and 1.4 a",
    category="informational",
    binding=WHERE_STABLE,
    needs=ENERGY,
    source=(
        "Lejaeghere et al., doi:10.1126/science.aad3000 (ground states, and equations of state on which all codes "
        "agree); spurious minima of learnt potentials: docs/adr/0022"
    ),
    tolerance=(
        "s = 1 meV/atom, to which density functionals are reproducible between codes (Lejaeghere et al.); of the "
        "modulus 1 GPa, less than that of the softest metal"
    ),
    physics=(
        "Press a crystal and it resists, pull and it holds: its energy has one valley over the volume. A learnt "
        "potential knows the bottom of that valley, and may have a second one where it was taught nothing: under "
        "pressure, in a shock or in a relaxation that starts from a bad guess the crystal falls into it, with a volume "
        "that no crystal has. The crystal is scaled at fixed shape between 0.7 and 1.4 of its measured lattice "
        "constant. It must have a minimum, a positive bulk modulus within 2 % of it, and no lower energy anywhere. "
        "Higher minima are told. This binds for crystals that are known to be stable and for which the potential was "
        "made (`--stable Si:diamond`); of others it is told."
    ),
    applies=applies,
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    tell=tell,
    studied="noise",
    weight=3.0,
    cost=POINTS + len(AROUND),
    side_by_side=4,
)
