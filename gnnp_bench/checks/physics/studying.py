"""What several laws need to know of a crystal: where it comes to rest, and its force constants there.

A law reads both through `resting` and `swinging`. Within a certificate they were found out with the pool; where they
were not, as in a replay, the law finds them out itself, by the same generators and with the same numbers.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Noise, NotAnswered, Request, Unanswered
from gnnp_bench.potential import FloatArray, Prediction
from gnnp_bench.properties.abreast import abreast
from gnnp_bench.properties.force_constants import ComplexArray, ForceConstants, force_constants
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import WITHOUT_STRESS, Relaxed, relaxed

FMAX = 1e-5
"""eV/Å, where relaxations end, or at some multiple of the noise of forces and stress."""
ABOVE_NOISE = 10.0
STEPS = 60
DISPLACEMENT = 0.02
"""Å; and twice that, which tells what the displacement itself costs."""
REPEATS = ((400, 2), (1500, 3))
"""Along each vector of the primitive cell, by the atoms of the largest structure that the budget asks for; else 4."""

__all__ = ["WITHOUT_STRESS", "KnownCrystal", "Waves", "at_rest", "repeats_for", "resting", "swinging", "waves_of"]


@dataclass(frozen=True, slots=True)
class Waves:
    """Force constants of a crystal in one supercell: plain values, which another process can be told.

    Attributes
    ----------
    repeats : tuple of three int
    largest : float, eV/Å²
        The largest component of a force constant.
    net_force : float, eV/Å
        See `properties.force_constants.ForceConstants`.
    q : (n, 3) array
        The waves that fit into the supercell, in units of the reciprocal vectors of the cell.
    squares, coarse : (n, 3 atoms) array, THz²
        ω²/4π² there, in ascending order; the same from displacements twice as large.
    modes : (n, 3 atoms, 3 atoms) complex array
        Eigenvectors of the dynamical matrix, columns, in the order of `squares`. Atom j of the supercell at r_j moves
        along Re e_j exp(2πi q·r_j)/√m_j, r in units of the vectors of the cell.
    """

    repeats: tuple[int, int, int]
    largest: float
    net_force: float
    q: FloatArray
    squares: FloatArray
    coarse: FloatArray
    modes: ComplexArray


@dataclass(frozen=True, slots=True)
class KnownCrystal:
    """What was found out about a crystal with the pool.

    Attributes
    ----------
    name : str
    structure : Atoms
        As measured.
    noise : Noise or Unanswered
    end : Relaxed, str, Unanswered or None
        Where it comes to rest, or why it does not. None where no law asks for it.
    waves : Waves, Unanswered or None
        There, or as measured where it does not come to rest.
    """

    name: str
    structure: Atoms
    noise: Noise | Unanswered
    end: Relaxed | str | Unanswered | None = None
    waves: Waves | Unanswered | None = None


def repeats_for(largest: int) -> int:
    """Return how often crystals are repeated where a budget asks for structures of up to so many atoms."""
    return next((times for atoms, times in REPEATS if largest <= atoms), 4)


def _known(case: Case) -> KnownCrystal | None:
    """Return what is known of the crystal of a case, with the ν that it was found out with."""
    known = case.known
    return known if isinstance(known, KnownCrystal) and known.noise == case.noise else None


def resting(case: Case) -> Generator[Request, list[Prediction], Relaxed | str]:
    """Return where the crystal of a case comes to rest, or why it does not.

    Raises
    ------
    NotAnswered
        If the potential had no answer when the pool was evaluated.
    """
    known = _known(case)
    if known is None or known.end is None:
        found = yield from at_rest(case)
        return found
    if isinstance(known.end, Unanswered):
        raise _not_answered(known, known.end)
    return known.end


def swinging(case: Case, end: Relaxed | str, times: int) -> Generator[Request, list[Prediction], Waves]:
    """Return the force constants of the crystal of a case where it rests.

    Raises
    ------
    NotAnswered
        If the potential had no answer when the pool was evaluated.
    """
    known = _known(case)
    if known is None or known.waves is None or (isinstance(known.waves, Waves) and known.waves.repeats[0] != times):
        found = yield from waves_of(where(case.structure, end), times)
        return found
    if isinstance(known.waves, Unanswered):
        raise _not_answered(known, known.waves)
    return known.waves


def where(structure: Atoms, end: Relaxed | str) -> Atoms:
    """Return the structure that is looked at: at rest, or as measured where there is no rest."""
    return structure if isinstance(end, str) else end.structure


def _not_answered(known: KnownCrystal, why: Unanswered) -> NotAnswered:
    return NotAnswered(replace(why, message=f"{known.name}: {why.message}"))


def at_rest(case: Case) -> Generator[Request, list[Prediction], Relaxed | str]:
    """Relax the cell and the atoms of a crystal under its own symmetry, or say why that came to no end."""
    nu, space = case.nu, case.structure.cell.volume / len(case.structure)
    fmax = max(FMAX, ABOVE_NOISE * nu.forces, ABOVE_NOISE * nu.stress * space)
    try:
        end = yield from relaxed(case.structure, fmax=fmax, steps=STEPS)
    except NoValue as why:
        return str(why)
    return end if end.converged else f"it does not come to rest in {STEPS} steps: {end.left:.2g} eV/Å are left"


def waves_of(structure: Atoms, times: int) -> Generator[Request, list[Prediction], Waves]:
    """Measure the force constants of a crystal, with two displacements, in one request."""
    repeats = times, times, times
    found = yield from abreast([force_constants(structure, repeats, DISPLACEMENT * k) for k in (1, 2)])
    fine, coarse = (one for one in found if isinstance(one, ForceConstants))
    q = fine.commensurate
    squares, modes = fine.modes(q)
    return Waves(
        repeats,
        float(np.abs(np.array(fine.phonopy.force_constants)).max()),
        fine.net_force,
        q,
        squares,
        coarse.modes(q)[0],
        modes,
    )
