"""Properties of materials as numbers of a certificate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gnnp_bench.certificate.result import Score
from gnnp_bench.properties.results import CrystalResult, PropertiesResult, QuantityResult, ReferenceResult


def scores(found: PropertiesResult) -> tuple[Score, ...]:
    """Return every number of every crystal; of properties that a crystal could have and has not, why."""
    return tuple(score for crystal in found.crystals for score in _of(crystal))


def missing(subject: str, name: str, why: str) -> Score:
    """Return what stands in the certificate where there is no number."""
    return Score(kind="properties", subject=subject, name=name, value=None, unit="", remark=why)


def _of(crystal: CrystalResult) -> Iterator[Score]:
    if crystal.missing is not None:
        yield missing(crystal.name, "relaxed lattice", crystal.missing)
    for one in crystal.properties:
        if one.missing is not None and one.applicable:
            yield missing(crystal.name, one.title, one.missing)
        for quantity in one.quantities:
            yield _score(crystal.name, quantity)


def _score(subject: str, quantity: QuantityResult) -> Score:
    reference = _closest_in_kind(quantity.references)
    remarks = [] if quantity.converged else ["not converged"]
    if reference is not None:
        at = "" if reference.temperature_k is None else f" at {reference.temperature_k:g} K"
        remarks.append(f"reference: {reference.method}{at}, {reference.source}")
    return Score(
        kind="properties",
        subject=subject,
        name=quantity.name,
        value=quantity.value,
        uncertainty=quantity.error,
        unit=quantity.unit,
        reference=None if reference is None else reference.value,
        remark="; ".join(remarks),
    )


def _closest_in_kind(references: Sequence[ReferenceResult]) -> ReferenceResult | None:
    """Return a calculation where there is one: potentials are trained on calculations."""
    calculated = [one for one in references if one.method != "experiment"]
    return next(iter([*calculated, *references]), None)
