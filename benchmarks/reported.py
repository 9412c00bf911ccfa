"""What bugs this suite would have caught: defects that users reported, judged by certificates.

    python -m benchmarks.reported run [--only GLOB] [--budget quick|standard] [--seeds 0:3]
    python -m benchmarks.reported page > docs/reported.md

`run` adds to benchmarks/results/reported.jsonl, one line a certificate, and leaves out what the same sources have
judged before. A defect is judged by the laws that a reader would look at, or by every law where none can tell it; sound
potentials are judged by every law. The page is made of the newest line for each defect, budget and seed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

from benchmarks.sources import JUDGES, ROOT, digest
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.settings import Budget, Settings
from gnnp_bench.potential import Potential
from tests.engine.judging import certified_from
from tests.reported import NO_DEFECTS, REPORTED, NoDefect, Reported

RESULTS = ROOT / "benchmarks" / "results" / "reported.jsonl"
BUDGETS: tuple[Budget, ...] = ("quick", "standard")
APART = ("robustness/processes", "robustness/threads", "robustness/memory-growth", "robustness/device-parity")
"""Checks of other programs and machines, which none of these defects concerns and which take most of the time."""
SOURCES = (*JUDGES, "tests/analytic", "tests/reported")
BINDING = frozenset(check.id for check in all_checks() if check.category != "informational") - set(APART)

Line = Mapping[str, Any]


def certify(
    make: Callable[[], Potential], name: str, budget: Budget, seed: int, only: Iterable[str] = ()
) -> Certificate:
    """Return the certificate of a potential by the checks that are looked at here, or by some of them.

    No counterexample is made simpler, and no cause is looked for.
    """
    settings = Settings(spec=name, budget=budget, seed=seed, only=tuple(only), skip=() if only else APART)
    return certified_from(make(), make, settings)


def laws_of(one: Reported) -> frozenset[str]:
    """Return the laws that a reader would look at, of those that there are."""
    return one.laws & BINDING


def told(certificate: Certificate, laws: Iterable[str] = BINDING) -> dict[str, str]:
    """Return the laws that bar the certificate, and how: `fail`, or `error` where the potential raised."""
    found = {result.id: result.status for result in certificate.checks if result.status in ("fail", "error")}
    return {law: status for law, status in sorted(found.items()) if law in laws}


def lines() -> list[dict[str, Any]]:
    """Return what was judged so far."""
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []


def judge(only: str, budgets: Sequence[Budget], seeds: range) -> None:
    """Judge what was not judged yet by today's sources, and add it to the results."""
    sources = digest(SOURCES)
    done = {(d["name"], d["budget"], d["seed"]) for d in lines() if d["sources"] == sources}
    everything: dict[str, Reported | NoDefect] = {**REPORTED, **NO_DEFECTS}
    for budget in budgets:
        for seed in seeds:
            for name, one in everything.items():
                if not fnmatch(name, only) or (name, budget, seed) in done:
                    continue
                named = laws_of(one) if isinstance(one, Reported) else frozenset()
                certificate = certify(one.make, name, budget, seed, named)
                undecided = [r.id for r in certificate.checks if r.status == "inconclusive" and r.id in BINDING]
                line = {
                    "name": name,
                    "budget": budget,
                    "seed": seed,
                    "sources": sources,
                    "told": told(certificate),
                    "inconclusive": sorted(undecided),
                }
                with RESULTS.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(name, budget, seed, line["told"] or "nothing", file=sys.stderr)


def newest(found: Iterable[Line]) -> dict[tuple[str, Budget], dict[int, Line]]:
    """Return the last line of each seed, by defect and budget."""
    kept: dict[tuple[str, Budget], dict[int, Line]] = {}
    for line in found:
        kept.setdefault((line["name"], line["budget"]), {})[line["seed"]] = line
    return kept


def page(found: Sequence[Line]) -> str:
    """Return docs/reported.md."""
    kept = newest(found)
    by_law = {name: _seen(one, kept) for name, one in REPORTED.items()}
    quick = sum(_all(by_law[name]["quick"]) for name in REPORTED)
    either = sum(any(_all(by_law[name][budget]) for budget in BUDGETS) for name in REPORTED)
    unseen = [one for one in REPORTED.values() if not laws_of(one)]
    text = [
        "# What bugs this suite would have caught",
        "",
        "Users of interatomic potentials report defects in public. Here are "
        f"{len(REPORTED)} of them, each planted into a sound analytic potential or calculator as its thread tells it: "
        "the same mechanism, and the same size where the thread gives one. A few lines each, in `tests/reported/`.",
        "",
        f"- **{quick}** are told at `quick`, by every seed tried, by a law that a reader would look at.",
        f"- **{either}** are told at `quick` or `standard`.",
        f"- **{len(unseen)}** obey every law, and no certificate can tell them. The table says why.",
        "",
        "The potentials declare their species and nothing else: no cutoff, no precision, no claims. That is how a user "
        "has a calculator. Where the table says *raises*, the check ends with the error that users met, and there is "
        "no certificate.",
        "",
        "The numbers after a budget are the seeds that tell the defect by the law named, out of those tried.",
        "",
        "| defect | met in | law that tells it | told |",
        "| --- | --- | --- | --- |",
        *(_row(one, kept, by_law[one.name]) for one in REPORTED.values() if laws_of(one)),
        "",
        "## What no law tells",
        "",
        "| defect | met in | why not |",
        "| --- | --- | --- |",
        *(f"| {one.what} | [{one.package}]({one.link}) | {one.why} |" for one in unseen),
        "",
        "## Reports that were of no defect",
        "",
        "Some reporters were wrong. Potentials that do what they reported have to be certified. The numbers are the "
        "seeds for which no law failed and none was undecided, out of those tried.",
        "",
        "| reported | where | certified |",
        "| --- | --- | --- |",
        *(_sound_row(one, kept) for one in NO_DEFECTS.values()),
        "",
        "Made by `python -m benchmarks.reported run` and `page`.",
    ]
    return "\n".join(text)


def _seen(one: Reported, kept: Mapping[tuple[str, Budget], Mapping[int, Line]]) -> dict[Budget, list[bool]]:
    """Return for each budget whether each seed tells the defect by a law that a reader would look at."""
    return {
        budget: [bool(laws_of(one) & line["told"].keys()) for line in kept.get((one.name, budget), {}).values()]
        for budget in BUDGETS
    }


def _all(seen: Sequence[bool]) -> bool:
    return bool(seen) and all(seen)


def _row(
    one: Reported, kept: Mapping[tuple[str, Budget], Mapping[int, Line]], seen: Mapping[Budget, list[bool]]
) -> str:
    told_by: dict[str, str] = {}
    for budget in reversed(BUDGETS):
        for line in kept.get((one.name, budget), {}).values():
            told_by.update({law: how for law, how in line["told"].items() if law in laws_of(one)})
    laws = ", ".join(f"{law}{' (raises)' if how == 'error' else ''}" for law, how in sorted(told_by.items()))
    counts = ", ".join(f"{budget} {sum(seen[budget])}/{len(seen[budget])}" for budget in BUDGETS if seen[budget])
    none = f"none{': ' + one.why if one.why else ''}"
    return f"| {one.what} | [{one.package}]({one.link}) | {laws or none} | {counts or 'not judged yet'} |"


def _sound_row(one: NoDefect, kept: Mapping[tuple[str, Budget], Mapping[int, Line]]) -> str:
    counts = []
    for budget in BUDGETS:
        found = kept.get((one.name, budget), {}).values()
        if found:
            counts.append(
                f"{budget} {sum(not line['told'] and not line['inconclusive'] for line in found)}/{len(found)}"
            )
    return f"| {one.what} | [{one.package}]({one.link}) | {', '.join(counts) or 'not judged yet'} |"


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end)) if end else range(int(first), int(first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="judge what was not judged yet by today's sources")
    running.add_argument("--only", default="*", help="names, as a glob")
    running.add_argument("--budget", choices=BUDGETS, action="append", help="may be repeated; both if left out")
    running.add_argument("--seeds", type=_seeds, default=range(3), help="FIRST:END, or one")
    commands.add_parser("page", help="print docs/reported.md")
    asked = parser.parse_args()
    if asked.command == "run":
        judge(asked.only, asked.budget or BUDGETS, asked.seeds)
    else:
        print(page(lines()))


if __name__ == "__main__":
    main()
