"""By what fragments that are far apart feel each other: composition, number, density, order, an average."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Request
from gnnp_bench.checks.locality.adding_up import Left, bare, composition, host_of, left, placed, wider
from gnnp_bench.potential import ALL_PROPERTIES, Prediction
from gnnp_bench.structures.apart import Apart
from gnnp_bench.structures.serialise import from_json, to_json

SHARE = 0.05
"""Of what is left, from which a change of it counts as seen."""
STRETCH = 1.04


def what_is_felt(case: Case, apart: Apart, found: Left) -> Generator[Request, list[Prediction], str]:
    """Return in words what far fragments feel of each other, found by asking for the same in other company.

    Another order of the list, a larger box, the host beside a copy of itself, and beside a copy that is stretched: for
    each of these one kind of defect leaves what it left, or leaves nothing.

    Parameters
    ----------
    case : Case
    apart : Apart
        Host and fragment at the largest distance that was asked for.
    found : Left
        What is left there.
    """
    together, gap, host = apart.together, case.parameters["distance"], host_of(case)
    original = placed(case, host, gap)
    partner = original.alone[1]
    copies = (
        placed(case, host, gap, fragment=to_json(bare(host))),
        placed(case, partner, gap, fragment=to_json(bare(partner)), place=len(partner)),
    )
    stretched = placed(case, host, gap, fragment=to_json(_stretched(host)))
    boxes = [wider(atoms) for atoms in (original.together, *original.alone)] if together.pbc.all() else []
    settings = (original, *copies, stretched)
    asked = [atoms for setting in settings for atoms in (setting.together, *setting.alone)]
    *answers, in_turn = yield Request([*asked, *boxes, original.together[_in_turn(original)]], ALL_PROPERTIES)
    near, *like, unlike = (left(*_split(answers[3 * i : 3 * i + 3]), setting) for i, setting in enumerate(settings))
    size = SHARE * max(abs(found.energy), abs(near.energy))
    if case.parameters["local"] and abs(near.energy - found.energy) > size:
        return f"{together.get_chemical_formula()} far apart is told differently when it is asked for once more"
    told: list[str] = []
    if abs(in_turn.energy - answers[0].energy) > size:
        told.append("the order of the list")
    if boxes:
        in_larger = left(*_split(answers[-3:]), original)
        if abs(in_larger.energy - near.energy) > size:
            told.append("the mean density")
    if not told:
        told.append(_company(case, near, like, unlike, size))
    return f"far away, {together.get_chemical_formula()} feels {' and '.join(told)}"


def _company(case: Case, near: Left, like: Sequence[Left], unlike: Left, size: float) -> str:
    """Return what is felt where neither order nor box matter."""
    if any(abs(one.energy) > size for one in like):
        return "the number of atoms"
    fragment = from_json(case.parameters["fragment"])
    pulled = near.forces is not None and bool(np.abs(near.forces).max(initial=0.0) > SHARE * size)
    if abs(unlike.energy) > SHARE * size and (pulled or composition(fragment) == composition(case.structure)):
        return "an average over all atoms, as of equalised charge or of the number of neighbours"
    return "the composition, as where charge is equalised over any distance"


def _split(answers: list[Prediction]) -> tuple[Prediction, list[Prediction]]:
    return answers[0], answers[1:]


def _in_turn(apart: Apart) -> list[int]:
    """Return an order in which atoms of host and fragment take turns, those of each in their own order."""
    places = np.concatenate([np.linspace(0.0, 1.0, len(rows)) for rows in apart.rows])
    order: list[int] = np.concatenate(apart.rows)[np.argsort(places, kind="stable")].tolist()
    return order


def _stretched(structure: Atoms) -> Atoms:
    """Return the atoms a little farther from each other."""
    longer = bare(structure)
    centre = longer.positions.mean(axis=0)
    longer.positions = centre + STRETCH * (longer.positions - centre)
    return longer
