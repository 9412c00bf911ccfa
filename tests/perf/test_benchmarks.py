"""Every benchmark of the gate and of asv runs at this revision: both leave out what raises."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import ase.io
import pytest

from benchmarks import alloy, gate
from benchmarks.asv_suites import physics, speed
from gnnp_bench.perf.gate_worker import benchmarks
from reference_model.potential import create

BENCHMARKS = {name: value for name, value in vars(gate).items() if name.startswith("bench_")}
SUITES = [
    value
    for module in (speed, physics)
    for name, value in vars(module).items()
    if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_gate(name: str) -> None:
    work, describe = BENCHMARKS[name]()
    told = describe(work())
    assert told
    for kind, values in told.items():
        assert kind in ("results", "counters", "errors")
        assert values
        if kind != "results":
            assert all(math.isfinite(value) and value >= 0 for value in values.values())


def test_the_gate_finds_them_by_their_names() -> None:
    assert {f"bench_{name}" for name in benchmarks(gate)} == set(BENCHMARKS)


def methods(suite: type) -> Iterator[tuple[str, FunctionType]]:
    for base in reversed(suite.__mro__):
        for name, value in vars(base).items():
            if name.startswith(("time_", "track_", "peakmem_")):
                yield name, value


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_asv(suite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    params = suite.params if isinstance(suite.params[0], tuple | list) else (suite.params,)
    first = [values[0] for values in params]
    cache: list[Any] = []
    if hasattr(suite, "setup_cache"):
        # The first potential or variant is enough: each is certified or trained.
        monkeypatch.setattr(suite, "params", (tuple(first[:1]), *params[1:]))
        cache = [suite().setup_cache()]
    called = 0
    for name, _ in methods(suite):
        one = suite()
        one.setup(*cache, *first)
        value = getattr(one, name)(*cache, *first)
        if name.startswith("track_"):
            assert math.isfinite(value)
        called += 1
    assert called


def test_edges() -> None:
    physics.track_edges.setup()  # type: ignore[attr-defined]
    assert physics.track_edges() > 64


def test_the_committed_structures_and_network_are_those_of_the_command() -> None:
    for use in alloy.FRAMES:
        made = alloy.labelled(use)
        committed = ase.io.read(alloy.file(use), ":")
        assert len(committed) == len(made) == alloy.FRAMES[use]
        for one, other in zip(committed, made, strict=True):
            assert list(one.symbols) == list(other.symbols)
            assert one.positions == pytest.approx(other.positions, abs=1e-7)
            assert one.get_forces() == pytest.approx(other.get_forces(), abs=1e-6)
    assert create(str(alloy.NETWORK), {}, None).capabilities.species == ("Cu", "Au")
