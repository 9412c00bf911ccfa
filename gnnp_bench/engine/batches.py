"""Structures that several generators ask for, brought together into batches; what a potential is given are copies."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

from ase import Atoms

MAX_BATCH_ATOMS = 512


@dataclass(frozen=True, slots=True)
class Wanted:
    """A structure, the generator that asked for it, and its place in that request."""

    index: int
    place: int
    structure: Atoms


def batches(wanted: list[Wanted]) -> Iterator[list[Wanted]]:
    """Yield what is wanted in its order, as many structures at a time as have `MAX_BATCH_ATOMS` atoms together."""
    batch: list[Wanted] = []
    atoms = 0
    for asked in wanted:
        if batch and atoms + len(asked.structure) > MAX_BATCH_ATOMS:
            yield batch
            batch, atoms = [], 0
        batch.append(asked)
        atoms += len(asked.structure)
    if batch:
        yield batch


def copied(structure: Atoms) -> Atoms:
    """Return a structure that shares nothing with the given one, without calculator and recipe."""
    new: Atoms = structure.copy()
    new.calc = None
    # Atoms.copy shares what info holds. The recipe is none of the potential's business, and dear to copy.
    new.info.update((key, deepcopy(value)) for key, value in structure.info.items() if key != "recipe")
    return new
