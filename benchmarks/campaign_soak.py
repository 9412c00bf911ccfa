"""A campaign of thousands of tiny tasks while its processes are killed at random, compared with one left in peace.

    python -m benchmarks.campaign_soak [--seeds 840] [--minutes 10] [--every 1.0] [--leader-every 60]

Kills a process of a worker every second, and the process that leads every minute, for so many minutes, and begins the
campaign again whenever it has ended; then lets it end in peace, runs the same campaign undisturbed and compares each
result, times apart. Ends with 0 if both stores hold the same results, each once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import psutil

from benchmarks.sources import ROOT
from gnnp_bench.campaign import store

LAWS = ("symmetry/*", "periodicity/lattice-wrap", "robustness/input-intact", "robustness/noise-floor")
TIMES = ("elapsed_s", "potential_s", "loading_s")


def campaign(folder: Path, seeds: int) -> Path:
    path = folder / "campaign.toml"
    laws = ", ".join(f'"{law}"' for law in LAWS)
    path.write_text(
        f'executor = "processes:2"\nbudgets = ["quick"]\nlaws = [{laws}]\nseeds = {list(range(seeds))}\n'
        '[[potential]]\nspec = "tests.campaign.potentials:tiny"\nspecies = ["Cu", "Au"]\n'
    )
    return path


def begun(path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gnnp_bench", "campaign", "run", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def disturbed(path: Path, minutes: float, every: float, leader_every: float) -> tuple[int, int]:
    """Run a campaign while killing, until the time is over or all is done; return how many workers and leaders died."""
    chance = random.Random(0)
    until = time.monotonic() + 60.0 * minutes
    killed, leaders = 0, 0
    next_leader = time.monotonic() + leader_every
    process = begun(path)
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.0, 2.0 * every))
        if process.poll() is not None:
            if process.returncode != -signal.SIGKILL and not left(path):
                return killed, leaders
            process = begun(path)
        elif time.monotonic() > next_leader:
            next_leader = time.monotonic() + leader_every
            process.kill()
            leaders += 1
        elif children := psutil.Process(process.pid).children():
            with contextlib.suppress(psutil.Error):
                chance.choice(children).kill()
                killed += 1
    process.wait()
    return killed, leaders


def left(path: Path) -> bool:
    """Return whether a task was given up because its processes were killed."""
    with store.reading(path.with_suffix(".db")) as opened:
        rows = list(opened.rows())
    done = {row.address for row in rows if row.ending != "killed"}
    return any(row.address not in done for row in rows)


def results(path: Path) -> dict[tuple[str, ...], list[Any]]:
    """Return all that counts, without times: by address. Tasks that were killed each time have no result."""
    found: dict[tuple[str, ...], list[Any]] = {}
    with store.reading(path.with_suffix(".db")) as opened:
        for row in opened.rows():
            if row.ending == "killed":
                continue
            told = _without_times(msgspec.json.decode(row.value)) if row.value else None
            found.setdefault((row.address, row.name, str(row.seed)), []).append((row.ending, told))
    return found


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(each) for key, each in value.items() if key not in (*TIMES, "environment")}
    return [_without_times(each) for each in value] if isinstance(value, list) else value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=840)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two killed workers, on average")
    parser.add_argument("--leader-every", type=float, default=60.0)
    asked = parser.parse_args()
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        path = campaign(Path(first), asked.seeds)
        killed, leaders = disturbed(path, asked.minutes, asked.every, asked.leader_every)
        begun(path).wait()
        seen = results(path)
        peaceful = campaign(Path(second), asked.seeds)
        begun(peaceful).wait()
        expected = results(peaceful)
    twice = sum(len(rows) > 1 for rows in seen.values())
    missing, invented = len(expected.keys() - seen.keys()), len(seen.keys() - expected.keys())
    other = sum(seen[key] != expected[key] for key in expected.keys() & seen.keys())
    print(f"{len(expected)} tasks; killed: {killed} workers, {leaders} leaders")
    print(f"missing {missing}, invented {invented}, twice {twice}, different {other}")
    return int(bool(missing or invented or twice or other))


if __name__ == "__main__":
    sys.exit(main())
