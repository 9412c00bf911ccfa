"""Settings that stay: the table ``[tool.gnnp-bench]`` of the working directory's ``pyproject.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.engine.settings import Budget

FILE = "pyproject.toml"
TABLE = "gnnp-bench"
WHERE = f"[tool.{TABLE}] of {FILE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What the table says; None where it says nothing.

    Attributes
    ----------
    spec : str or None
    species : str or None
        As on the command line, ``"Cu,Au"``.
    budget : {"quick", "standard", "thorough"} or None
    waivers : str or None
        Path of a TOML file, from the working directory.
    """

    spec: str | None = None
    species: str | None = None
    budget: Budget | None = None
    waivers: str | None = None


def configured(spec: str | None) -> Configured:
    """Return the settings for a potential.

    Parameters
    ----------
    spec : str or None
        The potential that the command line names, if it names one. The table speaks of one potential: of another it
        says nothing, for its elements and waivers would be wrong there without a word.

    Raises
    ------
    BadRequest
        If the file cannot be read or the table is not well-formed, or neither names a potential.
    """
    found = _read()
    if spec is None and found.spec is None:
        raise BadRequest(f"name a potential, as in gnnp-bench certify chgnet, or give {WHERE} a spec")
    return found if spec in (None, found.spec) else Configured(spec=spec)


def _read() -> Configured:
    try:
        text = Path(FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Configured()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"cannot read {FILE}: {error}") from error
    try:
        tool = tomllib.loads(text).get("tool", {})
    except RecursionError as error:
        raise BadRequest(f"{FILE} is nested too deeply") from error
    except ValueError as error:  # of the parser, and of numbers with thousands of digits
        raise BadRequest(f"{FILE} is no TOML: {error}") from error
    table = tool.get(TABLE, {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise BadRequest(f"{WHERE} must be a table")
    return _checked(table)


def _checked(table: dict[str, Any]) -> Configured:
    known = [field.name for field in fields(Configured)]
    for key, value in table.items():
        if key not in known:
            raise BadRequest(f"{WHERE} has the unknown key {key!r}; known are {', '.join(known)}")
        if key == "species" and isinstance(value, list) and all(isinstance(symbol, str) for symbol in value):
            table[key] = ",".join(value)
        elif not isinstance(value, str):
            raise BadRequest(f"{key} in {WHERE} must be text{', or a list of it' if key == 'species' else ''}")
    if "budget" in table and table["budget"] not in get_args(Budget):
        raise BadRequest(f"budget in {WHERE} must be one of {', '.join(get_args(Budget))}, not {table['budget']!r}")
    return Configured(**table)
