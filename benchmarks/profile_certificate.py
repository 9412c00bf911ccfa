"""Where the time of a certificate goes, by package and by function.

    python -m benchmarks.profile_certificate [SPEC [BUDGET]]     # chgnet quick

One run without a profile tells what the potential's share is and what each check takes; another one under cProfile,
which slows calls of Python functions, tells where processor time goes inside. A function written in C counts for the
package in its name, or else for the one that calls it.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeAlias, get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.certificate_cost import certify, report
from gnnp_bench.adapters.registry import load
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.engine.settings import Budget

SHOWN = 0.02
"""Share of the whole from which on a line is shown."""
Function: TypeAlias = tuple[str, int, str]
"""File, line, name."""


def package(function: Function) -> str:
    """Return the top-level package that a function belongs to; empty for one in C whose name does not tell."""
    file, _, name = function
    if file == "~":
        return next((one for one in ("torch", "numpy") if one in name), "")
    if "/site-packages/" in file:
        return file.partition("/site-packages/")[2].partition("/")[0]
    return next((part for part in ("gnnp_bench", "reference_model") if part in Path(file).parts), "Python itself")


def by_package(stats: dict[Function, Any]) -> list[tuple[str, float]]:
    """Return own time by package, in s, longest first."""
    found: dict[str, float] = defaultdict(float)
    for function, (_, _, own, _, callers) in stats.items():
        if package(function):
            found[package(function)] += own
        else:
            for caller, (_, _, own_for_it, _) in callers.items():
                found[package(caller) or "Python itself"] += own_for_it
    return sorted(found.items(), key=lambda one: -one[1])


def by_function(stats: dict[Function, Any], packages: Collection[str]) -> list[tuple[str, float]]:
    """Return functions of some packages with the time until they return, in s, longest first.

    Of torch, whose functions call each other, only the one that differentiates.
    """
    found = []
    for function, (_, _, _, inclusive, _) in stats.items():
        file, line, name = function
        if package(function) in packages and (package(function) != "torch" or (name == "grad" and "autograd" in file)):
            found.append((f"{file.rpartition('/site-packages/')[2]}:{line} {name}", inclusive))
    return sorted(found, key=lambda one: -one[1])


def by_check(certificate: Certificate) -> list[tuple[str, float]]:
    """Return the checks with their times in s, longest first."""
    return sorted(((check.id, check.elapsed_s) for check in certificate.checks), key=lambda one: -one[1])


def show(title: str, lines: list[tuple[str, float]], total: float) -> None:
    """Print what takes more than `SHOWN` of the whole."""
    print(f"\n{title}")
    for name, seconds in lines:
        if seconds >= SHOWN * total:
            print(f"  {100 * seconds / total:5.1f} %  {seconds:7.2f} s  {name}")


def main() -> None:
    spec, budget = (sys.argv[1:] + ["chgnet", "quick"][len(sys.argv) - 1 :])[:2]
    budgets: dict[str, Budget] = {name: name for name in get_args(Budget)}
    if budget not in budgets:
        raise SystemExit(f"budget must be one of {', '.join(budgets)}, got {budget!r}")
    loaded = load(spec)
    certificate = certify(loaded, budgets[budget])
    report(spec, budget, certificate.elapsed_s, certificate.potential_s, certificate.evaluations)
    show("by check, of the time of all:", by_check(certificate), certificate.elapsed_s)
    profile = cProfile.Profile(time.process_time)
    begin = time.process_time()
    profile.enable()
    certify(loaded, budgets[budget])
    profile.disable()
    total = time.process_time() - begin
    stats: dict[Function, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    print(f"\nunder cProfile, {total:.1f} s of processor time")
    show("own time by package:", by_package(stats), total)
    packages = getattr(loaded.potential, "identity").packages  # noqa: B009
    show("of the potential's functions, until they return:", by_function(stats, packages), total)


if __name__ == "__main__":
    main()
