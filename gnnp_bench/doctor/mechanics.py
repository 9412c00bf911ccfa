"""Whether energy, forces and stress belong together: units, signs, order, frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench.doctor.correction import Correction, cell_transposed, scaled
from gnnp_bench.doctor.finding import Finding
from gnnp_bench.doctor.mistakes import RIGHT, energy_finding, findings, tolerance_of
from gnnp_bench.doctor.patient import Patient, same_energy
from gnnp_bench.doctor.resemblance import Resemblance, resemblance, wrong_forces, wrong_stress
from gnnp_bench.doctor.slopes import STEP, Slopes, slopes
from gnnp_bench.doctor.units import ENERGIES, FORCES, betrayed
from gnnp_bench.potential import FloatArray, Prediction

ROUGH = 0.2
"""Relative. Where derivatives are known no better than this, nothing is compared with them."""


def examine_mechanics(patient: Patient) -> Iterator[Finding]:
    """Yield what is wrong between energy, forces and stress."""
    structure = patient.probe(seed=5)
    transposed = _transposed(patient, structure)
    if transposed is not None:
        yield transposed
        return  # what follows would measure the same mistake
    scale = 1.0
    intensive = _per_atom(patient, structure)
    if intensive is not None:
        yield intensive
        scale = float(len(structure))
    prediction: Prediction = patient.ask([structure.copy()], patient.properties)[0]
    yield from _free_energy(patient, prediction)
    if "forces" not in patient.properties and "stress" not in patient.properties:
        return
    right = slopes(patient, structure)
    rough = _rough(right)
    if rough is not None:
        yield rough
        return
    forces = _forces(prediction, right, scale)
    stress = _stress(prediction, right, structure, scale)
    common = _common_factor(forces, stress, right)
    if common is not None:
        yield energy_finding(common)
        forces, stress = _without(forces, common), _without(stress, common)
    if forces is not None:
        yield from findings("forces", forces, right, structure)
    if stress is not None:
        yield from findings("stress", stress, right, structure)


def _transposed(patient: Patient, structure: Atoms) -> Finding | None:
    if not patient.periodic:
        return None
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    turned = structure.copy()
    turned.set_cell(structure.cell.array @ turn)
    turned.positions = structure.positions @ turn
    as_read = [structure.copy(), turned.copy()]
    for one in as_read:
        one.set_cell(one.cell.array.T)
    plain, rotated, flipped, flipped_rotated = patient.energies([structure, turned, *as_read])
    if same_energy(plain, rotated) or not same_energy(flipped, flipped_rotated):
        return None
    return Finding(
        "cell-transposed",
        f"turning a crystal as a whole changes its energy by {rotated - plain:.2g} eV; with its cell given transposed,"
        " it does not",
        "cell vectors read from the columns of the cell, which ASE keeps in rows",
        "hand the cell over as the package wants it: cell.T",
        Correction(given=cell_transposed),
    )


def _per_atom(patient: Patient, structure: Atoms) -> Finding | None:
    if patient.periodic:
        double = structure.repeat((2, 1, 1))
    else:
        apart = structure.copy()
        apart.positions[:, 0] += 60.0
        double = structure + apart
    one, two = patient.energies([structure, double])
    if same_energy(one, 0.0) or same_energy(two, 2 * one) or not same_energy(two, one):
        return None
    return Finding(
        "energy-per-atom",
        f"a structure of {len(structure)} atoms has {one:.6g} eV, and so has twice of it",
        "the energy per atom",
        "multiply by the number of atoms",
        scaled("energy", lambda s: float(len(s))),
    )


def _free_energy(patient: Patient, prediction: Prediction) -> Iterator[Finding]:
    results: Any = getattr(getattr(patient.potential, "calculator", None), "results", None)
    if not isinstance(results, dict) or not {"energy", "free_energy"} <= set(results):
        return
    energy, free = (float(np.asarray(results[name]).item()) for name in ("energy", "free_energy"))
    if abs(energy - free) > 1e-6 and abs(prediction.energy - energy) < abs(prediction.energy - free):
        yield Finding(
            "not-force-consistent",
            f"the calculator has a free energy of {free:.6g} eV and an energy of {energy:.6g} eV, and this one is"
            " returned",
            "the energy extrapolated to zero smearing, whose derivative the forces are not",
            "return the free energy: get_potential_energy(force_consistent=True)",
        )


def _rough(right: Slopes) -> Finding | None:
    worst = tolerance_of(right.forces_error, right.forces)
    if right.stress is not None:
        worst = max(worst, tolerance_of(right.stress_error, right.stress))
    if worst <= ROUGH:
        return None
    return Finding(
        "energy-rough",
        f"slopes of the energy over {STEP:g} Å and over half of it differ by a third of {worst:.0%}",
        "an energy with steps or kinks, one that does not depend on positions or cell, or one rounded to float32 with a"
        " large constant in it",
        "look at the energy along a line; add constants such as reference energies in float64",
    )


def _forces(prediction: Prediction, right: Slopes, scale: float) -> Resemblance | None:
    """Return what the forces are to the derivative of the energy; None where there is nothing to tell."""
    if prediction.forces is None:
        return None
    expected, given = scale * right.forces, np.asarray(prediction.forces, np.float64)
    tolerance = tolerance_of(right.forces_error, right.forces)
    if not given.any():
        return Resemblance("zero", "", 0.0, 0.0)
    return resemblance(given, wrong_forces(expected, given), tolerance)


def _stress(prediction: Prediction, right: Slopes, structure: Atoms, scale: float) -> Resemblance | None:
    if prediction.stress is None or right.stress is None:
        return None
    expected, given = scale * right.stress, np.asarray(prediction.stress, np.float64)
    tolerance = tolerance_of(right.stress_error, right.stress)
    if not given.any():
        return Resemblance("zero", "", 0.0, 0.0)
    virial = scale * structure.positions.T @ right.forces / structure.get_volume()
    return resemblance(given, wrong_stress(expected, given, structure.cell.array, virial), tolerance)


def _common_factor(forces: Resemblance | None, stress: Resemblance | None, right: Slopes) -> float | None:
    """Return the factor by which forces and stress are both off, which then is the energy's; else None."""
    if forces is None or not _factor_known(forces, right.forces_error, right.forces):
        return None
    if stress is None:
        wrong_energy = betrayed(1.0 / forces.factor, ENERGIES) is not None
        return forces.factor if wrong_energy and betrayed(forces.factor, FORCES) is None else None
    assert right.stress is not None
    if not _factor_known(stress, right.stress_error, right.stress) or abs(forces.factor - 1.0) <= RIGHT:
        return None
    return forces.factor if abs(stress.factor / forces.factor - 1.0) <= RIGHT else None


def _factor_known(found: Resemblance, error: float, values: FloatArray) -> bool:
    return found.mistake != "zero" and found.misfit <= tolerance_of(error, values)


def _without(found: Resemblance | None, factor: float) -> Resemblance | None:
    return found and Resemblance(found.mistake, found.detail, found.factor / factor, found.misfit)
