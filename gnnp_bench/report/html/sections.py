"""The parts of the page that are read: the verdict, what was looked at and what was not, what is left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from gnnp_bench.certificate.result import Certificate, CheckResult, Fitness, NoiseRecord, Score
from gnnp_bench.certificate.verdict import told_only
from gnnp_bench.report.html.laws import group, strip_of
from gnnp_bench.report.html.markup import element, facts, joined, put
from gnnp_bench.report.scores import HEADINGS, value
from gnnp_bench.report.text import (
    judged_on,
    listed,
    not_learnt,
    number,
    plural,
    quantity,
    species_line,
    trained_on,
)
from gnnp_bench.report.words import by_reason, restriction, sentence, subject

VERDICTS = {"certified": "Certified", "failed": "Failed", "partial": "Not certified"}
MEANING = {
    "exact": "Grade exact: every law holds to the potential's own rounding.",
    "physical": "Grade physical: every law holds to what matters to a physicist. Some are missed by more than rounding"
    " explains, or rounding is too large to tell.",
    "failed": "A law of physics is violated by more than rounding explains and by more than matters.",
    "partial": "Nothing was violated and nothing is proved: not every law could be judged.",
}
GROUPS = {"held": "hold", "violated": "violated", "waived": "waived", "open": "left open", "n/a": "not applicable"}


def verdict(certificate: Certificate, checks: Iterable[str]) -> Markup:
    """Return the verdict in words, and the count of laws."""
    meaning = MEANING[certificate.grade or certificate.verdict]
    if not certificate.complete:
        meaning += " The run ended before all laws were judged."
    return put(
        '<header class="verdict v-{}"><p class="kind">Certificate of physics · {}</p><h1>{}{}</h1>'
        '<p class="grade">{}</p><p>{}</p>{}</header>',
        certificate.verdict,
        subject(certificate),
        VERDICTS[certificate.verdict],
        restriction(certificate),
        meaning,
        sentence(certificate, expected=checks),
        _counts(certificate.checks),
    )


def _counts(results: Sequence[CheckResult]) -> Markup:
    counts = counted(results)
    told = sum(result.category == "informational" for result in results)
    pieces = [
        put('<li class="s-{}"><b>{}</b> {}</li>', name.replace("/", "") if counts[name] else "na", counts[name], words)
        for name, words in GROUPS.items()
        if counts[name] or name in ("held", "violated")
    ]
    if told:
        pieces.append(put('<li class="s-told"><b>{}</b> told, never judged</li>', told))
    return element("ul", joined(pieces), class_="counts", aria_label="Laws, counted")


def counted(results: Iterable[CheckResult]) -> Counter[str]:
    """Return how many binding laws hold, are violated, and so on."""
    return Counter(group(result) for result in results if result.category != "informational")


def count_of(results: Iterable[CheckResult]) -> Markup:
    """Return how many binding laws hold, are violated, are left open, in one line."""
    counts = counted(results)
    return joined(
        (
            put('<span class="s-{}">{} {}</span>', name.replace("/", ""), counts[name], words)
            for name, words in GROUPS.items()
            if counts[name]
        ),
        ", ",
    )


def looked_at(certificate: Certificate) -> Markup:
    """Return whom the certificate is about, and what was done."""
    potential, there = certificate.potential, certificate.environment
    weights = f"SHA-256 {potential.weights_sha256[:16]}…" if potential.weights_sha256 else "no file of weights known"
    if potential.parameters is not None:
        weights += f", {potential.parameters:,} parameters"
    binding = sum(result.category != "informational" for result in certificate.checks)
    cases = sum(result.cases for result in certificate.checks)
    machine = ", ".join(str(there[key]) for key in ("cpu", "platform") if there.get(key))
    versions = there.get("versions")
    known = versions.items() if isinstance(versions, dict) else ()
    packages = ", ".join(f"{name} {version}" for name, version in known)
    told = {
        "potential": subject(certificate),
        "loaded by": element("code", potential.spec),
        "weights": weights,
        "arithmetic": f"{potential.dtype or 'precision not stated'} on {potential.device}",
        "elements": species_line(potential.species),
        "structures": f"{certificate.structures} drawn, seed {certificate.seed}",
        "search": f"budget {certificate.budget}, profile {certificate.profile}: {cases:,} cases of "
        f"{plural(len(certificate.checks), 'law')} ({binding} binding), {certificate.evaluations:,} evaluations",
        "time": f"{certificate.elapsed_s:.0f} s, {certificate.potential_s:.0f} s inside the potential",
        "date": str(there.get("date", ""))[:10],
        "machine": machine,
        "packages": packages,
        "command": element("code", there["command"]) if there.get("command") else "",
    }
    return facts(told)


def not_looked_at(certificate: Certificate, checks: Iterable[str]) -> Markup:
    """Return what the certificate says nothing of, and why."""
    potential = certificate.potential
    items: list[object] = [
        "Beyond its budget: the search is bounded. It finds violations; it cannot prove that there is none.",
    ]
    kinds = judged_on(potential)
    if kinds is not None:
        items.append(f"Structures: {kinds}.")
    if potential.combinations:
        items.append(f"Mixtures: {trained_on(potential.combinations)}.")
    if potential.fitted_alone:
        items.append(f"Not learnt: {not_learnt(potential.fitted_alone, potential.undetermined)}.")
    measured = {score.kind for score in certificate.scores}
    beside = {"accuracy": "accuracy", "bench": "speed", "properties": "properties"}
    missing = [name for kind, name in beside.items() if kind not in measured]
    if missing:
        items.append(f"Numbers beside the laws: {listed(missing)} not measured (certify --with).")
    present = {result.id for result in certificate.checks}
    not_run = [check_id for check_id in checks if check_id not in present]
    if not_run:
        known = f"{plural(len(not_run), 'law')} of this gnnp-bench not in the certificate:"
        items.append(put("{} {}", known, codes(not_run)))
    if reasons := by_reason(r for r in certificate.checks if r.status == "not_applicable"):
        rows = joined(put("<li>{}: {}</li>", codes(ids), reason) for reason, ids in reasons.items())
        items.append(put("Not applicable to this potential:<ul>{}</ul>", rows))
    return element("ul", joined(element("li", item) for item in items))


ANSWERS = {"fit": "held", "fit with care": "open", "not fit": "violated", "not looked at": "na"}


def uses(found: Sequence[Fitness]) -> Markup:
    """Return for what the potential is fit, and why it is no better."""
    rows = joined(
        put(
            '<tr role="row"><th role="rowheader" scope="row">{}</th><td role="cell"><b class="s-{}">{}</b></td>'
            '<td role="cell">{}</td></tr>',
            one.use,
            ANSWERS[one.answer],
            one.answer,
            one.reason,
        )
        for one in found
    )
    titles = ("to be used for", "answer", "why")
    head = joined(put('<th role="columnheader" scope="col">{}</th>', title) for title in titles)
    table = (
        '<table role="table" class="uses"><thead role="rowgroup"><tr role="row">{}</tr></thead>'
        '<tbody role="rowgroup">{}</tbody></table>'
    )
    return put(table, head, rows) if found else rows


def remarks(results: Sequence[CheckResult]) -> Markup:
    """Return what was remarked of laws that were judged."""
    told = by_reason(result for result in results if result.status in ("pass", "waived"))
    items = joined(put("<li>{}: {}</li>", codes(ids), reason) for reason, ids in told.items())
    return element("ul", items) if told else Markup("")


def codes(ids: Iterable[str]) -> Markup:
    """Return ids as an enumeration."""
    return joined((element("code", one) for one in ids), ", ")


def seen(results: Sequence[CheckResult]) -> Markup:
    """Return what informational laws found that a reader should know: nothing where all of them hold."""
    told = [result for result in results if told_only(result)]
    items = joined(
        put(
            "<li>{} {} ({} missed by {})</li>",
            element("code", result.id),
            told_only(result),
            result.law,
            quantity(result.measured, result.unit),
        )
        for result in told
    )
    return element("ul", items) if told else Markup("")


def noise(record: NoiseRecord) -> Markup:
    """Return the noise floor, beside what matters."""
    rows = [
        ("energy", record.energy, "eV/atom", 1e-4),
        ("forces", record.forces, "eV/Å", 1e-3),
        ("stress", record.stress, "eV/Å³", 1e-4),
    ]
    body = joined(
        put(
            '<tr><th scope="row">{}</th><td class="number">{}</td><td class="number">{}</td><td>{}</td><td>{}</td>'
            "</tr>",
            name,
            number(measured),
            number(matters),
            unit,
            strip_of(measured, 0.0, matters, "noise"),
        )
        for name, measured, unit, matters in rows
        if measured is not None
    )
    if not body:
        return element("p", "Not measured: no structure could be evaluated.")
    titles = ("", "largest noise", "starts to matter", "unit", "on one scale")
    head = joined(put('<th scope="col">{}</th>', title) for title in titles)
    return put(
        '<div class="wide"><table class="small"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>', head, body
    )


def scores(kind: str, found: Sequence[Score]) -> Markup:
    """Return the numbers of one kind as a table, under each subject its own."""
    chosen = [score for score in found if score.kind == kind]
    rows = joined(
        put(
            '<tr><td>{}</td><td>{}</td><td class="number">{}</td><td class="number">{}</td><td>{}</td></tr>',
            score.subject,
            score.name,
            value(score).partition("  (")[0],
            "" if score.reference is None else f"{score.reference:.4g}",
            score.remark if score.value is not None else "",
        )
        for score in chosen
    )
    head = joined(put('<th scope="col">{}</th>', t) for t in ("of", "what", "value", "reference", "remark"))
    return put(
        '<details class="numbers"><summary>all {} numbers as a table</summary><div class="wide"><table class="small">'
        "<caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div></details>",
        len(chosen),
        HEADINGS[kind],
        head,
        rows,
    )
