"""How strong a defect must be for the checks to see it, and whether a quick search sees it at that strength.

    python -m benchmarks.strengths run [--jobs N] [--only GLOB]
    python -m benchmarks.strengths summarise

The residual grows in proportion to the strength ε of a defect. A reference search, ten times longer than the one that
is put to the proof, finds on the same pool for each check the case that needs the least, ε₀ · min 3·max(b, s)/r, where
ε₀ is the mutant's own strength, and s a hundredth of itself where the law is claimed. The largest of these over the
seeds is the required strength. At it the quick search has to fail the check whatever the seed; where it does not, the
strength is doubled until it does, and both are told. Laws that hold or do not (b = s = 0) are judged at ε₀. No check
may fail that the mutant does not name.

`run` appends one line per mutant and precision and skips those that are there already, so it may be stopped and
started at will. `summarise` writes benchmarks/results/strengths.json.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.calibrate import rows
from benchmarks.planted import CLAIMS, DTYPES, Claims, base_of, dtypes_of, judge, killed_by, maker
from benchmarks.sources import JUDGES, ROOT, digest
from gnnp_bench.certificate.verdict import CLAIMED_FRACTION
from gnnp_bench.check import Check
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.pool import draw_structures, evaluate_pool
from gnnp_bench.engine.run import crystals_for, explore
from gnnp_bench.engine.search import Judged
from gnnp_bench.engine.settings import POOL_SIZE, Settings
from tests.analytic.graph import DType
from tests.mutants import MUTANTS, Mutant

MARGIN = 3.0
"""Required strength over the least that the reference search sees."""
LONGER = 10.0
"""Evaluations of the reference search over those of the quick one."""
SEEDS = (0, 1, 2)
DOUBLINGS = 6
LINES = ROOT / "benchmarks" / "results" / "strengths.jsonl"
SUMMARY = ROOT / "benchmarks" / "results" / "strengths.json"
PARTS = (
    *JUDGES,
    "gnnp_bench/certificate/verdict.py",
    "gnnp_bench/checks/calibration.json",
    "tests/analytic",
    "tests/mutants",
    "benchmarks/planted.py",
    "benchmarks/strengths.py",
)


def reference(mutant: Mutant, dtype: DType, seed: int, checks: Sequence[Check]) -> dict[str, list[Judged]]:
    """Return all that a long search on the pool of a quick certificate measures, no law claimed."""
    make = maker(mutant, dtype, "unclaimed", mutant.strength)
    potential = make()
    settings = Settings(spec=mutant.name, budget="quick", seed=seed)
    evaluator = Evaluator(potential, make)
    structures = draw_structures(potential.capabilities, POOL_SIZE["quick"], seed)
    pool = evaluate_pool(evaluator, structures, crystals_for(checks, potential.capabilities, settings))
    found = {}
    for check in checks:
        longer = replace(check, weight=LONGER * check.weight)
        outcomes = explore(longer, pool, evaluator, settings).outcomes
        found[check.id] = [judged for outcome in outcomes for judged in outcome.components]
    return found


def least(judged: Iterable[Judged], fraction: float) -> float:
    """Return the least factor on the residuals at which one of them is max(b, fraction·s)."""
    factors = [
        max(j.bound, fraction * j.significance) / j.component.residual for j in judged if j.component.residual > 0.0
    ]
    return min(factors, default=math.inf)


def required(mutant: Mutant, dtype: DType) -> dict[str, dict[str, float]]:
    """Return for each check that has to notice: ε with the law claimed, not claimed, and where `exact` is lost."""
    checks = [check for check in all_checks() if check.id in mutant.must_fail]
    per_seed = [reference(mutant, dtype, seed, checks) for seed in SEEDS]
    table = {}
    for check in checks:
        found = [judged[check.id] for judged in per_seed]
        if any(j.bound == 0.0 == j.significance for judged in found for j in judged):
            table[check.id] = dict.fromkeys(("claimed", "unclaimed", "exact"), mutant.strength)
            continue
        higher_bar = 1.0 if check.claim is None else CLAIMED_FRACTION
        table[check.id] = {
            "claimed": MARGIN * mutant.strength * max(least(judged, higher_bar) for judged in found),
            "unclaimed": MARGIN * mutant.strength * max(least(judged, 1.0) for judged in found),
            "exact": mutant.strength * max(least(judged, 0.0) for judged in found),
        }
    return table


def seen(mutant: Mutant, dtype: DType, claims: Claims, check: str, strength: float) -> tuple[float | None, list[int]]:
    """Return the strength at which every seed sees the defect, and the seeds that see it at the one given."""

    def seeds_at(trial: float) -> list[int]:
        return [s for s in SEEDS if check in killed_by(judge(mutant, dtype, claims, trial, s, [check]))]

    if not math.isfinite(strength):
        return None, []
    at_once = seeds = seeds_at(strength)
    for _ in range(DOUBLINGS):
        if len(seeds) == len(SEEDS):
            return strength, at_once
        strength *= 2.0
        seeds = seeds_at(strength)
    return (strength if len(seeds) == len(SEEDS) else None), at_once


def prove(name: str, dtype: DType) -> dict[str, Any]:
    """Return the required strengths of one mutant, and what quick certificates make of them."""
    started = time.process_time()
    mutant = MUTANTS[name]
    claim_of = {check.id: check.claim for check in all_checks()}
    checks: dict[str, dict[str, Any]] = {}
    for check, strengths in required(mutant, dtype).items():
        checks[check] = {"exact": strengths["exact"]}
        for claims in CLAIMS:
            if claims == "unclaimed" and claim_of[check] is None:  # judged alike, claims or not
                checks[check][claims] = checks[check]["claimed"]
                continue
            strength, seeds = seen(mutant, dtype, claims, check, strengths[claims])
            checks[check][claims] = {"required": strengths[claims], "seeds": seeds, "seen": strength}
    others = {}
    for claims in CLAIMS:
        strongest = max((c[claims]["seen"] or 0.0 for c in checks.values()), default=0.0) or mutant.strength
        results = judge(mutant, dtype, claims, strongest, SEEDS[0])
        others[claims] = {
            "strength": strongest,
            "killed": sorted(killed_by(results)),
            "undecided": sorted(r.id for r in results if r.status in ("inconclusive", "error")),
        }
    return {
        "mutant": name,
        "dtype": dtype,
        "base": str(base_of(mutant)),
        "checks": checks,
        "certificates": others,
        "cpu_s": round(time.process_time() - started, 1),
    }


def jobs_of(pattern: str) -> list[tuple[str, DType]]:
    """Return the mutants whose names match, first all in float64."""
    matching = [m for m in MUTANTS.values() if fnmatch.fnmatchcase(m.name, pattern)]
    return [(m.name, dtype) for dtype in DTYPES for m in matching if dtype in dtypes_of(m)]


def scan(pattern: str, jobs: int, path: Path) -> None:
    """Measure what is missing."""
    here = digest(PARTS)
    done = {(r["mutant"], r["dtype"]) for r in rows(path) if r["sources"] == here}
    wanted = [job for job in jobs_of(pattern) if job not in done]
    path.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs) as executor, path.open("a") as output:
        futures = [executor.submit(prove, *job) for job in wanted]
        for count, future in enumerate(as_completed(futures), 1):
            row = future.result()
            output.write(json.dumps({"sources": here, **row}) + "\n")
            output.flush()
            print(f"{count} of {len(wanted)}: {row['mutant']} {row['dtype']}, {row['cpu_s']} s", file=sys.stderr)
            for line in complaints(row):
                print(f"    {line}", flush=True)


def complaints(row: Mapping[str, Any]) -> list[str]:
    """Return what a row has against the suite, or against the mutant's own sets."""
    mutant = MUTANTS[row["mutant"]]
    lines = []
    for check, found in row["checks"].items():
        for claims in CLAIMS:
            at = found[claims]
            missed = sorted(set(SEEDS) - set(at["seeds"]))
            if missed:
                enough = "nothing" if at["seen"] is None else f"{at['seen']:.3g}"
                lines.append(f"{check} ({claims}): {at['required']:.3g} misses seeds {missed}; {enough} is seen by all")
    binding = {check.id for check in all_checks() if check.category != "informational"}
    for claims, results in row["certificates"].items():
        foreign = set(results["killed"]) & binding - mutant.must_fail - mutant.may_fail
        lines += [f"{c} ({claims}): fails at {results['strength']:.3g}, not named" for c in sorted(foreign)]
    return lines


def summarise(path: Path) -> dict[str, Any]:
    """Return the table of all mutants, each by the newest line there is.

    Raises
    ------
    SystemExit
        If a mutant is missing in float64. In float32 it may be: the page shows a dash for it.
    """
    here = digest(PARTS)
    lines = {(r["mutant"], r["dtype"]): r for r in rows(path) if r["mutant"] in MUTANTS}
    missing = [job for job in jobs_of("*") if job not in lines and job[1] == "float64"]
    if missing:
        raise SystemExit(f"mutants that were never judged: {', '.join(name for name, _ in missing)}; `run` them first")
    mutants: dict[str, dict[str, Any]] = {name: {"base": str(base_of(MUTANTS[name]))} for name in MUTANTS}
    for (name, dtype), row in lines.items():
        mutants[name][dtype] = {"checks": row["checks"], "certificates": row["certificates"]}
    return {
        "sources": here,
        "rows": len(lines),
        "rows of other sources": sum(row["sources"] != here for row in lines.values()),
        "budget": "quick",
        "seeds": list(SEEDS),
        "mutants": _rounded(mutants),
    }


def _rounded(value: Any) -> Any:
    """Return numbers with three digits, rounded up: a strength at which a check fails stays one."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if not isinstance(value, float) or not math.isfinite(value) or value == 0.0:
        return None if isinstance(value, float) and not math.isfinite(value) else value
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{math.ceil(value / step - 1e-9) * step:.3g}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "summarise"])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="*", metavar="GLOB", help="mutants by name")
    parser.add_argument("--lines", type=Path, default=LINES)
    chosen = parser.parse_args(arguments)
    if chosen.command == "run":
        scan(chosen.only, chosen.jobs, chosen.lines)
    else:
        SUMMARY.write_text(json.dumps(summarise(chosen.lines), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
