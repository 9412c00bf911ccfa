"""How well two sets of numbers go together, and how many times as large the one is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from gnnp_bench.potential import FloatArray

CORRELATED = 0.7
"""Correlation of labels with what follows from forces, from which they are compared."""
FREE, SURE_FREE, SURE = 4, 6, 0.9
"""Degrees of freedom from which a correlation says anything; and from which, if it is as strong, that a sign is
wrong."""


def ratio(label: FloatArray, predicted: FloatArray, *, taken: int = 0) -> float | None:
    """Return the signed ratio of RMS values, or None where the two are not correlated.

    `taken` are the means that were taken off: so many degrees of freedom are fewer.
    """
    found = correlation(label, predicted)
    free = len(label) - taken
    if free < FREE or abs(found) < CORRELATED:
        return None
    if found < 0.0 and (free < SURE_FREE or found > -SURE):
        return None  # by chance, as likely as not
    return math.copysign(float(np.sqrt((label**2).mean() / (predicted**2).mean())), found)


def ratio_among(label: FloatArray, predicted: FloatArray, alike: Sequence[Hashable]) -> float | None:
    """Return the signed ratio of how values vary among those that are alike, or None where that says nothing.

    Parameters
    ----------
    label, predicted : (n,) arrays
    alike : sequence of n hashables
        What differs between two values of different kinds is not compared, such as energies of other elements.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, kind in enumerate(alike):
        groups.setdefault(kind, []).append(index)
    both = np.array([label, predicted])
    changes = [
        both[:, members] - both[:, members].mean(axis=1, keepdims=True)
        for members in groups.values()
        if len(members) > 1
    ]
    if not changes:
        return None
    these = np.concatenate(changes, axis=1)
    return ratio(these[0], these[1], taken=len(changes))


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Return the cosine of the angle between two arrays; 0 where one vanishes."""
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 0.0 else 0.0
