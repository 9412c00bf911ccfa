"""Imaginary modes: wave vectors along which a crystal falls into another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gnnp_bench.potential import FloatArray
from gnnp_bench.properties.force_constants import ForceConstants

if TYPE_CHECKING:
    from ase.dft.kpoints import BandPath

FLAT = 0.05
"""THz. An interpolated acoustic branch that dips less below zero is not told from one that does not."""
SAME = 1e-4
"""THz. Waves that symmetry makes equal differ by rounding alone, in an order that depends on the processor."""
NAMED = 4
"""Modes that a sentence names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Mode:
    """The softest mode at a wave vector, where it is imaginary.

    Attributes
    ----------
    q : (3,) array
        In units of the reciprocal vectors of the primitive cell.
    label : str
        Of a point of high symmetry, as ASE names it; else "".
    frequency : float
        THz, negative: i times its size.
    fits : bool
        Whether the wave fits into the supercell. If not, the frequency is interpolated.
    """

    q: FloatArray
    label: str
    frequency: float
    fits: bool

    def __str__(self) -> str:
        place = " ".join(f"{x:.3g}" for x in self.q)
        between = "" if self.fits else ", interpolated"
        return f"{-self.frequency:.2f}i THz at {self.label and self.label + ' '}({place}{between})"


def imaginary(constants: ForceConstants, path: BandPath) -> tuple[Mode, ...]:
    """Return the imaginary modes of a crystal, the softest first.

    They are looked for at all waves that fit into the supercell, at points of high symmetry, and in between along the
    path, where only the softest of all is told and only if it is softer than these.
    """
    mesh = constants.phonopy.run_mesh(constants.repeats, is_gamma_center=True)
    places = [(np.array(q), label.replace("G", "Γ")) for label, q in path.special_points.items()]
    places += [(q, "") for q in mesh.qpoints]
    places += [(q, "") for q in path.kpts]
    points = np.array([q for q, _ in places])
    lowest = constants.frequencies(points).min(axis=1)
    fits = np.abs(points * constants.repeats - np.rint(points * constants.repeats)).max(axis=1) < 1e-6
    between = len(path.special_points) + len(mesh.qpoints)
    modes: list[Mode] = []
    for index in np.argsort(lowest, kind="stable"):
        frequency = float(lowest[index])
        if frequency >= -FLAT or (index >= between and modes):
            continue
        q, label = places[index]
        mode = Mode(q, label, frequency, bool(fits[index]))
        same = next((k for k, one in enumerate(modes) if abs(frequency - one.frequency) < SAME), None)
        if same is None:
            modes.append(mode)
        elif label and not modes[same].label:
            modes[same] = mode  # equal but for rounding: the place that has a name is told
    return tuple(modes)


def sentence(modes: tuple[Mode, ...]) -> str:
    """Return what is to be said of a crystal with imaginary modes."""
    more = f" and {len(modes) - NAMED} more" if len(modes) > NAMED else ""
    told = "It has imaginary modes and is not stable: " + ", ".join(map(str, modes[:NAMED])) + more
    if not any(mode.fits for mode in modes):
        told += "; none of these waves fits into the supercell, so that a larger one may not have them"
    return told
