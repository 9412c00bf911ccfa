"""``gnnp-bench env``: environments for potentials, built from what their adapters declare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.plugins import Subcommands
from gnnp_bench.commands.signals import terminable
from gnnp_bench.potential import PotentialError

if TYPE_CHECKING:
    from gnnp_bench.environments.building import Built

env = typer.Typer(
    name="env",
    cls=Subcommands,
    help="Build, list, show and remove environments in which potentials live.",
    add_completion=False,
    rich_markup_mode=None,
)
NAME = typer.Argument(metavar="NAME", help="Such as mace; gnnp-bench env list shows what there is.")


@env.command("create")
def create(
    name: Annotated[str, NAME],
    python: Annotated[
        str | None, typer.Option(metavar="VERSION|PATH", help="Its Python; by default the first declared one found.")
    ] = None,
    requirement: Annotated[
        list[str] | None,
        typer.Option(metavar="REQ", help="What to install instead of what is declared, as pip reads it. Repeatable."),
    ] = None,
) -> int:
    """Build an environment, unless the same one is there already.

    Exit status: 0 it is there, 2 it could not be built; then nothing is left of it.
    """
    from gnnp_bench.environments import asked, building

    with _told():
        built = building.create(asked.ask(name, python, tuple(requirement or ())))
    typer.echo(f"{built.label}: Python {built.record['python']}, {_size(built)}, {built.folder}")
    return 0


@env.command("list")
def list_environments() -> int:
    """List the environments that are built, and those that are declared."""
    from gnnp_bench.environments import asked, building

    there = building.built()
    for one in there:
        typer.echo(f"{one.label:<28} Python {one.record['python']:<5} {_size(one):>8}  built {one.record['created']}")
    names = {one.name for one in there}
    for name in asked.declared():
        if name not in names:
            typer.echo(f"{name:<28} declared, not built")
    return 0


@env.command("show")
def show(name: Annotated[str, NAME]) -> int:
    """Show what an environment holds, or is declared to hold."""
    from gnnp_bench.environments import asked, building

    built = building.known(name)
    if built is None:
        if name not in asked.declared():
            with _told():
                building.named(name)
        typer.echo(f"{name}: declared, not built\n{asked.declared()[name].strip()}")
        return 0
    record = built.record
    typer.echo(f"{built.label}: Python {record['python']}, {_size(built)}, built {record['created']}")
    typer.echo(f"python        {built.folder / 'bin' / 'python'}")
    typer.echo(f"asked for     {', '.join(record['requirements'])}")
    for key, value in record["variables"].items():
        typer.echo(f"variable      {key}={value}")
    for package, version in record["packages"].items():
        typer.echo(f"  {package}=={version}")
    return 0


@env.command("remove")
def remove(name: Annotated[str, NAME]) -> int:
    """Remove an environment, or all of a name, and what killed builds have left."""
    from gnnp_bench.environments import building

    with _told():
        for one in building.remove(name):
            typer.echo(f"removed {one.label} ({_size(one)})")
        building.sweep()
    return 0


@contextmanager
def _told() -> Iterator[None]:
    try:
        with terminable():
            yield
    except PotentialError as error:
        raise BadRequest(str(error)) from error
    except KeyboardInterrupt as interruption:
        raise BadRequest(f"stopped by {str(interruption) or 'Ctrl-C'}: nothing is left of a build") from interruption


def _size(built: Built) -> str:
    return f"{built.record['bytes'] / 1e6:.0f} MB"
