"""What the campaigns of the field have found, as docs/field.md.

    python -m benchmarks.field.page > docs/field.md
    python -m benchmarks.field.page --certificates DIR   # for `gnnp-bench leaderboard DIR`

Reads the files in benchmarks/field to which the campaigns export their results. Nothing is loaded and nothing judged.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

from benchmarks.field.found import CAMPAIGN, STANDARD, WORDS, Field, Judged, field
from benchmarks.field.looks import TOLD
from benchmarks.field.looks import lines as looks
from benchmarks.openkim import CONFIRMED
from gnnp_bench.certificate.io import write
from gnnp_bench.certificate.result import CheckResult

OTHER = "others"
FEWEST = 4
"""Potentials that a kind must have for a line of its own."""


def page(whole: Field, longer: Field) -> str:
    """Return docs/field.md, from what was found at `quick` and at `standard`."""
    found = whole.found
    cut = [one for one in found if one.certificate is not None and not one.certificate.complete]
    counts = Counter(one.word for one in found)
    told = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word])
    return "\n".join(
        [
            "# The field, certified",
            "",
            "Which laws do the potentials hold that anyone can install? These are the portable models that Debian's "
            "`openkim-models` holds, the weights in the wheels of CHGNet and SevenNet, the variants of our reference "
            "potential, and calculators that ASE computes itself.",
            "",
            f"Of {whole.asked} potentials {len(found)} have had their turn: {told}. {len(cut)} needed more than their "
            "120 seconds, and the rest of their laws was not asked; shortest laws came first. Such a potential is "
            "*failed* if a law had failed by then, else *out of time*. Budget `quick`, seed 0, two processes on two "
            f"shared cores, {' to '.join(dict.fromkeys(whole.days))}."
            + (f" {whole.outdated:,} results are of an earlier version of their law." if whole.outdated else ""),
            "",
            "*Failed* means that a law that binds this potential is broken by more than its bound, in at least one "
            "structure that can be replayed. How much that matters depends on the use: look at the number.",
            "",
            "<!-- site: leaderboard -->",
            "",
            "## Kinds",
            "",
            f"| kind | potentials | {' | '.join(WORDS)} | what fails most |",
            f"| --- | --- |{' --- |' * (len(WORDS) + 1)}",
            *_kinds(found),
            "",
            "## Laws",
            "",
            "Counts of potentials. Laws that none fails and that are open for none are left out.",
            "",
            "| law | asked | failed | inconclusive | error | kinds that fail it |",
            "| --- | --- | --- | --- | --- | --- |",
            *_laws(found),
            "",
            *_told(found),
            *_looks(found),
            *_longer(whole, longer),
            "## All of them",
            "",
            "| potential | verdict | laws that fail, with the largest violation | open |",
            "| --- | --- | --- | --- |",
            *(_row(one) for one in sorted(found, key=lambda one: (one.kind, one.spec))),
            "",
            "## Again",
            "",
            "```sh",
            "apt-get install libkim-api-dev libkim-api2 openkim-models && pip install kimpy",
            "gnnp-bench campaign import benchmarks/field/field.jsonl.xz --store benchmarks/field/field.db",
            "gnnp-bench campaign resume benchmarks/field/campaign.toml   # what is missing, or of another version",
            "gnnp-bench campaign import benchmarks/field/standard.jsonl.xz --store benchmarks/field/standard.db",
            "gnnp-bench campaign resume benchmarks/field/standard.toml",
            "python -m benchmarks.field.page > docs/field.md",
            "python -m benchmarks.field.page --certificates certificates",
            "gnnp-bench leaderboard certificates --out site",
            "```",
        ]
    )


def _kinds(found: Sequence[Judged]) -> Iterator[str]:
    of: dict[str, list[Judged]] = defaultdict(list)
    sizes = Counter(one.kind for one in found)
    for one in found:
        of[one.kind if sizes[one.kind] >= FEWEST else OTHER].append(one)
    for kind in sorted(of, key=lambda kind: (kind == OTHER, -len(of[kind]), kind)):
        words = Counter(one.word for one in of[kind])
        failed = Counter(result.id for one in of[kind] for result in one.of("fail"))
        most = ", ".join(f"{law} ({count})" for law, count in failed.most_common(3))
        yield f"| {kind} | {len(of[kind])} | {' | '.join(str(words[word]) for word in WORDS)} | {most or '–'} |"


def _laws(found: Sequence[Judged]) -> Iterator[str]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for one in found:
        for result in one.of("pass", "fail", "inconclusive", "error"):
            counts[result.id][result.status] += 1
            if result.status == "fail":
                kinds[result.id][one.kind] += 1
    for law in sorted(counts, key=lambda law: (-counts[law]["fail"], law)):
        count = counts[law]
        if count["fail"] + count["inconclusive"] + count["error"]:
            most = ", ".join(f"{kind} ({number})" for kind, number in kinds[law].most_common(4))
            numbers = f"{count['fail']} | {count['inconclusive']} | {count['error']}"
            yield f"| {law} | {count.total()} | {numbers} | {most or '–'} |"


def _told(found: Sequence[Judged]) -> list[str]:
    """Return the counterexamples that teach most."""
    by_spec = {one.spec: one for one in found}
    lines = []
    for spec, law, meaning in TOLD:
        result = next((one for one in by_spec[spec].of("fail") if one.id == law), None) if spec in by_spec else None
        if result is not None:
            lines.append(f"1. **{meaning}** `{_name(spec)}`, {law}: {_size(result)}. {_sentence(result)}")
    return ["## Ten to learn from", "", *lines, ""] if lines else []


def _looks(found: Sequence[Judged]) -> list[str]:
    """Return what plain scripts say of each kind of finding, one case each."""
    failed = {(one.spec, result.id): result for one in found for result in one.of("fail")}
    lines = [
        f"| {look.law} | `{_name(look.spec)}` | {_size(failed[look.spec, look.law])} | {_plain(look.seen)} |"
        for look in looks()
        if (look.spec, look.law) in failed
    ]
    if not lines:
        return []
    return [
        "## Each kind of finding, looked at plainly",
        "",
        "By scripts of ASE, kimpy or the package alone, without this project. Many more are on the page of "
        "[OpenKIM's models](openkim.md).",
        "",
        "| law | potential | found | a plain look |",
        "| --- | --- | --- | --- |",
        *sorted(lines),
        "",
        *_unseen({law for _, law in failed}),
    ]


def _unseen(failed: set[str]) -> list[str]:
    """Return which laws fail somewhere and were looked at plainly nowhere: these findings are to be taken with care."""
    seen = {look.law for look in looks()}
    seen |= {json.loads(line)["law"] for line in CONFIRMED.read_text().splitlines()}
    left = sorted(law for law in failed if not any(fnmatch(law, pattern) for pattern in seen))
    if not left:
        return []
    return [f"Not yet looked at without this project, so to be taken with care: {', '.join(left)}.", ""]


def _longer(whole: Field, longer: Field) -> list[str]:
    """Return what more evaluations and more time see of those that were chosen for it."""
    before = {one.spec: one for one in whole.found}
    pairs = [(before[one.spec], one) for one in longer.found if one.spec in before]
    if not pairs:
        return []
    same = sum(short.word == long.word for short, long in pairs)
    more = median(_evaluations(long) / max(1, _evaluations(short)) for short, long in pairs)
    return [
        "## Forty at `standard`",
        "",
        f"Of {longer.asked} that span the kinds, {len(pairs)} have had ten minutes each and {more:.1f} times the "
        f"evaluations (median). {same} are told the same word. *More* are laws that fail only there, *fewer* those "
        "that failed at `quick` alone.",
        "",
        "| potential | evaluations | at `quick` | at `standard` | more | fewer |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_beside(short, long) for short, long in sorted(pairs, key=lambda pair: (pair[0].kind, pair[0].spec))),
        "",
    ]


def _beside(short: Judged, long: Judged) -> str:
    first, second = ({result.id: result for result in one.of("fail")} for one in (short, long))
    more = "; ".join(f"{law} {_size(second[law])}" for law in second if law not in first)
    asked = {result.id for result in long.of("pass", "fail", "inconclusive", "error")}
    fewer = ", ".join(law for law in first if law in asked and law not in second)
    counts = [_evaluations(one) for one in (short, long)]
    return f"| `{_name(short.spec)}` | {counts[0]:,}, {counts[1]:,} | {short.word} | {long.word} | {more} | {fewer} |"


def _evaluations(one: Judged) -> int:
    return one.certificate.evaluations if one.certificate else 0


def _row(one: Judged) -> str:
    if one.certificate is None:
        return f"| `{_name(one.spec)}` | not loaded | {_plain(one.said)} | |"
    fails = "; ".join(f"{result.id} {_size(result)}" for result in one.of("fail"))
    left = ", ".join(result.id for result in one.of("inconclusive", "error"))
    asked = "" if one.certificate.complete else f", {len(one.certificate.checks)} laws asked"
    return f"| `{_name(one.spec)}` | {one.word}{asked} | {fails} | {left} |"


def _name(spec: str) -> str:
    return spec.removeprefix("kim:")


def _size(result: CheckResult) -> str:
    """Return the headline of a law that failed: a number and its unit."""
    if result.measured is None:
        return "no number"
    return f"{result.measured:.2g} {result.unit or ''}".strip()


def _sentence(result: CheckResult) -> str:
    return _plain(result.reason or "")


def _plain(text: str) -> str:
    """Return a sentence as a cell of a table: on one line, without bars, and not for ever."""
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) <= 240 else f"{line[:237]}…"


def certificates(found: Sequence[Judged], folder: Path) -> list[Path]:
    """Write the certificates of potentials of which there are some, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / one.file for one in found if one.certificate is not None]
    assert len(set(written)) == len(written), "two potentials would share a file"
    for one in found:
        if one.certificate is not None:
            write(one.certificate, folder / one.file)
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certificates", metavar="DIR", type=Path)
    parser.add_argument("--json", action="store_true", help="what fails, for whoever looks")
    given = parser.parse_args()
    whole, longer = field(CAMPAIGN), field(STANDARD)
    if given.certificates:
        print(f"{len(certificates([*whole.found, *longer.found], given.certificates))} in {given.certificates}")
    elif given.json:
        fails = {one.spec: {law.id: _size(law) for law in one.of("fail")} for one in whole.found}
        print(json.dumps(fails, ensure_ascii=False))
    else:
        print(page(whole, longer))
