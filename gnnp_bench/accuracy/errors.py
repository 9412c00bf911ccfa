"""Errors of any number of predictions in little memory: means, quantiles, the worst, and shifts of species."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnp_bench.potential import FloatArray

QUANTILES = (0.5, 0.9, 0.99)
PER_DECADE = 200
"""Bins of the histogram that quantiles are read from: they are right to 0.6 %."""
SMALLEST, LARGEST = 1e-12, 1e9
"""In whatever unit. What is smaller counts as the smallest, and the other way around."""
LEAST_FORCE = 0.05
"""eV/Å, of a label, from which its direction is compared."""
DECADES = round(np.log10(LARGEST / SMALLEST))


@dataclass(slots=True)
class Spread:
    """How absolute errors of one quantity are distributed, as numbers are added to it.

    Attributes
    ----------
    n : int
    total, squares, largest : float
        Sums of absolute errors and of their squares, and the largest.
    bins : (n_bins,) array of int
        Counts on a logarithmic scale; the first is of what is `SMALLEST` or less.
    """

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    largest: float = 0.0
    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(DECADES * PER_DECADE + 1, np.int64))

    def add(self, errors: ArrayLike) -> None:
        """Add errors, of any shape; signs do not count."""
        sizes = np.abs(np.asarray(errors, float)).ravel()
        if not sizes.size:
            return
        self.n += sizes.size
        self.total += float(sizes.sum())
        self.squares += float((sizes**2).sum())
        self.largest = max(self.largest, float(sizes.max()))
        scaled = np.log10(np.clip(sizes, SMALLEST, LARGEST) / SMALLEST) * PER_DECADE
        np.add.at(self.bins, np.ceil(scaled).astype(int), 1)

    @property
    def mae(self) -> float | None:
        """Mean absolute error; None of nothing."""
        return self.total / self.n if self.n else None

    @property
    def rmse(self) -> float | None:
        """Root mean square error; None of nothing."""
        return float(np.sqrt(self.squares / self.n)) if self.n else None

    def quantile(self, share: float) -> float | None:
        """Return the error that so large a share of all does not exceed, to 0.6 %; None of nothing."""
        if not self.n:
            return None
        k = int(np.searchsorted(np.cumsum(self.bins), share * self.n))
        return min(self.largest, float(SMALLEST * 10.0 ** ((k - 0.5) / PER_DECADE))) if k else 0.0


@dataclass(slots=True)
class Errors:
    """Errors over a set of structures.

    Attributes
    ----------
    structures, atoms : int
    energy : Spread, eV/atom
    forces, magnitude, vector : Spread, eV/Å
        Components; lengths of forces; lengths of the error vectors.
    angle : Spread, degrees
        Between forces, where the label is longer than `LEAST_FORCE`.
    stress : Spread, eV/Å³
        The nine components.
    pressure : float, eV/Å³
        Sum over structures with a stress of one third of the trace of the error.
    stressed : int
        Those structures.
    """

    structures: int = 0
    atoms: int = 0
    energy: Spread = field(default_factory=Spread)
    forces: Spread = field(default_factory=Spread)
    magnitude: Spread = field(default_factory=Spread)
    vector: Spread = field(default_factory=Spread)
    angle: Spread = field(default_factory=Spread)
    stress: Spread = field(default_factory=Spread)
    pressure: float = 0.0
    stressed: int = 0

    @property
    def stress_rmse_without_pressure(self) -> float | None:
        """RMSE of stresses after the mean error of ⅓ tr σ is taken off them all, eV/Å³: Σ e² loses 3 of its squares."""
        if not self.stressed:
            return None
        left = self.stress.squares - 3.0 * self.pressure**2 / self.stressed
        return math.sqrt(max(0.0, left) / self.stress.n)


@dataclass(slots=True)
class Shift:
    """The least-squares shift of the species' energies, from sums alone.

    Two methods, or two sets of pseudopotentials, differ by an energy for each atom of a species: ΔE ≈ Σ_s n_s c_s.
    What is left of the errors per atom after that has the sum of squares Σ (ΔE − n·c)²/N²; c minimises it.

    Attributes
    ----------
    species : dict
        Chemical symbol -> row.
    normal, right : (n, n) and (n,) arrays
        Σ n nᵀ/N² and Σ n ΔE/N².
    squares : float
        Σ ΔE²/N².
    frames : int
    """

    species: dict[str, int] = field(default_factory=dict)
    normal: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    right: FloatArray = field(default_factory=lambda: np.zeros(0))
    squares: float = 0.0
    frames: int = 0

    def add(self, counts: Mapping[str, int], error: float) -> None:
        """Add the error of one structure's energy, eV, predicted less labelled."""
        for symbol in counts:
            if symbol not in self.species:
                self.species[symbol] = len(self.species)
                self.normal = np.pad(self.normal, (0, 1))
                self.right = np.pad(self.right, (0, 1))
        rows = np.array([self.species[symbol] for symbol in counts])
        n = np.array(list(counts.values()), float)
        atoms = n.sum()
        self.normal[np.ix_(rows, rows)] += np.outer(n, n) / atoms**2
        self.right[rows] += n * error / atoms**2
        self.squares += (error / atoms) ** 2
        self.frames += 1

    def solved(self) -> dict[str, float]:
        """Return the shift of each species, eV; the shortest solution where species cannot be told apart."""
        found = np.linalg.pinv(self.normal, hermitian=True, rcond=1e-10) @ self.right
        return {symbol: float(found[row]) for symbol, row in self.species.items()}

    @property
    def rmse(self) -> float | None:
        """Root mean square error per atom after the shift, eV; None of nothing."""
        if not self.frames:
            return None
        shift = np.array(list(self.solved().values()))
        left = self.squares - 2.0 * shift @ self.right + shift @ self.normal @ shift
        return float(np.sqrt(max(0.0, left) / self.frames))


@dataclass(slots=True)
class Worst:
    """The structures with the largest errors of one quantity.

    Attributes
    ----------
    most : int
    kept : list of (error, source)
    """

    most: int
    kept: list[tuple[float, str]] = field(default_factory=list)

    def add(self, error: float, source: str) -> None:
        """Add a structure, of which the error is kept if it is among the largest."""
        heapq.heappush(self.kept, (error, source))
        if len(self.kept) > self.most:
            heapq.heappop(self.kept)

    def ordered(self) -> list[tuple[float, str]]:
        """Return them, the worst first."""
        return sorted(self.kept, reverse=True)
