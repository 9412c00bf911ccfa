"""All results of certificates as one table: a row for each law and quantity and for each score, for CSV and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from gnnp_bench.certificate.result import Certificate, CheckResult, ComponentResult, Score
from gnnp_bench.report.text import plain

Row: TypeAlias = dict[str, Any]

COLUMNS: Mapping[str, str] = {
    "file": "string",
    "potential": "string",
    "version": "string",
    "spec": "string",
    "dtype": "string",
    "species": "string",
    "date": "string",
    "budget": "string",
    "profile": "string",
    "seed": "int64",
    "verdict": "string",
    "complete": "bool",
    "law": "string",
    "category": "string",
    "law_status": "string",
    "law_grade": "string",
    "quantity": "string",
    "headline": "bool",
    "status": "string",
    "grade": "string",
    "measured": "float64",
    "bound": "float64",
    "significance": "float64",
    "unit": "string",
    "cases": "int64",
    "evaluations": "int64",
    "elapsed_s": "float64",
    "reason": "string",
    "kind": "string",
    "subject": "string",
    "uncertainty": "float64",
    "better": "string",
    "reference": "float64",
}
"""With the types that they have in Parquet; docs/report.md says what they mean."""
FORMULA = ("=", "+", "-", "@")
"""A text that begins so is computed by spreadsheets."""


def rows(file: str, certificate: Certificate) -> Iterator[Row]:
    """Yield a row for each law and quantity, then one for each score; what a row has no value for is None.

    A law of which nothing was measured has one row without numbers.
    """
    potential = certificate.potential
    whole = {
        "file": file,
        "potential": potential.name,
        "version": potential.version,
        "spec": potential.spec,
        "dtype": potential.dtype,
        "species": " ".join(potential.species),
        "date": str(certificate.environment.get("date") or "")[:10] or None,
        "budget": certificate.budget,
        "profile": certificate.profile,
        "seed": certificate.seed,
        "verdict": certificate.verdict,
        "complete": certificate.complete,
    }
    for result in certificate.checks:
        law = {
            "law": result.id,
            "category": result.category,
            "law_status": result.status,
            "law_grade": result.grade,
            "cases": result.cases,
            "evaluations": result.evaluations,
            "elapsed_s": result.elapsed_s,
            "reason": result.reason,
            "kind": "law",
        }
        for part in _parts(result):
            yield _row({**whole, **law, **part})
    for score in certificate.scores:
        yield _row({**whole, **_score(score)})


def _row(values: Row) -> Row:
    return {name: values.get(name) for name in COLUMNS}


def _score(score: Score) -> Row:
    return {
        "kind": score.kind,
        "subject": score.subject,
        "quantity": score.name,
        "measured": score.value,
        "unit": score.unit,
        "uncertainty": score.uncertainty,
        "better": score.better,
        "reference": score.reference,
        "reason": score.remark or None,
    }


def _parts(result: CheckResult) -> Iterator[Row]:
    parts: Sequence[ComponentResult | CheckResult] = result.components or (result,)
    for part in parts:
        names = ("quantity", "status", "grade", "measured", "bound", "significance", "unit")
        headline = part.quantity is not None and part.quantity == result.quantity
        yield {"headline": headline, **{name: getattr(part, name) for name in names}}


def as_csv(table: Iterable[Row]) -> bytes:
    """Return rows as CSV (UTF-8, commas, a line of names first). What is null is empty.

    Texts are in one line, without control characters. Those that a spreadsheet would compute have an apostrophe before
    them: names come from potentials and files.
    """
    text = io.StringIO()
    written = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    written.writeheader()
    for row in table:
        written.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def as_parquet(table: Iterable[Row]) -> bytes:
    """Return rows as a Parquet file."""
    from gnnp_bench.screening.results import parquet_of

    return parquet_of(list(table), COLUMNS)
