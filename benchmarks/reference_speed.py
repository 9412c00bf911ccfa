"""How fast the reference potential is, beside MACE and beside what the processor could do.

    python -m benchmarks.reference_speed [--rounds N] [--largest N] [--without-mace] [--out FILE]

Everything is energy, forces and stress in float32 on one thread, neighbour list included. What is compiled is compiled
before, and how long that takes is told apart. Comparisons are interleaved
A B B A, in fresh processes for each round; the ratio is the median over rounds of the ratio of the medians of CPU time.
Writes benchmarks/results/reference_speed.json, or another file, and prints a table.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from ase.build import bulk

from benchmarks.peers.mace import environment
from benchmarks.sources import ROOT

RESULTS = Path(__file__).parent / "results" / "reference_speed.json"
SERVE = Path(__file__).parent / "peers" / "mace" / "serve.py"
PAIRS = (
    ("lmax2", "64x0e", "Cu256", 10.0, 7.0),
    ("lmax2", "64x0e", "Si512", 10.0, 7.0),
    ("equivariant", "64x0e+64x1o", "Cu256", 10.0, 6.0),
    ("equivariant", "64x0e+64x1o", "Si512", 10.0, 6.0),
    ("lmax2-compiled", "64x0e", "Cu256", 20.0, 15.0),
    ("lmax2-compiled", "64x0e", "Si512", 20.0, 15.0),
)
"""Variant, MACE's hidden irreps, structure, goal and floor of the ratio."""
OF_THE_PROCESSOR = (("lmax2", 2.0, 3.0), ("lmax2-compiled", 3.0, 4.5))
"""Variant, goal and floor of the time over what matrix products alone would take."""


class Worker:
    """A process that answers requests."""

    def __init__(self, python: str | Path, *arguments: str, **settings: str) -> None:
        self.process = subprocess.Popen(
            [str(python), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **settings},
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the answer to one request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended with status {self.process.wait()} at {request}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def ours(**settings: str) -> Worker:
    """Return a process with the reference potential."""
    return Worker(sys.executable, "-m", "benchmarks.reference_worker", **settings)


def structures(folder: Path, largest: int) -> dict[str, str]:
    """Write the structures that are evaluated and return their files by name."""
    copper, silicon = bulk("Cu", a=3.61, cubic=True), bulk("Si", a=5.43, cubic=True)
    made: dict[str, Atoms] = {"Cu256": copper * (4, 4, 4), "Si512": silicon * (4, 4, 4), "Si2": bulk("Si", a=5.43)}
    for size, repeats in ((1000, 5), (10_648, 11), (97_336, 23)):  # 8 n³ atoms, near 10³, 10⁴ and 10⁵
        if size <= largest:
            made[f"Si{8 * repeats**3}"] = silicon * (repeats, repeats, repeats)
    files = {}
    for name, atoms in made.items():
        atoms.rattle(0.05, seed=0)
        files[name] = str(folder / f"{name}.extxyz")
        ase.io.write(files[name], atoms)
    return files


def against_mace(files: Mapping[str, str], rounds: int) -> list[dict[str, Any]]:
    """Return the ratio of CPU times for each of `PAIRS`."""
    python = environment.interpreter()
    found: list[dict[str, Any]] = [
        {"variant": a, "mace": b, "structure": name, "goal": goal, "floor": floor, "rounds": []}
        for a, b, name, goal, floor in PAIRS
    ]
    for _ in range(rounds):
        with ours() as reference, Worker(python, str(SERVE), **environment.SETTINGS) as mace:
            for row in found:
                sides = {
                    "reference": (reference, {"model": row["variant"], "repeats": 4}),
                    "mace": (mace, {"model": row["mace"], "repeats": 2}),
                }
                times: dict[str, list[float]] = {"reference": [], "mace": []}
                for worker, request in sides.values():  # the first evaluations of a process are not counted
                    worker.ask(structure=files[row["structure"]], **{**request, "repeats": 2})
                for side in ("reference", "mace", "mace", "reference"):
                    worker, request = sides[side]
                    times[side] += worker.ask(structure=files[row["structure"]], **request)["cpu"]
                n_atoms = int(row["structure"][2:])
                micro = {side: 1e6 * statistics.median(values) / n_atoms for side, values in times.items()}
                row["rounds"].append({**micro, "ratio": micro["mace"] / micro["reference"]})
    for row in found:
        for side in ("reference", "mace"):
            row[f"{side}_time"] = statistics.median(one[side] for one in row["rounds"])
        row["ratio"] = statistics.median(one["ratio"] for one in row["rounds"])
    return found


def against_the_processor(files: Mapping[str, str], rounds: int) -> list[dict[str, Any]]:
    """Return time over the least time that the matrix products alone could take at the rate of a large product."""
    found = []
    with ours() as worker:
        for (variant, goal, floor), name in itertools.product(OF_THE_PROCESSOR, ("Cu256", "Si512")):
            base = {"model": variant, "structure": files[name]}
            flops = worker.ask(model="lmax2", structure=files[name], measure="flops")["flops"]
            worker.ask(**base, repeats=2)
            ratios, times, rates = [], [], []
            for _ in range(2 * rounds):
                before = worker.ask(**base, measure="rate")["rate"]
                times.append(statistics.median(worker.ask(**base, repeats=6)["cpu"]))
                rates.append(max(before, worker.ask(**base, measure="rate")["rate"]))
                ratios.append(times[-1] * rates[-1] / flops)
            n_atoms = int(name[2:])
            found.append(
                {
                    "variant": variant,
                    "structure": name,
                    "flops_per_atom": flops / n_atoms,
                    "rate": statistics.median(rates),
                    "time_per_atom": 1e6 * statistics.median(times) / n_atoms,
                    "ratio": statistics.median(ratios),
                    "goal": goal,
                    "floor": floor,
                }
            )
    return found


def by_size(files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return time per atom and memory of systems of growing size, each in a process of its own."""
    found = []
    for name, file in files.items():
        n_atoms = int(name[2:])
        if n_atoms >= 1000:
            with ours() as worker:
                worker.ask(model="lmax2", structure=files["Si512"], repeats=2)
                small = list(worker.ask(model="lmax2", structure=files["Si1000"], repeats=4)["cpu"])
                answer = worker.ask(model="lmax2", structure=file, measure="peak")
                small += worker.ask(model="lmax2", structure=files["Si1000"], repeats=4)["cpu"]
            relative = answer["cpu"] / n_atoms / (statistics.median(small) / 1000)
            found.append({"n_atoms": n_atoms, "relative": relative, **answer})
    return found


def machine() -> dict[str, Any]:
    """Return where this was measured."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line),
        platform.processor(),
    )
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"date": today, "processor": model, "cores": os.cpu_count(), "load": os.getloadavg()[0]}


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def table(found: Mapping[str, Any]) -> list[str]:
    """Return what was found as lines of a Markdown table."""
    lines = ["| what | measured | goal | floor |", "| --- | --- | --- | --- |"]
    for row in found.get("mace", []):
        what = f"{row['variant']} against MACE {row['mace']}, {row['structure']}"
        times = f"{row['reference_time']:.0f} and {row['mace_time']:.0f} µs/atom"
        lines.append(f"| {what} | {row['ratio']:.1f}× ({times}) | {row['goal']:.0f}× | {row['floor']:.0f}× |")
    for row in found["processor"]:
        what = f"{row['variant']}, {row['structure']}: time ÷ (FLOPs ÷ rate)"
        detail = f"{row['time_per_atom']:.0f} µs and {row['flops_per_atom'] / 1e6:.2f} MFLOP per atom"
        measured = f"{row['ratio']:.1f} ({detail}, {row['rate'] / 1e9:.0f} GFLOP/s)"
        lines.append(f"| {what} | {measured} | {row['goal']:g} | {row['floor']:g} |")
    for row in found["sizes"]:
        first, again = (1e6 * row[key] / row["n_atoms"] for key in ("first", "cpu"))
        detail = f"{again:.0f} µs/atom, the first time {first:.0f}; peak {row['peak'] / 2**30:.2f} GiB"
        what = f"{row['n_atoms']} atoms, time per atom over that of 1000"
        lines.append(f"| {what} | {row['relative']:.2f} ({detail}) | 1.1 per decade, 8 GiB | 16 GiB |")
    lines.append(f"| compiling lmax2 for one species, all sizes | {found['compiling']:.0f} s, once | – | – |")
    batch = found["batch"]
    gain = batch["apart"] / batch["together"]
    lines.append(f"| 64 two-atom cells together, against one at a time | {gain:.1f}× | 10× | 5× |")
    return lines


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--largest", type=int, default=100_000, help="atoms of the largest system")
    parser.add_argument("--without-mace", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        files = structures(Path(folder), asked.largest)
        with tempfile.TemporaryDirectory() as cache, ours(XDG_CACHE_HOME=cache) as worker:
            found["compiling"] = worker.ask(model="lmax2-compiled", structure=files["Si512"], measure="making")["cpu"]
        if not asked.without_mace:
            found["mace"] = against_mace(files, asked.rounds)
        found["processor"] = against_the_processor(files, asked.rounds)
        with ours() as worker:
            found["batch"] = worker.ask(model="lmax2", structure=files["Si2"], measure="batch")
        found["sizes"] = by_size(files)
    asked.out.write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
