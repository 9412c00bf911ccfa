"""smoothness/continuity: energies and forces do not jump where neighbours come and go."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Measurement,
    on_structure,
    with_parameters,
)
from gnnp_bench.checks.common import EXTREME, displaced
from gnnp_bench.checks.simplifying import fewer_and_as_many, rows_on
from gnnp_bench.checks.smoothness.along import judged_along
from gnnp_bench.checks.smoothness.line import Track
from gnnp_bench.checks.smoothness.paths import drawn, passes, two
from gnnp_bench.potential import ENERGY, ENERGY_FORCES, FloatArray, Prediction


def track_of(case: Case, *, stiffness: bool = False) -> Track:
    """Return the line along which some atoms of a structure are carried."""
    structure = case.structure
    direction = np.asarray(case.parameters["direction"], dtype=float)
    path: FloatArray = np.zeros((len(structure), 3))
    path[case.parameters["atoms"]] = direction

    def power(prediction: Prediction, t: float) -> float | None:
        return None if prediction.forces is None else float((prediction.forces * path).sum())

    return Track(
        at=lambda t: displaced(structure, t * path),
        power=power,
        length=float(case.parameters["length"]),
        noise=case.nu,
        n_atoms=len(structure),
        properties=ENERGY_FORCES,
        stiffness=stiffness,
    )


def simpler(case: Case) -> Iterator[Case]:
    """Yield pairs of the species, then the same line in simpler structures, and parts of it."""
    structure, parameters = case.structure, case.parameters
    rng = np.random.default_rng(0)
    if len(structure) > 2:
        symbols = list(dict.fromkeys(structure.get_chemical_symbols()))
        for pair in [(a, b) for i, a in enumerate(symbols) for b in symbols[i:]][:6]:
            pulled = two(rng, pair, parameters["reach"], boxed=bool(structure.pbc.all()))
            yield with_parameters(pulled, cutoff=parameters["cutoff"]) if "cutoff" in parameters else pulled
    marked = np.zeros((len(structure), 3))
    marked[parameters["atoms"]] = 1.0
    direction = np.asarray(parameters["direction"], dtype=float)
    fewer, as_many = fewer_and_as_many(structure)
    for candidate in [*fewer, *as_many]:
        rows = rows_on(structure, candidate, marked) if len(candidate) > 1 else None
        if rows is None:
            continue
        atoms = [int(i) for i in np.flatnonzero(rows.any(axis=1))]
        if len(atoms) < len(candidate) and passes(candidate, atoms, direction, parameters["length"]):
            yield on_structure(case, candidate, atoms=atoms)
    length = float(parameters["length"])
    if length > 0.05:
        yield with_parameters(case, length=0.5 * length)
        path = np.zeros((len(structure), 3))
        path[parameters["atoms"]] = 0.5 * length * direction
        yield on_structure(case, displaced(structure, path), length=0.5 * length)
    if len(parameters["atoms"]) > 1:
        yield from (with_parameters(case, atoms=[atom]) for atom in parameters["atoms"])


def _measure(case: Case) -> Measurement:
    return (yield from judged_along(case, track_of(case)))


CONTINUITY = Check(
    id="smoothness/continuity",
    law="E(t⁺) = E(t⁻), F(t⁺) = F(t⁻) wherever neighbours come, go or change places along a line",
    category="mandatory",
    needs=ENERGY,
    source=(
        "an energy whose gradient is the force is continuously differentiable; jumps from divided differences of all "
        "orders, de Boor, A Practical Guide to Splines, chapter I; truncation and dynamics: Toxvaerd and Dyre, "
        "doi:10.1063/1.3558787"
    ),
    tolerance=f"s = 0.1 meV in all, 1 meV/Å; {EXTREME}",
    physics=(
        "Atoms that pass a cutoff, leave a list of the nearest or change places in it must not change energies or "
        "forces at once. Where they do, dynamics gain or lose energy at every crossing, relaxations do not converge, "
        "and phonons and elastic constants depend on the step. Pairs, trios, atoms pulled out of molecules and "
        "surfaces and carried through crystals pass every distance; a jump stays when the step shrinks, a slope does "
        "not, and it is followed down to 1e-8 Å where arithmetic allows."
    ),
    draw=drawn,
    simpler=simpler,
    measure=_measure,
    claim="smooth",
    weight=12.0,
    cost=60,
    side_by_side=4,
)
