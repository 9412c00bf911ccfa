"""How far the atoms of a network see, and how smooth it is where neighbours cross that distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet

from gnnp_bench.potential import ENERGY_FORCES, FloatArray, Potential
from reference_model.calculator import ReferenceCalculator
from reference_model.graph import collate, find_neighbours
from reference_model.potential import ReferencePotential
from reference_model.radial import TYPICAL_DENSITY, envelope

STEPS = (1e-2, 1e-3, 1e-4)
"""Å; a force that is continuous changes a tenth as much over a tenth of the step."""
POINTS = 10
"""Steps on either side of the crossing."""
TEMPERATURE = 300.0
DURATION, TIME_STEPS = 200.0, (2.0, 1.0)
"""fs."""


def cutoffs(potential: ReferencePotential, structure: Atoms) -> FloatArray:
    """Return (n_atoms,) cutoffs of atoms, Å: those that an adaptive network has learnt, or the one that is fixed."""
    hyper = potential.network.hyper
    if hyper.adaptive_from is None:
        return np.full(len(structure), hyper.cutoff)
    found: FloatArray = potential.network.adaptive(_distances(potential, structure)).numpy()
    return found


def densities(longest: float, structure: Atoms) -> FloatArray:
    """Return (n_atoms,) densities ρ_i = Σ_j f₄(r_ij/r_max), by which an adaptive network sets its cutoffs."""
    graph = collate([find_neighbours(structure, longest)], sorted(set(structure.get_chemical_symbols())), torch.float64)
    found: FloatArray = envelope((graph.vectors**2).sum(0).sqrt() / longest, contact=4).sum(1).numpy()
    return found


def cutoff_at(offset: float, slope: float, shortest: float, longest: float, density: FloatArray) -> FloatArray:
    """Return the cutoffs, Å, that parameters of an adaptive network give to densities; see `AdaptiveCutoff`."""
    share = 1.0 / (1.0 + np.exp(-(offset - np.logaddexp(0.0, slope) * density / TYPICAL_DENSITY)))
    found: FloatArray = shortest + (longest - shortest) * share
    return found


def edges(structure: Atoms, reach: FloatArray) -> float:
    """Return the mean number of neighbours nearer than the cutoff of the atom that sees them."""
    pairs = find_neighbours(structure, float(reach.max()))
    r = np.linalg.norm(pairs.vectors, axis=1)
    return float(((r < reach[pairs.first]).sum() + (r < reach[pairs.second]).sum()) / len(structure))


def _distances(potential: ReferencePotential, structure: Atoms) -> torch.Tensor:
    hyper = potential.network.hyper
    graph = collate(
        [find_neighbours(structure, hyper.cutoff)], hyper.species, next(potential.network.parameters()).dtype
    )
    return (graph.vectors**2).sum(0).sqrt()


def force_steps(potential: ReferencePotential, structures: Sequence[Atoms]) -> list[float]:
    """Return by how much forces change at most, meV/Å, from one point to the next where a neighbour crosses a cutoff.

    In each structure, one atom is moved along the line to another one, through the distance that is the other's cutoff.

    Returns
    -------
    list of float
        For each of `STEPS`; the potential is to compute in float64, or it is rounding that is seen.
    """
    largest = dict.fromkeys(STEPS, 0.0)
    for structure in structures:
        crossing = _crossing(potential, structure)
        if crossing is None:
            continue
        centre, mover, line, distance = crossing
        for step in STEPS:
            places = distance + step * np.arange(-POINTS, POINTS + 1)
            made = []
            for place in places:
                moved = structure.copy()
                moved.positions[mover] = structure.positions[centre] + place * line
                made.append(moved)
            forces = np.stack([np.asarray(one.forces) for one in potential.evaluate(made, ENERGY_FORCES)])
            largest[step] = max(largest[step], 1e3 * float(np.abs(np.diff(forces, axis=0)).max()))
    return [largest[step] for step in STEPS]


def _crossing(potential: ReferencePotential, structure: Atoms) -> tuple[int, int, FloatArray, float] | None:
    """Return a centre, an atom to be moved, the direction to it, and where it crosses the centre's cutoff, Å."""
    reach = cutoffs(potential, structure)
    pairs = find_neighbours(structure, float(reach.max()) + 0.5)
    distinct = pairs.first != pairs.second
    if not distinct.any():
        return None
    first, second, vectors = pairs.first[distinct], pairs.second[distinct], pairs.vectors[distinct]
    r = np.linalg.norm(vectors, axis=1)
    k = int(np.abs(r - reach[first]).argmin())
    line = vectors[k] / r[k]
    place = float(reach[first[k]])
    for _ in range(20):  # an adaptive cutoff moves with the atom that crosses it
        moved = structure.copy()
        moved.positions[second[k]] = structure.positions[first[k]] + place * line
        place = float(cutoffs(potential, moved)[first[k]])
    return int(first[k]), int(second[k]), line, place


def drift(
    potential: Potential, structure: Atoms, time_step: float, duration: float = DURATION, seed: int = 0
) -> dict[str, float]:
    """Return how the total energy of a trajectory at constant energy moves, meV/atom; times in fs.

    Returns
    -------
    dict
        `slope`, meV/atom/ps, of a line fitted to the energy; `fluctuation`, meV/atom, root mean square about its mean.
        That of velocity Verlet falls with the square of the time step if forces are smooth, and stays if they jump.
    """
    atoms = structure.copy()
    atoms.calc = ReferenceCalculator(potential)
    rng = np.random.default_rng(seed)
    spreads = np.sqrt(units.kB * TEMPERATURE * atoms.get_masses())[:, None]
    momenta = spreads * rng.standard_normal((len(atoms), 3))
    atoms.set_momenta(momenta - momenta.mean(0))
    motion = VelocityVerlet(atoms, time_step * units.fs)
    energies = [atoms.get_total_energy()]
    for _ in range(round(duration / time_step)):
        motion.run(1)
        energies.append(atoms.get_total_energy())
    per_atom = 1e3 * np.array(energies) / len(atoms)
    times = 1e-3 * time_step * np.arange(len(per_atom))
    return {"slope": float(np.polyfit(times, per_atom, 1)[0]), "fluctuation": float(per_atom.std())}
