"""Whether energy, forces and stress belong together: units, signs, order, frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench.doctor.finding import Finding
from gnnp_bench.doctor.patient import Patient, same_energy
from gnnp_bench.doctor.resemblance import Resemblance, resemblance, wrong_forces, wrong_stress
from gnnp_bench.doctor.slopes import STEP, Slopes, slopes
from gnnp_bench.doctor.units import ENERGIES, FORCES, STRESSES, betrayed
from gnnp_bench.potential import FloatArray, Prediction

RIGHT = 0.02
"""Relative. What is closer is the judge's affair."""
ROUGH = 0.2
"""Relative. Where derivatives are known no better than this, nothing is compared with them."""
FORCES_MISTAKES = {
    "order": (
        "atoms sorted, by species perhaps, and not put back",
        "return the forces in the order of the structure's atoms",
    ),
    "reshaped": (
        "an array of shape (3, n_atoms) reshaped to (n_atoms, 3), which shuffles components and atoms",
        "transpose it: forces.T",
    ),
    "zeroed": ("atoms held by a mask or a constraint", "return the forces on all atoms"),
    "axes": ("axes exchanged on the way in or out", "give the components in the order x, y, z"),
    "frame": (
        "a cell brought to a standard orientation, with forces left in its frame",
        "turn the forces back with the rotation that the cell was turned by",
    ),
}
STRESS_MISTAKES = {
    "shear-doubled": (
        "a sum over both off-diagonal elements, or engineering shear strain on one side",
        "halve the shear components",
    ),
    "shear-halved": ("engineering shear strain γ = 2ε in the derivative", "double the shear components"),
    "shear-missing": ("a pressure or a diagonal handed through", "fill in the shear components"),
    "fixed-positions": (
        "the derivative by the cell at fixed Cartesian positions: the atoms do not follow the strain",
        "strain positions and cell together, or add the virial −Σ x⊗F",
    ),
    "transposed": (
        "the derivative by the cell multiplied by the cell on the wrong side: (∂E/∂h)ᵀ h and not hᵀ (∂E/∂h)",
        "with cell vectors in rows, σ = hᵀ (∂E/∂h) / V at fixed fractional coordinates",
    ),
    "order": (
        "another Voigt order: ASE's is xx, yy, zz, yz, xz, xy; VASP and many networks write xx, yy, zz, xy, yz, zx",
        "put each component in its place",
    ),
    "frame": (
        "a cell brought to a standard orientation, with the stress left in its frame",
        "turn it back: Rᵀ σ R",
    ),
}


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
        yield _energy_finding(common)
        forces, stress = _without(forces, common), _without(stress, common)
    if forces is not None:
        yield from _findings("forces", forces, FORCES_MISTAKES, FORCES, right, structure)
    if stress is not None:
        yield from _findings("stress", stress, STRESS_MISTAKES, STRESSES, right, structure)


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
    )


def _free_energy(patient: Patient, prediction: Prediction) -> Iterator[Finding]:
    results: Any = getattr(getattr(patient.potential, "calculator", None), "results", None)
    if not isinstance(results, dict) or not {"energy", "free_energy"} <= set(results):
        return
    energy, free = float(results["energy"]), float(results["free_energy"])
    if abs(energy - free) > 1e-6 and abs(prediction.energy - energy) < abs(prediction.energy - free):
        yield Finding(
            "not-force-consistent",
            f"the calculator has a free energy of {free:.6g} eV and an energy of {energy:.6g} eV, and this one is"
            " returned",
            "the energy extrapolated to zero smearing, whose derivative the forces are not",
            "return the free energy: get_potential_energy(force_consistent=True)",
        )


def _rough(right: Slopes) -> Finding | None:
    worst = _tolerance(right.forces_error, right.forces)
    if right.stress is not None:
        worst = max(worst, _tolerance(right.stress_error, right.stress))
    if worst <= ROUGH:
        return None
    return Finding(
        "energy-rough",
        f"slopes of the energy over {STEP:g} Å and over half of it differ by a third of {worst:.0%}",
        "an energy with steps or kinks, one that does not depend on positions or cell, or one rounded to float32 with a"
        " large constant in it",
        "look at the energy along a line; add constants such as reference energies in float64",
    )


def _tolerance(error: float, values: FloatArray) -> float:
    return max(RIGHT, 3.0 * error / max(float(np.sqrt(np.mean(values**2))), 1e-12))


def _forces(prediction: Prediction, right: Slopes, scale: float) -> Resemblance | None:
    """Return what the forces are to the derivative of the energy; None where there is nothing to tell."""
    if prediction.forces is None:
        return None
    expected, given = scale * right.forces, np.asarray(prediction.forces, np.float64)
    tolerance = _tolerance(right.forces_error, right.forces)
    if not given.any():
        return Resemblance("zero", "", 0.0, 0.0)
    return resemblance(given, wrong_forces(expected, given), tolerance)


def _stress(prediction: Prediction, right: Slopes, structure: Atoms, scale: float) -> Resemblance | None:
    if prediction.stress is None or right.stress is None:
        return None
    expected, given = scale * right.stress, np.asarray(prediction.stress, np.float64)
    tolerance = _tolerance(right.stress_error, right.stress)
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
    return found.mistake != "zero" and found.misfit <= _tolerance(error, values)


def _without(found: Resemblance | None, factor: float) -> Resemblance | None:
    return found and Resemblance(found.mistake, found.detail, found.factor / factor, found.misfit)


def _energy_finding(factor: float) -> Finding:
    if abs(factor + 1.0) <= RIGHT:
        return Finding(
            "energy-sign",
            "forces and stress are both minus what the energy's derivatives are",
            "the energy with the wrong sign",
            "return minus the energy: bound atoms have less than separate ones",
        )
    unit = betrayed(1.0 / factor, ENERGIES)
    return Finding(
        "energy-unit",
        f"forces and stress are {factor:.5g} times the energy's derivatives",
        f"the energy in {unit}" if unit else "the energy in another unit, or scaled for training and not scaled back",
        f"convert it to eV: multiply by {ENERGIES[unit]:.8g}" if unit else "convert it to eV",
    )


def _findings(
    what: str,
    found: Resemblance,
    mistakes: dict[str, tuple[str, str]],
    units: dict[str, float],
    right: Slopes,
    structure: Atoms,
) -> Iterator[Finding]:
    law = "−dE/dx" if what == "forces" else "dE/dε / V"
    verb = "are" if what == "forces" else "is"
    error, values = (right.forces_error, right.forces) if what == "forces" else (right.stress_error, right.stress)
    assert values is not None
    if found.mistake == "zero":
        size = float(np.abs(values).max())
        yield Finding(
            f"{what}-zero",
            f"{what} {verb} zero where {law} is up to {size:.3g}",
            "derivatives cut off from the positions, or an array that was never filled",
            "derive the energy by the positions that it was computed from",
        )
        return
    if found.misfit > _tolerance(error, values):
        yield Finding(
            f"{what}-not-a-derivative",
            f"{what} differ{'' if what == 'forces' else 's'} from {law} by {found.misfit:.0%}, whatever constant is"
            " allowed for",
            "an energy other than the one derived (without smearing entropy, dispersion or reference energies that"
            " depend on positions), or forces from a network of their own",
            "return the energy whose derivatives they are; a potential with forces of its own fails the laws of"
            " conservation, and must not claim 'conservative'",
        )
        return
    if found.mistake:
        looks_like, mend = mistakes[found.mistake]
        detail = f": {found.detail}" if found.detail else ""
        yield Finding(
            f"{what}-{found.mistake}", f"{what} agree{_s(what)} with {law} once changed{detail}", looks_like, mend
        )
    yield from _scaled(what, law, found.factor, units, structure)


def _s(what: str) -> str:
    return "" if what == "forces" else "s"


def _scaled(what: str, law: str, factor: float, units: dict[str, float], structure: Atoms) -> Iterator[Finding]:
    verb = "are" if what == "forces" else "is"
    if factor < 0:
        other = "−∂E/∂x, where ∂E/∂x was returned" if what == "forces" else "tension positive: compression is negative"
        yield Finding(
            f"{what}-sign",
            f"{what} {verb} {factor:.4g} times {law}",
            f"the wrong sign; the contract is {other}",
            f"return minus the {what}",
        )
    size = abs(factor)
    if abs(size - 1.0) <= RIGHT:
        return
    measured = f"{what} {verb} {factor:.5g} times {law}"
    unit = betrayed(size, units)
    own = "eV/Å" if what == "forces" else "eV/Å³"
    if unit is not None:
        yield Finding(f"{what}-unit", measured, f"{what} in {unit}", f"convert to {own}: multiply by {units[unit]:.8g}")
    elif what == "stress" and abs(size / structure.get_volume() - 1.0) <= RIGHT:
        yield Finding(
            "stress-virial", measured, "the virial, in eV: not divided by the volume", "divide by the cell's volume"
        )
    elif abs(size * len(structure) - 1.0) <= RIGHT:
        yield Finding(f"{what}-per-atom", measured, f"{what} divided by the number of atoms", "multiply by it")
    else:
        yield Finding(
            f"{what}-unit",
            measured,
            "another unit, or values scaled for training and not scaled back",
            f"convert to {own}",
        )
