"""Structures of any size: one cell, repeated as nearly to a cube as its shape allows, every atom shaken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.structures import crystal

SIZES = (2, 8, 32, 128, 512, 2048, 8192, 32_768, 100_000)
"""Numbers of atoms that are tried unless others are asked for."""
SHAKE = 0.05
"""Å, standard deviation: no force is zero by symmetry, no two distances are equal."""
FAVOURITES = (("diamond", "Si"), ("fcc", "Cu"), ("fcc", "Al"), ("fcc", "Au"), ("diamond", "C"))


def common_cell(species: Sequence[str]) -> Atoms:
    """Return the primitive cell of a crystal of one of the species, a common one where there is one.

    Parameters
    ----------
    species : sequence of str
        Chemical symbols that every potential supports; at least one.
    """
    for prototype, symbol in FAVOURITES:
        if symbol in species:
            return crystal(prototype, [symbol])
    return crystal("fcc", [species[0]])


def repeats(cell: Atoms, n_atoms: int) -> tuple[int, int, int]:
    """Return how often to repeat a cell along its vectors to come near to a number of atoms.

    Least is |ln(atoms / asked)| + 0.05·ln(longest / shortest edge): a number without near-cubic factors is rather
    missed by a few per cent than met by a needle.
    """
    edges = np.linalg.norm(cell.cell.array, axis=1)
    cells = n_atoms / len(cell)
    ideal = (cells * edges.prod()) ** (1 / 3) / edges
    ranges = [range(max(1, int(0.6 * i)), int(1.7 * i) + 3) for i in ideal]
    choices = np.array(np.meshgrid(*ranges, indexing="ij")).reshape(3, -1).T
    lengths = choices * edges
    needle = np.log(lengths.max(axis=1) / lengths.min(axis=1))
    best = choices[np.argmin(np.abs(np.log(choices.prod(axis=1) / cells)) + 0.05 * needle)]
    return int(best[0]), int(best[1]), int(best[2])


def enlarged(cell: Atoms, n_atoms: int, *, periodic: bool = True, seed: int = 0) -> Atoms:
    """Return a structure of about `n_atoms` atoms, the same for the same arguments.

    Parameters
    ----------
    cell : Atoms
    n_atoms : int
    periodic : bool
        False cuts the crystal out as a cluster in vacuum.
    seed : int
        Of the displacements.
    """
    times = repeats(cell, n_atoms) if cell.cell.rank == 3 else (1, 1, 1)
    structure: Atoms = cell.repeat(times)
    structure.calc = None
    structure.set_constraint()
    structure.positions += np.random.default_rng(seed).normal(scale=SHAKE, size=structure.positions.shape)
    if not periodic:
        structure.pbc = False
        structure.cell = None
    return structure
