"""``gnnp-bench compare``: what got better and worse between two certificates, and more of them side by side."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.certificate.compare import Comparison
from gnnp_bench.certificate.compare import compare as compared
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.opening import certificate_in
from gnnp_bench.commands.output import check_file, own_stdout, write_bytes, write_file

if TYPE_CHECKING:
    from rich.console import Console


def compare(
    old: Annotated[str, typer.Argument(metavar="OLD.json", help="The earlier certificate.")],
    new: Annotated[str, typer.Argument(metavar="NEW.json", help="The later certificate.")],
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MORE.json...]", help="Others: each is compared with the first."),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the comparison here as JSON; - is standard output.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as Markdown, for a pull request; - is standard output.")
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a page here: every law side by side, and what changed.")
    ] = None,
) -> int:
    """Tell what got better and what got worse between two certificates, or lay more of them side by side.

    Exit status: 0 nothing got worse; 1 a law that held is violated, holds less exactly or is no longer judged, the
    verdict or its grade dropped, an error against reference data grew by more than 1 %, a number is no longer there, or
    the new certificate is incomplete; 2 the request was wrong. Of more than two, each is compared with the first.
    """
    files = [old, new, *(more or ())]
    wanted = {"--json": json, "--markdown": markdown, "--html": html}
    _check_targets(files, wanted)
    certificates = _read(files)
    first, *others = certificates
    found = [compared(first, other) for other in others]
    with own_stdout() as stdout:
        from gnnp_bench.report.stream import console

        _print(console(sys.stderr if "-" in (json, markdown) else stdout), certificates, files, found)
        for option, path in wanted.items():
            if path == "-":
                write_bytes(stdout, _made(option, certificates, files, found))
            elif path is not None:
                write_file(path, _made(option, certificates, files, found))
    return 1 if any(one.worse for one in found) else 0


def _print(
    out: Console, certificates: Sequence[Certificate], files: Sequence[str], found: Sequence[Comparison]
) -> None:
    from gnnp_bench.report.comparison import print_comparison, print_several

    if len(found) == 1:
        print_comparison(out, certificates[0], certificates[1], found[0])
    else:
        print_several(out, certificates, files, found)


def _made(option: str, certificates: Sequence[Certificate], files: Sequence[str], found: Sequence[Comparison]) -> bytes:
    import msgspec

    from gnnp_bench.report.comparison import as_markdown, as_values

    if option == "--html":
        from gnnp_bench.report.html.comparison import comparison_page
        from gnnp_bench.report.text import printable

        return comparison_page(certificates, [printable(os.path.basename(file)) for file in files], found)
    old, new, *_ = certificates
    if option == "--markdown":
        return as_markdown(old, new, found[0]).encode()
    return msgspec.json.format(msgspec.json.encode(as_values(old, new, found[0])), indent=2) + b"\n"


def read_certificates(old: str, new: str) -> tuple[Certificate, Certificate]:
    """Return the certificates in two files.

    Raises
    ------
    BadRequest
        If one cannot be read.
    """
    one, other = _read([old, new])
    return one, other


def _read(files: Sequence[str]) -> list[Certificate]:
    return [certificate_in(file) for file in files]


def _check_targets(files: Sequence[str], wanted: dict[str, str | None]) -> None:
    from gnnp_bench.commands.report import check_page

    named = [(option, path) for option, path in wanted.items() if path is not None]
    for option, _ in named:
        if len(files) > 2 and option != "--html":
            raise BadRequest(f"{option} tells of two certificates, and {len(files)} are given: --html takes them all")
    if (page := wanted["--html"]) is not None:
        check_page(page)
    if [path for _, path in named].count("-") > 1:
        raise BadRequest("--json and --markdown cannot both be standard output: name a file for one")
    written = [path for _, path in named if path != "-"]
    real = {os.path.realpath(path) for path in files}
    if any(os.path.realpath(path) in real for path in written) or any(
        os.path.realpath(one) == os.path.realpath(other) for one, other in itertools.combinations(written, 2)
    ):
        raise BadRequest("the certificates, --json, --markdown and --html must be different files")
    for path in written:
        check_file(path)
