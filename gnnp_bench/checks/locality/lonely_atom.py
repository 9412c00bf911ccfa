"""locality/lonely-atom: the energy of an atom alone is that of an atom which has left its neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    NonFinitePrediction,
    PoolView,
    Request,
    Residual,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import ENERGY_S, EXTREME, converged, pressed
from gnnp_bench.checks.locality.adding_up import known_reach, nearest_far
from gnnp_bench.checks.locality.falls_off import far_limit
from gnnp_bench.checks.periodicity.partial import boxed
from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.numerics.rounding import beyond_digits, ulp
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Prediction
from gnnp_bench.structures.apart import ROOM, Apart, set_apart
from gnnp_bench.structures.carried import is_neutral
from gnnp_bench.structures.palette import palette
from gnnp_bench.structures.radii import contact_distance

AT_ONCE = 4
"""Species that are pulled away in one case, from neighbours of one species."""
DISTANCES, FEWEST = 6, 3
"""Distances at most, and before an extrapolation is believed."""
WIDE = 2.0
"""Length of a large cell by the distance to which atoms are pulled."""
IN_A_CELL = "energy in a large cell"
UP = np.array([0.0, 0.0, 1.0])


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    species = view.capabilities.species
    allowed = palette(tuple(species), tuple(view.capabilities.combinations)).allows
    pulled = list(dict.fromkeys(view.next_of(species) for _ in range(AT_ONCE)))
    hosts = [symbol for symbol in species if allowed(frozenset({symbol, pulled[0]}))]
    host = hosts[int(rng.integers(len(hosts)))]
    pulled = [symbol for symbol in pulled if allowed(frozenset({symbol, host}))]
    neighbours = Atoms([host] * 2, positions=[[0.0, 0.0, 0.0], [contact_distance(host, host), 0.0, 0.0]])
    parameters = {
        "pulled": pulled,
        "distance": nearest_far(view.capabilities),
        "local": known_reach(view.capabilities) is not None,
        "isolated": "isolated" in view.capabilities.periodicity,
        "cell": "periodic" in view.capabilities.periodicity,
    }
    if view.capabilities.totals_add:
        parameters["totals_add"] = True
    if not parameters["isolated"]:
        neighbours = boxed(neighbours, max(nearest_far(view.capabilities), ROOM + 1.0))
    return Case(neighbours, None, parameters)


def _simpler(case: Case) -> Iterator[Case]:
    pulled = case.parameters["pulled"]
    if len(pulled) > 1:
        for symbol in pulled:
            yield with_parameters(case, pulled=[symbol])
    elif set(pulled) != set(case.structure.symbols):
        yield on_structure(
            case,
            Atoms(pulled * 2, positions=case.structure.positions, cell=case.structure.cell, pbc=case.structure.pbc),
        )
    if case.parameters["cell"] and case.parameters["isolated"]:
        yield with_parameters(case, cell=False)


def _measure(case: Case) -> Measurement:
    found: list[list[float]] = []
    changes: list[list[float]] = []
    components: list[Component] = []
    symbols: list[str] = []
    for level in range(1 if case.parameters["local"] else DISTANCES):
        distance = case.parameters["distance"] * 2**level
        rows = [set_apart(case.structure, [Atoms(symbol)], [2], UP, distance) for symbol in case.parameters["pulled"]]
        if not case.parameters.get("totals_add"):
            rows = [row for row in rows if all(map(is_neutral, (row.together, *row.alone)))]
        if not rows:
            return vacuous("the energy of a charge or spin in all need not be a sum")
        cells = [_in_a_cell(row, WIDE * distance) for row in rows] if case.parameters["cell"] else []
        structures = [rows[0].alone[0], *(row.alone[1] for row in rows), *(row.together for row in rows), *cells]
        try:
            host, *answers = yield Request(structures, ALL_PROPERTIES)
        except NonFinitePrediction as error:
            return Residual((Component("energies that are not finite", 1.0, 0.0, "", bound=0.0),), note=str(error))
        count = len(rows)
        alone, together, in_cells = (answers[i * count : (i + 1) * count] for i in range(3))
        if not any(part.energy for part in (host, *alone)):
            return vacuous("there is no energy to lose")
        symbols = [str(row.alone[1].symbols[0]) for row in rows]
        found.append([_beyond(t, host, a) for t, a in zip(together, alone, strict=True)])
        if cells:
            changes.append([_beyond(c, a) for c, a in zip(in_cells, alone, strict=True)])
        energies = [part.energy for part in (host, *answers)]
        noise = max(3.0 * case.nu.energy, 3.0 * ulp(max(map(abs, energies)), single=False))
        scale = pressed(host)
        components = [far_limit("energy", np.array(found), noise, scale * ENERGY_S, "eV")]
        if cells:
            components.append(far_limit(IN_A_CELL, np.array(changes), noise, ENERGY_S, "eV"))
        gone = all(np.abs(values[-1]).max() <= ALLOWANCE * noise for values in (found, changes) if values)
        if gone or (level + 1 >= FEWEST and all(converged(c.error, c.noise, c.significance) for c in components)):
            break
    return Residual(tuple(components), note=_note(case, components, symbols, found, changes))


def _beyond(whole: Prediction, *parts: Prediction) -> float:
    energies = [part.energy for part in parts]
    return beyond_digits(whole.energy - sum(energies), (whole.energy, *energies))


def _in_a_cell(row: Apart, length: float) -> Atoms:
    """Return the atom alone in a periodic cube."""
    lonely: Atoms = row.alone[1].copy()
    lonely.set_cell(length * np.eye(3))
    lonely.pbc = True
    return lonely


def _note(
    case: Case,
    components: Sequence[Component],
    symbols: Sequence[str],
    found: Sequence[Sequence[float]],
    changes: Sequence[Sequence[float]],
) -> str | None:
    """Return in words which atom has another energy alone than where it has been pulled to."""
    told = []
    partner = case.structure.symbols[0]
    for component, values in zip(components, (found, changes), strict=False):
        if component.residual <= max(component.significance, ALLOWANCE * (component.noise + component.error)):
            continue
        worst = int(np.abs(values[-1]).argmax())
        other = f"far away from {partner}2" if component.quantity == "energy" else "in a large cell"
        higher = "lower" if values[-1][worst] > 0.0 else "higher"
        told.append(f"an atom of {symbols[worst]} alone is {abs(values[-1][worst]):.2e} eV {higher} than {other}")
    return "; ".join(told) or None


LONELY_ATOM = Check(
    id="locality/lonely-atom",
    law="E(X alone) = lim E(Y₂ and X far away) − E(Y₂) = lim E(X in a cell of length L), finite, for all species X, Y",
    category="mandatory",
    needs=ENERGY,
    source=(
        "the reference of cohesive and atomisation energies: Kittel, Introduction to Solid State Physics, 8th ed., "
        "chapter 3; size consistency: Pople, Binkley and Seeger, doi:10.1002/qua.560100802"
    ),
    tolerance=f"s = 0.1 meV in all; {EXTREME}",
    physics=(
        "The energy of an atom by itself is what cohesive energies, atomisation energies and energies of adsorption "
        "are counted from. It is the limit of pulling the atom away from whatever it was bound to, and that of a "
        "crystal whose cell becomes very large. Codes look lone atoms up in a table of another calculation, treat an "
        "empty list of neighbours apart, or divide by the number of neighbours: then the curve of dissociation jumps "
        "at its end, by the same amount for every atom that is counted, or there is no number at all."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=2.0,
    cost=16,
    side_by_side=4,
)
