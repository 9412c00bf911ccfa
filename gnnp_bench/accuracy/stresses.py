"""Unit, sign and order of labelled stresses, told from those that a potential predicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress

from gnnp_bench.accuracy.correlation import CORRELATED, correlation, ratio
from gnnp_bench.accuracy.frames import Group
from gnnp_bench.accuracy.scales import STRESS_UNITS, VOIGT
from gnnp_bench.potential import FloatArray

ALSO_CORRELATED = 0.35
"""Correlation of what differs between the structures of a group, from which sign and ratio are believed."""
BETTER = 0.2
"""Gain in correlation from which another order of components is believed."""
FEWEST_STRESSES = 4
"""Structures in a group whose stresses are judged."""
Convention = tuple[bool, str, str | None]
"""Whether the sign is wrong, in which unit and in which order labels are."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found on the stresses of one group of structures.

    Attributes
    ----------
    ratio : float or None
        Labels over what follows from forces, hydrostatic part aside; None where they are not correlated.
    order : str or None
        A key of `VOIGT` where that order fits labels better than ASE's.
    """

    ratio: float | None
    order: str | None

    @property
    def convention(self) -> Convention:
        """Whether the sign is wrong, in which unit and in which order the labels are."""
        if self.ratio is None:
            return False, "eV/Å³", self.order
        size = abs(self.ratio)
        return self.ratio < 0.0, min(STRESS_UNITS, key=lambda u: abs(math.log(size * STRESS_UNITS[u]))), self.order


def judged(labels: FloatArray, predicted: FloatArray, groups: Sequence[Group]) -> dict[Group, Evidence]:
    """Return what is found on each group that has stresses enough, of labels against what a potential says.

    Parameters
    ----------
    labels, predicted : (n, 3, 3) arrays, eV/Å³
        Labels as they stand in the file, in whatever unit; NaN where there is none.
    groups : sequence of Group
    """
    members: dict[Group, list[int]] = {}
    for index, name in enumerate(groups):
        if np.isfinite(labels[index]).all():
            members.setdefault(name, []).append(index)
    return {
        name: _of_stresses(labels[those], predicted[those])
        for name, those in members.items()
        if len(those) >= FEWEST_STRESSES
    }


def _of_stresses(label: FloatArray, predicted: FloatArray) -> Evidence:
    """Compare (n, 3, 3) stresses: first in which order shears fit best, then ratio and sign of what is comparable."""
    shears = [np.array([_shear(one) for one in stresses]) for stresses in (label, predicted)]
    changes = [shear - shear.mean(axis=0) for shear in shears]
    order, best = None, abs(correlation(*changes))
    for name, places in VOIGT.items():
        here = abs(correlation(changes[0][:, places], changes[1]))
        if here > CORRELATED and here > best + BETTER:
            order, best = name, here
    diagonals = [np.diagonal(stresses, axis1=1, axis2=2) for stresses in (label, predicted)]
    parts = [diagonal - diagonal.mean(axis=1, keepdims=True) for diagonal in diagonals]
    if order is None:
        parts = [np.concatenate(both, axis=1) for both in zip(parts, shears, strict=True)]
    # What all structures of a group share is one number, however many they are.
    changes = [part - part.mean(axis=0) for part in parts]
    told = correlation(*changes) * np.sign(correlation(*parts)) > ALSO_CORRELATED
    times = ratio(parts[0].ravel(), parts[1].ravel(), taken=parts[0].shape[1]) if told else None
    return Evidence(times, order)


def convention_of(here: Group, itself: Evidence | None, judged: Mapping[Group, Evidence]) -> Convention | None:
    """Return how stresses of a group are labelled, or None where nothing can be told.

    A group that was not judged is taken to be labelled as all others of its elements, if these are labelled alike.

    Parameters
    ----------
    here : Group
    itself : Evidence or None
        What was found on the group.
    judged : dict of Group to Evidence
        All groups that may say something of it.
    """
    alike = [found for name, found in judged.items() if name[1] == here[1]] if itself is None else [itself]
    conventions = {found.convention for found in alike if found.ratio is not None or found.order is not None}
    return conventions.pop() if len(conventions) == 1 else None


def converted(stress: FloatArray, convention: Convention) -> tuple[FloatArray, list[str]]:
    """Return a (3, 3) stress with the sign, unit and order that it should have, and what was wrong with it."""
    negative, unit, order = convention
    wrong = []
    if negative:
        wrong.append("the wrong sign (it must be positive under tension)")
        stress = -stress
    if unit != "eV/Å³":
        wrong.append(f"the unit {unit} instead of eV/Å³")
        stress = stress * STRESS_UNITS[unit]
    if order is not None:
        wrong.append(f"the order {order} instead of xx yy zz yz xz xy")
        yz, xz, xy = _shear(stress)[list(VOIGT[order])]
        stress = voigt_6_to_full_3x3_stress([*np.diagonal(stress), yz, xz, xy])
    return stress, wrong


def _shear(stress: FloatArray) -> FloatArray:
    """Return yz, xz, xy of a (3, 3) stress."""
    return np.array([stress[1, 2], stress[0, 2], stress[0, 1]])
