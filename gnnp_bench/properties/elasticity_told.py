"""What is told of a stiffness tensor, and Young's modulus drawn over directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import units

from gnnp_bench.properties.elasticity import TRUSTED, Elasticity
from gnnp_bench.properties.tensors import Averages, young_along
from gnnp_bench.properties.values import Array, Quantity, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = (
    ("bulk_voigt", "B_Voigt", "GPa"),
    ("bulk_reuss", "B_Reuss", "GPa"),
    ("bulk_hill", "B_Hill", "GPa"),
    ("shear_voigt", "G_Voigt", "GPa"),
    ("shear_reuss", "G_Reuss", "GPa"),
    ("shear_hill", "G_Hill", "GPa"),
    ("young", "E_Hill", "GPa"),
    ("poisson", "nu_Hill", ""),
    ("anisotropy", "A_universal", ""),
)


def summary(found: Elasticity) -> Summary:
    """Return independent components, averages, and whether the crystal is stable."""
    quantities = [
        Quantity(
            f"C{i}{j}",
            float(found.stiffness[i - 1, j - 1]) / units.GPa,
            "GPa",
            float(found.errors[i - 1, j - 1]) / units.GPa,
            found.converged,
        )
        for i, j in independent(found.symmetry.number, found.symmetry.point_group)
    ]
    notes = [
        f"before the average over the point group components differ by up to {found.asymmetry / units.GPa:.2g} GPa"
    ]
    if found.averages is not None and found.average_errors is not None:
        quantities += [_average(found, found.averages, found.average_errors, *name) for name in NAMES]
    elif found.eigenvalues[0] <= 0:
        notes.append(
            f"elastically unstable: the smallest eigenvalue of the stiffness is {found.eigenvalues[0] / units.GPa:.3g}"
            " GPa, so there are no averages"
        )
    else:
        notes.append("whether it is elastically stable depends on the amplitude of strain, so there are no averages")
    if found.softest < 0:
        notes.append(
            f"its atoms are at a saddle: the smallest force constant against each other is {found.softest:.3g} eV/Å²"
        )
    if not found.converged:
        notes.append(
            f"not converged: leaving out one of three amplitudes changes a component by more than {TRUSTED:.0%} of the"
            " largest one"
        )
    return Summary(
        tuple(quantities),
        {
            "stiffness": Array(found.stiffness / units.GPa, "GPa"),
            "stiffness_error": Array(found.errors / units.GPa, "GPa"),
            "stiffness_clamped": Array(found.clamped / units.GPa, "GPa"),
            "stiffness_eigenvalues": Array(found.eigenvalues / units.GPa, "GPa"),
        },
        tuple(notes),
    )


def _average(found: Elasticity, best: Averages, errors: Averages, field: str, name: str, unit: str) -> Quantity:
    factor = 1.0 / units.GPa if unit else 1.0
    return Quantity(name, factor * getattr(best, field), unit, factor * getattr(errors, field), found.converged)


def independent(number: int, point_group: str) -> list[tuple[int, int]]:
    """Return which components of a stiffness symmetry leaves independent, in the axes of the conventional cell.

    Nye, Physical Properties of Crystals (Oxford, 1985), table 9.
    """
    if number >= 195:
        return [(1, 1), (1, 2), (4, 4)]
    if number >= 168:
        return [(1, 1), (1, 2), (1, 3), (3, 3), (4, 4)]
    if number >= 143:
        lower = [(1, 5)] if point_group in ("3", "-3") else []
        return [(1, 1), (1, 2), (1, 3), (1, 4), *lower, (3, 3), (4, 4)]
    if number >= 75:
        lower = [(1, 6)] if point_group in ("4", "-4", "4/m") else []
        return [(1, 1), (1, 2), (1, 3), *lower, (3, 3), (4, 4), (6, 6)]
    upper = [(i, j) for i in range(1, 7) for j in range(i, 7)]
    if number >= 16:
        return [(i, j) for i, j in upper if i == j or j <= 3]
    if number >= 3:  # about y
        return [(i, j) for i, j in upper if (i in (4, 6)) == (j in (4, 6))]
    return upper


def draw(found: Elasticity, figure: Figure) -> None:
    """Draw Young's modulus over directions: as a surface, and in the planes of the axes."""
    surface = figure.add_subplot(2, 2, 1, projection="3d")
    if found.averages is None:
        surface.set_title("elastically unstable")
        return
    polar, azimuth = np.meshgrid(np.linspace(0, np.pi, 61), np.linspace(0, 2 * np.pi, 121), indexing="ij")
    directions = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1)
    modulus = young_along(found.stiffness, directions) / units.GPa
    shades = (modulus - modulus.min()) / max(float(np.ptp(modulus)), 1e-9)
    from matplotlib import colormaps

    surface.plot_surface(
        *np.moveaxis(modulus[..., None] * directions, -1, 0), facecolors=colormaps["viridis"](shades), shade=False
    )
    surface.set_box_aspect((1, 1, 1))
    surface.set_title(f"Young's modulus, {modulus.min():.4g} to {modulus.max():.4g} GPa", fontsize="small")
    angles = np.linspace(0, 2 * np.pi, 361)
    for place, (first, second, name) in enumerate(((0, 1, "xy"), (0, 2, "xz"), (1, 2, "yz")), start=2):
        around = np.zeros((len(angles), 3))
        around[:, first], around[:, second] = np.cos(angles), np.sin(angles)
        axes = figure.add_subplot(2, 2, place, projection="polar")
        axes.plot(angles, young_along(found.stiffness, around) / units.GPa, color="#0072b2")
        axes.set_title(f"{name}, GPa", fontsize="small")
        axes.set_ylim(bottom=0.0)
