"""``gnnp-bench compare``: what got better and what got worse between two certificates."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from gnnp_bench.certificate import io
from gnnp_bench.certificate.compare import compare as compared
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.output import check_file, own_stdout, write_bytes, write_file


def compare(
    old: Annotated[str, typer.Argument(metavar="OLD.json", help="The earlier certificate.")],
    new: Annotated[str, typer.Argument(metavar="NEW.json", help="The later certificate.")],
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the comparison here as JSON; - is standard output.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as Markdown, for a pull request; - is standard output.")
    ] = None,
) -> int:
    """Tell what got better and what got worse between two certificates.

    Exit status: 0 nothing got worse; 1 a law that held is violated, holds less exactly or is no longer judged, the
    verdict or its grade dropped, an error against reference data grew by more than 1 %, a number is no longer there, or
    the new certificate is incomplete; 2 the request was wrong.
    """
    import msgspec

    from gnnp_bench.report.comparison import as_markdown, as_values, print_comparison
    from gnnp_bench.report.stream import console

    _check_targets(old, new, json, markdown)
    before, after = read_certificates(old, new)
    found = compared(before, after)
    with own_stdout() as stdout:
        print_comparison(console(sys.stderr if "-" in (json, markdown) else stdout), before, after, found)
        values = msgspec.json.format(msgspec.json.encode(as_values(before, after, found)), indent=2) + b"\n"
        for path, data in ((json, values), (markdown, as_markdown(before, after, found).encode())):
            if path == "-":
                write_bytes(stdout, data)
            elif path is not None:
                write_file(path, data)
    return 1 if found.worse else 0


def read_certificates(old: str, new: str) -> tuple[Certificate, Certificate]:
    """Return the certificates in two files.

    Raises
    ------
    BadRequest
        If one cannot be read.
    """
    try:
        return io.read(old), io.read(new)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _check_targets(old: str, new: str, *paths: str | None) -> None:
    named = [path for path in paths if path is not None]
    if named.count("-") > 1:
        raise BadRequest("--json and --markdown cannot both be standard output: name a file for one")
    files = [os.path.realpath(path) for path in named if path != "-"]
    if len(set(files)) < len(files) or {os.path.realpath(old), os.path.realpath(new)} & set(files):
        raise BadRequest("the certificates, --json and --markdown must be different files")
    for path in named:
        if path != "-":
            check_file(path)
