"""``gnnp-bench compare-deployments``: whether a potential is the same here and there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.loading import load_potential, parse_species, with_env
from gnnp_bench.commands.output import check_file, own_stdout, write_bytes, write_file
from gnnp_bench.engine.settings import Budget
from gnnp_bench.potential import PotentialError
from gnnp_bench.report.text import number, plain

if TYPE_CHECKING:
    from gnnp_bench.adapters.registry import Loaded
    from gnnp_bench.engine.deployments import Deployments, Worst

STATUS = {"same": 0, "different": 1, "undecided": PARTIAL}
MOST_TOLD = 5


def compare_deployments(
    first: Annotated[str, typer.Argument(metavar="SPEC", help="The potential as it is in one place.")],
    second: Annotated[str, typer.Argument(metavar="SPEC", help="The same potential in another.")],
    species: Annotated[
        str | None, typer.Option(metavar="LIST", help="Elements to draw structures from, such as Cu,Au.")
    ] = None,
    budget: Annotated[Budget, typer.Option(help="How many structures to compare.")] = "standard",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the structures.")] = 0,
    env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ENV",
            help="Where they live, as for certify: given once, both of them; given twice, the first and the second. For"
            " one of them alone write ?env=ENV in its SPEC.",
        ),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write what was found here as JSON; - is standard output.")
    ] = None,
) -> int:
    """Tell whether two deployments are the same potential: energies, forces and stress within their rounding.

    In Python and in an engine, eager and compiled, in two versions of a package. Where they differ by a unit, a sign,
    an order or a reference, it is named.

    Exit status: 0 the same; 1 different; 2 the request was wrong or one could not be loaded; 3 undecided.
    """
    from gnnp_bench.engine.deployments import compare
    from gnnp_bench.report.stream import console

    if json not in (None, "-"):
        check_file(json)
    first, second = _placed(first, second, env or [])
    with own_stdout() as stdout:
        one, two = _load(first, second, parse_species(species))
        try:
            found = compare((one.potential, one.reload), (two.potential, two.reload), budget, seed)
        except PotentialError as error:
            raise BadRequest(str(error)) from error
        _print(console(sys.stderr if json == "-" else stdout), one, two, found)
        encoded = _as_json(first, second, found)
        if json == "-":
            write_bytes(stdout, encoded)
        elif json is not None:
            write_file(json, encoded)
    return STATUS[found.verdict]


def _placed(first: str, second: str, env: list[str]) -> tuple[str, str]:
    """Return both specs, each with the environment that it is to live in.

    Raises
    ------
    BadRequest
        If there are more environments than potentials, or a spec names one already.
    """
    if len(env) > 2:
        raise BadRequest(f"--env was given {len(env)} times: once for both potentials, or once for each")
    return with_env(first, env[0] if env else None), with_env(second, env[-1] if env else None)


def _load(first: str, second: str, species: tuple[str, ...] | None) -> tuple[Loaded, Loaded]:
    """Return both; one that does not tell its species, as calculators do not, is asked for those of the other."""
    loaded: list[Loaded | None] = []
    refusals: list[BadRequest] = []
    for spec in (first, second):
        try:
            loaded.append(load_potential(spec, species))
        except BadRequest as error:
            if species is not None:
                raise
            loaded.append(None)
            refusals.append(error)
    if len(refusals) == 2:
        raise refusals[0]
    known = next((one.potential.capabilities.species for one in loaded if one is not None), ())
    one, two = (
        load_potential(spec, known) if made is None else made
        for spec, made in zip((first, second), loaded, strict=True)
    )
    return one, two


def _print(out: Any, one: Loaded, two: Loaded, found: Deployments) -> None:
    out.print(f"first   {plain(one.potential.name)}\nsecond  {plain(two.potential.name)}", soft_wrap=True)
    others = sum(c.way != "as drawn" for c in found.compared)
    elements = sorted({s for c in found.compared for s in c.both.structure.get_chemical_symbols()})
    out.print(
        f"compared on {len(found.compared) - others} structures of {', '.join(elements) or 'nothing'}, and on {others}"
        " other descriptions of some",
        soft_wrap=True,
    )
    for worst in found.worst:
        out.print(_line(worst), soft_wrap=True)
    for label, said in (("not compared", found.refused), ("went wrong", found.broke)):
        for text in said[:MOST_TOLD]:
            out.print(f"{label}: {plain(text)}", soft_wrap=True)
        if len(said) > MOST_TOLD:
            out.print(f"{label}: {len(said) - MOST_TOLD} more", soft_wrap=True)
    for change in found.turned:
        out.print(f"in the second, {plain(change.measured)}", soft_wrap=True)
    for text in found.only:
        out.print(f"they differ only on {text}", soft_wrap=True)
    if found.mended:
        out.print("with that taken back:", soft_wrap=True)
        for worst in found.mended:
            out.print(f"  {_line(worst)}", soft_wrap=True)
    out.print(_conclusion(found), soft_wrap=True)


def _line(worst: Worst) -> str:
    c = worst.component
    structure = worst.compared.both.structure
    where = f"{structure.get_chemical_formula()}, {worst.compared.way}"
    told = worst.grade or worst.status
    return (
        f"{c.quantity:<7} differs by {number(c.residual)} {c.unit} (bound {number(c.bound)}, significance"
        f" {number(c.significance)}): {told}; {where}"
    )


def _conclusion(found: Deployments) -> str:
    if found.verdict == "same":
        return "The same potential, to its rounding." if found.exact else "The same potential, as far as it matters."
    if found.verdict == "different":
        return "Different."
    return "Undecided: " + (
        "nothing was compared." if not found.compared else "not all was compared, or rounding hides it."
    )


def _as_json(first: str, second: str, found: Deployments) -> bytes:
    def told(worst: Worst) -> dict[str, Any]:
        c = worst.component
        return {
            "quantity": c.quantity,
            "measured": c.residual,
            "bound": c.bound,
            "significance": c.significance,
            "unit": c.unit,
            "status": worst.status,
            "grade": worst.grade,
            "structure": worst.compared.both.structure.get_chemical_formula(),
            "described": worst.compared.way,
        }

    values = {
        "first": first,
        "second": second,
        "verdict": found.verdict,
        "exact": found.exact,
        "compared": len(found.compared),
        "worst": [told(worst) for worst in found.worst],
        "named": [{"name": change.name, "measured": change.measured} for change in found.turned],
        "mended": [told(worst) for worst in found.mended],
        "only": list(found.only),
        "refused": list(found.refused),
        "broke": list(found.broke),
    }
    return msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n"
