"""The campaign file: TOML, read and judged before anything is loaded. docs/campaigns.md says what stands in it."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ase.data import chemical_symbols

from gnnp_bench.adapters._factory import suggestion
from gnnp_bench.campaign.executors import KINDS, is_known
from gnnp_bench.campaign.looking import FileError, Look, is_count, is_positive, is_text, words
from gnnp_bench.campaign.measures import KEYS, Measure, measures_of
from gnnp_bench.engine.settings import Budget, Profile
from gnnp_bench.properties.known_stable import known_of

TOP = (
    "store", "executor", "gpus", "memory_gb", "budgets", "profile", "seeds", "laws", "skip", "timeout",
    "model_timeout", "waivers", "export", "export_every", "potential",
    *KEYS,
)  # fmt: skip
OF_POTENTIAL = ("spec", "env", "species", "stable")


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
    judged : bool
        False where the file names no law by an empty list: then there are no certificates.
    measures : tuple of Measure
        What is measured of each potential beside the laws.
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
    judged: bool = True
    measures: tuple[Measure, ...] = ()
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
    except RecursionError as error:
        raise FileError([f"{path} is nested too deeply"]) from error
    except ValueError as error:  # of the parser, of Unicode, and of numbers with thousands of digits
        raise FileError([f"{path}: {error}"]) from error
    look = Look(str(path), [])
    campaign = _campaign(path, values, look, check_ids)
    if look.mistakes:
        raise FileError(look.mistakes)
    return campaign


def _campaign(path: Path, values: Mapping[str, Any], look: Look, check_ids: Sequence[str] | None) -> Campaign:
    look.keys(values, TOP)
    budgets, profiles = get_args(Budget), get_args(Profile)
    judged = values.get("laws") != []
    laws = () if not judged else look.many(values, "laws", is_text, "globs such as 'symmetry/*'", ())
    skip = look.many(values, "skip", is_text, "globs such as 'symmetry/*'", ())
    for key, globs in (("laws", laws), ("skip", skip)):
        for glob in globs:
            if check_ids is not None and not any(fnmatch.fnmatchcase(known, glob) for known in check_ids):
                look.wrong(f"{key}: {glob!r} matches no law{suggestion(glob, check_ids)}")
    measures = measures_of(values, path.parent, look)
    if not judged and not any(key in values for key in KEYS):
        look.wrong(f"laws names no law, and nothing is to be measured: leave it out, or add one of {words(list(KEYS))}")
    waivers = look.one(values, "waivers", is_text, "the path of a TOML file", None)
    export = look.one(values, "export", is_text, "a path", None)
    return Campaign(
        path=path,
        store=path.parent / look.one(values, "store", is_text, "a path", f"{path.stem}.db"),
        subjects=_subjects(values, look),
        budgets=look.many(values, "budgets", lambda v: v in budgets, words(budgets), ("standard",)),
        profile=look.one(values, "profile", lambda v: v in profiles, words(profiles), "default"),
        seeds=look.many(values, "seeds", is_count, "whole numbers of at least 0", (0,)),
        laws=laws,
        skip=skip,
        judged=judged,
        measures=measures,
        executor=look.one(values, "executor", lambda v: is_text(v) and is_known(v), f"one of {KINDS}", "here"),
        gpus=look.one(values, "gpus", is_count, "a whole number of at least 0", 0),
        memory_gb=look.one(values, "memory_gb", is_positive, "a number above 0", None),
        timeout=look.one(values, "timeout", is_positive, "a number of seconds above 0", None),
        model_timeout=look.one(values, "model_timeout", is_positive, "a number of seconds above 0", None),
        waivers=None if waivers is None else path.parent / waivers,
        export=None if export is None else path.parent / export,
        export_every=look.one(values, "export_every", lambda v: is_count(v) and v > 0, "a whole number above 0", 50),
    )


def _subjects(values: Mapping[str, Any], look: Look) -> tuple[Subject, ...]:
    tables = values.get("potential", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        look.wrong('names no potential: write [[potential]] and below it spec = "chgnet"')
        return ()
    found: list[Subject] = []
    for number, table in enumerate(tables, 1):
        spec = table.get("spec")
        here = look.within(f"potential {number}" + (f" ({spec})" if isinstance(spec, str) else ""))
        here.keys(table, OF_POTENTIAL)
        if not is_text(spec):
            here.wrong("spec is missing" if spec is None else f"spec must be a text, not {spec!r}")
            continue
        species = here.many(table, "species", lambda v: v in chemical_symbols[1:], "chemical symbols", ())
        stable = here.many(
            table, "stable", lambda v: is_text(v) and bool(known_of(v)), "crystals that docs/stable.md names", ()
        )
        env = here.one(table, "env", lambda v: is_text(v) and "&" not in v, "a path, a name, auto or ssh:…", None)
        subject = Subject(_with_options(spec, env, stable, here), species)
        if subject in found:
            here.wrong(f"is potential {found.index(subject) + 1} once more")
        found.append(subject)
    return tuple(found)


def _with_options(spec: str, env: str | None, stable: Sequence[str], look: Look) -> str:
    body, _, query = spec.partition("?")
    options = [option for option in query.split("&") if option]
    for key, value in (("env", env), ("stable", ",".join(stable))):
        if value and any(option.startswith(f"{key}=") for option in options):
            look.wrong(f"{key} stands in its spec as well: leave one of them out")
        elif value:
            options.append(f"{key}={value}")
    return f"{body}?{'&'.join(options)}" if options else body
