"""``gnnp-bench list`` and ``gnnp-bench explain``: which laws there are, and what they mean."""

from __future__ import annotations

from typing import Annotated

import typer

from gnnp_bench.commands.loading import check_ids, checks_by_id, find_check


def list_checks(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the catalogue of checks as Markdown.")] = False,
) -> int:
    """List the checks: id, category, law."""
    from gnnp_bench.report import catalogue
    from gnnp_bench.report.stream import console

    checks = tuple(checks_by_id().values())
    out = console()
    if markdown:
        out.print(catalogue.markdown(checks), soft_wrap=True, end="")
    else:
        catalogue.listing(out, checks)
    return 0


def explain(
    check: Annotated[
        str,
        typer.Argument(
            metavar="CHECK",
            help="The check's id, such as symmetry/rotation, or rotation alone.",
            autocompletion=check_ids,
        ),
    ],
) -> int:
    """Explain a law, and what its violation does to a simulation."""
    from gnnp_bench.report import catalogue
    from gnnp_bench.report.stream import console

    catalogue.explanation(console(), find_check(check, checks_by_id()))
    return 0
