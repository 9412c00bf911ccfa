"""``gnnp-bench report`` and ``badge``: a certificate for those who look rather than read."""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.loading import checks_by_id
from gnnp_bench.commands.opening import certificate_in
from gnnp_bench.commands.output import check_file, own_stdout, write_bytes, write_file

if TYPE_CHECKING:
    from gnnp_bench.certificate.result import Certificate

TABLES = ("--csv", "--parquet")
Given = Annotated[str, typer.Argument(metavar="CERTIFICATE", help="The certificate's JSON file.")]


def report(
    certificates: Annotated[
        list[str], typer.Argument(metavar="CERTIFICATE...", help="JSON files; of several, one table.")
    ],
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a page here that needs nothing from elsewhere.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a summary here, for a pull request; - is standard output.")
    ] = None,
    card: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the card of a model here, with YAML for hubs; - is standard output."),
    ] = None,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write all results here as CSV; - is standard output.")
    ] = None,
    parquet: Annotated[str | None, typer.Option(metavar="FILE", help="Write all results here as Parquet.")] = None,
) -> int:
    """Make a page, a summary or a model's card of a certificate, or a table of all results of several.

    The table has a row for each law and quantity, and for each number beside the laws. No potential is loaded. Exit
    status: 0 written, 2 the request was wrong.
    """
    wanted = {"--html": html, "--markdown": markdown, "--card": card, "--csv": csv, "--parquet": parquet}
    _check_targets(certificates, wanted)
    records = [certificate_in(file) for file in certificates]
    _write_table(dict(zip(certificates, records, strict=True)), wanted)
    record = records[0]
    if html is not None:
        write_page(record, html, certificates[0])
        typer.echo(f"wrote {html}", err="-" in (markdown, card, csv))
    for option in ("--markdown", "--card"):
        if (path := wanted[option]) is not None:
            _write_text(record, option, path)
    return 0


def badge(
    certificate: Given,
    out: Annotated[str, typer.Option(metavar="FILE", help="Write the badge here (SVG); - is standard output.")],
) -> int:
    """Make a badge of a certificate: certified, failed, not certified.

    Exit status: 0 written, 2 the request was wrong.
    """
    from gnnp_bench.report.badge import badge as drawn

    _check_targets([certificate], {"--out": out})
    _put(out, drawn(certificate_in(certificate)).encode())
    return 0


def check_page(path: str) -> None:
    """Refuse a page that cannot be made, before an hour is spent on what is to stand on it.

    Raises
    ------
    BadRequest
        If it has no file, or what draws is not installed.
    """
    from gnnp_bench.report.html import check_drawable

    if path == "-":
        raise BadRequest("--html needs the name of a file")
    try:
        check_drawable()
    except ValueError as error:
        raise BadRequest(str(error)) from error


def write_page(record: Certificate, path: str, file: str | None) -> None:
    """Write the page of a certificate, with the file that it lies in, if any, for the commands that read it.

    Raises
    ------
    BadRequest
        If it cannot be written.
    """
    from gnnp_bench.report.html.page import FILE, page
    from gnnp_bench.report.text import printable

    write_file(path, page(record, checks_by_id(), file=FILE if file is None else printable(file)))


def _write_text(record: Certificate, option: str, path: str) -> None:
    from gnnp_bench.report.markdown import card, summary

    _put(path, (summary if option == "--markdown" else card)(record, checks_by_id()).encode())


def _write_table(records: dict[str, Certificate], wanted: dict[str, str | None]) -> None:
    from gnnp_bench.report.results_table import as_csv, as_parquet, rows
    from gnnp_bench.report.text import printable

    for option, made in (("--csv", as_csv), ("--parquet", as_parquet)):
        if (path := wanted[option]) is not None:
            table = (row for file, record in records.items() for row in rows(printable(file), record))
            _put(path, made(table))


def _put(path: str, data: bytes) -> None:
    if path == "-":
        with own_stdout() as stdout:
            write_bytes(stdout, data)
        return
    write_file(path, data)
    typer.echo(f"wrote {path}")


def _check_targets(certificates: Sequence[str], wanted: dict[str, str | None]) -> None:
    """Refuse files that cannot be written, or are one file, before any is."""
    named = [(option, path) for option, path in wanted.items() if path is not None]
    if not named:
        raise BadRequest(f"nothing is asked for: give {', '.join(list(wanted)[:-1])} or {list(wanted)[-1]}")
    if len(certificates) > 1 and (alone := [option for option, _ in named if option not in TABLES]):
        raise BadRequest(
            f"{alone[0]} tells of one certificate, and {len(certificates)} are given: "
            "gnnp-bench compare --html lays them side by side"
        )
    if (page := wanted.get("--html")) is not None:
        check_page(page)
    if wanted.get("--parquet") is not None:
        _check_parquet(str(wanted["--parquet"]))
    if len([path for _, path in named if path == "-"]) > 1:
        raise BadRequest("only one of them can be standard output: name files for the others")
    sources = [("the certificate", path) for path in dict.fromkeys(map(os.path.realpath, certificates))]
    for (one, path), (other, second) in itertools.combinations([*sources, *named], 2):
        if os.path.realpath(path) == os.path.realpath(second):
            raise BadRequest(f"{one} and {other} name one file, {second}: give them different ones")
    for _, path in named:
        if path != "-":
            check_file(path)


def _check_parquet(path: str) -> None:
    if path == "-":
        raise BadRequest("--parquet needs the name of a file")
    if importlib.util.find_spec("pyarrow") is None:
        raise BadRequest("--parquet needs pyarrow: pip install 'gnnp-bench[screen]'")
