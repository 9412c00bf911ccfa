"""Errors against reference data as numbers of a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from ase import units

from gnnp_bench.accuracy.errors import Errors, Spread
from gnnp_bench.accuracy.measure import Found
from gnnp_bench.certificate.result import Score, Series
from gnnp_bench.numerics import drawing

MOST_DRAWN = 200
"""Points of a figure of predictions against labels."""
_PARITY = (("energy", "eV/atom", 1.0), ("forces", "eV/Å", 1.0), ("stress", "GPa", 1.0 / units.GPa))
_QUANTITIES = (("energy", "meV/atom", 1e3), ("forces", "meV/Å", 1e3), ("stress", "GPa", 1.0 / units.GPa))


def scores(name: str, found: Found) -> tuple[Score, ...]:
    """Return mean absolute and root-mean-square errors over all structures, and over each group of them.

    Parameters
    ----------
    name : str
        Of the file.
    found : Found
    """
    left_out = [f"{n} {why}" for n, why in ((found.n_skipped, "skipped"), (found.n_refused, "refused")) if n]
    remark = f"{found.total.structures} structures" + (f"; {', '.join(left_out)}" if left_out else "")
    if not found.total.structures:
        return (missing(name, f"nothing could be compared: {'; '.join(left_out) or 'no structures'}"),)
    told = list(_of(name, found.total, remark))
    if (shifted := found.shift.rmse) is not None:
        told.append(_score(name, "energy after a shift of each species, RMSE", 1e3 * shifted, "meV/atom", remark))
    if len(found.groups) > 1:
        for group, errors in sorted(found.groups.items()):
            told += _of(f"{name}: {group}", errors, f"{errors.structures} structures")
    return tuple(told)


def missing(name: str, why: str) -> Score:
    """Return what stands in the certificate where no error could be measured."""
    return _score(name, "forces, MAE", None, "meV/Å", why)


def _of(subject: str, errors: Errors, remark: str) -> Iterator[Score]:
    spreads: tuple[Spread, ...] = (errors.energy, errors.forces, errors.stress)
    for (quantity, unit, factor), spread in zip(_QUANTITIES, spreads, strict=True):
        for kind, value in (("MAE", spread.mae), ("RMSE", spread.rmse)):
            if value is not None:
                yield _score(subject, f"{quantity}, {kind}", factor * value, unit, remark)


def _score(subject: str, name: str, value: float | None, unit: str, remark: str) -> Score:
    return Score(kind="accuracy", subject=subject, name=name, value=value, unit=unit, better="lower", remark=remark)


def series(name: str, found: Found) -> tuple[Series, ...]:
    """Return predictions against labels, to be drawn: a sample of all, as `Points` has drawn it at random."""
    drawn = []
    for quantity, unit, factor in _PARITY:
        points = found.points[quantity]
        label, predicted = factor * points.pairs[:, np.argsort(points.ranks)[:MOST_DRAWN]]
        if len(label):
            ends = [float(min(label.min(), predicted.min())), float(max(label.max(), predicted.max()))]
            axes = partial(
                drawing.series,
                f"Predicted {quantity} against labels",
                x_name="label",
                x_unit=unit,
                unit=unit,
                kind="accuracy",
                subject=name,
            )
            drawn += [axes("equal", ends, ends), axes("predicted", label, predicted, points=True, most=MOST_DRAWN)]
    return tuple(drawn)
