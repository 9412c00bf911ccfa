"""Run benchmarks of a harness once, on the code of one revision. A script that needs the standard library alone.

    python -P gate_worker.py HARNESS CODE SECONDS [NAME...]

It is the head's, and runs in the base's environment as well, where gnnp_bench may be older or another: so it imports
nothing of it. One JSON value per benchmark goes to standard output; without SECONDS (0), their names alone do.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.machinery
import importlib.util
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PREFIX = "bench_"
LONG_ENOUGH = 0.01
"""s of processor time: calls are repeated until they last that long, the clock of the process ticks too coarsely."""
FEWEST, MOST = 3, 1000
"""Measurements in one process."""


class _From:
    """Finds one top-level package in one directory, whatever `sys.path` says, and nothing else."""

    def __init__(self, package: str, directory: str) -> None:
        self.package, self.directory = package, directory

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.package:
            return None
        return importlib.machinery.PathFinder.find_spec(name, [self.directory])


def load_harness(harness: Path, code: Path) -> ModuleType:
    """Import a harness by its file; the code under test is found in `code`, the harness's own package beside it.

    The package that a harness is in belongs to the head: on the base's code, too, its neighbours are the head's.
    """
    for folder in (code / "src", code):
        if folder.is_dir():
            sys.path.insert(0, str(folder))
    top = harness.parent
    parts = [harness.stem]
    while (top / "__init__.py").is_file():
        parts.insert(0, top.name)
        top = top.parent
    if len(parts) > 1:
        sys.meta_path.insert(0, _From(parts[0], str(top)))
        return importlib.import_module(".".join(parts))
    spec = importlib.util.spec_from_file_location(harness.stem, harness)
    if spec is None or spec.loader is None:
        raise ImportError(f"{harness} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[harness.stem] = module
    spec.loader.exec_module(module)
    return module


def benchmarks(module: ModuleType) -> dict[str, Callable[[], Any]]:
    """Return the benchmarks of a harness by name, in the order of its file."""
    return {n.removeprefix(PREFIX): f for n, f in vars(module).items() if n.startswith(PREFIX) and callable(f)}


def measure(make: Callable[[], Any], seconds: float) -> dict[str, Any]:
    """Set a benchmark up, time it, and ask it what its result was.

    Returns
    -------
    dict
        cpu_s, wall_s: seconds of one call, the least of all measurements: what others on the machine add is never
        negative. peak_bytes. results, counters, errors: what the benchmark tells. Or absent, or failed: why there is
        nothing.
    """
    try:
        gc.collect()
        _forget_peak()
        made = make()
        work, describe = made if isinstance(made, tuple) else (made, None)
        result = work()  # warm-up
        told = {} if describe is None else describe(result)
        del result
        cpu, wall = _timed(work, seconds)
        return {
            "cpu_s": min(cpu),
            "wall_s": min(wall),
            "peak_bytes": _peak(),
            "results": {name: _numbers(value) for name, value in told.get("results", {}).items()},
            "counters": {name: float(value) for name, value in told.get("counters", {}).items()},
            "errors": {name: float(value) for name, value in told.get("errors", {}).items()},
        }
    except NotImplementedError as reason:
        return {"absent": str(reason) or "it is not implemented at this revision"}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"}


def _timed(work: Callable[[], object], seconds: float) -> tuple[list[float], list[float]]:
    loops = 1
    cpu: list[float] = []
    wall: list[float] = []
    until = time.process_time() + seconds
    # The wall clock ends it, too: what sleeps or waits uses no processor.
    latest = time.perf_counter() + 10 * seconds
    while len(cpu) < MOST:
        begin, at = time.process_time(), time.perf_counter()
        for _ in range(loops):
            work()
        lasted, passed = time.process_time() - begin, time.perf_counter() - at
        if max(lasted, passed) < LONG_ENOUGH:
            loops *= 2
            continue
        cpu.append(lasted / loops)
        wall.append(passed / loops)
        if len(cpu) >= FEWEST and (time.process_time() > until or time.perf_counter() > latest):
            break
    return cpu, wall


def _numbers(value: Any) -> list[float]:
    """Return a number, an array, or nested lists of them as one list."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return list(_flat(value))


def _flat(value: Any) -> Iterator[float]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    else:
        yield float(value)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int | None:
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    return None


def main(arguments: list[str]) -> None:
    """Carry out what the command line asks for."""
    harness, code, seconds, *names = arguments
    # What the benchmarks print must not end up among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    found = benchmarks(load_harness(Path(harness), Path(code)))
    for name in names or found:
        if float(seconds) > 0.0:
            value = measure(found[name], float(seconds))
        else:
            value = {"about": " ".join((found[name].__doc__ or "").split("\n\n")[0].split())}
        answers.write(json.dumps({"name": name, **value}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
