"""Mistakes that adapters make with energy, forces and stress: what each looks like, how it is mended and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from ase import Atoms

from gnnp_bench.doctor.correction import Correction, forces_correction, scaled, stress_correction
from gnnp_bench.doctor.finding import Finding
from gnnp_bench.doctor.resemblance import Resemblance, wrong_stress
from gnnp_bench.doctor.slopes import Slopes
from gnnp_bench.doctor.units import ENERGIES, FORCES, STRESSES, betrayed
from gnnp_bench.potential import FloatArray

RIGHT = 0.02
"""Relative. What is closer is the judge's affair."""
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


def tolerance_of(error: float, values: FloatArray) -> float:
    """Return by how much values may be off, relatively, beside a derivative that is known to `error`."""
    return max(RIGHT, 3.0 * error / max(float(np.sqrt(np.mean(values**2))), 1e-12))


def energy_finding(factor: float) -> Finding:
    """Return what is wrong with an energy of whose derivatives forces and stress are one multiple."""
    if abs(factor + 1.0) <= RIGHT:
        return Finding(
            "energy-sign",
            "forces and stress are both minus what the energy's derivatives are",
            "the energy with the wrong sign",
            "return minus the energy: bound atoms have less than separate ones",
            scaled("energy", lambda s: -1.0),
        )
    unit = betrayed(1.0 / factor, ENERGIES)
    return Finding(
        "energy-unit",
        f"forces and stress are {factor:.5g} times the energy's derivatives",
        f"the energy in {unit}" if unit else "the energy in another unit, or scaled for training and not scaled back",
        f"convert it to eV: multiply by {ENERGIES[unit]:.8g}" if unit else "convert it to eV",
        scaled("energy", lambda s: ENERGIES[unit] if unit else factor),
    )


def findings(
    what: Literal["forces", "stress"], found: Resemblance, right: Slopes, structure: Atoms
) -> Iterator[Finding]:
    """Yield what makes forces or stress differ from the derivatives of the energy."""
    mistakes, units = (FORCES_MISTAKES, FORCES) if what == "forces" else (STRESS_MISTAKES, STRESSES)
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
    if found.misfit > tolerance_of(error, values):
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
            f"{what}-{found.mistake}",
            f"{what} agree{_s(what)} with {law} once changed{detail}",
            looks_like,
            mend,
            _correction(what, found, structure),
        )
    yield from _scaled(what, law, found.factor, units, structure)


def _s(what: str) -> str:
    return "" if what == "forces" else "s"


def _scaled(
    what: Literal["forces", "stress"], law: str, factor: float, units: dict[str, float], structure: Atoms
) -> Iterator[Finding]:
    verb = "are" if what == "forces" else "is"
    if factor < 0:
        other = "−∂E/∂x, where ∂E/∂x was returned" if what == "forces" else "tension positive: compression is negative"
        yield Finding(
            f"{what}-sign",
            f"{what} {verb} {factor:.4g} times {law}",
            f"the wrong sign; the contract is {other}",
            f"return minus the {what}",
            scaled(what, lambda s: -1.0),
        )
    size = abs(factor)
    if abs(size - 1.0) <= RIGHT:
        return
    measured = f"{what} {verb} {factor:.5g} times {law}"
    unit = betrayed(size, units)
    own = "eV/Å" if what == "forces" else "eV/Å³"
    if unit is not None:
        mend = f"convert to {own}: multiply by {units[unit]:.8g}"
        yield Finding(f"{what}-unit", measured, f"{what} in {unit}", mend, scaled(what, lambda s: units[unit]))
    elif what == "stress" and abs(size / structure.get_volume() - 1.0) <= RIGHT:
        yield Finding(
            "stress-virial",
            measured,
            "the virial, in eV: not divided by the volume",
            "divide by the cell's volume",
            scaled("stress", lambda s: 1.0 / float(s.get_volume())),
        )
    elif abs(size * len(structure) - 1.0) <= RIGHT:
        by_atoms = scaled(what, lambda s: float(len(s)))
        yield Finding(
            f"{what}-per-atom", measured, f"{what} divided by the number of atoms", "multiply by it", by_atoms
        )
    else:
        yield Finding(
            f"{what}-unit",
            measured,
            "another unit, or values scaled for training and not scaled back",
            f"convert to {own}",
            scaled(what, lambda s: 1.0 / size),
        )


def _correction(what: str, found: Resemblance, structure: Atoms) -> Correction | None:
    if what == "forces":
        return forces_correction(found.mistake, found.detail, structure.numbers)
    if found.mistake in ("frame", "shear-missing"):  # what is lost, or is another for each structure
        return None

    def wrong(right: FloatArray, cell: FloatArray, virial: FloatArray) -> FloatArray:
        told = (found.mistake, found.detail)
        return next(values for *name, values in wrong_stress(right, right, cell, virial) if tuple(name) == told)

    return stress_correction(wrong)
