"""Hot runs: how hot, how far they are followed, and which falls of the energy are holes."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import Request
from gnnp_bench.checks.dynamics.own_crystals import above_own_crystals
from gnnp_bench.checks.dynamics.trajectories import Running, Start
from gnnp_bench.checks.physics.approach import Contact, closest_contact
from gnnp_bench.numerics.verlet import REACH, Trajectory, shadow_energies, total_energies
from gnnp_bench.potential import ENERGY, ENERGY_FORCES, Prediction
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import FALL, relaxed

PART, COLDEST, HOTTEST = 0.06, 300.0, 6000.0
"""k_B T over the cohesive energy, about twice what melts an element; K, and K."""
USUAL_COHESION = 3.0
"""eV/atom, of an element in the middle of them all: where a potential has not learnt atoms alone."""
CLOSE = 0.6
"""Of the sum of radii. Closer no atoms rest (docs/adr/0022): the bonds of H₂, N₂, Cr₂ are 1.19, 0.77 and 0.67 of it."""
MOST_SET_FREE = 5.0
"""eV/atom. No elements that react set free more: La and F₂ 4.4, Al and O₂ 3.5, hydrogen and oxygen 0.8."""
LOWER = 0.1
"""eV/atom"""
REST, QUENCHING, LEFT, AFTERWARDS = 0.3, 60, 1.0, 30
"""eV/Å, steps downhill at the start, eV/Å that may be left, and steps downhill from a hot place."""
GONE = 50.0
"""eV/atom off the structure at rest: nothing more is to be learnt."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A structure at rest.

    Attributes
    ----------
    structure : Atoms
    energy, before : float, eV
        There, and where it came from.
    left : float, eV/Å
        The largest force that is left.
    """

    structure: Atoms
    energy: float
    before: float
    left: float


@dataclass(frozen=True, slots=True)
class Gain:
    """An energy lower than that of the structure at rest.

    Attributes
    ----------
    energy : float, eV/atom
        How much lower.
    contact : Contact
        The two atoms that are closest there.
    bottomless : bool
        No minimum was found.
    condensing : float, eV/atom
        What the potential's own crystals are lower than the structure at rest: so much is set free where loosely bound
        atoms condense.
    """

    energy: float
    contact: Contact
    bottomless: bool = False
    condensing: float = 0.0

    @property
    def is_hole(self) -> bool:
        """Whether no matter is like that."""
        if self.bottomless:
            return True
        return self.energy > (LOWER if self.contact.ratio < CLOSE else MOST_SET_FREE + self.condensing)


def temperature_of(
    rest: Rest, separated: float | None, *, boxless: bool
) -> Generator[Request, list[Prediction], float]:
    """Return how hot a run is, K, from the energies of the atoms alone, or as if they were bound as usual.

    Parameters
    ----------
    rest : Rest
    separated : float or None, Å
        Where atoms feel nothing of each other; None where their energies alone mean nothing.
    boxless : bool
        Whether an atom stands without a cell; otherwise in a periodic one.
    """
    cohesion = 0.0
    if separated is not None:
        names = rest.structure.get_chemical_symbols()
        symbols, counts = np.unique(names, return_counts=True)
        alone = [rest.structure[[names.index(symbol)]] for symbol in symbols]
        for atom in alone:
            atom.set_cell(None if boxless else (separated + 1.0) * np.eye(3))
            atom.pbc = not boxless
        try:
            answers = yield Request(alone, ENERGY)
        except Exception:  # of somebody else's code, over an atom without neighbours
            answers = []
        if answers:
            cohesion = (float(counts @ [answer.energy for answer in answers]) - rest.energy) / len(names)
    # Where atoms alone are lower, their energies were not learnt.
    return float(np.clip(PART * (cohesion if cohesion > 0.0 else USUAL_COHESION) / units.kB, COLDEST, HOTTEST))


def at_rest(structure: Atoms, steps: int) -> Generator[Request, list[Prediction], Rest | None]:
    """Return where a structure comes to rest; None where it falls without an end."""
    try:
        found = yield from relaxed(structure, cell=False, fmax=REST, steps=steps, optimizer="FIRE", symmetric=None)
    except NoValue:
        return None
    return Rest(found.structure, float(found.prediction.energy), found.start, found.left)


def followed(start: Start, energy: float) -> Generator[Request, list[Prediction], Trajectory]:
    """Return a trajectory, up to where its energy is off that at rest beyond all measure.

    It ends as well where the potential gives no more answer on atoms that stand in each other.
    """
    running = Running(start)
    while running.goes_on:
        ahead = running.ahead()
        try:
            (prediction,) = yield Request([ahead], ENERGY_FORCES)
        except Exception:  # of somebody else's code
            if running.rows and closest_contact(ahead).ratio < CLOSE:
                break
            raise
        running.arrive(prediction)
        if abs(prediction.energy - energy) > GONE * len(start.structure):
            break
    return running.trajectory()


def off(trajectory: Trajectory) -> float:
    """Return how far the shadow energy goes off where it started, eV/atom."""
    n_atoms, n_points = len(trajectory.masses), len(trajectory.energies)
    energies = shadow_energies(trajectory) if n_points > 2 * REACH else total_energies(trajectory)
    return float(np.abs(energies - energies[0]).max()) / n_atoms


def gains(trajectory: Trajectory, rest: Rest) -> Generator[Request, list[Prediction], list[Gain]]:
    """Return what is gained at rest from the lowest energy on the way, and from where two atoms were closest."""
    places: list[int] = []
    lowest = int(np.argmin(trajectory.energies))
    if trajectory.energies[lowest] < rest.energy - LOWER * len(rest.structure):
        places.append(lowest)
    near = [closest_contact(at(rest.structure, trajectory, k)).ratio for k in range(len(trajectory.energies))]
    if min(near) < CLOSE:
        places.append(int(np.argmin(near)))
    found: list[Gain] = []
    for place in dict.fromkeys(places):
        gain = yield from _gain(at(rest.structure, trajectory, place), float(trajectory.energies[place]), rest)
        if gain.is_hole and gain.contact.ratio >= CLOSE and not gain.bottomless:
            above = yield from above_own_crystals(rest.structure, rest.energy, USUAL_COHESION)
            gain = replace(gain, condensing=above)
        found.append(gain)
    return found


def _gain(structure: Atoms, energy: float, rest: Rest) -> Generator[Request, list[Prediction], Gain]:
    n_atoms = len(structure)
    try:
        end = yield from at_rest(structure, AFTERWARDS)
    except Exception:  # of somebody else's code, over atoms that fall into each other
        end = Rest(structure, energy, energy, np.inf)
    if end is None:
        return Gain(FALL - (energy - rest.energy) / n_atoms, closest_contact(structure), bottomless=True)
    return Gain((rest.energy - end.energy) / n_atoms, closest_contact(end.structure))


def at(structure: Atoms, trajectory: Trajectory, place: int) -> Atoms:
    """Return a structure as it is at a point of a trajectory."""
    there: Atoms = structure.copy()
    there.positions = trajectory.positions[place]
    return there
