"""Labelled structures: held out, with their neighbours, in groups."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from gnnp_bench.accuracy.frames import Frame, Group, group
from gnnp_bench.accuracy.labels import DataError
from reference_model.graph import Neighbourhood, find_neighbours

LEAST_BOX = 400.0
"""Å³, of a periodic cell whose only atom counts as isolated."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame with its neighbours within a cutoff."""

    frame: Frame
    neighbourhood: Neighbourhood


def split(
    frames: Sequence[Frame], share: float, seed: int, alike: Sequence[Sequence[int]] = (), most: int = 1000
) -> tuple[list[Frame], list[Frame]]:
    """Return frames to train on and frames to validate on, in their order in the file.

    Isolated atoms are not held out, nor is the last frame that an element occurs in. The second list is empty where
    nothing can be.

    Parameters
    ----------
    frames : sequence of Frame
    share : float
        Of the frames, to validate on.
    seed : int
    alike : sequence of sequences of int
        Groups of indices of frames that are one structure: see `twins`. None of them is torn apart.
    most : int
        Frames to validate on.

    Raises
    ------
    DataError
        There are fewer than two.
    """
    if len(frames) < 2:
        raise DataError("one frame is not enough: give at least two, or a --valid file besides")
    n_valid = min(max(1, round(share * len(frames))), len(frames) - 1, most)
    order = np.random.default_rng(np.random.SeedSequence([seed, 1])).permutation(len(frames))
    elements = [set(frame.structure.numbers.tolist()) for frame in frames]
    left = Counter(number for one in elements for number in one)
    together = {index: list(group) for group in alike for index in group}
    # Where copies are all that there is, one group of them is held out whole.
    room = max(n_valid, min(len(together.get(index, [index])) for index in range(len(frames))))
    held: set[int] = set()
    for index in order.tolist():
        members = together.get(index, [index])
        loss = Counter(number for member in members for number in elements[member])
        spared = is_lone(frames[index].structure) or any(left[number] <= loss[number] for number in loss)
        # A group larger than the share is better trained on, where there is something else to hold out.
        if index not in held and len(held) + len(members) <= min(room, len(frames) - 1) and not spared:
            held.update(members)
            left.subtract(loss)
    return [f for i, f in enumerate(frames) if i not in held], [f for i, f in enumerate(frames) if i in held]


def is_lone(structure: Atoms) -> bool:
    """Return whether there is one atom, in a large box if in any: in a crystal of caesium no neighbour is near."""
    return len(structure) == 1 and not (structure.pbc.any() and abs(structure.cell.volume) < LEAST_BOX)


def prepare(frames: Iterable[Frame], cutoff: float, source: str) -> list[Sample]:
    """Find the neighbours of each frame. `source` is what messages call frames that do not know where they stand.

    Raises
    ------
    DataError
        A structure cannot be: two of its atoms coincide, or its cell is degenerate.
    """
    samples = []
    for index, frame in enumerate(frames):
        try:
            samples.append(Sample(frame, find_neighbours(frame.structure, cutoff)))
        except Exception as error:
            formula = frame.structure.get_chemical_formula()
            where = frame.source or f"{source}: frame {index}"
            raise DataError(f"{where} ({formula}) is unusable: {error}") from error
    return samples


def species_of(frames: Iterable[Frame]) -> tuple[str, ...]:
    """Return the chemical symbols that occur, by atomic number."""
    from ase.data import chemical_symbols

    numbers = sorted({int(z) for frame in frames for z in frame.structure.numbers})
    return tuple(chemical_symbols[z] for z in numbers)


def combinations_of(frames: Iterable[Frame]) -> list[list[str]]:
    """Return the sets of species that occur together, the largest ones only."""
    found = {frozenset(frame.structure.get_chemical_symbols()) for frame in frames}
    return sorted(sorted(one) for one in found if not any(one < other for other in found))


def digest(frames: Iterable[Frame]) -> str:
    """Return the SHA-256 of structures and labels, hexadecimal."""
    total = hashlib.sha256()
    for frame in frames:
        atoms = frame.structure
        stress = np.full((3, 3), np.nan) if frame.stress is None else frame.stress
        for array in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, frame.forces, stress):
            total.update(np.ascontiguousarray(array).tobytes())
        total.update(f"{frame.energy!r} {frame.config_type}".encode())
    return total.hexdigest()


def drawn_in_turn(samples: Sequence[Sample], atoms: int, each: int, seed: int) -> list[Sample]:
    """Return structures drawn at random from every group in turn, until there are so many atoms or so many of each."""
    order = np.random.default_rng(np.random.SeedSequence([seed, 3])).permutation(len(samples))
    members: dict[Group, list[Sample]] = {}
    for index in order:
        members.setdefault(group(samples[index].frame), []).append(samples[index])
    turns = itertools.chain.from_iterable(itertools.zip_longest(*(these[:each] for these in members.values())))
    chosen: list[Sample] = []
    n_atoms = 0
    for sample in turns:
        if sample is not None and (not chosen or n_atoms + len(sample.frame.structure) <= atoms):
            chosen.append(sample)
            n_atoms += len(sample.frame.structure)
    return chosen


def rms_force(frames: Iterable[Frame]) -> float:
    """Return the root mean square of all force components, eV/Å."""
    return float(np.sqrt(np.mean(np.concatenate([frame.forces.ravel() for frame in frames]) ** 2)))
