"""What several commands need before they can work: checks, a potential, one thread."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from gnnp_bench.commands.exits import BadRequest, nearest
from gnnp_bench.one_thread import load_on_one_thread
from gnnp_bench.potential import PotentialError

if TYPE_CHECKING:
    from gnnp_bench.adapters.registry import Loaded
    from gnnp_bench.certificate.result import Waiver
    from gnnp_bench.check import Check

Env: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ENV",
        help="Where the potential lives: the path of another Python, the name of an environment that was built, auto"
        " (the one that its adapter declares, built if missing), or ssh:HOST//PYTHON.",
    ),
]
"""The option `--env` of every command that takes a SPEC."""


def _specs(incomplete: str) -> list[str]:
    """Return the names of installed potentials, for the completion of a shell."""
    from importlib.metadata import entry_points

    return sorted(p.name for p in entry_points(group="gnnp_bench.potentials") if p.name.startswith(incomplete))


Spec: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="SPEC",
        help="The potential, such as chgnet:0.3.0 or mypackage.module:factory; if left out, the spec in"
        " [tool.gnnp-bench] of pyproject.toml.",
        autocompletion=_specs,
    ),
]
"""The potential of commands that pyproject.toml may have settings for."""


def check_ids(incomplete: str) -> list[str]:
    """Return the ids of checks that begin so, for the completion of a shell."""
    from gnnp_bench.checks.registry import all_checks

    return [check.id for check in all_checks() if check.id.startswith(incomplete)]


def checks_by_id() -> dict[str, Check]:
    """Return all registered checks. What cannot be loaded of other packages is told on standard error."""
    from gnnp_bench.checks.registry import all_checks, not_loaded

    for missing in not_loaded():
        print(f"gnnp-bench: warning: {missing.sentence}", file=sys.stderr)
    return {check.id: check for check in all_checks()}


def find_check(check_id: str, checks: dict[str, Check]) -> Check:
    """Return a check by its id, or by the part after the slash where one check alone has it.

    Raises
    ------
    BadRequest
        If there is none, or more than one; the message names those that may be meant.
    """
    if check_id in checks:
        return checks[check_id]
    wanted = check_id.casefold()
    short = [known for known in checks if wanted == known.partition("/")[2]]
    if len(short) == 1:
        return checks[short[0]]
    like = short or [known for known in checks if wanted and wanted in known]
    if not like:
        raise BadRequest(f"there is no check {check_id!r}{nearest(check_id, checks)}")
    raise BadRequest(f"there is no check {check_id!r}; did you mean {_either(like)}?")


def _either(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{', '.join(ids[:-1])} or {ids[-1]}"


def parse_species(text: str | None) -> tuple[str, ...] | None:
    """Return the chemical symbols of a list such as ``Cu,Au``; the adapter judges them.

    Raises
    ------
    BadRequest
        If there is none.
    """
    if text is None:
        return None
    symbols = tuple(part.strip() for part in text.split(",") if part.strip())
    if not symbols:
        raise BadRequest("--species names no element; write for example --species Cu,Au")
    return symbols


def read_waivers(path: str | None, checks: Iterable[str]) -> tuple[Waiver, ...]:
    """Return the waivers in a file, none if no file is named.

    Raises
    ------
    BadRequest
        If it cannot be read, is malformed, or names a check that is not among `checks`.
    """
    from gnnp_bench.certificate import waivers

    if path is None:
        return ()
    try:
        found = waivers.read(path)
        waivers.check_ids(found, checks)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    return found


def with_env(spec: str, env: str | None) -> str:
    """Return a spec with the environment of `--env` as its option `env`, by which it is loaded there everywhere.

    Raises
    ------
    BadRequest
        If it names one already, or the environment's name cannot be an option.
    """
    if env is None:
        return spec
    _, mark, query = spec.partition("?")
    if any(option.startswith("env=") for option in query.split("&")):
        raise BadRequest(f"{spec} names an environment, and so does --env {env}: leave one of them out")
    if not env or "&" in env:
        raise BadRequest(f"--env takes a path, a name, auto or ssh:HOST//PYTHON, not {env!r}")
    return f"{spec}{'&' if mark else '?'}env={env}"


def known_crystals(asked: Iterable[str]) -> tuple[str, ...]:
    """Return the crystals of `--stable`, those of lists with commas one by one.

    Raises
    ------
    BadRequest
        If one of them is not known to be stable, so that nothing could be asked of a potential.
    """
    from gnnp_bench.properties.known_stable import known_of

    crystals = tuple(part.strip() for text in asked for part in text.split(","))
    for crystal in crystals:
        if not known_of(crystal):
            raise BadRequest(
                f"--stable {crystal}: it is not among the crystals that are known to be stable at 0 K, which"
                " docs/stable.md names; write for example --stable Si:diamond"
            )
    return crystals


def with_stable(spec: str, crystals: Iterable[str]) -> str:
    """Return a spec with the crystals of `--stable` as its option `stable`, by which every worker knows them.

    Raises
    ------
    BadRequest
        If one of them is not known to be stable.
    """
    asked = known_crystals(crystals)
    if not asked:
        return spec
    body, mark, query = spec.partition("?")
    options = query.split("&") if mark else []
    here = [option for option in options if option.startswith("stable=")]
    others = [option for option in options if option not in here]
    named = dict.fromkeys([*(crystal for option in here for crystal in option[7:].split(",")), *asked])
    return f"{body}?{'&'.join([*others, 'stable=' + ','.join(named)])}"


def moved_to(spec: str, env: str | None) -> str:
    """Return a spec with the environment of `--env` in the place of its own, if another one is wanted.

    Raises
    ------
    BadRequest
        If the environment's name cannot be an option.
    """
    if env is None:
        return spec
    body, _, query = spec.partition("?")
    options = "&".join(option for option in query.split("&") if option and not option.startswith("env="))
    return with_env(f"{body}?{options}" if options else body, env)


def load_potential(spec: str, species: Sequence[str] | None) -> Loaded:
    """Return a potential by its spec, and make it compute on one thread.

    Raises
    ------
    BadRequest
        If it cannot be loaded, whatever the reason.
    """
    try:
        return load_on_one_thread(spec, species)
    except PotentialError as error:
        raise BadRequest(str(error)) from error
