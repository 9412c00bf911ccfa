"""Disordered packings: a jittered lattice whose overlaps are pushed apart."""

from __future__ import annotations

import numpy as np

from gnnp_bench.potential import FloatArray
from gnnp_bench.structures.geometry import pairs
from gnnp_bench.structures.radii import IntArray, bond_lengths

DENSITY = 0.8
"""Number density relative to close packing (√2 / d³). Liquid metals at melting: 0.83 (Cu) to 0.87 (Na)."""
OVERLAP = 0.85
"""Distances below this fraction of the bond length count as overlaps."""
_SWEEPS = 10


def pack(
    numbers: IntArray, repeat: tuple[int, int, int], rng: np.random.Generator, bulk: bool
) -> tuple[FloatArray, FloatArray]:
    """Return a disordered packing of atoms at the density of a liquid.

    A simple cubic arrangement of `repeat` sites is jittered by up to a quarter of its spacing along each axis; then,
    sweep after sweep, each overlapping pair is moved apart by the length of its overlap.

    Parameters
    ----------
    numbers : (n,) array of int
        Atomic numbers, n the product of `repeat`.
    repeat : tuple of 3 int
    rng : Generator
    bulk : bool
        Periodic; otherwise a droplet.

    Returns
    -------
    positions : (n, 3) array, Å
    cell : (3, 3) array, Å; zero for a droplet
    """
    lengths = bond_lengths(numbers, coordination=8)
    spacing = float(np.mean(lengths**3) / (np.sqrt(2) * DENSITY)) ** (1 / 3)
    grid = np.indices(repeat).reshape(3, -1).T
    positions = (grid + rng.uniform(-0.25, 0.25, grid.shape)) * spacing
    box = np.array(repeat, dtype=float) * spacing
    i, j = pairs(len(numbers))
    wanted = OVERLAP * lengths[i, j]
    apart = (np.arange(len(numbers))[:, None] == j).astype(float) - (np.arange(len(numbers))[:, None] == i)
    for _ in range(_SWEEPS if len(i) else 0):
        vectors = positions[j] - positions[i]
        if bulk:  # the box is rectangular, where the minimum image is the nearest one
            vectors -= box * np.rint(vectors / box)
        distances = np.maximum(np.sqrt(np.sum(vectors**2, axis=1)), 1e-6)
        overlaps = np.maximum(wanted - distances, 0.0)
        if not overlaps.any():
            break
        positions = positions + apart @ ((0.5 * overlaps / distances)[:, None] * vectors)
    return positions, np.diag(box) if bulk else np.zeros((3, 3))
