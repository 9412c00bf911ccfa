"""Whether what seems to cause a jump happens on the rest of the line as well, where nothing jumps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.checks.smoothness.line import Line
from gnnp_bench.potential import FloatArray

MOST_STEPS = 40
"""Of a line, between which it is looked for."""
TIED = 1e-6
"""Å, within which two neighbours are equally far."""
NEAREST = 14
"""Neighbours of an atom that are bonded to it at most."""
SAME_ANGLE = 1e-6
"""Radians, within which two angles are one."""


def _steps(line: Line) -> Iterator[tuple[float, float]]:
    """Yield stretches of the line on which nothing jumps and that are looked at to the end."""
    least = line.track.length / MOST_STEPS
    ends = [float(line.t[0])]
    for t in line.t[1:]:
        if t - ends[-1] >= least:
            ends.append(float(t))
    broken = [0.5 * float(line.t[b] + line.t[b + 1]) for b in line.breaks]
    broken += [0.5 * float(line.t[b] + line.t[b + 1]) for b in np.flatnonzero(line.open)]
    for begin, end in itertools.pairwise(ends):
        if not any(begin <= t <= end for t in broken):
            yield begin, end


def _distances(structure: Atoms, reach: float) -> dict[tuple[int, int, tuple[int, ...]], float]:
    from ase.neighborlist import neighbor_list  # imports scipy, which few certificates need

    first, second, distances, shifts = neighbor_list("ijdS", structure, reach)
    keys = zip(first.tolist(), second.tolist(), map(tuple, shifts.tolist()), strict=True)
    return dict(zip(keys, distances.tolist(), strict=True))


def pair_passes(line: Line, symbols: tuple[str, str], distance: float) -> bool:
    """Return whether such a pair passes the distance where nothing jumps: then it is not the cause."""
    for begin, end in _steps(line):
        ends = [line.track.at(t) for t in (begin, end)]
        before, after = (_distances(structure, distance + 1.0) for structure in ends)
        for (i, j, shift), size in before.items():
            if sorted((ends[0].symbols[i], ends[0].symbols[j])) != sorted(symbols):
                continue
            later = after.get((i, j, shift))
            if later is not None and (size - distance) * (later - distance) < 0.0:
                return True
    return False


def places_change(line: Line, symbol: str, rank: int, away: float) -> bool:
    """Return whether a neighbour of such atoms passes that rank where nothing jumps."""
    for begin, end in _steps(line):
        ends = [line.track.at(t) for t in (begin, end)]
        ranked = [_nearest(structure, symbol, rank, away) for structure in ends]
        if any(one != ranked[1][atom] for atom, one in ranked[0].items() if atom in ranked[1]):
            return True
    return False


def _nearest(
    structure: Atoms, symbol: str, rank: int, away: float
) -> dict[int, frozenset[tuple[int, int, tuple[int, ...]]]]:
    """Return the nearest neighbours of each atom of a species, where the last of them and the next are not tied."""
    around: dict[int, list[tuple[float, tuple[int, int, tuple[int, ...]]]]] = {}
    for key, size in _distances(structure, away + 1.0).items():
        around.setdefault(key[0], []).append((size, key))
    found = {}
    for atom, neighbours in around.items():
        neighbours.sort()
        tied = len(neighbours) <= rank or neighbours[rank][0] - neighbours[rank - 1][0] < TIED
        if structure.symbols[atom] == symbol and not tied:
            found[atom] = frozenset(key for _, key in neighbours[:rank])
    return found


def angles(structure: Atoms, reach: float) -> tuple[FloatArray, list[tuple[int, int, int]]]:
    """Return the angles between bonds of each atom, radians, and of which atoms they are, the centre second."""
    from ase.neighborlist import neighbor_list

    centres, neighbours, distances, vectors = neighbor_list("ijdD", structure, reach)
    found: list[FloatArray] = []
    atoms: list[tuple[int, int, int]] = []
    for centre in range(len(structure)):
        own = np.flatnonzero(centres == centre)
        own = own[np.argsort(distances[own])][:NEAREST]
        units = vectors[own] / distances[own][:, None]
        first, second = np.triu_indices(len(own), 1)
        cosines = np.clip((units[first] * units[second]).sum(axis=1), -1.0, 1.0)
        found.append(np.arccos(cosines))
        atoms += [
            (int(neighbours[own[a]]), centre, int(neighbours[own[b]])) for a, b in zip(first, second, strict=True)
        ]
    return (np.concatenate(found) if found else np.zeros(0)), atoms
