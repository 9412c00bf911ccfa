"""Waivers: recorded, bounded permissions, each with a date on which it ends, for one check to fail.

The file is TOML, one `[[waiver]]` for each permission, all keys required; docs/certificate.md describes them.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from gnnp_bench.certificate.result import Certificate, CheckResult, ComponentResult, PotentialRecord, Waiver

__all__ = ["Waiver", "as_written", "check_ids", "read", "unused", "waived"]

KEYS = tuple(field.name for field in fields(Waiver))
EXAMPLE = {
    "potential": '"chgnet"',
    "check": '"periodicity/cell-choice"',
    "max": "0.9",
    "unit": '"eV/Å³"',
    "expires": "2027-03-31",
    "reason": '"known; left-handed cells are not used here"',
}


def read(path: str | os.PathLike[str]) -> tuple[Waiver, ...]:
    """Return the waivers in a file.

    Raises
    ------
    ValueError
        If the file cannot be read, or holds anything but well-formed waivers. The message is one line that names the
        file and says how to mend it.
    """
    name = os.fspath(path)
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}: waivers are written in UTF-8: {error}") from error
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def parse(text: str) -> tuple[Waiver, ...]:
    """Return the waivers that a TOML text holds.

    Raises
    ------
    ValueError
        If it holds anything else.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from error
    except RecursionError as error:
        raise ValueError("not a file of waivers: it is nested too deeply") from error
    if strange := [key for key in document if key != "waiver"]:
        raise ValueError(f"unknown key {strange[0]!r}: the file holds nothing but tables [[waiver]]")
    entries = document.get("waiver", [])
    if not isinstance(entries, list):
        raise ValueError("write [[waiver]] with two brackets: there may be more than one")
    waivers = tuple(_waiver(number, entry) for number, entry in enumerate(entries, 1))
    seen: dict[tuple[str, str, str], int] = {}
    for number, waiver in enumerate(waivers, 1):
        first = seen.setdefault((waiver.potential, waiver.check, waiver.unit), number)
        if first != number:
            raise ValueError(
                f"waiver {number} repeats waiver {first}: {waiver.check} of {waiver.potential} in {waiver.unit!r}"
            )
    return waivers


def check_ids(waivers: Iterable[Waiver], ids: Iterable[str]) -> None:
    """Refuse waivers of checks that are not there.

    Raises
    ------
    ValueError
        If one names an id that is not among `ids`. The message suggests another.
    """
    known = list(ids)
    for waiver in waivers:
        if waiver.check not in known:
            close = difflib.get_close_matches(waiver.check, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else "; gnnp-bench list shows what there is"
            raise ValueError(f"a waiver names the check {waiver.check!r}, which there is not{hint}")


def waived(
    result: CheckResult, waivers: Sequence[Waiver], potential: PotentialRecord, *, today: date | None = None
) -> CheckResult:
    """Return the result as the waivers leave it: a failure that they cover is waived, one that they do not is told why.

    A waiver covers the quantities of its unit, as long as it has not expired and each is missed by no more than its
    maximum. A check is waived when all its quantities that fail are covered, and it would have passed without them:
    not where other quantities are inconclusive or cases broke.

    Parameters
    ----------
    result : CheckResult
    waivers : sequence of Waiver
    potential : PotentialRecord
        What was judged; waivers of others are passed over.
    today : date, optional
        The day in UTC by default. A waiver is good through the day on which it expires.
    """
    mine = [waiver for waiver in waivers if waiver.check == result.id and _is_of(waiver, potential)]
    if result.status != "fail" or result.category == "informational" or not mine:
        return result
    day = today or datetime.now(UTC).date()
    found = [_covering(mine, component, day) for component in result.components if component.status == "fail"]
    found += [
        f"{c.quantity}: inconclusive, which no waiver covers" for c in result.components if c.status == "inconclusive"
    ]
    if result.broken:
        found.append(f"{result.broken} cases broke, which no waiver covers")
    objections = [f"not waived: {said}" for said in found if isinstance(said, str)]
    used = [waiver for waiver in mine if waiver in found]
    if objections or not used:
        return replace(result, reason=_joined(result.reason, *objections))
    grants = [f"waived until {w.expires}, up to {w.max:g} {w.unit}".rstrip() + f": {w.reason}" for w in used]
    return replace(
        result,
        status="waived",
        components=tuple(replace(c, status="waived") if c.status == "fail" else c for c in result.components),
        reason=_joined(result.reason, *grants),
        waivers=tuple(used),
    )


def unused(waivers: Iterable[Waiver], certificates: Certificate | Sequence[Certificate]) -> list[str]:
    """Return a line for each waiver that was good for nothing.

    One whose check fails all the same is not among them: the check's reason tells of it.
    """
    judged = [certificates] if isinstance(certificates, Certificate) else list(certificates)
    names = " and ".join(dict.fromkeys(certificate.potential.name for certificate in judged))
    lines = []
    for waiver in waivers:
        mine = [certificate for certificate in judged if _is_of(waiver, certificate.potential)]
        results = [result for certificate in mine for result in certificate.checks if result.id == waiver.check]
        what = f"unused waiver: {waiver.check} of {waiver.potential}"
        if not mine:
            lines.append(f"{what}: what was judged is {names}")
        elif not results:
            lines.append(f"{what}: the check was not run")
        elif all(waiver not in result.waivers and result.status != "fail" for result in results):
            status = results[0].status
            why = f"is {status}, with other waivers" if status == "waived" else f"is {status.replace('_', ' ')}"
            lines.append(f"{what}: the check {why}; remove the waiver")
    return lines


def _is_of(waiver: Waiver, potential: PotentialRecord) -> bool:
    return waiver.potential in (potential.name, potential.spec)


def _joined(*remarks: str | None) -> str:
    return "; ".join(dict.fromkeys(remark for remark in remarks if remark))


def _covering(waivers: Sequence[Waiver], component: ComponentResult, today: date) -> Waiver | str:
    """Return the waiver that covers a component, or why none does."""
    fitting = [waiver for waiver in waivers if waiver.unit == component.unit]
    if not fitting:
        units = " and ".join(repr(waiver.unit) for waiver in waivers)
        return f"{component.quantity} is missed in {component.unit!r}, but the waiver is in {units}"
    objections = {waiver: _objection(waiver, component, today) for waiver in fitting}
    for waiver, objection in objections.items():
        if objection is None:
            return waiver
    return "; ".join(objection for objection in objections.values() if objection is not None)


def _objection(waiver: Waiver, component: ComponentResult, today: date) -> str | None:
    """Return why a waiver of the right unit does not cover a component, or None."""
    if today > waiver.expires:
        return f"the waiver expired on {waiver.expires}"
    if component.measured is None:
        return f"{component.quantity} is not finite, which no waiver covers"
    if component.measured > waiver.max:
        missed = f"{component.quantity} is missed by {component.measured:.3g} {component.unit}".rstrip()
        return f"{missed}, {component.measured / waiver.max:.3g} times the {waiver.max:g} that the waiver allows"
    return None


def _waiver(number: int, entry: Any) -> Waiver:
    where = f"waiver {number}"
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where} is no table: write [[waiver]] and its keys below")
    for key in entry:
        if key not in KEYS:
            close = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"its keys are {', '.join(KEYS)}"
            raise ValueError(f"{where} has the unknown key {key!r}: {hint}")
    if missing := [key for key in KEYS if key not in entry]:
        raise ValueError(f"{where} lacks {missing[0]!r}: write for example {missing[0]} = {EXAMPLE[missing[0]]}")
    for key in ("potential", "check", "unit", "reason"):
        if not isinstance(entry[key], str) or not (entry[key].strip() or key == "unit"):
            raise ValueError(f"{where}: {key} must be text, such as {EXAMPLE[key]}, not {entry[key]!r}")
    if any(sign in entry["check"] for sign in "*?["):
        raise ValueError(f"{where}: check is the id of one check, not a pattern like {entry['check']!r}")
    # bool is an int, and datetime a date, to Python.
    if type(entry["max"]) not in (int, float) or not 0.0 < entry["max"] < math.inf:
        raise ValueError(f"{where}: max must be a number above 0, such as {EXAMPLE['max']}, not {entry['max']!r}")
    if type(entry["expires"]) is not date:
        raise ValueError(
            f"{where}: expires must be a date without quotes and without time, such as {EXAMPLE['expires']}"
        )
    return Waiver(**{**entry, "max": float(entry["max"]), "unit": as_written(entry["unit"])})


def as_written(unit: str) -> str:
    """Return a unit as certificates write it, from what a keyboard has.

    Examples
    --------
    >>> as_written("eV/A^3"), as_written("eV/Ang"), as_written("eV/Å³"), as_written("meV/atom")
    ('eV/Å³', 'eV/Å', 'eV/Å³', 'meV/atom')
    """
    composed = unicodedata.normalize("NFC", unit.strip())  # the sign of the ångström becomes the letter
    return _ANGSTROM.sub("Å", composed).replace("^2", "²").replace("^3", "³")


_ANGSTROM = re.compile(r"(?<![A-Za-z])(?:A|Ang|Angstrom|angstrom)(?![A-Za-z])")
