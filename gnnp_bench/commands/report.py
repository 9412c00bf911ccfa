"""``gnnp-bench report`` and ``badge``: a certificate for those who look rather than read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.certificate import io
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.loading import checks_by_id

if TYPE_CHECKING:
    from gnnp_bench.certificate.result import Certificate


def report(
    certificate: Annotated[str, typer.Argument(metavar="CERTIFICATE", help="The certificate's JSON file.")],
    html: Annotated[str, typer.Option(metavar="FILE", help="Write a page here that needs nothing from elsewhere.")],
) -> int:
    """Make a page of a certificate: verdict, every law, counterexamples to be turned, figures.

    No potential is loaded. Exit status: 0 written, 2 the request was wrong.
    """
    check_page(html)
    if os.path.realpath(html) == os.path.realpath(certificate):
        raise BadRequest("the certificate and --html must be different files")
    try:
        record = io.read(certificate)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    write_page(record, html)
    typer.echo(f"wrote {html}")
    return 0


def check_page(path: str) -> None:
    """Refuse a page that cannot be made, before an hour is spent on what is to stand on it.

    Raises
    ------
    BadRequest
        If the file cannot be written, or what draws is not installed.
    """
    from gnnp_bench.report.html import check_drawable

    if path == "-":
        raise BadRequest("--html needs the name of a file")
    try:
        check_drawable()
        io.check_writable(path)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def write_page(record: Certificate, path: str) -> None:
    """Write the page of a certificate.

    Raises
    ------
    BadRequest
        If it cannot be written.
    """
    from gnnp_bench.report.html.page import page

    try:
        io.replace_file(path, page(record, checks_by_id()))
    except ValueError as error:
        raise BadRequest(str(error)) from error
