"""What a calculator answered, brought into the shape of a `Prediction` without hiding what is wrong with it.

What is no array of plain numbers (None, complex or masked numbers, objects) is handed on as it is: converting it would
drop the imaginary part, the mask or the lack of an answer, and it is for the engine to tell.
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import Any

import numpy as np
from ase.calculators import abc, calculator
from ase.stress import voigt_6_to_full_3x3_stress

_ASE = (abc.__name__, calculator.__name__)


def number(energy: Any) -> Any:
    """Return an energy as a number; calculators of neural networks often give an array with one."""
    if energy is None or isinstance(energy, np.ma.MaskedArray):
        return energy
    values = energy if hasattr(energy, "item") else np.asarray(energy)
    return values.item() if math.prod(values.shape) == 1 else energy


def array(value: Any) -> Any:
    """Return a copy of an array, of float64 where it holds real numbers."""
    if value is None:
        return None
    try:
        copy = np.array(value, subok=True)
    except ValueError:  # rows of unequal length, which is no refusal
        return value
    return copy.astype(np.float64) if _plain(copy) else copy


def stress(value: Any) -> Any:
    """Return stress as a (3, 3) array; calculators give ASE's Voigt order xx, yy, zz, yz, xz, xy or a full tensor."""
    found = array(value)
    if not isinstance(found, np.ndarray) or not _plain(found) or found.shape != (6,):
        return found
    return np.array(voigt_6_to_full_3x3_stress(found), np.float64)


def left_out(error: BaseException) -> bool:
    """Return whether ASE's base class raised this on behalf of a calculator that computed and left a property out.

    A calculator that raises it itself refuses in its own words.
    """
    trace: TracebackType | None = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals.get("__name__") in _ASE


def _plain(values: Any) -> bool:
    return values.dtype.kind in "fiu" and not np.ma.isMaskedArray(values)
