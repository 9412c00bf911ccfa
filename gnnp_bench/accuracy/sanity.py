"""Are labels in the units, signs and orders that they should be in? Told by what the potential itself predicts.

`reference_model.train` asks the same of labels before it has a potential; what both share is in `correlation`, `scales`
and `stresses`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gnnp_bench.accuracy import stresses
from gnnp_bench.accuracy.correlation import ratio, ratio_among
from gnnp_bench.accuracy.frames import Group, group
from gnnp_bench.accuracy.scales import ENERGY_UNITS, FORCE_UNITS
from gnnp_bench.accuracy.stream import Labelled
from gnnp_bench.potential import FloatArray, Prediction

NEAR = 0.35
"""|ln| by which a ratio may miss a unit and still name it; kJ/mol and kcal/mol differ by 1.4."""
CLEAR = 1.0
"""|ln| by which eV must fit worse."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is found about the labels.

    Attributes
    ----------
    complaints : tuple of str
        What is wrong with energies and forces, with the factor; such labels are not compared.
    conventions : dict of group to stresses.Evidence
    examined : bool
        Whether forces or energies are correlated with what is predicted, so that anything can be told.
    """

    complaints: tuple[str, ...] = ()
    conventions: Mapping[Group, stresses.Evidence] = field(default_factory=dict)
    examined: bool = False


def examined(labelled: Sequence[Labelled], predicted: Sequence[Prediction]) -> Judgement:
    """Compare labels with predictions of the same structures, and name units, signs and orders that differ."""
    both = list(zip(labelled, predicted, strict=True))
    complaints: list[str] = []
    forces = _force_ratio(both)
    energies = ratio_among(
        np.array([one.energy / len(one.structure) for one, _ in both if one.energy is not None]),
        np.array([p.energy / len(one.structure) for one, p in both if one.energy is not None]),
        [(one.structure.get_chemical_formula(), one.config_type) for one, _ in both if one.energy is not None],
    )
    if forces is not None and forces < 0.0:
        complaints.append("the forces have the wrong sign: they are gradients, +dE/dx, and have to be multiplied by −1")
    elif (unit := _unit(forces, FORCE_UNITS)) is not None:
        complaints.append(f"the forces seem to be in {unit}, not in eV/Å: multiply them by {FORCE_UNITS[unit]:.6g}")
    if energies is not None and energies < 0.0:
        complaints.append("the energies have the wrong sign: they rise where the potential's fall")
    elif (unit := _unit(energies, ENERGY_UNITS)) is not None:
        complaints.append(f"the energies seem to be in {unit}, not in eV: multiply them by {ENERGY_UNITS[unit]:.6g}")
    return Judgement(tuple(complaints), _conventions(both), forces is not None or energies is not None)


def mended(one: Labelled, judgement: Judgement) -> tuple[FloatArray | None, str | None]:
    """Return a structure's stress as it should be, eV/Å³, and what was wrong with the label."""
    if one.stress is None:
        return None, None
    here = group(one)
    convention = stresses.convention_of(here, judgement.conventions.get(here), judgement.conventions)
    if convention is None:
        return one.stress, None
    stress, wrong = stresses.converted(one.stress, convention)
    return stress, " and ".join(wrong) or None


def _force_ratio(both: Sequence[tuple[Labelled, Prediction]]) -> float | None:
    pairs = [(one.forces, p.forces) for one, p in both if one.forces is not None and p.forces is not None]
    if not pairs:
        return None
    return ratio(np.concatenate([a.ravel() for a, _ in pairs]), np.concatenate([b.ravel() for _, b in pairs]))


def _unit(found: float | None, units: Mapping[str, float]) -> str | None:
    """Return the unit that a ratio of labels to predictions tells, if it is another than the first one."""
    if found is None:
        return None
    misses = {unit: abs(math.log(abs(found) * size)) for unit, size in units.items()}
    unit = min(misses, key=lambda name: misses[name])
    first = next(iter(units))
    return unit if unit != first and misses[unit] < NEAR and misses[first] > CLEAR else None


def _conventions(both: Sequence[tuple[Labelled, Prediction]]) -> dict[Group, stresses.Evidence]:
    these = [(one, p) for one, p in both if one.stress is not None and p.stress is not None]
    if not these:
        return {}
    labels = np.array([one.stress for one, _ in these])
    predicted = np.array([p.stress for _, p in these])
    return stresses.judged(labels, predicted, [group(one) for one, _ in these])
