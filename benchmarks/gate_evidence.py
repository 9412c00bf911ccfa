"""How far the gate can be trusted, from recorded pairs of fresh processes. Goes on where it stopped.

    python -m benchmarks.gate_evidence record [--pairs 300] [--file F]     # alone, and beside a busy core
    python -m benchmarks.gate_evidence report [--file F]                   # false alarms, power
    python -m benchmarks.gate_evidence live [--gates 10] [--file F]        # whole gates, A/A and A/B

`record` appends a quartet of processes of this very revision at a time to a file of JSON lines, so that it may be
stopped at any moment. `report` draws gates from the quartets of one condition, the second round from other quartets
than the first, and multiplies the times of one side to plant a change.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import betaincinv

from gnnp_bench.perf.gate_revisions import Revision
from gnnp_bench.perf.gate_run import Order, gate, run_quartet
from gnnp_bench.perf.gate_statistics import Comparison, compare, holm

ROOT = Path(__file__).parents[1]
FILE = Path(__file__).with_name("gate_evidence.jsonl")
CONDITIONS = ("alone", "beside a busy core")
NAMES = ("neighbours", "noise_floor", "check")
"""Benchmarks that need no network: a process takes a second."""
QUARTETS = 8
"""Of one gate's round."""
RESAMPLES = 2000
CHANGES = (0.0, 0.05, 0.10)
SLOWER = """
import sys
import time

from benchmarks import gate as sound

FACTOR = {factor}


def bench_neighbours():
    kernel, describe = sound.bench_neighbours()
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


def here(name: str) -> Revision:
    """Return the working tree as a revision."""
    return Revision(name, None, ROOT, Path(sys.executable))


@contextlib.contextmanager
def condition(name: str) -> Iterator[None]:
    """Keep the other core busy, or leave it alone."""
    if name == CONDITIONS[0]:
        yield
        return
    busy = "import numpy as np\na = np.ones((300, 300))\nwhile True: a = a @ a / 300"
    with subprocess.Popen([sys.executable, "-c", busy]) as process:
        try:
            yield
        finally:
            process.kill()


def read(file: Path) -> list[dict[str, Any]]:
    """Return the recorded quartets; a last line that was cut off is left out."""
    lines = file.read_text().splitlines() if file.exists() else []
    found = []
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


def record(file: Path, pairs: int) -> None:
    """Append quartets until there are enough pairs of each condition, both in turn."""
    order = Order(harness=ROOT / "benchmarks/gate.py", names=NAMES)
    while True:
        counts = {name: 2 * sum(one["condition"] == name for one in read(file)) for name in CONDITIONS}
        name = min(CONDITIONS, key=lambda one: counts[one])
        if counts[name] >= pairs:
            return
        with condition(name):
            base, head = run_quartet(here("A"), here("B"), order, NAMES)
        times = {n: {"base": [v["cpu_s"] for v in base[n]], "head": [v["cpu_s"] for v in head[n]]} for n in NAMES}
        with file.open("a") as stream:
            stream.write(json.dumps({"condition": name, "cpu_s": times}) + "\n")
        print(f"{name}: {counts[name] + 2} of {pairs} pairs", flush=True)


def judged(quartets: Sequence[dict[str, Any]], change: float) -> dict[str, Comparison]:
    """Return what one round of a gate says, the head of the first benchmark slower by `change`."""
    found = {}
    for name in NAMES:
        base = [value for one in quartets for value in one["cpu_s"][name]["base"]]
        factor = 1.0 + change if name == NAMES[0] else 1.0
        head = [factor * value for one in quartets for value in one["cpu_s"][name]["head"]]
        found[name] = compare(base, head)
    return holm(found)


def report(file: Path) -> None:
    """Print how often gates drawn from the record flag a change, for each condition."""
    recorded = read(file)
    for name in CONDITIONS:
        quartets = [one for one in recorded if one["condition"] == name]
        if len(quartets) < 2 * QUARTETS:
            print(f"{name}: {2 * len(quartets)} pairs are too few, a gate needs {4 * QUARTETS}")
            continue
        for change in CHANGES:
            rng = np.random.default_rng(0)
            flagged = 0
            for _ in range(RESAMPLES):
                drawn = [quartets[i] for i in rng.permutation(len(quartets))[: 2 * QUARTETS]]
                first, second = (judged(part, change) for part in (drawn[:QUARTETS], drawn[QUARTETS:]))
                wanted = NAMES[:1] if change else NAMES
                flagged += any(first[one].flagged and second[one].flagged for one in wanted)
            low, high = interval(flagged, RESAMPLES)
            what = "equal revisions flagged" if not change else f"+{100 * change:.0f} % caught"
            share = 100 * flagged / RESAMPLES
            print(f"{name}, {2 * len(quartets)} pairs: {what} {share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]")


def interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (Clopper and Pearson, Biometrika 26, 404, 1934)."""
    low = float(betaincinv(hits, trials - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 0.975)) if hits < trials else 1.0
    return low, high


def live(file: Path, gates: int) -> None:
    """Carry out whole gates of one benchmark, A/A and with 10 % more work on the head, in turn."""
    done = [one for one in read(file) if "live" in one]
    with tempfile.TemporaryDirectory() as folder:
        for kind, factor in (("A/A", 0.0), ("A/B +10 %", 0.10)):
            sides = [Path(folder) / kind.replace("/", "") / side for side in ("base", "head")]
            for side in sides:
                side.parent.mkdir(exist_ok=True)
                side.symlink_to(ROOT)
            harness = Path(folder) / f"slower_{int(100 * factor)}.py"
            harness.write_text(SLOWER.format(factor=factor))
            base, head = (Revision(side.name, None, side, Path(sys.executable)) for side in sides)
            for number in range(sum(one["live"] == kind for one in done), gates):
                (found,) = gate(base, head, Order(harness=harness, names=("neighbours",), quartets=QUARTETS), print)
                ratio = found.comparisons["time"].ratio
                with file.open("a") as stream:
                    stream.write(json.dumps({"condition": "live", "live": kind, "worse": found.worse}) + "\n")
                print(f"{kind} {number + 1}: {'worse' if found.worse else 'not worse'}, ratio {ratio:.3f}", flush=True)
    for kind in ("A/A", "A/B +10 %"):
        outcomes = [bool(one["worse"]) for one in read(file) if one.get("live") == kind]
        print(f"{kind}: {sum(outcomes)} of {len(outcomes)} gates failed")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("record", "report", "live"))
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--gates", type=int, default=10)
    parser.add_argument("--file", type=Path, default=FILE)
    asked = parser.parse_args()
    if asked.what == "record":
        record(asked.file, asked.pairs)
    elif asked.what == "report":
        report(asked.file)
    else:
        live(asked.file, asked.gates)


if __name__ == "__main__":
    main()
