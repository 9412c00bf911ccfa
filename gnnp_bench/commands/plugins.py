"""Commands of other packages: found by name, loaded when used."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from gnnp_bench.commands.exits import BadRequest

GROUP = "gnnp_bench.commands"
OWN = "gnnp-bench"
"""Our distribution: what it registers itself is listed like any other of its commands."""
SECTIONS = {
    "Judge a potential": ("certify", "campaign", "doctor", "reproduce", "list", "explain"),
    "Show a certificate": (
        "show",
        "verify",
        "report",
        "badge",
        "waivers",
        "leaderboard",
        "compare",
        "compare-deployments",
    ),
    "Measure": ("accuracy", "properties", "relax", "screen", "bench", "gate"),
    "Make": ("train", "pareto", "select", "sign", "new-key", "new-law", "env"),
}
"""Under which title each command is listed; one that is named nowhere is listed last."""


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
        """Write the commands by what they are for; those of other packages by name, as loading may take seconds."""
        found = installed()
        others = {name: point for name, point in found.items() if name not in self.commands and provider(point) != OWN}
        ours = {name: self.get_command(ctx, name) for name in [*self.commands, *found] if name not in others}
        titled = {name for names in SECTIONS.values() for name in names}
        rest = [name for name in ours if name not in titled]
        for title, names in (*SECTIONS.items(), ("More", rest)):
            rows = [(name, _first_paragraph(ours[name].help)) for name in names if name in ours]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        if others:
            with formatter.section("Of other packages"):
                formatter.write_dl([(name, f"from {provider(point)}") for name, point in others.items()])


class Subcommands(TyperGroup):
    """A command with commands of its own, whose list says what each is for without cutting it off."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with the first paragraph of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_paragraph(one.help)) for name, one in self.commands.items()])


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())
