"""``gnnp-bench show``: a certificate that was kept, as it was printed."""

from __future__ import annotations

from typing import Annotated

import typer

from gnnp_bench.commands.loading import checks_by_id
from gnnp_bench.commands.opening import certificate_in


def show(
    certificate: Annotated[str, typer.Argument(metavar="CERTIFICATE", help="The certificate's JSON file.")],
) -> int:
    """Print a certificate again, as certify printed it.

    No potential is loaded. Exit status: 0 printed, 2 the request was wrong.
    """
    from gnnp_bench.report import terminal
    from gnnp_bench.report.next_steps import next_steps
    from gnnp_bench.report.stream import console

    record = certificate_in(certificate)
    out = console()
    terminal.header(out, record)
    terminal.summary(out, record, checks=checks_by_id(), path=certificate)
    next_steps(out, record, certificate, printed=False)
    return 0
