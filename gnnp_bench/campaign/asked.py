"""The campaign file: TOML, read and judged before anything is loaded. docs/campaigns.md says what stands in it."""

from __future__ import annotations

import fnmatch
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ase.data import chemical_symbols

from gnnp_bench.adapters._factory import suggestion
from gnnp_bench.campaign.executors import KINDS, is_known
from gnnp_bench.engine.settings import Budget, Profile
from gnnp_bench.properties.known_stable import known_of

TOP = (
    "store", "executor", "gpus", "memory_gb", "budgets", "profile", "seeds", "laws", "skip", "timeout",
    "model_timeout", "waivers", "export", "export_every", "potential",
)  # fmt: skip
OF_POTENTIAL = ("spec", "env", "species", "stable")


class FileError(ValueError):
    """A campaign file cannot be used.

    Attributes
    ----------
    mistakes : tuple of str
        One line for each, with its place.
    """

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """A potential of a campaign: its spec with all options in it, and the species that it is restricted to."""

    spec: str
    species: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What a campaign file asks for.

    Attributes
    ----------
    path : Path
        Of the file.
    store : Path
    subjects : tuple of Subject
    budgets : tuple of Budget
    profile : Profile
    seeds : tuple of int
    laws, skip : tuple of str
        Globs; `laws` is empty for all.
    executor : str
        See `executors`.
    gpus : int
        Devices of a machine, of which each worker gets one; 0 leaves them alone.
    memory_gb : float or None
        What the process of a task may take.
    timeout : float or None
        Seconds that a task may take.
    model_timeout : float or None
        Seconds that all tasks of one potential, budget and seed may take together.
    waivers : Path or None
    export : Path or None
        File to which the store is exported after every `export_every` certificates, and at the end.
    export_every : int
    """

    path: Path
    store: Path
    subjects: tuple[Subject, ...]
    budgets: tuple[Budget, ...] = ("standard",)
    profile: Profile = "default"
    seeds: tuple[int, ...] = (0,)
    laws: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    executor: str = "here"
    gpus: int = 0
    memory_gb: float | None = None
    timeout: float | None = None
    model_timeout: float | None = None
    waivers: Path | None = None
    export: Path | None = None
    export_every: int = 50


def read(path: str | Path, check_ids: Sequence[str] | None = None) -> Campaign:
    """Return what a campaign file asks for.

    Parameters
    ----------
    path : path
    check_ids : sequence of str, optional
        Ids of all laws, against which globs are held.

    Raises
    ------
    FileError
        Holds a line for each mistake.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError([f"cannot read {path}: {error.strerror or error}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileError([f"{path}: {error}"]) from error
    look = _Look(str(path), [])
    campaign = _campaign(path, values, look, check_ids)
    if look.mistakes:
        raise FileError(look.mistakes)
    return campaign


@dataclass(frozen=True, slots=True)
class _Look:
    """Takes values of a table and notes what is wrong with them, and where."""

    place: str
    mistakes: list[str]

    def wrong(self, said: str) -> None:
        self.mistakes.append(f"{self.place}: {said}")

    def within(self, place: str) -> _Look:
        return _Look(f"{self.place}: {place}", self.mistakes)

    def keys(self, table: Mapping[str, Any], known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                self.wrong(f"{key} is not known{suggestion(key, known)}")

    def one(self, table: Mapping[str, Any], key: str, good: Callable[[Any], bool], what: str, default: Any) -> Any:
        value = table.get(key, default)
        if key in table and not good(value):
            self.wrong(f"{key} must be {what}, not {value!r}")
            return default
        return value

    def many(
        self, table: Mapping[str, Any], key: str, good: Callable[[Any], bool], what: str, default: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        if key not in table:
            return default
        value = table[key]
        if not isinstance(value, list) or not value:
            self.wrong(f"{key} must be a list of {what}, not {value!r}")
            return default
        for item in value:
            if not good(item):
                self.wrong(f"{key} must be a list of {what}, and {item!r} is none")
                return default
            if value.count(item) > 1:
                self.wrong(f"{key} names {item!r} twice")
                return default
        return tuple(value)


def _campaign(path: Path, values: Mapping[str, Any], look: _Look, check_ids: Sequence[str] | None) -> Campaign:
    look.keys(values, TOP)
    budgets, profiles = get_args(Budget), get_args(Profile)
    laws = look.many(values, "laws", _is_text, "globs such as 'symmetry/*'", ())
    skip = look.many(values, "skip", _is_text, "globs such as 'symmetry/*'", ())
    for key, globs in (("laws", laws), ("skip", skip)):
        for glob in globs:
            if check_ids is not None and not any(fnmatch.fnmatchcase(known, glob) for known in check_ids):
                look.wrong(f"{key}: {glob!r} matches no law{suggestion(glob, check_ids)}")
    waivers = look.one(values, "waivers", _is_text, "the path of a TOML file", None)
    export = look.one(values, "export", _is_text, "a path", None)
    return Campaign(
        path=path,
        store=path.parent / look.one(values, "store", _is_text, "a path", f"{path.stem}.db"),
        subjects=_subjects(values, look),
        budgets=look.many(values, "budgets", lambda v: v in budgets, _words(budgets), ("standard",)),
        profile=look.one(values, "profile", lambda v: v in profiles, _words(profiles), "default"),
        seeds=look.many(values, "seeds", _is_count, "whole numbers of at least 0", (0,)),
        laws=laws,
        skip=skip,
        executor=look.one(values, "executor", lambda v: _is_text(v) and is_known(v), f"one of {KINDS}", "here"),
        gpus=look.one(values, "gpus", _is_count, "a whole number of at least 0", 0),
        memory_gb=look.one(values, "memory_gb", _is_positive, "a number above 0", None),
        timeout=look.one(values, "timeout", _is_positive, "a number of seconds above 0", None),
        model_timeout=look.one(values, "model_timeout", _is_positive, "a number of seconds above 0", None),
        waivers=None if waivers is None else path.parent / waivers,
        export=None if export is None else path.parent / export,
        export_every=look.one(values, "export_every", lambda v: _is_count(v) and v > 0, "a whole number above 0", 50),
    )


def _subjects(values: Mapping[str, Any], look: _Look) -> tuple[Subject, ...]:
    tables = values.get("potential", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        look.wrong('names no potential: write [[potential]] and below it spec = "chgnet"')
        return ()
    found: list[Subject] = []
    for number, table in enumerate(tables, 1):
        spec = table.get("spec")
        here = look.within(f"potential {number}" + (f" ({spec})" if isinstance(spec, str) else ""))
        here.keys(table, OF_POTENTIAL)
        if not _is_text(spec):
            here.wrong("spec is missing" if spec is None else f"spec must be a text, not {spec!r}")
            continue
        species = here.many(table, "species", lambda v: v in chemical_symbols[1:], "chemical symbols", ())
        stable = here.many(
            table, "stable", lambda v: _is_text(v) and bool(known_of(v)), "crystals that docs/stable.md names", ()
        )
        env = here.one(table, "env", lambda v: _is_text(v) and "&" not in v, "a path, a name, auto or ssh:…", None)
        subject = Subject(_with_options(spec, env, stable, here), species)
        if subject in found:
            here.wrong(f"is potential {found.index(subject) + 1} once more")
        found.append(subject)
    return tuple(found)


def _with_options(spec: str, env: str | None, stable: Sequence[str], look: _Look) -> str:
    body, _, query = spec.partition("?")
    options = [option for option in query.split("&") if option]
    for key, value in (("env", env), ("stable", ",".join(stable))):
        if value and any(option.startswith(f"{key}=") for option in options):
            look.wrong(f"{key} stands in its spec as well: leave one of them out")
        elif value:
            options.append(f"{key}={value}")
    return f"{body}?{'&'.join(options)}" if options else body


def _words(known: Sequence[str]) -> str:
    return ", ".join(known)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
