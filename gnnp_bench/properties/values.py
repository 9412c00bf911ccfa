"""What properties tell, alike for all of them: numbers with units and error bars, tables, sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gnnp_bench.potential import FloatArray


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit and an error bar.

    Attributes
    ----------
    name : str
        As the references know it: "a", "B0", "C11", "surface_energy_100".
    value : float
    unit : str
        "" where there is none.
    error : float or None
        By how much the value may change with finer steps, more amplitudes, larger cells, in the same unit: how far it
        is converged, not how far it is from nature. None where it is as exact as arithmetic.
    converged : bool
        Whether the error is small enough for the value to mean something. One that is not is shown with its error.
    """

    name: str
    value: float
    unit: str
    error: float | None = None
    converged: bool = True


@dataclass(frozen=True, slots=True)
class Array:
    """Numbers of which there are many: a tensor, a curve.

    Attributes
    ----------
    values : array
    unit : str
    """

    values: FloatArray
    unit: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told of a property of one crystal.

    Attributes
    ----------
    quantities : tuple of Quantity
        In the order in which they are printed.
    arrays : mapping of str to Array
        For the file of ``--json`` and whoever draws.
    notes : tuple of str
        One sentence each: what is not converged, what the numbers do not say.
    """

    quantities: tuple[Quantity, ...]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
