"""What several commands need before they can work: checks, a potential, one thread."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gnnp_bench.commands.exits import BadRequest, nearest
from gnnp_bench.potential import PotentialError

if TYPE_CHECKING:
    from gnnp_bench.adapters.registry import Loaded
    from gnnp_bench.certificate.result import Waiver
    from gnnp_bench.check import Check


def checks_by_id() -> dict[str, Check]:
    """Return all registered checks. What cannot be loaded of other packages is told on standard error."""
    from gnnp_bench.checks.registry import all_checks, not_loaded

    for missing in not_loaded():
        print(f"gnnp-bench: warning: {missing.sentence}", file=sys.stderr)
    return {check.id: check for check in all_checks()}


def find_check(check_id: str, checks: dict[str, Check]) -> Check:
    """Return a check by id.

    Raises
    ------
    BadRequest
        If there is none; the message suggests others.
    """
    if check_id not in checks:
        raise BadRequest(f"there is no check {check_id!r}{nearest(check_id, checks)}")
    return checks[check_id]


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


def load_on_one_thread(spec: str, species: Sequence[str] | None) -> Loaded:
    """Return a potential by its spec, and make it compute on one thread; another process can be told to do so.

    Raises
    ------
    PotentialError
        If it cannot be loaded, whatever the reason.
    """
    from gnnp_bench.adapters import registry

    try:
        loaded = registry.load(spec, species)
    except PotentialError:
        raise
    except Exception as error:  # somebody else's code builds it
        raise PotentialError(f"{spec} could not be loaded: {type(error).__name__}: {error}") from error
    use_one_thread()
    return loaded


def use_one_thread() -> None:
    """Make torch compute on one thread, if a potential has imported it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
