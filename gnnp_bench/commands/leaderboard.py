"""``gnnp-bench leaderboard``: a folder of certificates as a site of static pages."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.certificate import chain, io
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.folders import check_folder, write_folder
from gnnp_bench.commands.loading import checks_by_id
from gnnp_bench.commands.opening import changes
from gnnp_bench.report.text import plain, plural, printable

if TYPE_CHECKING:
    from gnnp_bench.certificate.result import Certificate


def leaderboard(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder of certificates: its .json files.")],
    out: Annotated[str, typer.Option(metavar="DIR", help="Write the site here; one written earlier is replaced.")],
) -> int:
    """Make a site of a folder of certificates: one table that sorts and filters, and a page of each.

    What is no certificate, or was changed after it was made, is named and left out. No potential is loaded. Exit
    status: 0 written, 2 the request was wrong, or there is no certificate; then nothing is written.
    """
    from gnnp_bench.report.html import check_drawable

    try:
        check_drawable()
    except ValueError as error:
        raise BadRequest(str(error)) from error
    _check_places(folder, out)
    certificates, skipped = _certificates(folder)
    for name, why in skipped.items():
        print(f"skipped {plain(name)}: {plain(why)}", file=sys.stderr)
    if not certificates:
        raise BadRequest(
            f"there is no certificate in {folder}: it takes .json files that gnnp-bench certify --json wrote"
        )
    from gnnp_bench.report.html.site import INDEX, site

    write_folder(out, site(certificates, skipped, checks_by_id()))
    typer.echo(f"wrote {os.path.join(out, INDEX)}: {plural(len(certificates), 'certificate')}")
    return 0


def _check_places(folder: str, out: str) -> None:
    if not os.path.isdir(folder):
        raise BadRequest(
            f"{folder} is a file, not a folder" if os.path.exists(folder) else f"there is no folder {folder}"
        )
    here, there = Path(os.path.realpath(folder)), Path(os.path.realpath(out))
    if here == there or there in here.parents:
        raise BadRequest(f"--out {out} would replace the certificates in {folder}: name another folder")
    check_folder(out)


def _certificates(folder: str) -> tuple[list[tuple[str, Certificate]], dict[str, str]]:
    """Return the certificates in a folder with the names of their files, and why other files are none."""
    found: list[tuple[str, Certificate]] = []
    skipped: dict[str, str] = {}
    try:
        paths = sorted(Path(folder).iterdir())
    except OSError as error:
        raise BadRequest(f"cannot read {folder}: {error.strerror}") from error
    for path in paths:
        name = printable(path.name)
        if not path.is_file():
            continue  # folders are not looked into
        if path.suffix != ".json":
            skipped[name] = "its name does not end in .json"
            continue
        try:
            data = path.read_bytes()
            certificate, looked = io.decode(data), chain.look(data)
            if looked.changed:
                skipped[name] = changes(looked)
            else:
                found.append((name, certificate))
        except OSError as error:
            skipped[name] = error.strerror or str(error)
        except ValueError as error:
            skipped[name] = str(error)
    return found, skipped
