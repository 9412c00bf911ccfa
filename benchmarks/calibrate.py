"""How large r/ν becomes for sound potentials under the search: the factors c of the bounds, and the false alarms.

    python -m benchmarks.calibrate run --seeds 0:100 --jobs 2
    python -m benchmarks.calibrate factors --seeds 0:100
    python -m benchmarks.calibrate run --seeds 100:200 --with-kept-out --jobs 2
    python -m benchmarks.calibrate rates --seeds 100:200

With `--only 'smoothness/*'` a law that is new is measured, and its factors are put beside those of the others.

Each seed certifies four of the analytic potentials, the next seed the next four, and every twentieth seed one variant
of the reference potential, untrained. Two structures of one atom stand beside those that a certificate draws. `run`
appends one line per certificate to its output and skips those that are there already, so it may be stopped and started
at will. `factors` writes gnnp_bench/checks/calibration.json, `rates` writes benchmarks/results/false_alarms.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase import Atoms
from scipy.special import betaincinv

from benchmarks.sources import JUDGES, ROOT, digest
from gnnp_bench.adapters.registry import load
from gnnp_bench.checks.registry import BUILT_IN, all_checks, calibration
from gnnp_bench.checks.robustness.process_state import PROCESS_STATE
from gnnp_bench.checks.robustness.processes import PROCESSES
from gnnp_bench.checks.robustness.refusals import REFUSALS
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.pool import draw_structures, evaluate_pool
from gnnp_bench.engine.run import crystals_for, explore, not_applicable
from gnnp_bench.engine.settings import POOL_SIZE, Settings
from gnnp_bench.potential import Capabilities, Potential
from gnnp_bench.structures.build import build
from gnnp_bench.structures.recipe import ISOLATED, PERIODIC, Recipe
from tests.analytic import CALIBRATION, HELD_OUT
from tests.analytic.evaluation import AnalyticPotential
from tests.analytic.references import HUGE, MIXED, ROUND, SMALL, STORED, with_references

SLOW, SLOW_ONE_IN = {PROCESSES.id, PROCESS_STATE.id, REFUSALS.id}, 10
"""Checks, and seeds. Starting processes takes longer than the rest of a certificate, and no factor of these checks is
calibrated."""
MARGIN = 10.0
SMALLEST = 10.0
PER_SEED = 4
REFERENCE_ONE_IN = 20
"""Seeds: a certificate of the reference potential takes ten times as long as one of an analytic potential."""
REFERENCE_SPECIES = ("C", "O", "Si", "Cu")
OUTPUT = ROOT / "benchmarks" / "results" / "calibration.jsonl"
RATES = ROOT / "benchmarks" / "results" / "false_alarms.json"
FACTORS = ROOT / "gnnp_bench" / "checks" / "calibration.json"

EVERY = "*"
"""All checks."""
CONSTANT = -1000.0
"""eV per atom, added in float64 to a float32 energy."""
SHORT, LONG = 3.3, 8.0
"""Å"""
VACUUM = 12.0
"""Å, more than any cutoff here."""
REFERENCES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("float64", {"energies": ROUND}),
    ("float32", {"energies": MIXED}),
    ("float64", {"energies": MIXED}),
    ("float32", {"energies": SMALL, "inside": True}),
    ("float64", {"energies": HUGE}),
    ("float32", {"energies": ROUND}),
    ("float64", {"energies": STORED}),
    ("float32", {"energies": HUGE}),
)
"""Precision and energies of free atoms: two for each form."""


def _variants(forms: Sequence[Callable[..., AnalyticPotential]]) -> dict[str, Callable[[], Potential]]:
    """Return each form in every precision, on alloys of many species, and some with other cutoffs and fewer species."""
    variants: dict[str, Callable[[], Potential]] = {}
    for make in forms:
        name = make.__name__
        for dtype in ("float64", "float32"):
            variants[f"{name}-{dtype}"] = partial(make, dtype=dtype)
        variants[f"{name}-float32-constant"] = partial(make, dtype="float32", offset=CONSTANT)
    for make in forms[::2]:
        variants[f"{make.__name__}-short-element"] = partial(make, SHORT, species=("Cu",))
    for make in forms[1::2]:
        variants[f"{make.__name__}-long-alloy"] = partial(make, LONG, species=("Cu", "Au"))
    names = {ROUND: "round", MIXED: "mixed", STORED: "stored", SMALL: "inside", HUGE: "huge"}
    for k, (dtype, references) in enumerate(REFERENCES[: 2 * len(forms)]):
        make = forms[k % len(forms)]
        name = f"{make.__name__}-{dtype}-references-{names[references['energies']]}"
        variants[name] = partial(_referenced, make, dtype, references)
    return variants


def _referenced(make: Callable[..., AnalyticPotential], dtype: str, references: dict[str, Any]) -> Potential:
    return with_references(make(dtype=dtype), **references)


def _alone(capabilities: Capabilities, seed: int) -> list[Atoms]:
    """Return one atom, free and in a box of vacuum: no other kind of structure has an energy that is a reference."""
    species = (capabilities.species[seed % len(capabilities.species)],)
    free, boxed = (
        Recipe("cluster", "atom", species, pbc=pbc, vacuum=v) for pbc, v in ((ISOLATED, 0.0), (PERIODIC, VACUUM))
    )
    return [build(free), build(boxed)]


def _reference(options: str) -> Potential:
    return load(f"reference:untrained{options}", REFERENCE_SPECIES).potential


POTENTIALS = _variants(CALIBRATION)
KEPT_OUT = _variants(HELD_OUT)
REFERENCE = {
    f"reference{options}": partial(_reference, options)
    for options in ("", "-equivariant", "?dtype=float64", "-adaptive")
}
REFERENCE_KEPT_OUT = {
    f"reference{options}": partial(_reference, options)
    for options in ("-lmax3", "-invariant", "-adaptive?dtype=float64", "-twobody")
}
MAKERS = POTENTIALS | KEPT_OUT | REFERENCE | REFERENCE_KEPT_OUT
CALIBRATING = POTENTIALS.keys() | REFERENCE.keys()


def measure(name: str, seed: int, budget: str, only: str, sources: str) -> dict[str, Any]:
    """Return the largest r/ν per check and quantity, and the statuses, of one sound potential with one seed."""
    potential = MAKERS[name]()
    settings = Settings(spec=name, budget=budget, seed=seed)  # type: ignore[arg-type]
    evaluator = Evaluator(potential, MAKERS[name])
    drawn = draw_structures(potential.capabilities, POOL_SIZE[settings.budget], seed)
    wanted = crystals_for([c for c in all_checks() if fnmatchcase(c.id, only)], potential.capabilities, settings)
    pool = evaluate_pool(evaluator, sorted([*_alone(potential.capabilities, seed), *drawn], key=len), wanted)
    ratios: dict[str, dict[str, float]] = {}
    alarms: list[str] = [f"pool: {failure}" for failure in pool.failures]
    for check in all_checks():
        if not fnmatchcase(check.id, only) or not_applicable(check, potential.capabilities) is not None:
            continue
        if check.id in SLOW and seed % SLOW_ONE_IN:
            continue
        findings = explore(check, pool, evaluator, settings)
        alarms += [f"{check.id}: {message}" for message in findings.errors]
        if not findings.outcomes:
            alarms.append(f"{check.id}: no case")
        for outcome in findings.outcomes:
            if outcome.worst.status != "pass" and check.category != "informational":
                worst = outcome.worst
                alarms.append(
                    f"{check.id}: {worst.status} {worst.component.quantity} r={worst.component.residual:.3g}"
                    f" b={worst.bound:.3g} s={worst.significance:.3g} {outcome.case.structure.info.get('recipe')}"
                )
            for judged in outcome.components:
                component = judged.component
                if component.bound is None and component.noise > 0.0:
                    # What the estimated error explains is not rounding's to explain.
                    left = max(0.0, component.residual - 10.0 * component.error) / component.noise
                    largest = ratios.setdefault(check.id, {})
                    largest[component.quantity] = max(largest.get(component.quantity, 0.0), left)
    row = {"sources": sources, "potential": name, "seed": seed, "budget": budget, "ratios": ratios, "alarms": alarms}
    return row if only == EVERY else {**row, "only": only}


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines that are there; a last one cut short by an interruption is left out."""
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def share(seed: int, *, kept_out: bool) -> list[str]:
    """Return the potentials that a seed certifies: the next four in turn, and now and then the next reference."""
    names = list(POTENTIALS | KEPT_OUT if kept_out else POTENTIALS)
    shared = [names[(PER_SEED * seed + k) % len(names)] for k in range(PER_SEED)]
    if seed % REFERENCE_ONE_IN == 0:
        references = list(REFERENCE | REFERENCE_KEPT_OUT if kept_out else REFERENCE)
        shared.append(references[seed // REFERENCE_ONE_IN % len(references)])
    return shared


def sources() -> dict[str, str]:
    """Return the hash of what decides about the numbers of each potential."""
    analytic = digest()
    network = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "reference_model").glob("*.py"))
    reference = digest((*JUDGES, *network))
    return {name: reference if name.startswith("reference") else analytic for name in MAKERS}


def run(seeds: range, budget: str, only: str, jobs: int, path: Path, *, kept_out: bool) -> int:
    """Measure what is missing and return the number of alarms."""
    today = sources()
    done = {
        (r["potential"], r["seed"], r["budget"], of(r)) for r in rows(path) if r["sources"] == today[r["potential"]]
    }
    every = [(name, seed, budget, only) for seed in seeds for name in share(seed, kept_out=kept_out)]
    wanted = [job for job in every if job not in done]
    path.parent.mkdir(parents=True, exist_ok=True)
    alarms = 0
    with ProcessPoolExecutor(jobs) as executor, path.open("a") as output:
        futures = [executor.submit(measure, *job, today[job[0]]) for job in wanted]
        for count, future in enumerate(as_completed(futures), 1):
            row = future.result()
            output.write(json.dumps(row) + "\n")
            output.flush()
            alarms += len(row["alarms"])
            for alarm in row["alarms"]:
                print(f"{row['potential']} seed {row['seed']}: {alarm}", flush=True)
            if count % 20 == 0:
                print(f"{count} of {len(wanted)}", file=sys.stderr)
    return alarms


def of(row: Mapping[str, Any]) -> str:
    """Return the pattern of the checks that a line is about."""
    return str(row.get("only", EVERY))


def select(seeds: range, budget: str, only: str, path: Path) -> list[dict[str, Any]]:
    """Return the lines of these seeds that today's sources made."""
    today = sources()
    made = [row for row in rows(path) if row["sources"] == today[row["potential"]]]
    return [row for row in made if row["seed"] in seeds and row["budget"] == budget and of(row) == only]


def factors(seeds: range, budget: str, only: str, path: Path) -> dict[str, dict[str, float]]:
    """Return c = 10 × the largest r/ν over the seeds, rounded up to two digits, at least 10; others as they are."""
    used = [row for row in select(seeds, budget, only, path) if row["potential"] in CALIBRATING]
    wanted = {(n, s) for s in seeds for n in share(s, kept_out=False)}
    missing = wanted - {(r["potential"], r["seed"]) for r in used}
    if missing:
        raise SystemExit(f"{len(missing)} of the runs are missing or were made by other sources: `run` them first")
    largest: dict[str, dict[str, float]] = {}
    for row in used:
        for check, quantities in row["ratios"].items():
            for quantity, ratio in quantities.items():
                known = largest.setdefault(check, {})
                known[quantity] = max(known.get(quantity, 0.0), ratio)
    found = {i: {q: _rounded_up(max(SMALLEST, MARGIN * r)) for q, r in sorted(largest[i].items())} for i in largest}
    table = found if only == EVERY else {**{i: dict(known) for i, known in calibration().items()}, **found}
    return {check.id: table[check.id] for check in BUILT_IN if check.id in table}


def _rounded_up(value: float) -> float:
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(value / step - 1e-9) * step, 6)


def rates(seeds: range, budget: str, path: Path) -> dict[str, Any]:
    """Return the false alarms of certificates that calibration did not see, and what their margins foretell.

    The margin of a certificate is the largest r/(c ν) of all its laws: a violation needs a margin above 1. Maxima over
    many cases follow a Gumbel law in their logarithm; its tail beyond 1 is the extrapolated rate (Coles, An
    Introduction to Statistical Modeling of Extreme Values, section 3.1). A margin above 1 without a violation is of a
    residual below s, which ν did not decide: ν was measured where atoms feel nothing, and the line led to where they
    do. Such certificates are counted, and left out of the law.
    """
    table = calibration()
    used = select(seeds, budget, EVERY, path)
    if not used:
        raise SystemExit("none of these runs is there or made by today's sources: `run` them first")
    margins = [
        max(ratio / table[check][q] for check, found in row["ratios"].items() for q, ratio in found.items())
        for row in used
    ]
    failures = sum(any(": fail " in alarm for alarm in row["alarms"]) for row in used)
    by_significance = sum(margin > 1.0 for margin in margins) - failures
    margins = [margin for margin in margins if margin <= 1.0]
    scale = float(np.std(np.log(margins))) * math.sqrt(6.0) / math.pi
    location = float(np.mean(np.log(margins))) - np.euler_gamma * scale
    return {
        "sources": sorted({row["sources"] for row in used}),
        "seeds": f"{seeds.start}:{seeds.stop}",
        "budget": budget,
        "certificates": len(used),
        "of kept-out potentials": sum(row["potential"] not in CALIBRATING for row in used),
        "with a violation": failures,
        "not passed for any reason": sum(bool(row["alarms"]) for row in used),
        "upper 95 % limit of the rate of violations": float(betaincinv(failures + 1, len(used) - failures, 0.95)),
        "held by significance alone": by_significance,
        "largest margin": max(margins),
        "median margin": float(np.median(margins)),
        "extrapolated rate of r > b": -math.expm1(-math.exp(location / scale)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "factors", "rates"])
    parser.add_argument("--seeds", default="0:20", help="first:end")
    parser.add_argument("--with-kept-out", action="store_true", help="also potentials that calibration does not see")
    parser.add_argument("--budget", default="quick")
    parser.add_argument("--only", default=EVERY, metavar="GLOB", help="checks, for `run` and `factors`")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    seeds = range(*map(int, arguments.seeds.split(":")))
    if arguments.command == "run":
        wanted = arguments.budget, arguments.only, arguments.jobs, arguments.output
        alarms = run(seeds, *wanted, kept_out=arguments.with_kept_out)
        print(f"{alarms} alarms")
        return
    if arguments.command == "factors":
        path, found = FACTORS, factors(seeds, arguments.budget, arguments.only, arguments.output)
    else:
        path, found = RATES, rates(seeds, arguments.budget, arguments.output)
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
