"""Candidate structures of files, one at a time; what cannot be read or relaxed is told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from gnnp_bench.accuracy.labels import DataError, each_structure
from gnnp_bench.potential import Capabilities, periodicity_of

DIGITS = 16
"""Hexadecimal, of a hash over what a structure is."""
FLAT = 1e-3
"""Volume of a cell over the product of its edges, below which it spans no space."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A structure, and where it stands.

    Attributes
    ----------
    file : str
    index : int
        In the file, from 0.
    content : str
        A hash over what it is: see `content_of`.
    structure : Atoms
        Without calculator and constraints.
    """

    file: str
    index: int
    content: str
    structure: Atoms

    @property
    def key(self) -> tuple[str, int, str]:
        """What its row is known by."""
        return self.file, self.index, self.content


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that ASE could not read, or not to its end.

    Attributes
    ----------
    file : str
    index : int
        The first structure that is missing.
    reason : str
    """

    file: str
    index: int
    reason: str


def name_of(file: str, index: int) -> str:
    """Return what a structure is called in reports."""
    return f"{file}:{index}"


def candidates(files: Sequence[str], reads: Sequence[str] = ()) -> Iterator[Candidate | Unreadable]:
    """Yield the structures of files in their order; a file that cannot be read is told, and the next one read.

    Parameters
    ----------
    files : sequence of str
    reads : sequence of str
        Keys of `atoms.info` that the potential reads.
    """
    for file in files:
        following = 0
        try:
            for index, atoms in enumerate(each_structure(file)):
                following = index + 1
                atoms.calc = None
                atoms.set_constraint()
                yield Candidate(file, index, content_of(atoms, reads), atoms)
        except DataError as error:
            yield Unreadable(file, following, str(error))
            continue
        if not following:
            yield Unreadable(file, 0, f"{file} holds no structure")


def content_of(atoms: Atoms, reads: Sequence[str] = ()) -> str:
    """Return a hash over elements, positions, cell and periodicity, and over what the potential reads beside them."""
    total = hashlib.sha256()
    for array in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc):
        total.update(np.ascontiguousarray(array).tobytes())
    for name in ("initial_charges", "initial_magmoms"):
        if atoms.has(name):
            total.update(name.encode() + np.ascontiguousarray(atoms.arrays[name]).tobytes())
    for key in reads:
        total.update(f"{key}={atoms.info.get(key)!r}".encode())
    return total.hexdigest()[:DIGITS]


def unfit(atoms: Atoms, capabilities: Capabilities) -> str | None:
    """Return why a structure cannot be relaxed with a potential, or None."""
    if not len(atoms):
        return "it has no atoms"
    if (atoms.numbers == 0).any():
        return "it has an atom of species X, which is no element"
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        return "it holds positions or cell vectors that are not finite"
    present = {chemical_symbols[z] for z in atoms.numbers}
    if strange := sorted(present - set(capabilities.species)):
        return f"the potential does not know {', '.join(strange)}"
    kind = periodicity_of(atoms)
    if kind not in capabilities.periodicity:
        return f"the potential is not for structures that are {kind}"
    edges = np.linalg.norm(atoms.cell.array[atoms.pbc], axis=1)
    if kind == "periodic" and not abs(atoms.cell.volume) > FLAT * np.prod(edges):
        return "its cell spans no volume"
    return None
