"""Fragments far from each other: which ones, how they are set apart, and what is left of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Json, Noise, PoolView
from gnnp_bench.checks.periodicity.partial import boxed, reach_of
from gnnp_bench.checks.virial import VOLUME_PER_ATOM
from gnnp_bench.numerics.rounding import DIGITS, beyond_digits, last_digits
from gnnp_bench.potential import Capabilities, FloatArray, Prediction
from gnnp_bench.structures.apart import ROOM, Apart, open_directions, out_of, set_apart, unwrapped
from gnnp_bench.structures.carried import is_neutral, without_totals
from gnnp_bench.structures.palette import palette
from gnnp_bench.structures.serialise import from_json
from gnnp_bench.structures.transform import supercell

KINDS = ("molecules", "slabs", "box", "atoms", "above", "twins")
"""Two molecules; two slabs; two molecules in a periodic box; two atoms; one above a slab; a molecule and its copy."""
UNKNOWN_REACH = 10.0
"""Å, from where on distances double if no receptive field is declared."""
MOST_ATOMS = 24
"""Of a fragment."""
MOST_OF_A_SLAB = 48
"""Atoms of a slab or wire that is repeated."""
CLEAR = 2.5
"""Å, between the images of a fragment above a slab."""


def known_reach(capabilities: Capabilities) -> float | None:
    """Return beyond which distance nothing is felt at all, Å, where that is declared.

    A receptive field without a cutoff is that of one part of a potential; charges may act over any distance besides.
    """
    if "strictly-local" not in capabilities.claims and capabilities.cutoff is None:
        return None
    return reach_of(capabilities)


def nearest_far(capabilities: Capabilities) -> float:
    """Return the first gap between fragments, Å: beyond what is declared to be felt, if anything is."""
    reach = known_reach(capabilities) or reach_of(capabilities) or capabilities.cutoff or UNKNOWN_REACH
    return float(math.ceil(reach + 0.5))


def is_free(structure: Atoms) -> bool:
    """Return whether a structure is a neutral molecule or cluster, in vacuum or in a box with enough of it."""
    return bool(open_directions(structure).all()) and is_neutral(structure)


def is_layer(structure: Atoms) -> bool:
    """Return whether a structure is a neutral slab or wire, or one in a box with vacuum."""
    opened = open_directions(structure)
    return bool(opened.any()) and not opened.all() and is_neutral(structure)


def possible_kinds(view: PoolView) -> tuple[str, ...]:
    """Return the kinds for which the pool has structures, and which the potential handles."""
    free = any(is_free(sample.structure) for sample in view.samples)
    layers = any(is_layer(sample.structure) for sample in view.samples)
    boxes = "periodic" in view.capabilities.periodicity
    isolated = any(is_free(sample.structure) and not sample.structure.pbc.any() for sample in view.samples)
    needs = {"slabs": layers, "above": layers and free, "box": boxes and isolated}
    return tuple(kind for kind in KINDS if needs.get(kind, free))


def companion(rng: np.random.Generator, view: PoolView, host: Atoms, kind: str) -> tuple[Atoms, Noise | None]:
    """Return the fragment that is put far from a host, with ν where it is one of the pool."""
    if kind == "slabs":
        return (_other_species(rng, host, view.capabilities) if rng.random() < 0.5 else bare(host)), None
    if kind == "twins":
        return turned(rng, bare(host)), None
    allowed = palette(tuple(view.capabilities.species), tuple(view.capabilities.combinations)).allows
    mine = frozenset(host.symbols)
    if kind == "atoms":
        symbols = [symbol for symbol in view.capabilities.species if allowed(mine | {symbol})]
        # Unlike ones tell more: what is left between them is compared with what is left between like ones.
        symbols = [symbol for symbol in symbols if symbol not in mine] or symbols
        return Atoms(symbols[int(rng.integers(len(symbols)))]), None
    unlike = [
        sample
        for sample in view.samples
        if is_free(sample.structure)
        and len(sample.structure) <= MOST_ATOMS
        and (kind != "above" or math.prod(repeats(host, sample.structure)) * len(host) <= MOST_OF_A_SLAB)
        and allowed(mine | frozenset(sample.structure.symbols))
        and composition(sample.structure) != composition(host)
    ]
    if unlike:
        sample = unlike[int(rng.integers(len(unlike)))]
        return turned(rng, bare(sample.structure)), sample.noise
    if kind == "above":
        return Atoms(host.symbols[int(rng.integers(len(host)))]), None
    return turned(rng, _other_species(rng, host, view.capabilities)), None


def repeats(host: Atoms, fragment: Atoms) -> tuple[int, int, int]:
    """Return how often a slab or wire is repeated for the images of a fragment above it to stand apart."""
    repeat = [1, 1, 1]
    endless = np.flatnonzero(~open_directions(host))
    width = 2.0 * float(np.linalg.norm(fragment.positions - fragment.positions.mean(axis=0), axis=1).max()) + CLEAR
    spacings = 1.0 / np.linalg.norm(np.linalg.pinv(host.cell.array[endless]), axis=0)
    for axis, spacing in zip(endless, spacings, strict=True):
        repeat[axis] = math.ceil(width / spacing)
    a, b, c = repeat
    return a, b, c


def composition(atoms: Atoms) -> tuple[tuple[int, float], ...]:
    """Return the fraction of each species."""
    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    return tuple((int(z), float(n) / len(atoms)) for z, n in zip(numbers, counts, strict=True))


def bare(atoms: Atoms) -> Atoms:
    """Return a copy that carries nothing, its atoms together where they were wrapped into a box with vacuum."""
    plain = unwrapped(without_totals(atoms))
    return Atoms(numbers=plain.numbers, positions=plain.positions, cell=plain.cell, pbc=plain.pbc)


def turned(rng: np.random.Generator, fragment: Atoms) -> Atoms:
    """Return a free fragment in another orientation, uniform over all: QR of a Gaussian matrix, doi:10.1137/0717034."""
    orthogonal, triangular = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation = orthogonal * np.sign(np.diagonal(triangular))
    rotation[0] *= np.sign(np.linalg.det(rotation))
    return Atoms(numbers=fragment.numbers, positions=fragment.positions @ rotation)


def _other_species(rng: np.random.Generator, host: Atoms, capabilities: Capabilities) -> Atoms:
    """Return the host with one atom of another species, where one may stand there."""
    changed = bare(host)
    allowed = palette(tuple(capabilities.species), tuple(capabilities.combinations)).allows
    index = int(rng.integers(len(host)))
    others = [
        symbol
        for symbol in capabilities.species
        if symbol != changed.symbols[index] and allowed(frozenset(changed.symbols) | {symbol})
    ]
    if others:
        changed.symbols[index] = others[int(rng.integers(len(others)))]
    return changed


def outwards(rng: np.random.Generator, host: Atoms) -> FloatArray:
    """Return a direction that leads out of a structure."""
    while True:
        try:
            return out_of(host, rng.normal(size=3))
        except ValueError:  # it lies within
            continue


def host_of(case: Case) -> Atoms:
    """Return the host as it is asked for: in a box, or repeated, where the case says so."""
    if case.parameters["boxed"] and not case.structure.pbc.any():
        return boxed(case.structure, max(case.parameters["distance"], ROOM + 1.0))
    return supercell(case.structure, np.diag(case.parameters.get("repeat", (1, 1, 1))))[0]


@dataclass(frozen=True, slots=True)
class Left:
    """What two fragments together have beyond what each has alone.

    Attributes
    ----------
    energy : float, eV
    forces : (3 n_atoms,) array, eV/Å, or None
    stress : (9,) array, eV/Å³, or None
        V·σ by the volume of the matter.
    told : float, eV
        The energy with what the last digits hold.
    digits : float, eV
        What these hold at most.
    """

    energy: float
    forces: FloatArray | None
    stress: FloatArray | None
    told: float
    digits: float


def placed(case: Case, host: Atoms, gap: float, **changed: Json) -> Apart:
    """Return host and fragment with a gap between them, Å."""
    parameters = {**case.parameters, **changed}
    fragment = from_json(parameters["fragment"])
    direction = np.asarray(parameters["direction"], dtype=float)
    # The first atom is put into the row: from the host it has to be as far as the fragment reaches back.
    heights = (fragment.positions - fragment.positions[0]) @ direction
    return set_apart(host, [fragment], [parameters["place"]], direction, gap - float(heights.min()))


def left(together: Prediction, alone: Sequence[Prediction], apart: Apart) -> Left:
    """Return what is left when the fragments' own energies, forces and stresses are taken away."""
    energies = [part.energy for part in (together, *alone)]
    told = together.energy - sum(energies[1:])
    energy = beyond_digits(told, energies)
    forces = stress = None
    if together.forces is not None and all(part.forces is not None for part in alone):
        beyond = together.forces.copy()
        for rows, part in zip(apart.rows, alone, strict=True):
            assert part.forces is not None
            beyond[rows] -= part.forces
        forces = beyond.ravel()
    if together.stress is not None and all(part.stress is not None for part in alone):
        missed = together.stress - sum(np.asarray(part.stress) for part in alone)
        stress = (missed * (apart.together.cell.volume / matter_of(apart))).ravel()
    return Left(energy, forces, stress, told, DIGITS * last_digits(energies))


def matter_of(apart: Apart) -> float:
    """Return the volume by which V·σ is judged, Å³: that of the atoms, not of the vacuum between them."""
    return VOLUME_PER_ATOM * len(apart.together)


def wider(atoms: Atoms) -> Atoms:
    """Return the same atoms in a periodic box of twice the length along each direction in which matter ends."""
    opened = open_directions(atoms)
    changed: Atoms = atoms.copy()
    changed.set_cell(np.where(opened[:, None], 2.0, 1.0) * atoms.cell.array)
    return changed
