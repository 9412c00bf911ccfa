"""How far the gate can be trusted is told from a record: a steady machine is trusted, a noisy one is not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.gate_evidence import (
    CONDITIONS,
    GOALS,
    LIVE,
    NAMES,
    ROOT,
    SUMMARY,
    interval,
    read,
    resampled,
    summary,
    table,
)

AT = {"date": "2026-11-25", "processor": "a processor", "cores": 2, "load": 0.1}


def quartets(noise: float, count: int = 20) -> list[dict[str, object]]:
    """Return what processes of one revision said, on a machine whose times scatter by a share of themselves."""
    rng = np.random.default_rng(0)

    def process(seconds: float) -> dict[str, float]:
        time = seconds * (1.0 + noise * abs(rng.normal()))
        return {"cpu_s": time, "wall_s": time, "peak_bytes": 100_000_000}

    def sides(seconds: float) -> dict[str, list[dict[str, float]]]:
        return {side: [process(seconds), process(seconds)] for side in ("base", "head")}

    return [
        {"condition": CONDITIONS[0], "machine": AT, "benchmarks": {name: sides(0.01) for name in NAMES}}
        for _ in range(count)
    ]


def test_a_steady_machine_sees_every_change_and_no_other():
    recorded = quartets(0.003)
    assert resampled(recorded, 0.0, 9)["called_worse"] == 0
    found = resampled(recorded, 0.05, 9)
    assert (found["share"], found["by_benchmark"]) == (1.0, dict.fromkeys(NAMES, 1.0))


def test_a_noisy_machine_misses_changes():
    assert resampled(quartets(0.3), 0.05, 9)["share"] < 0.5


def test_conditions_without_enough_quartets_are_left_out_and_live_gates_are_counted():
    gates = [
        {"live": kind, "machine": AT, "worse": ["time"] if factor else [], "exit_status": int(factor > 0)}
        for kind, factor in LIVE.items()
    ]
    found = summary([*quartets(0.003), *quartets(0.003, 3), *gates], 3)
    assert list(found["conditions"]) == [CONDITIONS[0]]
    assert found["conditions"][CONDITIONS[0]]["pairs"] == 46
    assert found["conditions"][CONDITIONS[0]]["dates"] == ["2026-11-25"]
    assert [one["failed"] for one in found["live"].values()] == [0, 1]
    assert len(table(found)) == 2 + 3 + 2


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    file = tmp_path / "lines.jsonl"
    file.write_text(json.dumps({"live": "A/A"}) + '\n{"live": "A/')
    assert read(file) == [{"live": "A/A"}]
    assert read(tmp_path / "absent") == []


def test_the_interval_of_a_share():
    assert list(interval(0, 10)) == pytest.approx([0.0, 0.3085], abs=1e-4)
    assert list(interval(5, 10)) == pytest.approx([0.1871, 0.8129], abs=1e-4)


def test_the_page_says_what_was_recorded_and_the_goals_are_met() -> None:
    found = json.loads(SUMMARY.read_text())
    page = (ROOT / "docs/gate.md").read_text()
    assert "\n".join(table(found)) in page
    assert set(found["conditions"]) == set(CONDITIONS)
    for one in found["conditions"].values():
        assert one["pairs"] >= 300
        for at in one["planted"]:
            bound, goal = GOALS[at["change"]]
            assert (at["share"] <= goal) if bound == "at most" else (at["share"] >= goal)
    assert {kind: one["failed"] for kind, one in found["live"].items()} == {"A/A": 0, "A/B +10 %": 10}
