"""Commands of other packages: found by name, loaded when used."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from gnnp_bench.commands.exits import BadRequest

GROUP = "gnnp_bench.commands"


def installed() -> dict[str, EntryPoint]:
    """Return the entry points of the group by name; of two with one name, the first."""
    found: dict[str, EntryPoint] = {}
    for entry_point in entry_points(group=GROUP):
        found.setdefault(entry_point.name, entry_point)
    return found


def provider(entry_point: EntryPoint) -> str:
    """Return the distribution that an entry point belongs to."""
    return entry_point.value if entry_point.dist is None else entry_point.dist.name


def load(entry_point: EntryPoint) -> Any:
    """Return the command behind an entry point: a `typer.Typer`, or a function with annotated parameters.

    Raises
    ------
    BadRequest
        If it cannot be loaded, whatever the reason.
    """
    try:
        target = entry_point.load()
        if not isinstance(target, typer.Typer):
            function, target = target, typer.Typer(add_completion=False, rich_markup_mode=None)
            target.command(entry_point.name)(function)
        command = typer.main.get_command(target)
    except (Exception, SystemExit) as error:  # a foreign package may fail in any way
        reason = f"{type(error).__name__}: {error}"
        raise BadRequest(f"command {entry_point.name!r} of {provider(entry_point)} is broken: {reason}") from error
    command.name = entry_point.name
    command.params = [p for p in command.params if p.name not in ("install_completion", "show_completion")]
    return command


class CommandGroup(TyperGroup):
    """The root command, which also knows the installed commands of other packages."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by name; one of another package is loaded now."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        entry_point = installed().get(cmd_name)
        return None if entry_point is None else load(entry_point)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands; those of other packages by name only, for loading them may take seconds."""
        super().format_commands(ctx, formatter)
        foreign = {name: point for name, point in installed().items() if name not in self.commands}
        if foreign:
            with formatter.section("Commands of other packages"):
                formatter.write_dl([(name, f"from {provider(point)}") for name, point in foreign.items()])
