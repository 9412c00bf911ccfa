"""``gnnp-bench doctor``: what is wrong with an adapter, before the physics is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.commands.configured import configured
from gnnp_bench.commands.isolating import AllowRead, Isolate, Limit, PassEnv, isolated, with_isolation
from gnnp_bench.commands.loading import Env, Spec, load_potential, parse_species, with_env
from gnnp_bench.commands.output import own_stdout
from gnnp_bench.report.text import plain

if TYPE_CHECKING:
    from rich.console import Console

    from gnnp_bench.doctor import Examined

HEALTHY, FINDINGS = 0, 1


def doctor(
    spec: Spec = None,
    env: Env = None,
    isolate: Isolate = None,
    pass_env: PassEnv = None,
    allow_read: AllowRead = None,
    limit: Limit = None,
    species: Annotated[
        str | None, typer.Option(metavar="LIST", help="Elements to look at the potential with, such as Cu,Au.")
    ] = None,
) -> int:
    """Name the mistakes that an adapter is made with: units, signs, order, shapes, caches, what is declared.

    Exit status: 0 nothing found, 1 something found, 2 the request was wrong or the potential could not be loaded.
    """
    from gnnp_bench.doctor import examine
    from gnnp_bench.report.stream import console

    settled = configured(spec)
    symbols = parse_species(settled.species if species is None else species)
    spec = with_isolation(with_env(str(settled.spec), env), isolate)
    with own_stdout() as stdout, isolated(spec, pass_env, allow_read, limit):
        loaded = load_potential(spec, symbols)
        examined = examine(loaded.potential, loaded.reload, spec=spec)
        _print(console(stdout), plain(loaded.potential.name), examined)
    return FINDINGS if examined.findings else HEALTHY


def _print(out: Console, name: str, examined: Examined) -> None:
    for number, found in enumerate(examined.findings, start=1):
        out.print(f"{number}. {found.name}", soft_wrap=True)
        for label, text in (
            ("measured", found.measured),
            ("looks like", found.looks_like),
            ("to mend it", found.mend),
        ):
            out.print(f"   {label:<11}{plain(text)}", soft_wrap=True)
        out.print()
    if examined.left_out:
        out.print(f"not examined, until this is mended: {'; '.join(examined.left_out)}", soft_wrap=True)
    n = len(examined.findings)
    verdict = "nothing found" if not n else "1 finding" if n == 1 else f"{n} findings"
    out.print(f"{name}: {verdict} ({examined.evaluations} evaluations)", soft_wrap=True)
