"""What the laws of dynamics share: where trajectories start, and how they go on, one request a step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import Case, Noise, PoolView, Request, Sample, on_structure, with_parameters
from gnnp_bench.checks.simplifying import fewer_and_as_many
from gnnp_bench.numerics.drift import rounding
from gnnp_bench.numerics.verlet import REACH, Trajectory, kicked, moved
from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Prediction
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import relaxed
from gnnp_bench.structures.apart import open_directions

TEMPERATURE = 300.0
"""K"""
MOST_ATOMS = 16
STEEP, GENTLE, SETTLING_STEPS = 3.0, 0.3, 15
"""eV/Å, eV/Å and number: what pulls harder than the first after so many steps downhill is on a wall."""
FINEST, COARSEST = 0.2, 2.0
"""fs, of hydrogen, and the longest: 0.2 fs·√(m/amu) of the lightest atom takes the same part of a period of any."""
KINDS = ("crystal", "molecule", "disordered", "slab")


@dataclass(frozen=True, slots=True)
class Start:
    """Where a trajectory starts, and how it goes on.

    Attributes
    ----------
    structure : Atoms
    momenta : (n_atoms, 3) array, in ASE's units
    timestep : float, fs
    steps : int
    """

    structure: Atoms
    momenta: FloatArray
    timestep: float
    steps: int

    def finer(self, times: int) -> Start:
        """Return the start of a trajectory as long, with steps so many times shorter."""
        return replace(self, timestep=self.timestep / times, steps=self.steps * times)

    def turned(self, trajectory: Trajectory) -> Start:
        """Return the way back from the end of a trajectory."""
        end = self.structure.copy()
        end.positions = trajectory.positions[-1]
        return replace(self, structure=end, momenta=-trajectory.momenta[-1])


def timestep_of(structure: Atoms) -> float:
    """Return the time step, fs, that suits the lightest atom.

    Examples
    --------
    >>> timestep_of(Atoms("Si")), timestep_of(Atoms("Au"))
    (1.0, 2.0)
    """
    suitable = FINEST * float(np.sqrt(structure.get_masses().min()))
    return round(float(np.clip(suitable, FINEST, COARSEST)), 1)


def picked(rng: np.random.Generator, view: PoolView, kinds: Sequence[str] = KINDS) -> Sample:
    """Return a small structure of the kind whose turn it is, or any small one where the pool has none of it."""
    kind = view.next_of(kinds)
    if any(_is_small(sample) and kind_of(sample.structure) == kind for sample in view.samples):
        return view.pick(rng, lambda sample: _is_small(sample) and kind_of(sample.structure) == kind)
    return view.pick(rng, _is_small, f"of 2 to {MOST_ATOMS} atoms")


def drawn(rng: np.random.Generator, sample: Sample, steps: int) -> Case:
    """Return a case: a structure of the pool and how it is set in motion."""
    return sample.case({"timestep": timestep_of(sample.structure), "steps": steps, "seed": _seed(rng)})


def set_in_motion_otherwise(rng: np.random.Generator, case: Case) -> Case:
    """Return the same structure with other momenta."""
    return with_parameters(case, seed=_seed(rng))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def on_fewer_atoms(case: Case, most: int) -> Iterator[Case]:
    """Yield the case on simpler structures of fewer atoms, at most so many of them."""
    fewer, _ = fewer_and_as_many(case.structure)
    for structure in [simpler for simpler in fewer if len(simpler) > 1][:most]:
        yield on_structure(case, structure, timestep=timestep_of(structure))


def _is_small(sample: Sample) -> bool:
    return 1 < len(sample.structure) <= MOST_ATOMS


def kind_of(structure: Atoms) -> str:
    """Return "molecule" of what has vacuum on all sides, "slab" on some, else "crystal" or "disordered"."""
    free = open_directions(structure) | ~structure.pbc
    if free.any():
        return "molecule" if free.all() else "slab"
    return "disordered" if structure.info.get("recipe", {}).get("kind") == "liquid" else "crystal"


def settled(structure: Atoms) -> Generator[Request, list[Prediction], Atoms | None]:
    """Return the structure a few steps downhill, or None where it still stands on a wall or falls without an end."""
    try:
        found = yield from relaxed(
            structure, cell=False, fmax=GENTLE, steps=SETTLING_STEPS, optimizer="FIRE", symmetric=None
        )
    except NoValue:
        return None
    return found.structure if found.left <= STEEP else None


def started(structure: Atoms, seed: int, case: Case) -> Start:
    """Return a start at 300 K without drift, the same for the same seed, with the time step of a case."""
    momenta = thermal(structure, seed, TEMPERATURE)
    return Start(structure, momenta, float(case.parameters["timestep"]), int(case.parameters["steps"]))


def thermal(structure: Atoms, seed: int, temperature: float) -> FloatArray:
    """Return momenta (n_atoms, 3) of a temperature, K, without drift, in ASE's units."""
    rng = np.random.default_rng(seed)
    masses = structure.get_masses()[:, None]
    momenta = rng.normal(size=(len(structure), 3)) * np.sqrt(masses * units.kB * temperature)
    momenta -= masses * momenta.sum(axis=0) / masses.sum()
    return momenta


def run(starts: Sequence[Start]) -> Generator[Request, list[Prediction], list[Trajectory]]:
    """Return trajectories of velocity Verlet, side by side.

    The structures that are sent carry momenta, half a step behind, as ASE's integrator does it: a potential that reads
    them shows.
    """
    runs = [Running(start) for start in starts]
    while going := [one for one in runs if one.goes_on]:
        predictions = yield Request([one.ahead() for one in going], ENERGY_FORCES)
        for one, prediction in zip(going, predictions, strict=True):
            one.arrive(prediction)
    return [one.trajectory() for one in runs]


class Running:
    """A trajectory on its way."""

    def __init__(self, start: Start) -> None:
        self.start, self.timestep = start, start.timestep * units.fs
        self.structure, self.momenta = start.structure.copy(), start.momenta
        self.masses: FloatArray = start.structure.get_masses()
        self.rows: list[tuple[FloatArray, FloatArray, FloatArray, float]] = []

    @property
    def goes_on(self) -> bool:
        """Whether a step is left."""
        return len(self.rows) <= self.start.steps

    def ahead(self) -> Atoms:
        """Return the structure a step later, or where it starts."""
        if self.rows:
            positions, momenta, forces, _ = self.rows[-1]
            self.structure.positions, self.momenta = moved(positions, momenta, forces, self.masses, self.timestep)
        self.structure.set_momenta(self.momenta)
        sent: Atoms = self.structure.copy()
        return sent

    def arrive(self, prediction: Prediction) -> None:
        """Complete the step with what is predicted there."""
        forces: FloatArray = np.asarray(prediction.forces, dtype=float)
        momenta = kicked(self.momenta, forces, self.timestep) if self.rows else self.momenta
        self.rows.append((self.structure.positions.copy(), momenta, forces, prediction.energy))

    def trajectory(self) -> Trajectory:
        """Return the points so far."""
        return Trajectory(self.timestep, self.masses, *(np.array(column) for column in zip(*self.rows, strict=True)))


def rounding_of(trajectory: Trajectory, noise: Noise) -> float:
    """Return the standard deviation, per atom, that rounding gives the slope of a shadow energy, in ASE's units."""
    n_atoms = len(trajectory.masses)
    speed = float(np.sqrt((trajectory.speeds**2).sum(axis=(1, 2)).mean()))
    n_points = len(trajectory.energies) - 2 * REACH
    return rounding(noise.energy * n_atoms, noise.forces, speed, n_points, trajectory.timestep) / n_atoms
