"""``gnnp-bench waivers``: a file of waivers drafted from a certificate."""

from __future__ import annotations

import os
from datetime import date
from typing import Annotated

import typer

from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.opening import certificate_in
from gnnp_bench.commands.output import check_file, own_stdout, write_bytes, write_file


def waivers(
    certificate: Annotated[str, typer.Argument(metavar="CERTIFICATE", help="The certificate's JSON file.")],
    expires: Annotated[
        str | None, typer.Option(metavar="DATE", help="The last day on which they are good, such as 2027-03-31.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why these failures are permitted.")] = None,
    out: Annotated[str, typer.Option(metavar="FILE", help="Write them here; - is standard output.")] = "-",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
) -> int:
    """Draft a file of waivers: one for each law and unit that fails, a tenth above what was measured.

    Reason and date are yours to give, here or in the file, which is refused without them. No potential is loaded. Exit
    status: 0 written, 2 the request was wrong.
    """
    from gnnp_bench.certificate.waiver_draft import draft

    if reason is not None and not reason.strip():
        raise BadRequest("--reason must say something")
    day = None if expires is None else _day(expires)
    if out != "-":
        if os.path.lexists(out) and not os.path.isdir(out) and not force:
            # It may hold reasons that somebody wrote.
            raise BadRequest(f"{out} exists: name another file, or give --force to overwrite it")
        check_file(out)
    record = certificate_in(certificate)
    text = draft(record, reason=reason, expires=day).encode()
    if out == "-":
        with own_stdout() as stdout:
            write_bytes(stdout, text)
        return 0
    write_file(out, text)
    typer.echo(f"wrote {out}")
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"--expires must be a date such as 2027-03-31, not {text!r}") from error
