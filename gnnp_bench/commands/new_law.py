"""``gnnp-bench new-law``: a package with a law of one's own, ready to install."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from gnnp_bench.commands.exits import BadRequest

NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", re.ASCII)
IN_WHEEL = Path(__file__).parents[1] / "templates" / "law"
IN_CLONE = Path(__file__).parents[2] / "docs" / "templates" / "law"
PLACEHOLDER = "mylab"


def new_law(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What your laws are called: NAME/repulsion is the first.")
    ],
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write the package here; by default gnnp-bench-NAME.")
    ] = None,
) -> int:
    """Write a package with a law of your own, to be changed and installed.

    Exit status: 0 written, 2 the request was wrong; then nothing is written.
    """
    from gnnp_bench.checks.registry import BUILT_IN

    if not NAME.fullmatch(name):
        raise BadRequest(f"NAME is lower case, letters, digits and single hyphens, such as my-lab, not {name!r}")
    families = sorted({check.id.partition("/")[0] for check in BUILT_IN})
    if name in families:
        raise BadRequest(f"{name} is a family of gnnp-bench's own laws: choose another name")
    target = Path(f"gnnp-bench-{name}" if out is None else out)
    if os.path.lexists(target):
        raise BadRequest(f"{target} exists: name another directory by --out, or remove it")
    if not target.parent.is_dir():
        raise BadRequest(f"there is no directory {target.parent}: create it first")
    try:
        _write(target, name)
    except (OSError, UnicodeError) as error:
        raise BadRequest(f"cannot write {target}: {getattr(error, 'strerror', None) or error}") from error
    typer.echo(f"wrote {target}\n")
    typer.echo(f"  pip install -e {target}")
    typer.echo(f"  gnnp-bench explain {name}/repulsion")
    typer.echo(
        f"\nThe law stands in {target / 'src' / _module(name) / 'laws.py'}; docs/laws.md tells what each part is for."
    )
    return 0


def _write(target: Path, name: str) -> None:
    """Write the template under another name, whole or not at all."""
    source = IN_WHEEL if IN_WHEEL.is_dir() else IN_CLONE
    if not source.is_dir():
        raise BadRequest("this installation of gnnp-bench lacks the template: install it again")
    # Beside its target: only within one file system is a renaming all or nothing.
    workshop = Path(tempfile.mkdtemp(prefix=".gnnp-bench-", dir=target.parent))
    try:
        package = workshop / "package"
        for path in sorted(source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                there = package / _renamed(str(path.relative_to(source)), name)
                there.parent.mkdir(parents=True, exist_ok=True)
                there.write_text(_renamed(path.read_text(encoding="utf-8"), name), encoding="utf-8")
        package.rename(target)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _renamed(text: str, name: str) -> str:
    # In one pass: the new name may hold the old one.
    return re.sub(f"(gnnp_bench_)?{PLACEHOLDER}", lambda found: _module(name) if found[1] else name, text)


def _module(name: str) -> str:
    return f"gnnp_bench_{name.replace('-', '_')}"
