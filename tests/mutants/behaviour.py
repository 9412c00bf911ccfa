"""The laws of robustness, measured directly as in `laws`. Violations of laws without a scale are infinite."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import random
import sys
import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache

import cloudpickle
import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms

from gnnp_bench.potential import (
    ALL_PROPERTIES,
    ENERGY,
    ENERGY_FORCES,
    FloatArray,
    Potential,
    Prediction,
    Unsupported,
)
from tests.analytic.geometries import PERIODIC, alloy, cluster, covalent, left_handed, single, slab
from tests.analytic.values import forces_of, stress_of
from tests.mutants.laws import (
    ENERGY_SCALE,
    FORCE_SCALE,
    STRESS_SCALE,
    Law,
    Make,
    difference,
    same,
)

MEMORY_SCALE = 8192.0
"""Bytes per evaluation."""
PRECISION_SCALE = 1e-9
"""ν/max(1, |X|) of a potential that works in float64 throughout (docs/design.md, section 4)."""


def _identical(one: Prediction, other: Prediction) -> bool:
    return (
        one.energy == other.energy
        and np.array_equal(forces_of(one), forces_of(other))
        and np.array_equal(stress_of(one), stress_of(other))
    )


def determinism(make: Make) -> float:
    potential, batch = make(), [alloy(), covalent()]
    first, second = (potential.evaluate(batch, ALL_PROPERTIES) for _ in range(2))
    return 0.0 if all(map(_identical, first, second)) else np.inf


def batch(make: Make) -> float:
    """Alone, first and last, among a few and among many."""
    wide = alloy()
    wide.set_cell(3.0 * wide.cell.array)
    few = [alloy(), covalent(), slab(), left_handed(), wide]
    return max(_in_company(make, few), _in_company(make, few * 5))


def _in_company(make: Make, structures: Sequence[Atoms]) -> float:
    ahead = make().evaluate(structures, ALL_PROPERTIES)
    back = make().evaluate(structures[::-1], ALL_PROPERTIES)[::-1]
    worst = 0.0
    for structure, one, other in zip(structures, ahead, back, strict=True):
        (alone,) = make().evaluate([structure], ALL_PROPERTIES)
        worst = max(worst, difference(alone, one, len(structure)), difference(alone, other, len(structure)))
    return worst


def input_intact(make: Make) -> float:
    structures = [geometry() for geometry in (*PERIODIC, slab)]
    for structure in structures:
        structure.set_constraint(FixAtoms([0]))
    copies = [structure.copy() for structure in structures]
    potential = make()
    potential.evaluate(structures, ALL_PROPERTIES)
    if potential.capabilities.driven:
        potential.driven(structures, ALL_PROPERTIES)  # type: ignore[attr-defined]  # who declares it has it
    intact = all(
        one == other and len(one.constraints) == len(other.constraints)
        for one, other in zip(structures, copies, strict=True)
    )
    return 0.0 if intact else np.inf


def as_ase_drives_it(make: Make) -> float:
    """Attached to one structure, of which positions, cell, species and periodicity change in turn."""
    potential, worst = make(), 0.0
    if not potential.capabilities.driven:
        return 0.0
    structure = alloy()
    for change in ("nothing", "positions", "cell", "species", "periodicity"):
        if change == "positions":
            structure.positions[0] += 0.05
        elif change == "cell":
            structure.set_cell(1.02 * structure.cell.array)
        elif change == "species":
            structure.numbers[:] = structure.numbers[::-1]
        elif change == "periodicity":
            structure.pbc = (True, True, False)
        (expected,) = make().evaluate([structure.copy()], ENERGY_FORCES)
        (found,) = potential.driven([structure.copy()], ENERGY_FORCES)  # type: ignore[attr-defined]
        worst = max(worst, difference(expected, found, len(structure)))
    return worst


def energies_agree(make: Make) -> float:
    """The energy that users read, and the one that forces belong to."""
    structure = alloy()
    (found,) = make().evaluate([structure], ALL_PROPERTIES)
    if found.reported_energy is None:
        return 0.0
    return abs(found.reported_energy - found.energy) / len(structure) / ENERGY_SCALE


def call_history(make: Make) -> float:
    """Ask before for another structure, another cell, other periodic directions, other species, species elsewhere."""
    structure, stretched, opened, exchanged, shuffled = (alloy() for _ in range(5))
    stretched.set_cell(1.05 * structure.cell.array)
    opened.pbc = (True, True, False)
    exchanged.numbers[:] = 13
    shuffled.numbers[:] = structure.numbers[::-1]
    assert not np.array_equal(shuffled.numbers, structure.numbers)
    (expected,) = make().evaluate([structure], ALL_PROPERTIES)
    worst = 0.0
    for earlier in (covalent(), stretched, opened, exchanged, shuffled):
        potential = make()
        potential.evaluate([earlier], ALL_PROPERTIES)
        (prediction,) = potential.evaluate([structure], ALL_PROPERTIES)
        worst = max(worst, difference(expected, prediction, len(structure)))
    return worst


def _second_differences(make: Make, structure: Atoms) -> Prediction:
    """Return the 0.9 quantile of |X(x+δu) − 2X(x) + X(x−δu)|/√6 for δ = 10⁻⁶ Å, in energy per atom, forces, stress."""
    rng = np.random.default_rng(7)
    potential, rows = make(), []
    for _ in range(8):
        base = structure.copy()
        base.positions += rng.normal(0.0, 1e-3, base.positions.shape)
        step = rng.normal(0.0, 1e-6, base.positions.shape)
        moved = [base.copy() for _ in range(3)]
        moved[0].positions += step
        moved[2].positions -= step
        low, middle, high = potential.evaluate(moved, ALL_PROPERTIES)
        bends: list[FloatArray] = [
            np.asarray((low.energy - 2 * middle.energy + high.energy) / len(structure)),
            forces_of(low) - 2 * forces_of(middle) + forces_of(high),
            stress_of(low) - 2 * stress_of(middle) + stress_of(high),
        ]
        rows.append([np.abs(bend).max() for bend in bends])
    energy, forces, stress = np.quantile(rows, 0.9, axis=0) / 6**0.5
    return Prediction(float(energy), np.asarray(forces), np.asarray(stress))


def precision(make: Make) -> float:
    structure = alloy()
    (prediction,) = make().evaluate([structure], ALL_PROPERTIES)
    noise = _second_differences(make, structure)
    ratios = [
        noise.energy / max(1.0, abs(prediction.energy) / len(structure)),
        float(forces_of(noise)) / max(1.0, float(np.abs(forces_of(prediction)).max())),
        float(stress_of(noise)) / max(1.0, float(np.abs(stress_of(prediction)).max())),
    ]
    return max(ratios) / PRECISION_SCALE


def noise_floor(make: Make) -> float:
    noise = _second_differences(make, alloy())
    ratios = (
        noise.energy / ENERGY_SCALE,
        float(forces_of(noise)) / FORCE_SCALE,
        float(stress_of(noise)) / STRESS_SCALE,
    )
    return max(ratios) / 10.0


def finite_output(make: Make) -> float:
    hard = [
        Atoms("Cu"),
        Atoms("CuAl", positions=[[0, 0, 0], [0, 0, 0.8]]),
        Atoms("Cu2Al", positions=[[0, 0, 0], [0, 0, 2.5], [0, 0, 5.0]]),
        Atoms("CuO", positions=[[0, 0, 0], [0, 0, 60.0]]),
    ]
    predictions = make().evaluate(hard, ENERGY_FORCES)
    finite = all(np.isfinite(p.energy) and np.isfinite(forces_of(p)).all() for p in predictions)
    return 0.0 if finite else np.inf


def size(make: Make) -> float:
    """A cell, and so many of them that there are more than 256 atoms."""
    structure = alloy()
    repeats = (3, 4, 3)
    one, many = make().evaluate([structure, structure.repeat(repeats)], ALL_PROPERTIES)
    number = int(np.prod(repeats))
    tiled = Prediction(one.energy * number, np.tile(forces_of(one), (number, 1)), one.stress)
    return difference(tiled, many, len(structure) * number)


def requested_properties(make: Make) -> float:
    structure, potential = alloy(), make()
    asked = [potential.evaluate([structure], wanted)[0] for wanted in (ENERGY, ENERGY_FORCES, ALL_PROPERTIES)]
    return float(np.ptp([prediction.energy for prediction in asked])) / len(structure) / ENERGY_SCALE


def irrelevant_attributes(make: Make) -> float:
    def change(structure: Atoms, rng: np.random.Generator) -> Atoms:
        changed: Atoms = structure.copy()
        n_atoms = len(structure)
        changed.set_masses(rng.uniform(1.0, 100.0, n_atoms))
        changed.set_momenta(rng.normal(size=(n_atoms, 3)))
        changed.set_tags(rng.integers(1, 4, n_atoms))
        changed.set_constraint(FixAtoms([0]))
        changed.info["note"] = "set aside"
        return changed

    return same(make, [alloy(), covalent(), slab(), cluster(), single()], change)


def refusals(make: Make) -> float:
    nonsense = [Atoms(), Atoms("Cu", positions=[[np.nan, 0, 0]]), Atoms("Xe")]
    accepted = 0
    for structure in nonsense:
        try:
            make().evaluate([structure], ENERGY)
        except (ValueError, Unsupported):
            continue
        accepted += 1
    return np.inf if accepted else 0.0


def threads(make: Make) -> float:
    """Two threads, each with a structure of its own, many times over."""
    potential, structures, worst = make(), [alloy(), left_handed()], 0.0
    alone = [potential.evaluate([structure], ALL_PROPERTIES)[0] for structure in structures]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            for _ in range(20):
                at_once = list(pool.map(lambda s: potential.evaluate([s], ALL_PROPERTIES)[0], structures))
                differences = map(difference, alone, at_once, map(len, structures))
                worst = max(worst, *differences)
    finally:
        sys.setswitchinterval(interval)
    return worst


def processes(make: Make) -> float:
    """Here and in a process with another order of sets."""
    structure = alloy()
    (here,) = make().evaluate([structure], ALL_PROPERTIES)
    how = cloudpickle.dumps(make)  # type: ignore[attr-defined]  # a name that it exports by a star
    there = _elsewhere().submit(_evaluate, how, structure).result(120.0)
    return difference(here, there, len(structure))


@cache
def _elsewhere() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "7"  # read by the process that starts with the first task
    try:
        pool.submit(os.getpid).result(120.0)
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
    return pool


def _evaluate(make: bytes, structure: Atoms) -> Prediction:
    potential: Potential = pickle.loads(make)()
    return potential.evaluate([structure], ALL_PROPERTIES)[0]


def process_state(make: Make) -> float:
    """Random numbers, numpy's errors, working directory and environment before and after an evaluation."""

    def state() -> str:
        return repr((random.getstate(), np.random.get_state(), np.geterr(), os.getcwd(), dict(os.environ)))  # noqa: NPY002

    potential, before = make(), state()
    potential.evaluate([alloy(), covalent()], ALL_PROPERTIES)
    return 0.0 if state() == before else np.inf


def device_parity(make: Make) -> float:
    """Here and on every other device."""
    potential, structure, worst = make(), alloy(), 0.0
    (here,) = potential.evaluate([structure], ALL_PROPERTIES)
    for device in potential.capabilities.other_devices:
        (there,) = potential.on(device).evaluate([structure], ALL_PROPERTIES)  # type: ignore[attr-defined]
        worst = max(worst, difference(here, there, len(structure)))
    return worst


def memory_growth(make: Make) -> float:
    """Bytes that Python's allocator traces between the 40th and the 120th evaluation."""
    potential, structures = make(), [single() for _ in range(120)]
    for k, structure in enumerate(structures):
        structure.positions += 1e-3 * k
    for structure in structures[:40]:
        potential.evaluate([structure], ALL_PROPERTIES)
    gc.collect()
    tracemalloc.start()
    try:
        for structure in structures[40:]:
            potential.evaluate([structure], ALL_PROPERTIES)
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    growth = grown / 80 / MEMORY_SCALE
    return growth if growth > 0.5 else 0.0  # remembering a few numbers of each structure is no leak


BEHAVIOURAL_LAWS: dict[str, Law] = {
    "robustness/determinism": determinism,
    "robustness/batch": batch,
    "robustness/input-intact": input_intact,
    "robustness/call-history": call_history,
    "robustness/precision": precision,
    "robustness/noise-floor": noise_floor,
    "robustness/finite-output": finite_output,
    "robustness/size": size,
    "robustness/requested-properties": requested_properties,
    "robustness/as-ase-drives-it": as_ase_drives_it,
    "robustness/energies-agree": energies_agree,
    "robustness/irrelevant-attributes": irrelevant_attributes,
    "robustness/threads": threads,
    "robustness/processes": processes,
    "robustness/process-state": process_state,
    "robustness/device-parity": device_parity,
    "robustness/memory-growth": memory_growth,
    "robustness/refusals": refusals,
}
