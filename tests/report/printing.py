"""Checks to report on, and what a report looks like in print."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console

from gnnp_bench.check import Check, PoolView, vacuous
from gnnp_bench.report.stream import console


def draw(rng: object, view: PoolView):
    raise NotImplementedError("the report draws no cases")


def measure(case: object):
    yield from ()
    return vacuous("the report measures nothing")


def check(check_id: str, **changed: object) -> Check:
    values: dict[str, object] = {
        "id": check_id,
        "law": "E(Px) = E(x)",
        "category": "mandatory",
        "needs": frozenset({"energy", "stress"}),
        "source": "doi:10.1000/example",
        "tolerance": "s = 1 meV/Å",
        "physics": "Atoms do not know the order of the cell vectors. A relaxation of the cell would run away.",
        "draw": draw,
        "measure": measure,
    }
    return Check(**(values | changed))  # type: ignore[arg-type]


def printed(show: Callable[[Console], None], *, width: int = 80) -> str:
    stream = io.StringIO()
    show(console(stream, width=width))
    return stream.getvalue()
