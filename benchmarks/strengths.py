"""How strong a defect must be for the checks to see it, and whether a quick search sees it at that strength.

    python -m benchmarks.strengths run [--jobs N] [--only GLOB]
    python -m benchmarks.strengths summarise

A residual grows in proportion to the strength ε of most defects. A reference search, wider than the one that is put
to the proof and from other seeds, finds for each check the case that needs the least: ε = ε₀ · min 3·max(b, s)/r,
where ε₀ is the mutant's own strength, and s a hundredth where the law is claimed. Laws that hold or do not
(b = s = 0) get ε by bisection. At this strength the quick search has to fail the check, whatever its seed, and no
check may fail that the mutant does not name.

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
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.calibrate import rows
from benchmarks.sources import JUDGES, ROOT, digest
from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.certificate.verdict import CLAIMED_FRACTION
from gnnp_bench.check import Check
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.pool import draw_structures, evaluate_pool
from gnnp_bench.engine.run import explore, not_applicable, run
from gnnp_bench.engine.search import Findings, Judged
from gnnp_bench.engine.settings import POOL_SIZE, Budget, Settings
from gnnp_bench.potential import Potential
from tests.analytic import AnalyticPotential, embedded_atom, smooth_pair, three_body
from tests.analytic.graph import DType
from tests.mutants import MUTANTS, Mutant, plant

Claims: TypeAlias = Literal["claimed", "unclaimed"]

MARGIN = 3.0
"""Required strength over the least that is seen at all."""
SEEDS = (0, 1, 2)
REFERENCE_BUDGET: Budget = "standard"
REFERENCE_SEEDS = (100, 101, 102)
LEAST = 1e-6
"""Of a mutant's own strength: where the bisection ends for laws that have no significance."""
RESOLUTION = 1.1
CLAIMS: tuple[Claims, ...] = ("claimed", "unclaimed")
DTYPES: tuple[DType, ...] = ("float64", "float32")
LINES = ROOT / "benchmarks" / "results" / "strengths.jsonl"
SUMMARY = ROOT / "benchmarks" / "results" / "strengths.json"
PARTS = (
    *JUDGES,
    "gnnp_bench/certificate/verdict.py",
    "gnnp_bench/checks/calibration.json",
    "tests/analytic",
    "tests/mutants",
    "benchmarks/strengths.py",
)


@dataclass(frozen=True, slots=True)
class Base:
    """The sound potential into which a defect is planted."""

    make: Callable[..., AnalyticPotential]
    cutoff: float
    offset: float = 0.0

    def __str__(self) -> str:
        offset = f", {self.offset:g} eV" if self.offset else ""
        return f"{self.make.__name__}, {self.cutoff:g} Å{offset}"

    def potential(self, dtype: DType, claims: Claims) -> AnalyticPotential:
        """Return the potential, with all its claims or with none."""
        potential = self.make(self.cutoff, dtype=dtype, offset=self.offset)
        if claims == "claimed":
            return potential
        return replace(potential, capabilities=replace(potential.capabilities, claims=frozenset()))


USUAL = Base(embedded_atom, 6.0)
BASES: Mapping[str, Base] = {
    "cubic-harmonic": Base(three_body, 5.0),
    "index-order": Base(smooth_pair, 6.0),
    "external-field": Base(smooth_pair, 6.0),
    "parity-odd": Base(three_body, 5.0),
    "misread-moments": Base(smooth_pair, 6.0),
    "images-beyond-two-shells": Base(smooth_pair, 8.0),
    "minimum-image": Base(smooth_pair, 6.0),
    "net-force": Base(smooth_pair, 6.0),
    "curl": Base(smooth_pair, 6.0),
    "non-central": Base(three_body, 5.0),
    "shear-halved": Base(three_body, 5.0),
    "batch-leak": Base(smooth_pair, 3.3),
    "warm-start": Base(smooth_pair, 3.3),
    "float32-inside-constant": Base(embedded_atom, 6.0, -1000.0),
    "energy-on-request": Base(smooth_pair, 6.0, -10.0),
    "mass-leak": Base(smooth_pair, 3.3),
}
"""Where the defect shows, with every functional form and cutoff in use; `USUAL` for the others."""


def base_of(mutant: Mutant) -> Base:
    """Return the sound potential that a defect is planted into."""
    return BASES.get(mutant.name, USUAL)


def maker(mutant: Mutant, dtype: DType, claims: Claims, strength: float) -> Callable[[], Potential]:
    """Return a function that makes the mutant anew, without memory."""
    return lambda: plant(mutant.name, base_of(mutant).potential(dtype, claims), strength)


def dtypes_of(mutant: Mutant) -> tuple[DType, ...]:
    """Return the precisions in which a mutant is a defect."""
    return ("float64",) if mutant.unit == "mantissa spacing" else DTYPES


def judge(
    mutant: Mutant, dtype: DType, claims: Claims, strength: float, seed: int, only: Iterable[str] = ()
) -> tuple[CheckResult, ...]:
    """Return what a quick certificate says of a mutant, all checks or some of them."""
    make = maker(mutant, dtype, claims, strength)
    settings = Settings(spec=mutant.name, budget="quick", seed=seed, only=tuple(only))
    *_, last = run(make(), all_checks(), settings, reload=make)
    return last.certificate.checks


def failed(results: Iterable[CheckResult]) -> set[str]:
    """Return the ids of the checks that failed."""
    return {result.id for result in results if result.status == "fail"}


def reference(mutant: Mutant, dtype: DType, strength: float, seed: int, checks: Iterable[Check]) -> dict[str, Findings]:
    """Return all that a wide search finds for the checks given, no law claimed."""
    make = maker(mutant, dtype, "unclaimed", strength)
    potential = make()
    settings = Settings(spec=mutant.name, budget=REFERENCE_BUDGET, seed=seed)
    evaluator = Evaluator(potential, make)
    pool = evaluate_pool(evaluator, draw_structures(potential.capabilities, POOL_SIZE[REFERENCE_BUDGET], seed))
    return {
        check.id: explore(check, pool, evaluator, settings)
        for check in checks
        if not_applicable(check, potential.capabilities) is None
    }


def least(judged: Iterable[Judged], *, claimed: bool, margin: float) -> float:
    """Return the least factor on the residuals at which one of them exceeds `margin` × max(b, s)."""
    fraction = CLAIMED_FRACTION if claimed else 1.0
    factors = [
        margin * max(j.bound, fraction * j.significance) / j.component.residual
        for j in judged
        if j.component.residual > 0.0
    ]
    return min(factors, default=math.inf)


def required(mutant: Mutant, dtype: DType) -> dict[str, dict[str, float | None]]:
    """Return for each check that has to notice: ε with the law claimed, not claimed, and where `exact` is lost."""
    checks = [check for check in all_checks() if check.id in mutant.must_fail]
    found: dict[str, list[Judged]] = {check.id: [] for check in checks}
    for seed in REFERENCE_SEEDS:
        for check_id, findings in reference(mutant, dtype, mutant.strength, seed, checks).items():
            found[check_id] += [judged for outcome in findings.outcomes for judged in outcome.components]
    table: dict[str, dict[str, float | None]] = {}
    for check in checks:
        judged = found[check.id]
        if any(j.bound == 0.0 == j.significance for j in judged):
            threshold = bisected(mutant, dtype, check)
            table[check.id] = {"claimed": threshold, "unclaimed": threshold, "exact": threshold}
            continue
        strengths = {
            "claimed": least(judged, claimed=check.claim is not None, margin=MARGIN),
            "unclaimed": least(judged, claimed=False, margin=MARGIN),
            "exact": min(
                (j.bound / j.component.residual for j in judged if j.component.residual > 0.0), default=math.inf
            ),
        }
        table[check.id] = {k: mutant.strength * f if math.isfinite(f) else None for k, f in strengths.items()}
    return table


def bisected(mutant: Mutant, dtype: DType, check: Check) -> float | None:
    """Return the least strength at which the wide search finds a violation; that of a switch is the whole defect."""

    def violated(strength: float) -> bool:
        findings = reference(mutant, dtype, strength, REFERENCE_SEEDS[0], [check])[check.id]
        return any(outcome.worst.status == "fail" for outcome in findings.outcomes)

    high, low = mutant.strength, mutant.strength * LEAST
    if not violated(high):
        return None
    if mutant.unit == "switch":
        return high
    if violated(low):
        return low
    while high / low > RESOLUTION:
        middle = math.sqrt(high * low)
        low, high = (low, middle) if violated(middle) else (middle, high)
    return high


def prove(name: str, dtype: DType) -> dict[str, Any]:
    """Return the required strengths of one mutant, and what quick certificates make of them."""
    started = time.process_time()
    mutant = MUTANTS[name]
    strengths = required(mutant, dtype)
    killed: dict[str, dict[str, list[int]]] = {check: {claims: [] for claims in CLAIMS} for check in strengths}
    others: dict[str, dict[str, str]] = {}
    for claims in CLAIMS:
        known = {check: found[claims] for check, found in strengths.items()}
        finite = [strength for strength in known.values() if strength is not None]
        strongest = max(finite, default=mutant.strength)
        for check, strength in known.items():
            for seed in SEEDS:
                if strength is not None and check in failed(judge(mutant, dtype, claims, strength, seed, [check])):
                    killed[check][claims].append(seed)
        every = judge(mutant, dtype, claims, strongest, SEEDS[0])
        others[claims] = {r.id: r.status for r in every if r.status not in ("pass", "not_applicable")}
    return {
        "mutant": name,
        "dtype": dtype,
        "base": str(base_of(mutant)),
        "required": strengths,
        "killed": killed,
        "others": others,
        "cpu_s": round(time.process_time() - started, 1),
    }


def jobs_of(pattern: str) -> list[tuple[str, DType]]:
    """Return the mutants whose names match, in each precision."""
    return [(m.name, d) for m in MUTANTS.values() if fnmatch.fnmatchcase(m.name, pattern) for d in dtypes_of(m)]


def scan(pattern: str, jobs: int, path: Path) -> None:
    """Measure what is missing."""
    here = digest(PARTS)
    done = {(r["mutant"], r["dtype"]) for r in rows(path) if r["sources"] == here}
    wanted = [job for job in jobs_of(pattern) if job not in done]
    path.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs) as executor, path.open("a") as output:
        futures = [executor.submit(partial(prove, *job)) for job in wanted]
        for count, future in enumerate(as_completed(futures), 1):
            row = future.result()
            output.write(json.dumps({"sources": here, **row}) + "\n")
            output.flush()
            print(f"{count} of {len(wanted)}: {row['mutant']} {row['dtype']}, {row['cpu_s']} s", file=sys.stderr)
            for line in complaints(row):
                print(f"    {line}")


def complaints(row: Mapping[str, Any]) -> list[str]:
    """Return what a row has against the suite, or against the mutant's own sets."""
    mutant = MUTANTS[row["mutant"]]
    lines = []
    for check, found in row["required"].items():
        for claims in CLAIMS:
            missed = sorted(set(SEEDS) - set(row["killed"][check][claims]))
            if found[claims] is None:
                lines.append(f"{check} ({claims}): the wide search finds nothing")
            elif missed:
                lines.append(f"{check} ({claims}): not killed at {found[claims]:.3g} with seeds {missed}")
    binding = {check.id for check in all_checks() if check.category != "informational"}
    for claims, statuses in row["others"].items():
        foreign = {c for c, status in statuses.items() if status == "fail"} & binding
        lines += [f"{c} ({claims}): fails, not named" for c in sorted(foreign - mutant.must_fail - mutant.may_fail)]
    return lines


def summarise(path: Path) -> dict[str, Any]:
    """Return the table of all mutants.

    Raises
    ------
    SystemExit
        If a mutant is missing from the lines of today's sources.
    """
    here = digest(PARTS)
    lines = {(r["mutant"], r["dtype"]): r for r in rows(path) if r["sources"] == here}
    missing = [job for job in jobs_of("*") if job not in lines]
    if missing:
        raise SystemExit(f"{len(missing)} of the mutants are missing or were judged by other sources: `run` them first")
    mutants: dict[str, dict[str, Any]] = {}
    for name, dtype in jobs_of("*"):
        row = lines[name, dtype]
        checks = {
            check: {**{k: _rounded(v) for k, v in found.items()}, "killed": row["killed"][check]}
            for check, found in row["required"].items()
        }
        also = {
            claims: sorted(c for c, status in statuses.items() if status == "fail" and c not in checks)
            for claims, statuses in row["others"].items()
        }
        mutants.setdefault(name, {"base": row["base"]})[dtype] = {"checks": checks, "also": also}
    return {"sources": here, "budget": "quick", "seeds": list(SEEDS), "mutants": mutants}


def _rounded(value: float | None) -> float | None:
    """Return the number with three digits, rounded up: a strength at which a check fails stays one."""
    if value is None or value == 0.0:
        return value
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{math.ceil(value / step - 1e-9) * step:.3g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "summarise"])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="*", metavar="GLOB", help="mutants by name")
    parser.add_argument("--lines", type=Path, default=LINES)
    arguments = parser.parse_args()
    if arguments.command == "run":
        scan(arguments.only, arguments.jobs, arguments.lines)
    else:
        SUMMARY.write_text(json.dumps(summarise(arguments.lines), indent=1) + "\n")


if __name__ == "__main__":
    main()
