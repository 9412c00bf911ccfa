"""The command line: ``gnnp-bench certify SPEC`` and its companions.

Thin: each command imports what it needs when it is called, so that ``--help`` is instant. Commands of other packages
are found through the entry-point group ``gnnp_bench.commands`` and loaded when they are used, so that a broken one
breaks nothing else.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, cast

import typer

from gnnp_bench import __version__
from gnnp_bench.commands.accuracy import accuracy
from gnnp_bench.commands.bench import bench
from gnnp_bench.commands.campaign import campaign
from gnnp_bench.commands.catalogue import explain, list_checks
from gnnp_bench.commands.certify import certify
from gnnp_bench.commands.compare import compare
from gnnp_bench.commands.compare_deployments import compare_deployments
from gnnp_bench.commands.doctor import doctor
from gnnp_bench.commands.env import env
from gnnp_bench.commands.exits import BAD_REQUEST, PARTIAL, BadRequest
from gnnp_bench.commands.gate import gate
from gnnp_bench.commands.leaderboard import leaderboard
from gnnp_bench.commands.new_law import new_law
from gnnp_bench.commands.plugins import CommandGroup
from gnnp_bench.commands.properties import properties
from gnnp_bench.commands.relax import relax
from gnnp_bench.commands.report import badge, report
from gnnp_bench.commands.reproduce import reproduce
from gnnp_bench.commands.saliency import saliency
from gnnp_bench.commands.screen import screen
from gnnp_bench.commands.sealing import new_key, sign, verify
from gnnp_bench.commands.show import show
from gnnp_bench.commands.waivers import waivers

PROGRAM = "gnnp-bench"
FIRST_STEPS = """\
gnnp-bench measures whether an interatomic potential obeys the laws of physics.

Try it:           gnnp-bench certify ase:ase.calculators.emt:EMT --species Cu,Au --budget quick
Your own:         gnnp-bench certify mymodule:make_calculator --species Cu,Au
Is it wired up?   gnnp-bench doctor mymodule:make_calculator --species Cu,Au
Which laws?       gnnp-bench list
All commands:     gnnp-bench --help

make_calculator is a function in mymodule.py, here, that returns an ASE calculator.\
"""
CLICK_ERROR = cast(type[Exception], typer.BadParameter.__mro__[2])
"""The base class of all usage errors; newer releases of typer keep it in a private module."""

app = typer.Typer(
    name=PROGRAM,
    cls=CommandGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("certify")(certify)
app.command("doctor")(doctor)
app.command("list")(list_checks)
app.command("explain")(explain)
app.command("reproduce")(reproduce)
app.command("show")(show)
app.command("report")(report)
app.command("verify")(verify)
app.command("sign")(sign)
app.command("badge")(badge)
app.command("waivers")(waivers)
app.command("compare")(compare)
app.command("leaderboard")(leaderboard)
app.command("compare-deployments")(compare_deployments)
app.command("accuracy")(accuracy)
app.command("properties")(properties)
app.command("relax")(relax)
app.command("screen")(screen)
app.command("bench")(bench)
app.command("saliency")(saliency)
app.command("gate")(gate)
app.command("new-law")(new_law)
app.command("new-key")(new_key)
app.add_typer(env)
app.add_typer(campaign)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Measure whether a machine-learned interatomic potential obeys the physics it claims."""
    if context.invoked_subcommand is None:
        typer.echo(FIRST_STEPS, err=True)
        raise typer.Exit(BAD_REQUEST)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; `sys.argv` by default.

    Returns
    -------
    int
        Of ``certify``: 0 certified, 1 failed, 2 the request was wrong or the potential could not be loaded,
        3 partial. A request that is wrong is answered by one line on standard error.
    """
    # Threads make small matrix products slower and, on a shared machine, erratic; and the order in which they add
    # changes the last bits. It must be set before torch and scipy load their OpenMP; a user's own setting stands.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    command = typer.main.get_command(app)
    try:
        status = command.main(
            args=None if arguments is None else list(arguments), prog_name=PROGRAM, standalone_mode=False
        )
    except BadRequest as error:
        return _refuse(PROGRAM, str(error))
    except CLICK_ERROR as error:
        return _refuse(*_told_by_click(error))
    except (typer.Abort, KeyboardInterrupt):
        return _refuse(PROGRAM, "interrupted")
    except Exception:
        # Not 1, which would say that the potential failed.
        traceback.print_exc()
        print(f"{PROGRAM}: this is a bug in gnnp-bench, not a verdict; please report the lines above", file=sys.stderr)
        return PARTIAL
    return status if isinstance(status, int) else 0


def _told_by_click(error: Any) -> tuple[str, str]:
    """Return which command found a usage error, and what it says."""
    context = getattr(error, "ctx", None)
    command = PROGRAM if context is None else context.command_path
    message = error.format_message().rstrip(".").replace("Value error, ", "")
    return command, f"{message} (see {command} --help)"


def _refuse(command: str, message: str) -> int:
    print(f"{command}: {' '.join(message.split())}", file=sys.stderr)
    return BAD_REQUEST


if __name__ == "__main__":
    sys.exit(main())
