"""Energies along a path on which atoms approach each other: how high the wall is, and whether there is a hole in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnp_bench.potential import FloatArray


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as a wall and as a hole.

    Distances are fractions of the sum of radii, energies in eV, or in eV per atom.

    Attributes
    ----------
    limit : float
        The energy above the zero that has to be reached, and up to which no hole may be.
    soft : float
        The limit must have been reached before every atom has a neighbour as close.
    close : float
        Where every atom has a closer neighbour the energy may only rise.
    deep : float
        Where two atoms are closer, what lies behind a barrier may not be lower than all outside.
    barrier : float
        Height above the lowest energy outside from which on a barrier is one.
    bond : float
        By how much it may be lower where no two atoms are so close.
    """

    limit: float
    soft: float
    close: float
    deep: float
    barrier: float
    bond: float = np.inf


@dataclass(frozen=True, slots=True)
class Fall:
    """A fall of the energy on the way inwards.

    Attributes
    ----------
    top, bottom : int
        Points between which it falls.
    height : float
        The highest energy on the way to it, above the zero.
    depth : float
        By how much more it falls than it may.
    """

    top: int
    bottom: int
    height: float
    depth: float


@dataclass(frozen=True, slots=True)
class Inward:
    """What a path inwards shows.

    Attributes
    ----------
    hole : Fall or None
        The deepest fall behind barriers below the limit.
    behind : Fall or None
        The first one behind higher barriers.
    wall : int or None
        The first point at which the limit is reached.
    short : float
        What the highest energy lacks of the limit where atoms are as close as `Rules.soft`; 0 where it was reached,
        or they never come so close.
    """

    hole: Fall | None
    behind: Fall | None
    wall: int | None
    short: float


def inward(
    energies: FloatArray,
    nearness: FloatArray,
    rules: Rules,
    *,
    closest: FloatArray | None = None,
    zero: float | None = None,
    least: float = 0.0,
) -> Inward:
    """Follow energies from the outside inwards.

    Parameters
    ----------
    energies : (n,) array
    nearness : (n,) array
        The distance over the sum of radii within which every atom has a neighbour, falling.
    rules : Rules
    closest : (n,) array, optional
        That of the closest two atoms, where it is another one.
    zero : float, optional
        The energy that barriers are counted from: that of separated atoms, from which the path comes. By default it is
        the lowest so far; then a barrier is one only behind a valley, and not where the path begins in front of it.
    least : float
        Falls that are smaller are none.

    Examples
    --------
    A wall, and one with a hole behind 2 eV:

    >>> rules = Rules(limit=3.0, soft=0.4, close=0.6, deep=0.75, barrier=0.5)
    >>> near = np.array([1.2, 1.0, 0.8, 0.6, 0.5, 0.4])
    >>> inward(np.array([0.0, -1.0, 0.5, 4.0, 9.0, 20.0]), near, rules, zero=0.0).wall
    3
    >>> inward(np.array([0.0, -1.0, 0.5, 2.0, -4.0, 20.0]), near, rules, zero=0.0).hole
    Fall(top=3, bottom=4, height=2.0, depth=3.0)
    """
    closest = nearness if closest is None else closest
    heights: list[float] = []
    falls: dict[int, Fall] = {}
    lowest = top = 0
    for i, energy in enumerate(map(float, energies)):
        outside = float(energies[lowest])
        barred = float(energies[top]) - outside >= rules.barrier and (zero is not None or lowest > 0)
        depth = outside - energy if barred else 0.0
        if closest[i] >= rules.deep and depth <= rules.bond:
            depth = 0.0
        if nearness[i] < rules.close:
            depth = max(depth, float(energies[: i + 1][nearness[: i + 1] < rules.close].max()) - energy)
        if depth > least and (top not in falls or depth > falls[top].depth):
            falls[top] = Fall(top, i, heights[-1], depth)
        if energy < outside and not barred:
            lowest = top = i
        elif energy >= energies[top]:
            top = i
        level = zero if zero is not None else float(energies[lowest])
        heights.append(max([energy - level, *heights[-1:]]))
    reached = [fall for fall in falls.values() if fall.height < rules.limit]
    higher = [fall for fall in falls.values() if fall.height >= rules.limit]
    wall = next((i for i, height in enumerate(heights) if height >= rules.limit), None)
    highest = max(height for height, near in zip(heights, nearness, strict=True) if near >= rules.soft)
    return Inward(
        max(reached, key=lambda fall: fall.depth, default=None),
        min(higher, key=lambda fall: fall.height, default=None),
        wall,
        max(0.0, rules.limit - highest) if nearness[-1] <= rules.soft else 0.0,
    )
