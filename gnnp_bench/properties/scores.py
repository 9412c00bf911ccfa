"""Properties of materials as numbers of a certificate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gnnp_bench.certificate.result import Score, Series
from gnnp_bench.numerics import drawing
from gnnp_bench.properties.results import (
    CrystalResult,
    PropertiesResult,
    PropertyResult,
    QuantityResult,
    ReferenceResult,
)

MOST_BANDS = 24
"""Drawn: the lowest branches of eight atoms, among which imaginary ones are."""


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


def series(found: PropertiesResult) -> tuple[Series, ...]:
    """Return what is drawn of properties: equations of state, bands of phonons."""
    return tuple(
        one for crystal in found.crystals for known in crystal.properties for one in _drawn(crystal.name, known)
    )


def _drawn(crystal: str, known: PropertyResult) -> Iterator[Series]:
    arrays = {name: np.array(array.values) for name, array in known.arrays.items()}
    if known.name == "eos":
        energies = 1e3 * (arrays["energies"] - arrays["energies"].min())
        yield drawing.series(
            "Equation of state",
            "energy",
            arrays["volumes"],
            energies,
            x_name="volume",
            x_unit="Å³/atom",
            unit="meV/atom",
            kind="properties",
            subject=crystal,
        )
    if known.name == "phonons":
        for band in arrays["bands"].T[:MOST_BANDS]:
            yield drawing.series(
                "Phonons along the standard path, imaginary below zero",
                "band",
                arrays["path"],
                band,
                x_name="path",
                x_unit="1/Å",
                unit="THz",
                kind="properties",
                subject=crystal,
            )
