"""Energies above the convex hull of a set, by pymatgen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gnnp_bench.screening.records import Key, Row


@dataclass(frozen=True, slots=True)
class Hull:
    """How far structures are above the hull of all of them.

    Attributes
    ----------
    above : dict of key to float, eV/atom
    missing : tuple of str
        Elements without which others have none: no structure of such an element alone is there.
    """

    above: dict[Key, float]
    missing: tuple[str, ...]


def hull_of(rows: Sequence[Row]) -> Hull:
    """Return energies above the convex hull of formation energies at 0 K, of all crystals of a set.

    Structures that did not converge count as well: any structure's energy is an upper bound of the ground state's.

    Parameters
    ----------
    rows : sequence of Row
        References among them. Those without energy, or that do not repeat in three directions, are left out.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core.composition import Composition

    systems: dict[Key, frozenset[str]] = {}
    entries: dict[Key, Any] = {}
    for row in rows:
        if row.energy is not None and row.end is not None and all(row.end.pbc):
            composition = Composition(row.formula)
            systems[row.key] = frozenset(map(str, composition.elements))
            entries[row.key] = PDEntry(composition, row.energy)
    elements = {next(iter(system)) for system in systems.values() if len(system) == 1}
    above: dict[Key, float] = {}
    for system in set(systems.values()):
        if not system <= elements:
            continue
        # The hull of a system is a face of that of all elements, and takes far less time where these are many.
        diagram = PhaseDiagram([entries[key] for key, inner in systems.items() if inner <= system])
        for key, own in systems.items():
            if own == system:
                height = diagram.get_e_above_hull(entries[key], allow_negative=True)
                above[key] = max(0.0, float(height or 0.0))  # what is on the hull may be below it by rounding
    return Hull(above, tuple(sorted(frozenset().union(*systems.values()) - elements)))
