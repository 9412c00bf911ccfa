"""dynamics/stress-in-motion: atoms in a cell that moves keep their enthalpy, whatever the time step."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Measurement,
    PoolView,
    Request,
    Sample,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.dynamics.cells import (
    CellStart,
    rounding_with_cell,
    run_with_cell,
    settled_with_cell,
    started_with_cell,
)
from gnnp_bench.checks.dynamics.drifts import (
    STARTS,
    STEPS,
    Followed,
    Words,
    drift_left,
    from_fresh_starts,
)
from gnnp_bench.checks.dynamics.trajectories import (
    MOST_ATOMS,
    drawn,
    kind_of,
    set_in_motion_otherwise,
    timestep_of,
)
from gnnp_bench.checks.periodicity.supercell import crystals_only
from gnnp_bench.checks.simplifying import fewer_and_as_many
from gnnp_bench.numerics.nph import Path, shadow_enthalpies
from gnnp_bench.potential import ALL_PROPERTIES, Prediction

KINDS = ("crystal", "disordered")
MOVES = ("freely", "evenly")
"""All nine components of the cell, or its size alone."""
SIMPLER = 3
FELT = 10.0
"""ν. A stress that is less pulls at no cell."""
WORDS = Words("enthalpy", "the stress is not quite a derivative of the energy, or the forces are not")


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    turn = view.next_of(range(10**9))
    moves = MOVES[turn % len(MOVES)]
    kind = KINDS[turn // len(MOVES) % len(KINDS)]
    if any(_is_bulk(sample) and kind_of(sample.structure) == kind for sample in view.samples):
        sample = view.pick(rng, lambda sample: _is_bulk(sample) and kind_of(sample.structure) == kind)
    else:
        sample = view.pick(rng, _is_bulk, f"periodic in three directions, of 2 to {MOST_ATOMS} atoms")
    return with_parameters(drawn(rng, sample, STEPS), cell_moves=moves)


def _is_bulk(sample: Sample) -> bool:
    return 1 < len(sample.structure) <= MOST_ATOMS and kind_of(sample.structure) in KINDS


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["cell_moves"] == "freely":
        yield with_parameters(case, cell_moves="evenly")
    fewer, _ = fewer_and_as_many(case.structure)
    for structure in [one for one in fewer if len(one) > 1 and kind_of(one) in KINDS][:SIMPLER]:
        yield on_structure(case, structure, timestep=timestep_of(structure))


def _measure(case: Case) -> Measurement:
    rest = yield from settled_with_cell(case.structure)
    if rest is None:
        return vacuous("the structure does not come to rest")
    pulled: list[bool] = []

    def follow(starts: list[CellStart]) -> Generator[Request, list[Prediction], Followed]:
        paths = yield from run_with_cell(starts)
        pulled.extend(_is_pulled(start, path, case) for start, path in zip(starts, paths, strict=True))
        rounding = [rounding_with_cell(path, case.nu) for path in paths]
        return [shadow_enthalpies(path) for path in paths], rounding, paths[0].timestep

    repetition = from_fresh_starts(case, len(case.structure), partial(started_with_cell, rest), follow)
    found = yield from drift_left(case, repetition, WORDS)
    return found if any(pulled) else vacuous("no stress pulls at the cell")


def _is_pulled(start: CellStart, path: Path, case: Case) -> bool:
    """Return whether more than rounding of the stress pulls at the cell, by the change of the pull on the way."""
    pulls = np.array([kick.on_cell for kick in path.kicks])
    felt = FELT * case.nu.stress * start.structure.cell.volume ** (2.0 / 3.0)
    return bool(np.ptp(pulls, axis=0).max() > max(felt, 1e-8))


STRESS_IN_MOTION = Check(
    id="dynamics/stress-in-motion",
    law="dH̃/dt = 0 along NPH trajectories as dt → 0, H̃ the shadow of Σ p²/2m + U + PV + |Y|²/2W",
    category="mandatory",
    needs=ALL_PROPERTIES,
    source=(
        "Andersen, doi:10.1063/1.439486; Parrinello and Rahman, doi:10.1063/1.328693; shadow energies: Skeel and "
        "Hardy, doi:10.1137/S106482750138318X"
    ),
    tolerance="s = 0.02 meV/atom/ps, a temperature that rises by 0.1 K in a ps; b is five standard deviations",
    physics=(
        "Crystals and packings are set in motion at 300 K in a cell that moves as well, by its size alone or by all "
        "its nine components, under a constant pressure. The stress does work on the cell, the moving atoms press it "
        "outwards, and what one gains the other loses: the enthalpy that the integrator conserves must not run away. "
        "It is judged as the energy is, at ever shorter steps. Where it fails, a barostat heats or cools: the stress "
        "is no derivative of the energy, or holds the momenta of the atoms, which whoever integrates adds once more."
    ),
    draw=_draw,
    near=set_in_motion_otherwise,
    simpler=_simpler,
    measure=_measure,
    applies=crystals_only,
    weight=9.0,
    cost=STARTS * (STEPS + 1),
    side_by_side=2,
)
