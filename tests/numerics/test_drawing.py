"""What is drawn is short, and says what was measured."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from gnnp_bench.certificate.result import Series
from gnnp_bench.check import Component, LawError, Residual
from gnnp_bench.numerics.drawing import MOST_POINTS, series

drawn = partial(series, "Energy", "energy", x_name="way", x_unit="Å", unit="eV")
COMPONENT = Component("forces", 1.0, 1e-3, "eV/Å")


def line(n: int, keep: tuple[int, ...] = ()) -> Series:
    x = np.linspace(0.0, 1.0, n)
    return drawn(x, x**2 / 3.0, keep=keep)


def test_numbers_are_few_and_short():
    assert len(line(10).x) == 10
    long = line(1000)
    assert len(long.x) == len(long.y) == MOST_POINTS
    assert (long.x[0], long.x[-1]) == (0.0, 1.0)
    assert max(len(f"{y}") for y in long.y) <= len("0.333333e-10")
    assert long.y[-1] == 0.333333


def test_what_must_be_seen_is_kept():
    kept = line(1000, keep=(501, 502))
    spacing = np.diff(np.array(kept.x, dtype=float)).min()
    assert spacing == pytest.approx(1.0 / 999.0, rel=1e-3)


def test_what_is_not_finite_is_a_gap():
    assert drawn([0.0, 1.0], [np.nan, np.inf]).y == (None, None)


def test_a_residual_takes_series_alone():
    assert Residual((COMPONENT,), series=(line(3),)).series[0].figure == "Energy"
    with pytest.raises(LawError, match="its series must be a tuple of Series, not a list"):
        Residual((COMPONENT,), series=[line(3)])  # type: ignore[arg-type]
