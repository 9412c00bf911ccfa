"""The options by which a potential whose code is not to be trusted is kept from what it does not need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.environments.limits import Isolate as Kind
from gnnp_bench.potential import PotentialError
from gnnp_bench.report.text import plain

if TYPE_CHECKING:
    from rich.console import Console

Isolate: TypeAlias = Annotated[
    Kind | None,
    typer.Option(
        help="Keep the potential from what it does not need: sandbox (bubblewrap: no network, no files but its own,"
        " for the code of strangers) or limits (few variables and bounded memory, against accidents).",
    ),
]
PassEnv: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="A variable of the environment for an isolated potential. Repeatable."),
]
AllowRead: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH", help="A file or folder that a potential in a sandbox may read. Repeatable."),
]
Limit: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="LIMIT", help="Of an isolated potential: memory=8G, file=1G, processes=64, cpu=3600."),
]


def with_isolation(spec: str, isolate: str | None) -> str:
    """Return a spec with the kind of `--isolate` as its option `isolate`, by which it is isolated everywhere.

    Raises
    ------
    BadRequest
        If it asks for another kind itself.
    """
    if isolate is None:
        return spec
    own = kind_of(spec)
    if own not in (None, isolate):
        raise BadRequest(f"{spec} says isolate={own}, and --isolate {isolate}: leave one of them out")
    mark = "&" if "?" in spec else "?"
    return spec if own else f"{spec}{mark}isolate={isolate}"


def kind_of(spec: str) -> str | None:
    """Return the kind of isolation that a spec asks for."""
    options = spec.partition("?")[2].split("&")
    return next((option[8:] for option in options if option.startswith("isolate=")), None)


@contextmanager
def isolated(
    spec: str,
    pass_env: Sequence[str] | None,
    allow_read: Sequence[str] | None,
    limit: Sequence[str] | None,
    told: Console | None = None,
) -> Iterator[None]:
    """Hold to what --pass-env, --allow-read and --limit say meanwhile, and tell what is held.

    Raises
    ------
    BadRequest
        If they are malformed or the potential is not isolated, or cannot be.
    """
    from gnnp_bench.environments.isolation import asked, isolation

    kind = kind_of(spec)
    named = {"--pass-env": pass_env, "--allow-read": allow_read, "--limit": limit}
    if kind is None:
        for option in (option for option, values in named.items() if values):
            raise BadRequest(f"{option} is for an isolated potential: give --isolate sandbox or --isolate limits")
        yield
        return
    with asked(tuple(pass_env or ()), tuple(limit or ()), tuple(allow_read or ())):
        try:
            held = isolation(kind)
        except PotentialError as error:
            raise BadRequest(str(error)) from error
        if told is not None:
            told.print(f"isolated by {plain(held.words)}", soft_wrap=True)
        yield
