"""How the residual of rotation developed over commits: one figure.

    python -m benchmarks.history COMMIT … [--redraw]

Each commit's packages are taken out of git and measured by today's kernels, each in one process: what asv tracks as
`Physics.track_rotation`, in float32, without building environments. A commit that lacks a potential has no point there.
Writes benchmarks/results/history.json, to which commits are added, and docs/images/history.png.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.kernels import POTENTIALS
from benchmarks.sources import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "history.json"
FIGURE = ROOT / "docs" / "images" / "history.png"
JUMP = 3.0
"""A residual that changes by more than this factor between two commits gets a note."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = "os^vDPX"
MEASURE = """
import contextlib, json, sys
sys.path[:0] = sys.argv[1:]
from benchmarks import kernels
found = {}
for name in kernels.POTENTIALS:
    with contextlib.suppress(NotImplementedError):
        found[name] = kernels.rotation_residual(name, "float32")
print(json.dumps(found))
"""


def git(*arguments: str) -> bytes:
    """Return what git prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def measured(commit: str) -> dict[str, Any]:
    """Return when a commit was made, what it says, and its residuals, eV/Å, by potential."""
    number, day, subject = git("log", "-1", "--format=%h%n%cs%n%s", commit).decode().strip().split("\n")
    there = [name for name in ("gnnp_bench", "reference_model") if git("ls-tree", commit, name)]
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(git("archive", commit, *there))) as packed:
            packed.extractall(folder, filter="data")
        for name in ("gnnp_bench", "reference_model"):  # what is missing must not be found where it is installed
            (Path(folder) / name).mkdir(exist_ok=True)
            (Path(folder) / name / "__init__.py").touch()
        settings = {**os.environ, "OMP_NUM_THREADS": "1"}
        settings.pop("PYTHONPATH", None)
        # What the commit lacks of today's `benchmarks` and `tests` is found behind its own packages.
        told = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MEASURE, folder, str(ROOT)],
            cwd=folder,
            env=settings,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    return {"commit": number, "date": day, "subject": subject, "rotation": json.loads(told.splitlines()[-1])}


def jumps(history: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, float]]:
    """Return where, and in which potential, the residual changed by more than a factor, and by which."""
    found = []
    for index in range(1, len(history)):
        before, after = history[index - 1]["rotation"], history[index]["rotation"]
        for name in POTENTIALS:
            if before.get(name) and after.get(name):
                factor = after[name] / before[name]
                if not 1 / JUMP < factor < JUMP:
                    found.append((index, name, factor))
    return found


def draw(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the residuals over commits, oldest first, with a note at each jump."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.2), dpi=130, layout="constrained")
    axes = figure.subplots()
    for name, colour, marker in zip(POTENTIALS, COLOURS, MARKERS, strict=True):
        values = [one["rotation"].get(name, float("nan")) for one in history]
        axes.plot(range(len(history)), values, color=colour, marker=marker, markersize=6, linewidth=1.2, label=name)
    notes = []
    for number, (index, name, factor) in enumerate(jumps(history), 1):
        spot = (index, history[index]["rotation"][name])
        axes.annotate(str(number), spot, xytext=(7, -14), textcoords="offset points", fontweight="bold")
        before, after = history[index - 1]["commit"], history[index]
        change = f"{factor:,.0f} times larger" if factor > 1 else f"{1 / factor:,.0f} times smaller"
        notes.append(f"{number}: {name} {change} between {before} and {after['commit']} ({_short(after['subject'])})")
    figure.supxlabel("\n".join(notes), fontsize=8.5, x=0.01, ha="left", color="0.2")
    axes.set_xticks(range(len(history)), [f"{one['commit']}\n{one['date'][5:]}" for one in history], fontsize=8)
    axes.set(
        yscale="log",
        xlabel=f"commit and day of {history[0]['date'][:4]}, oldest first",
        ylabel="residual of rotation, eV/Å (float32)",
    )
    axes.set_title("Forces of 8 silicon atoms, turned with the structure and turned afterwards", fontsize=10)
    axes.grid(which="major", linewidth=0.4, alpha=0.4)
    axes.margins(y=0.15)
    figure.legend(loc="outside right center", fontsize=8.5, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def _short(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1].rsplit(" ", 1)[0] + " …"


def main() -> int:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs="*", metavar="COMMIT")
    parser.add_argument("--redraw", action="store_true", help="measure nothing: draw what was measured")
    asked = parser.parse_args()
    known = {one["commit"]: one for one in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    for commit in () if asked.redraw else asked.commits:
        one = measured(commit)
        known[one["commit"]] = one
        print(one["commit"], one["date"], one["rotation"])
    order = git("rev-list", "--topo-order", "--reverse", "--abbrev-commit", "HEAD").decode().split()
    history = sorted(known.values(), key=lambda one: order.index(one["commit"]))
    if not asked.redraw:
        RESULTS.write_text(json.dumps(history, indent=1) + "\n")
    draw(history, FIGURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
