"""How far the gate can be trusted, from recorded pairs of fresh processes. Goes on where it stopped.

    python -m benchmarks.gate_evidence record [--pairs 300] [--file F]     # alone, and beside a busy core
    python -m benchmarks.gate_evidence live [--gates 10] [--file F]        # whole gates, A/A and A/B
    python -m benchmarks.gate_evidence report [--file F] [--json F]        # false alarms, power

`record` appends a quartet of processes of this very revision at a time to a file of JSON lines, so that it may be
stopped at any moment. `report` draws gates from the quartets of one condition, the second round from other quartets
than the first, multiplies the times of one side to plant a change, and has them judged by the code of the gate. It
writes benchmarks/results/gate_evidence.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from scipy.special import betaincinv

from benchmarks.reference_speed import machine
from gnnp_bench.perf.gate_judge import BenchmarkResult, Runs, exit_status, judged
from gnnp_bench.perf.gate_revisions import Revision
from gnnp_bench.perf.gate_run import Order, gate, run_quartet

ROOT = Path(__file__).parents[1]
FILE = ROOT / "benchmarks/results/gate_evidence.jsonl"
SUMMARY = ROOT / "benchmarks/results/gate_evidence.json"
CONDITIONS = ("alone", "beside a busy core")
NAMES = ("noise_floor", "check", "pool")
"""Benchmarks that need no torch: a process takes little more than a second."""
IN_A_ROW = 5
"""Quartets under one condition before it is the other's turn."""
QUARTETS = 8
"""Of one gate's round."""
RESAMPLES = 2000
CHANGES = (0.0, 0.05, 0.10)
GOALS = {0.0: ("at most", 0.01), 0.05: ("at least", 0.80), 0.10: ("at least", 0.99)}
"""Share of gates that may or must call the head worse, by planted change."""
LIVE = {"A/A": 0.0, "A/B +10 %": 0.10}
EMPTY: Mapping[str, Any] = {"results": {}, "counters": {}, "errors": {}}
BUSY = """
import numpy as np
a = np.ones((300, 300))
print(flush=True)
while True:
    a = a @ a / 300
"""
SLOWER = """
import sys
import time

from benchmarks import gate as sound

FACTOR = {factor}


def bench_noise_floor():
    kernel, describe = sound.bench_noise_floor()
    share = FACTOR if any(path.endswith("/head") for path in sys.path) else 0.0

    def work():
        begin = time.process_time()
        found = kernel()
        until = time.process_time() + share * (time.process_time() - begin)
        while time.process_time() < until:
            pass
        return found

    return work, describe
"""
Line: TypeAlias = dict[str, Any]


def here(name: str) -> Revision:
    """Return the working tree as a revision."""
    return Revision(name, None, ROOT, Path(sys.executable))


@contextlib.contextmanager
def condition(name: str) -> Iterator[None]:
    """Keep one core busy, or leave the machine alone."""
    if name == CONDITIONS[0]:
        yield
        return
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", BUSY], env=one_thread, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it has begun
            yield
        finally:
            process.kill()


def read(file: Path) -> list[Line]:
    """Return the recorded lines; a last one that was cut off is left out."""
    lines = file.read_text().splitlines() if file.exists() else []
    found = []
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


def append(file: Path, line: Line) -> None:
    with file.open("a") as stream:
        stream.write(json.dumps(line) + "\n")


def record(file: Path, pairs: int) -> None:
    """Append quartets until there are enough pairs of each condition, both in turn."""
    order = Order(harness=ROOT / "benchmarks/gate.py", names=NAMES)
    while True:
        counts = Counter({name: 2 * sum(one.get("condition") == name for one in read(file)) for name in CONDITIONS})
        name = min(CONDITIONS, key=lambda one: counts[one])
        missing = -(-(pairs - counts[name]) // 2)
        if missing <= 0:
            return
        at = machine()
        with condition(name):
            for _ in range(min(IN_A_ROW, missing)):
                sides = run_quartet(here("A"), here("B"), order, NAMES)
                told = {n: {s: _brief(side[n]) for s, side in zip(("base", "head"), sides, strict=True)} for n in NAMES}
                append(file, {"condition": name, "machine": at, "benchmarks": told})
                counts[name] += 2
        print(f"{name}: {counts[name]} of {pairs} pairs", flush=True)


def _brief(processes: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Return what is judged of each process, five digits of it."""
    keys = ("cpu_s", "wall_s", "peak_bytes")
    return [{key: one[key] if key == "peak_bytes" else float(f"{one[key]:.5g}") for key in keys} for one in processes]


def as_gate(draw: Sequence[Line], names: Sequence[str], planted: str, change: float) -> list[BenchmarkResult]:
    """Return what one round of a gate says of some benchmarks, the head slower by `change` in the one planted."""
    runs = {}
    for name in names:
        factor = 1.0 + change if name == planted else 1.0
        base = tuple({**EMPTY, **one} for line in draw for one in line["benchmarks"][name]["base"])
        head = tuple(
            {**EMPTY, **one, "cpu_s": factor * one["cpu_s"]}
            for line in draw
            for one in line["benchmarks"][name]["head"]
        )
        runs[name] = Runs(base, head)
    return judged(runs)


def resampled(quartets: Sequence[Line], change: float, resamples: int) -> dict[str, Any]:
    """Return how often gates that are drawn from quartets without replacement exit with 1 and with 3.

    Where a change is planted, it is in one of the benchmarks in turn; only a gate that calls the time of this one worse
    has caught it.
    """
    rng = np.random.default_rng(0)
    worse = dict.fromkeys(NAMES, 0)
    trials = dict.fromkeys(NAMES, 0)
    statuses: Counter[int] = Counter()
    for number in range(resamples):
        planted = NAMES[number % len(NAMES)]
        drawn = [quartets[i] for i in rng.permutation(len(quartets))[: 2 * QUARTETS]]
        found = as_gate(drawn[:QUARTETS], NAMES, planted, change)
        suspects = [one.name for one in found if one.noisy_worse]
        again = {one.name: one for one in as_gate(drawn[QUARTETS:], suspects, planted, change)}
        found = [one.confirmed(again.get(one.name)) for one in found]
        statuses[exit_status(found)] += 1
        trials[planted] += 1
        caught = any(one.worse for one in found) if not change else "time" in found[NAMES.index(planted)].worse
        worse[planted] += caught
    total = sum(worse.values())
    bound, goal = GOALS[change]
    return {
        "change": change,
        "gates": resamples,
        "called_worse": total,
        "share": total / resamples,
        "interval_95": interval(total, resamples),
        "goal": f"{bound} {goal}",
        "inconclusive": statuses[3],
        **({"by_benchmark": {name: worse[name] / trials[name] for name in NAMES if trials[name]}} if change else {}),
    }


def summary(lines: Sequence[Line], resamples: int) -> dict[str, Any]:
    """Return what the record comes to: for each condition the shares by planted change, and the live gates."""
    conditions: dict[str, Any] = {}
    with ProcessPoolExecutor() as executor:
        for name in CONDITIONS:
            quartets = [one for one in lines if one.get("condition") == name]
            if len(quartets) < 2 * QUARTETS:
                continue
            futures = [executor.submit(resampled, quartets, change, resamples) for change in CHANGES]
            conditions[name] = {"pairs": 2 * len(quartets), **_where(quartets), "planted": futures}
        for one in conditions.values():
            one["planted"] = [future.result() for future in one["planted"]]
    return {
        "benchmarks": list(NAMES),
        "quartets_per_round": QUARTETS,
        "conditions": conditions,
        "live": {
            kind: {
                "gates": len(gates),
                "failed": sum(bool(one["worse"]) for one in gates),
                "inconclusive": sum(one["exit_status"] == 3 for one in gates),
                **_where(gates),
            }
            for kind in LIVE
            if (gates := [one for one in lines if one.get("live") == kind])
        },
    }


def _where(lines: Sequence[Line]) -> dict[str, Any]:
    """Return the machines on which lines were recorded, the days, and how busy it was before they began."""
    return {
        "dates": sorted({one["machine"]["date"] for one in lines}),
        "machines": sorted({f"{one['machine']['processor']}, {one['machine']['cores']} cores" for one in lines}),
        "load_before": round(statistics.median(one["machine"]["load"] for one in lines), 2),
    }


def table(found: Mapping[str, Any]) -> list[str]:
    """Return a summary as a Markdown table."""
    lines = ["| condition | pairs | planted | called worse | 95 % | goal | inconclusive |", "|" + " --- |" * 7]
    for name, one in found["conditions"].items():
        for at in one["planted"]:
            low, high = (f"{100 * value:.3g} %" for value in at["interval_95"])
            what = f"+{100 * at['change']:.0f} %" if at["change"] else "nothing"
            lines.append(
                f"| {name} | {one['pairs']} | {what} | {100 * at['share']:.3g} % | {low} to {high} | {at['goal']} "
                f"| {100 * at['inconclusive'] / at['gates']:.2g} % |"
            )
    lines += [
        f"| live, {kind} | | | {one['failed']} of {one['gates']} | | | {one['inconclusive']} |"
        for kind, one in found["live"].items()
    ]
    return lines


def interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (Clopper and Pearson, Biometrika 26, 404, 1934)."""
    low = float(betaincinv(hits, trials - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 0.975)) if hits < trials else 1.0
    return low, high


def live(file: Path, gates: int) -> None:
    """Carry out whole gates of one benchmark, A/A and with 10 % more work on the head, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        sides = [Path(folder) / side for side in ("base", "head")]
        for side in sides:
            side.symlink_to(ROOT)
        base, head = (Revision(side.name, None, side, Path(sys.executable)) for side in sides)
        for kind, factor in LIVE.items():
            harness = Path(folder) / f"slower_{int(100 * factor)}.py"
            harness.write_text(SLOWER.format(factor=factor))
            order = Order(harness=harness, names=NAMES[:1], quartets=QUARTETS)
            for number in range(sum(one.get("live") == kind for one in read(file)), gates):
                at = machine()
                (found,) = gate(base, head, order, lambda _: None)
                ratio = found.comparisons["time"].ratio
                line = {"live": kind, "machine": at, "worse": found.worse, "exit_status": exit_status([found])}
                append(file, {**line, "ratio": float(f"{ratio:.5g}")})
                print(f"{kind} {number + 1}: {'worse' if found.worse else 'not worse'}, ratio {ratio:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("record", "live", "report"))
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--gates", type=int, default=10)
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--json", type=Path, default=SUMMARY)
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    asked = parser.parse_args()
    if asked.what == "record":
        record(asked.file, asked.pairs)
    elif asked.what == "live":
        live(asked.file, asked.gates)
    else:
        found = summary(read(asked.file), asked.resamples)
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
        print("\n".join(table(found)))


if __name__ == "__main__":
    main()
