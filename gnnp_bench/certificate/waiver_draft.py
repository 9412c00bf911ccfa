"""A file of waivers drafted from a certificate: what fails, how far, and what a human has to add."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import date
from typing import Any

from gnnp_bench.certificate.result import Certificate, CheckResult, Waiver
from gnnp_bench.certificate.waivers import EXAMPLE

MARGIN = 1.1
"""Above what was measured: another machine rounds otherwise."""
HEAD = """\
# Failures of {name} that are permitted for a while: gnnp-bench certify … --waivers FILE
# max is a tenth above what was measured. Delete what should stay a failure.
"""
TO_FILL_IN = "# Fill in reason and expires of each: without them the file is refused.\n"


def draft(certificate: Certificate, *, reason: str | None = None, expires: date | None = None) -> str:
    """Return a TOML text with a waiver for each law and unit that fails; those that were used stay as they were.

    Failures that no waiver covers are named in comments. A reason and a date are for humans to give: where they are
    missing, the text is no file of waivers yet.

    Parameters
    ----------
    certificate : Certificate
    reason : str, optional
        For all new ones.
    expires : date, optional
        For all new ones.
    """
    parts: list[str] = []
    drafted = False
    for result in certificate.checks:
        parts += [_table(waiver) for waiver in result.waivers]
        if result.status != "fail" or result.category == "informational":
            continue
        if (why := _beyond(result)) is not None:
            parts.append(f"# {_comment(result.id)} cannot be waived: {why}.\n")
            continue
        for unit, worst in _worst(result).items():
            drafted = True
            parts.append(_new(certificate.potential.name, result.id, worst, unit, reason, expires))
    head = HEAD.format(name=_comment(certificate.potential.name))
    if not parts:
        return head + "# Nothing fails: there is nothing to permit.\n"
    return "\n".join([head + (TO_FILL_IN if drafted and not (reason and expires) else ""), *parts])


def _beyond(result: CheckResult) -> str | None:
    """Return why no waiver covers a failure, or None."""
    if result.broken:
        return f"{result.broken} cases broke"
    if undecided := [c.quantity for c in result.components if c.status == "inconclusive"]:
        return f"{_comment(undecided[0])} is inconclusive"
    failed = [c for c in result.components if c.status == "fail"]
    if not failed:
        return "no quantity of it is told to fail"
    if wild := [c.quantity for c in failed if c.measured is None]:
        return f"{_comment(wild[0])} is not finite"
    return None


def _worst(result: CheckResult) -> dict[str, float]:
    worst: dict[str, float] = {}
    for component in result.components:
        if component.status == "fail" and component.measured is not None:
            worst[component.unit] = max(worst.get(component.unit, 0.0), component.measured)
    return worst


def _new(name: str, check: str, worst: float, unit: str, reason: str | None, expires: date | None) -> str:
    values: list[tuple[str, str]] = [
        ("potential", _text(name)),
        ("check", _text(check)),
        ("max", f"{_above(worst):g}  # measured: {worst:.3g}"),
        ("unit", _text(unit)),
        ("expires", expires.isoformat()) if expires else ("# expires", EXAMPLE["expires"]),
        ("reason", _text(reason or "")),
    ]
    return _lines(values)


def _table(waiver: Waiver) -> str:
    return _lines(
        (
            ("potential", _text(waiver.potential)),
            ("check", _text(waiver.check)),
            ("max", repr(waiver.max)),
            ("unit", _text(waiver.unit)),
            ("expires", waiver.expires.isoformat()),
            ("reason", _text(waiver.reason)),
        )
    )


def _lines(values: Any) -> str:
    return "\n".join(["[[waiver]]", *(f"{key} = {value}" for key, value in values), ""])


def _above(value: float) -> float:
    """Return a tenth more, rounded up to two digits."""
    wanted = MARGIN * value
    if wanted <= 0.0 or not math.isfinite(wanted):
        return 1.0
    step = 10.0 ** (math.floor(math.log10(wanted)) - 1)
    return float(f"{math.ceil(wanted / step - 1e-9) * step:.2g}")


def _text(value: str) -> str:
    """Return a basic string of TOML. Names come from potentials and hold anything."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(value: str) -> str:
    return "".join(_characters(value))


def _characters(value: str) -> Iterator[str]:
    for character in value:
        yield character if character.isprintable() else " "
