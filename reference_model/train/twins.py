"""Which labelled structures are one and the same: turned, mirrored, reordered, moved, or in another cell at most.

Structures are compared by numbers that none of this changes. Around each atom, neighbours are summed over radial
functions that end smoothly at a range; from the sums, their lengths as vectors and as symmetric traceless matrices
follow what mean, least and largest value they have over the atoms of each element. Lengths, not their squares: they
change in proportion where one atom of an ideal crystal moves, by which displaced crystals are told from ideal ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from gnnp_bench.accuracy.frames import Frame
from gnnp_bench.potential import FloatArray
from reference_model.graph import find_neighbours

RANGE, FAR_RANGE = 5.0, 12.0
"""Å, up to which neighbours are compared: at first, and between structures that are alike so far."""
N_RADIAL = 4
TOLERANCE = 1e-5
"""Å⁻¹ times the eighth decimal of positions, and margin; a displacement of 0.01 Å changes the numbers by 1e-3."""
ENERGY_APART, FORCES_APART = 5e-3, 0.05
"""eV/atom and eV/Å, by which labels of one structure differ when they contradict each other. More than the settings of
one calculation leave open."""
SHOWN = 5


def twins(frames: Sequence[Frame]) -> list[list[int]]:
    """Return the groups of indices of frames that are one structure, each sorted, in the order of their first.

    Groups hold two frames at least. Supercells count as the structure that they repeat. Frames that cannot be
    examined, for atoms coincide or cells are degenerate, are in none; lone atoms are not compared.
    """
    alike = _connected(frames, list(range(len(frames))), RANGE)
    confirmed = [group for members in alike for group in _connected(frames, members, FAR_RANGE)]
    return sorted(confirmed)


def remarks(frames: Sequence[Frame], groups: Sequence[Sequence[int]]) -> list[str]:
    """Return what is to be said of frames that are one structure: contradictions first; of many, some are named."""
    contradictions, repeated = [], []
    for group in groups:
        members = [frames[index] for index in group]
        energies = np.array([f.energy / len(f.structure) for f in members])
        apart, forces_apart = float(np.ptp(energies)), _forces_apart(members)
        if apart <= ENERGY_APART and forces_apart <= FORCES_APART:
            repeated.append(members)
            continue
        states = sorted({f.state for f in members})
        why = f"; they differ in {' and '.join(s or 'nothing said' for s in states)}, which is not read"
        contradictions.append(
            f"warning: {_places(members)} are one structure ({members[0].structure.get_chemical_formula()}), but their"
            f" energies differ by {1e3 * apart:.3g} meV/atom and their forces by {1e3 * forces_apart:.3g} meV/Å: no"
            f" potential can learn both{why if len(states) > 1 else ''}"
        )
    more = len(contradictions) - SHOWN
    found = contradictions[:SHOWN] + ([f"warning: and {more} more contradictions"] if more > 0 else [])
    if repeated:
        one = f"{len(repeated)} structures occur" if len(repeated) > 1 else "one structure occurs"
        found.append(
            f"{one} several times, turned, mirrored, reordered or in another cell at most"
            f" ({sum(map(len, repeated))} frames), such as {_places(repeated[0])}: copies are trained on together or"
            " held out together"
        )
    return found


def shared(frames: Sequence[Frame], trained: int, groups: Sequence[Sequence[int]], use: str) -> list[str]:
    """Return a warning where structures to validate or test on, which follow the first `trained`, are among these."""
    known = [i for group in groups if min(group) < trained for i in group if i >= trained]
    if not known:
        return []
    return [
        f"warning: {len(known)} of {len(frames) - trained} {use} structures are among those to train on"
        f" ({_places([frames[i] for i in known])}): their errors say nothing about others"
    ]


def _places(members: Sequence[Frame]) -> str:
    """Return where frames stand: the file once, and their numbers in it."""
    by_file: dict[str, list[str]] = {}
    for frame in members:
        file, _, place = frame.source.partition(": frame ")
        by_file.setdefault(file, []).append(place)
    return " and ".join(
        f"{file}: frames {', '.join(places[:10])}" + (f", … ({len(places)})" if len(places) > 10 else "")
        for file, places in by_file.items()
    )


def _forces_apart(members: Sequence[Frame]) -> float:
    """Return by how much sorted lengths of forces differ, eV/Å: rotations and order do not change them."""
    lengths = [np.sort(np.linalg.norm(frame.forces, axis=1)) for frame in members]
    size = min(map(len, lengths))
    # Of a supercell every n-th stands for the n images.
    thinned = [one[:: len(one) // size][:size] for one in lengths]
    return float(np.ptp(np.array(thinned), axis=0).max())


def _connected(frames: Sequence[Frame], indices: Sequence[int], reach: float) -> Iterator[list[int]]:
    """Yield groups of two or more indices whose fingerprints agree, each sorted."""
    families: dict[tuple[object, ...], list[tuple[int, FloatArray]]] = {}
    for index in indices:
        structure = frames[index].structure
        if len(structure) == 1 and not structure.pbc.any():
            continue
        numbers, counts = np.unique(structure.numbers, return_counts=True)
        composition = (*numbers.tolist(), *(counts // np.gcd.reduce(counts)).tolist())
        periodic = int(structure.pbc.sum())
        size = 0 if periodic else len(structure)  # molecules are not repeated
        try:
            values = fingerprint(frames[index], reach)
        except Exception:  # whatever is wrong with it is told when it is prepared
            continue
        families.setdefault((composition, periodic, size), []).append((index, values))
    for family in families.values():
        if len(family) < 2:
            continue
        members = np.array([index for index, _ in family])
        pairs = KDTree(np.array([values for _, values in family])).query_pairs(
            TOLERANCE, p=np.inf, output_type="ndarray"
        )
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(family), len(family)))
        n_groups, label = connected_components(graph, directed=False)
        sizes = np.bincount(label, minlength=n_groups)
        yield from (sorted(members[label == group].tolist()) for group in np.flatnonzero(sizes > 1))


def fingerprint(frame: Frame, reach: float) -> FloatArray:
    """Return numbers that rotations, mirrors, order of atoms, wrapping, choice of cell and supercells leave alone.

    Of each atom the lengths of Σ_j g_k, Σ_j g_k r̂ and Σ_j g_k (r̂ r̂ᵀ - I/3) with g_k = Z_j^½ (1 - r/R)³ cos(k π r/R),
    k = 0 … 3, R the reach. Molecules are compared whole: R is twice their diameter there.

    Raises
    ------
    ValueError
        Atoms coincide, or the cell is degenerate.
    """
    structure = frame.structure
    size = np.cbrt(abs(structure.cell.volume) / len(structure)) if structure.pbc.all() else 0.0
    if not structure.pbc.any():
        outwards = np.linalg.norm(structure.positions - structure.positions.mean(axis=0), axis=1)
        size = float(outwards.max())
        reach = max(reach, 4.0 * size)
    hood = find_neighbours(structure, reach)
    ends = np.concatenate([hood.first, hood.second])
    others = np.concatenate([hood.second, hood.first])
    vectors = np.concatenate([hood.vectors, -hood.vectors])
    r = np.linalg.norm(vectors, axis=1)
    unit = vectors / r[:, None]
    weight = (1.0 - np.minimum(r / reach, 1.0)) ** 3 * np.sqrt(structure.numbers[others])
    radial = weight[:, None] * np.cos(np.pi * np.outer(r / reach, np.arange(N_RADIAL)))
    x, y, z = unit.T
    # The six numbers of a symmetric matrix; those off the diagonal count twice in its length.
    matrix = np.stack([x * x - 1 / 3, y * y - 1 / 3, z * z - 1 / 3, *(np.sqrt(2.0) * np.array([y * z, x * z, x * y]))])
    terms = np.concatenate([np.ones((1, len(r))), unit.T, matrix]).T
    n_atoms = len(structure)
    to_atoms = coo_array((np.ones(len(r)), (ends, np.arange(len(r)))), shape=(n_atoms, len(r))).tocsr()
    sums = to_atoms @ (radial[:, :, None] * terms[:, None, :]).reshape(len(r), -1)
    sums = sums.reshape(n_atoms, N_RADIAL, terms.shape[1])
    parts = (sums[..., 0], np.linalg.norm(sums[..., 1:4], axis=-1), np.linalg.norm(sums[..., 4:], axis=-1))
    found = np.stack(parts, axis=-1)
    values = [size]
    for number in np.unique(structure.numbers):
        of_element = found[structure.numbers == number].reshape(-1, 3 * N_RADIAL)
        values += [*of_element.mean(0), *of_element.min(0), *of_element.max(0)]
    return np.array(values)
