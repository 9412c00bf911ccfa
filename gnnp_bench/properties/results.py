"""What was measured of materials, as it is written: every number with its unit, error bar and references."""

from __future__ import annotations

import msgspec

from gnnp_bench.properties.references import Reference
from gnnp_bench.properties.values import Summary

SCHEMA = 1


class ReferenceResult(msgspec.Struct, frozen=True):
    """A reference value; see `references.Reference`."""

    value: float
    unit: str
    method: str
    temperature_k: float | None
    source: str


class QuantityResult(msgspec.Struct, frozen=True):
    """A number; see `values.Quantity`."""

    name: str
    value: float
    unit: str
    error: float | None
    converged: bool
    references: tuple[ReferenceResult, ...] = ()


class ArrayResult(msgspec.Struct, frozen=True):
    """Numbers of which there are many, as nested lists."""

    values: list[object]
    unit: str


class PropertyResult(msgspec.Struct, frozen=True):
    """A property of one crystal; `missing` says why there is none."""

    name: str
    title: str
    quantities: tuple[QuantityResult, ...] = ()
    arrays: dict[str, ArrayResult] = {}
    notes: tuple[str, ...] = ()
    missing: str | None = None
    applicable: bool = True


class CrystalResult(msgspec.Struct):
    """A crystal and its properties; `missing` says why there are none."""

    name: str
    formula: str
    prototype: str | None
    atoms: int
    properties: list[PropertyResult] = []
    missing: str | None = None


class PotentialResult(msgspec.Struct, frozen=True):
    """Whose properties they are."""

    spec: str
    name: str
    version: str | None
    weights_sha256: str | None


class PropertiesResult(msgspec.Struct):
    """Everything that ``gnnp-bench properties`` found."""

    potential: PotentialResult
    fmax_ev_per_ang: float
    crystals: list[CrystalResult]
    complete: bool = False
    evaluations: int = 0
    elapsed_s: float = 0.0
    schema: int = SCHEMA


def property_result(name: str, title: str, summary: Summary, references: tuple[Reference, ...]) -> PropertyResult:
    """Return what is written of a property, each number beside its references in the same unit."""
    return PropertyResult(
        name,
        title,
        tuple(
            QuantityResult(
                one.name,
                float(one.value),
                one.unit,
                None if one.error is None else float(one.error),
                one.converged,
                tuple(
                    ReferenceResult(known.value, known.unit, known.method, known.temperature, known.source)
                    for known in references
                    if known.property == one.name and known.unit == one.unit
                ),
            )
            for one in summary.quantities
        ),
        {key: ArrayResult(array.values.tolist(), array.unit) for key, array in summary.arrays.items()},
        summary.notes,
    )
