"""robustness/refusals: nonsense is refused, not answered."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from gnnp_bench.check import (
    CannotBeSent,
    Case,
    Check,
    Component,
    EndedProcess,
    Measurement,
    PoolView,
    Request,
    Residual,
)
from gnnp_bench.potential import ENERGY

NONSENSE = ("NaN position", "empty structure", "undeclared species")
"""No infinite cell: it belongs to the libraries below a potential, some of which end the process or never return."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    nonsense = view.next_of(NONSENSE)
    sample = view.pick(rng)
    undeclared = [s for s in chemical_symbols[1:] if s not in view.capabilities.species]
    if nonsense == "undeclared species" and not undeclared:
        nonsense = NONSENSE[0]
    return sample.case({"nonsense": nonsense, "foreign": undeclared[0] if undeclared else None})


def _measure(case: Case) -> Measurement:
    nonsense = case.parameters["nonsense"]
    spoiled = [_spoiled(case.structure, nonsense, case.parameters["foreign"])]
    answered = 1.0
    note: str | None = f"answered with a finite energy: {nonsense}"
    try:
        try:
            # Libraries written in C may end the process over a NaN; not the one that certifies.
            yield Request(spoiled, ENERGY, elsewhere=True)
        except CannotBeSent:
            yield Request(spoiled, ENERGY)
    except EndedProcess as error:
        note = f"{nonsense}: {error}"
    except Exception:  # any other exception is a refusal, and so is a NaN
        answered, note = 0.0, None
    return Residual((Component("not refused", answered, 0.0, "", bound=0.0),), note=note)


def _spoiled(structure: Atoms, nonsense: str, foreign: str | None) -> Atoms:
    spoiled: Atoms = structure.copy()
    if nonsense == "NaN position":
        spoiled.positions[0, 0] = np.nan
    elif nonsense == "empty structure":
        del spoiled[:]
    elif nonsense == "undeclared species":
        spoiled.symbols[0] = foreign
    else:
        raise ValueError(f"nonsense must be one of {', '.join(NONSENSE)}, got {nonsense!r}")
    return spoiled


def _simpler(case: Case) -> Iterator[Case]:
    return iter(())


REFUSALS = Check(
    id="robustness/refusals",
    law="NaN positions, empty structures and undeclared species are refused or answered with NaN",
    category="informational",
    needs=ENERGY,
    source="errors should never pass silently; docs/design.md, section 5",
    tolerance="none: nothing is answered",
    physics=(
        "A finite energy for a structure with a NaN in it looks like a result. A run that has blown up then goes on "
        "quietly, and screening ranks garbage among the candidates."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=0.25,
)
