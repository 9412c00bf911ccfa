"""dynamics/no-blow-up: a hot run neither explodes nor falls into a hole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Json,
    Measurement,
    PoolView,
    Residual,
    base_prediction,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import forces_vanish
from gnnp_bench.checks.dynamics.hot import (
    CLOSE,
    LEFT,
    LOWER,
    QUENCHING,
    Gain,
    Rest,
    at,
    at_rest,
    followed,
    gains,
    off,
    temperature_of,
)
from gnnp_bench.checks.dynamics.trajectories import (
    STEEP,
    Start,
    picked,
    set_in_motion_otherwise,
    thermal,
    timestep_of,
)
from gnnp_bench.checks.locality.adding_up import nearest_far
from gnnp_bench.checks.physics.approach import closest_contact
from gnnp_bench.checks.simplifying import fewer_and_as_many
from gnnp_bench.numerics.verlet import Trajectory
from gnnp_bench.potential import ENERGY_FORCES
from gnnp_bench.properties.relaxation import FALL

KINDS = ("molecule", "disordered", "crystal", "slab")
"""Where atoms go furthest and collide first: a quick search affords few cases."""
UNIT = "eV/atom"
STEPS, LONGER, FINER = 64, 2.0, 4
"""Their number; over those of the cold runs, for what matters here is kT; and what is tried where the energy is off."""
NOTICED = 0.1
"""Of kT: what is looked at again at a quarter of the time step. Less is what an integrator does, and counts as none."""
FELT = 10.0
"""ν. Energies that differ by less do not differ."""
SIMPLER = 3
MOST_TOLD = 4


@dataclass(frozen=True, slots=True)
class Hot:
    """A hot run that was followed to its end, where it started, and at which temperature, K."""

    rest: Rest
    run: Trajectory
    temperature: float


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = picked(rng, view, KINDS)
    learnt = set(sample.structure.symbols).isdisjoint(view.capabilities.fitted_alone)
    return sample.case(
        {
            "hot_timestep": LONGER * timestep_of(sample.structure),
            "steps": STEPS,
            "seed": int(rng.integers(2**31)),
            "separated": nearest_far(view.capabilities) if learnt else None,
            "boxless": "isolated" in view.capabilities.periodicity,
        }
    )


def _simpler(case: Case) -> Iterator[Case]:
    fewer, _ = fewer_and_as_many(case.structure)
    for structure in [simpler for simpler in fewer if len(simpler) > 1][:SIMPLER]:
        yield on_structure(case, structure, hot_timestep=LONGER * timestep_of(structure))
    if case.parameters["steps"] > STEPS // 2:
        yield with_parameters(case, steps=STEPS // 2)


def _measure(case: Case) -> Measurement:
    start = closest_contact(case.structure)
    if start.ratio < CLOSE:
        return vacuous("atoms stand in each other from the start")
    rest = yield from at_rest(case.structure, QUENCHING)
    if rest is None:
        base = yield from base_prediction(case, ENERGY_FORCES)
        if base.forces is None or np.abs(base.forces).max() > STEEP:
            return vacuous("the structure stands on a wall")
        return _judged(case, [Gain(FALL, start, bottomless=True)])
    fallen = Gain((rest.before - rest.energy) / len(rest.structure), closest_contact(rest.structure))
    if fallen.contact.ratio < CLOSE and fallen.is_hole:
        return _judged(case, [fallen])
    if rest.left > LEFT:
        return vacuous("the structure does not come to rest")
    temperature = yield from temperature_of(rest, case.parameters["separated"], boxless=case.parameters["boxless"])
    steps, timestep = int(case.parameters["steps"]), float(case.parameters["hot_timestep"])
    # Half of what it is given goes into the bonds.
    momenta = thermal(rest.structure, int(case.parameters["seed"]), 2.0 * temperature)
    start_of_run = Start(rest.structure, momenta, timestep, steps)
    found: list[Gain] = []
    for times in (1, FINER):
        run = yield from followed(start_of_run.finer(times), rest.energy)
        if forces_vanish(run.forces, case.nu):
            return vacuous("all forces vanish")
        # A step that is too long throws atoms over walls that they would not climb: what is behind them does not count.
        if off(run) <= units.kB * temperature or times == FINER:
            found += yield from gains(run, rest)
        if off(run) <= NOTICED * units.kB * temperature:
            break
    return _judged(case, found, Hot(rest, run, temperature))


def _judged(case: Case, found: Sequence[Gain], hot: Hot | None = None) -> Residual:
    """Return the deepest hole, and how far the energy of a hot run is off, if it came to one."""
    hole = max((gain for gain in found if gain.is_hole), key=lambda gain: gain.energy, default=None)
    depth, rounded = hole.energy if hole else 0.0, 2.0 * FELT * case.nu.energy
    of_hole = Component("hole", depth, LOWER, UNIT, bound=rounded)
    note = _hole_note(case.structure, hole, hot=hot is not None) if hole else None
    if hot is None:
        return Residual((of_hole,), note=note)
    missed, thermal_energy = off(hot.run), units.kB * hot.temperature
    # What is not noticed is the integrator's, which no bound on rounding knows of.
    counted = missed if missed > NOTICED * thermal_energy else 0.0
    of_energy = Component("energy", counted, thermal_energy, UNIT, bound=_rounding(hot.run, case))
    if hole is None and missed > thermal_energy:
        note = _off_note(case.structure, hot, missed)
    return Residual((of_hole, of_energy), note=note, told=_told(case.structure, found, hot))


def _rounding(trajectory: Trajectory, case: Case) -> float:
    """Return what rounding makes of an energy, eV/atom: errors of forces do work at each step, and add up as √n."""
    n_atoms, n_steps = len(trajectory.masses), len(trajectory.energies)
    speed = float(np.sqrt((trajectory.speeds**2).sum(axis=(1, 2)).mean()))
    walk = case.nu.forces * speed * trajectory.timestep * n_steps**0.5 / n_atoms
    return float(FELT * (case.nu.energy + walk))


def _hole_note(structure: Atoms, gain: Gain, *, hot: bool) -> str:
    contact, formula = gain.contact, structure.get_chemical_formula()
    if gain.bottomless:
        return f"{formula} falls by more than {FALL:g} {UNIT} and finds no rest"
    lower = f"{gain.energy:.2g} {UNIT}"
    fall = f"falls to {lower} below its structure at rest" if hot else f"falls by {lower} before it comes to rest"
    return (
        f"{formula} {fall}, {contact.first} and {contact.second} {contact.distance:.2f} Å apart, "
        f"{contact.ratio:.2f} of the sum of radii"
    )


def _off_note(structure: Atoms, hot: Hot, missed: float) -> str:
    formula, timestep = structure.get_chemical_formula(), hot.run.timestep / units.fs
    return (
        f"at {hot.temperature:,.0f} K the energy of {formula} goes off by {missed:.2g} {UNIT}, also in steps of "
        f"{timestep:.2g} fs"
    )


def _told(structure: Atoms, found: Sequence[Gain], hot: Hot) -> Mapping[str, Json]:
    """Return how hot it was, how close atoms came, and by how much a better arrangement is lower."""
    places = range(len(hot.run.energies))
    rearranged = max((gain.energy for gain in found if not gain.is_hole), default=0.0)
    return {
        "name": structure.get_chemical_formula(),
        "temperature": hot.temperature,
        "closest": min(closest_contact(at(hot.rest.structure, hot.run, k)).ratio for k in places),
        "gained": rearranged if rearranged > LOWER else 0.0,
    }


def _tell(told: Sequence[Mapping[str, Json]]) -> str | None:
    """Return how hot the runs were, how close atoms came, and who found a better arrangement."""
    if not told:
        return None
    temperatures = [one["temperature"] for one in told]
    low, high = (f"{round(ends(temperatures), -1):,.0f}" for ends in (min, max))
    said = f"at {low if low == high else f'{low} to {high}'} K atoms come as close as "
    said += f"{min(one['closest'] for one in told):.2f} of the sum of radii"
    gained = {one["name"]: one["gained"] for one in told if one["gained"]}
    lower = [f"{name} by {energy:.2g}" for name, energy in list(gained.items())[:MOST_TOLD]]
    more = f" and {len(gained) - MOST_TOLD} more" if len(gained) > MOST_TOLD else ""
    return said + (f"; rearranged, in no hole: {', '.join(lower)} {UNIT}{more}" if lower else "")


NO_BLOW_UP = Check(
    id="dynamics/no-blow-up",
    law="|H̃(t) − H̃(0)| ≤ N k_B T in a hot run as dt → 0, and no atoms rest in a hole that no matter has",
    category="mandatory",
    needs=ENERGY_FORCES,
    source=(
        "simulations that collapse or explode: Fu et al., arXiv:2210.07237, and Stocker et al., "
        "doi:10.1088/2632-2153/ac9955; shadow energies: Skeel and Hardy, doi:10.1137/S106482750138318X; docs/adr/0019"
    ),
    tolerance="s = k_B T per atom for the energy, and 0.1 eV per atom for a hole",
    physics=(
        "Crystals, packings, slabs and molecules at rest are heated to twice what would melt them: k_B T is 0.06 of "
        "the cohesive energy, and no more than 6,000 K. Each is followed for 64 steps of twice the usual length: 26 fs "
        "with hydrogen, 135 fs with silicon, 256 fs with gold. The energy that the integrator conserves must not go "
        "off by k_B T per atom, in steps of a quarter either. Nor may atoms end up in a hole: two of them closer than "
        "0.6 of the sum of their radii and 0.1 eV per atom lower than at rest, or anything lower than at rest by 5 eV "
        "per atom more than the potential's own crystals of these species are. What leaves for the vacuum, condenses "
        "or reacts is no hole, and is told. Where it fails, a simulation that gets hot somewhere explodes or "
        "collapses, and everything after that is wrong."
    ),
    draw=_draw,
    near=set_in_motion_otherwise,
    simpler=_simpler,
    measure=_measure,
    tell=_tell,
    weight=7.0,
    cost=STEPS + 30,
    side_by_side=3,
)
