"""``gnnp-bench properties``: what a potential predicts of crystals."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.loading import Env, load_potential, parse_species, with_env
from gnnp_bench.commands.output import check_files, own_stdout, write_bytes
from gnnp_bench.commands.progress import Progress
from gnnp_bench.commands.signals import terminable
from gnnp_bench.potential import close

if TYPE_CHECKING:
    from gnnp_bench.properties.registry import Measurable


def properties(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="The potential, such as chgnet or reference.")],
    structures: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STRUCTURE...]",
            help="Crystals: formula and prototype, such as Si:diamond or NaCl:rocksalt, or files that ASE reads. By"
            " default those of the table of references that the potential knows.",
        ),
    ] = None,
    env: Env = None,
    species: Annotated[
        str | None, typer.Option(metavar="LIST", help="Elements of the potential, such as Cu,Au: for ASE calculators.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="LIST", help="Properties, such as lattice,eos,elasticity; by default all.")
    ] = None,
    fmax: Annotated[float, typer.Option(metavar="F", help="Where relaxations end, eV/Å.")] = 1e-3,
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="Of a relaxation, at most.")] = 500,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the result here; - is standard output.")
    ] = None,
    plot: Annotated[str | None, typer.Option(metavar="DIR", help="Draw figures into this directory.")] = None,
) -> int:
    """Compute properties of crystals: lattice, equation of state, elastic tensor, energies, all in full batches.

    Each number has an error bar: by how much finer steps, other amplitudes or larger cells change it. References stand
    beside it with their source (docs/properties.md); none of them is a pass mark.

    Exit status: 0 measured, 2 the request was wrong, 3 interrupted (what was finished is told) or there is no number.
    """
    from gnnp_bench.properties.registry import PROPERTIES

    chosen = parse_only(only, PROPERTIES)
    if not fmax > 0:
        raise BadRequest("--fmax must be positive")
    check_packages(chosen)
    check_files(json, None)
    if plot is not None:
        make_directory(plot)
    loaded = load_potential(with_env(spec, env), parse_species(species))
    with own_stdout() as stdout:
        return _run(loaded, structures or [], chosen, fmax, steps, json, plot, stdout)


def _run(
    loaded: Any,
    structures: list[str],
    chosen: dict[str, Measurable],
    fmax: float,
    steps: int,
    json: str | None,
    plot: str | None,
    stdout: Any,
) -> int:
    import msgspec

    from gnnp_bench.commands.crystals import given_crystals
    from gnnp_bench.crystals import measure
    from gnnp_bench.engine.evaluate import Evaluator
    from gnnp_bench.properties.crystal import Settings
    from gnnp_bench.properties.results import PotentialResult, PropertiesResult
    from gnnp_bench.report.properties import print_properties
    from gnnp_bench.report.stream import console

    potential = loaded.potential
    identity = getattr(potential, "identity", None)
    progress, report = console(sys.stderr), console(sys.stderr if json == "-" else stdout)
    evaluator = Evaluator(potential, loaded.reload)
    result = PropertiesResult(
        PotentialResult(
            loaded.spec,
            potential.name,
            getattr(identity, "version", None),
            getattr(identity, "weights_sha256", None),
        ),
        fmax,
        [],
    )
    drawn: list[tuple[str, str, Any]] = []
    try:
        crystals = given_crystals(structures, potential.capabilities, chosen)
        settings = Settings(potential.capabilities, fmax=fmax, steps=steps)
        count = Progress(len(crystals) * (1 + len(chosen)), progress)
        with terminable():
            measure(
                evaluator,
                crystals,
                chosen,
                settings,
                result,
                lambda what: count.told(what=what),
                lambda crystal, name, value: drawn.append((crystal, name, value)),
            )
        result.complete = True
    except KeyboardInterrupt as interruption:
        report.print(f"stopped by {str(interruption) or 'Ctrl-C'}: what was finished follows", markup=False)
    finally:
        evaluator.close()
        close(potential)
    print_properties(report, result)
    data = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
    if json == "-":
        write_bytes(stdout, data)
    _write(json, data, plot, chosen, drawn)
    there_is_some = any(one.quantities for crystal in result.crystals for one in crystal.properties)
    return 0 if result.complete and there_is_some else PARTIAL


def parse_only(text: str | None, known: dict[str, Measurable]) -> dict[str, Measurable]:
    """Return the properties of a list such as ``lattice,eos``, in the order of reports.

    Raises
    ------
    BadRequest
        If there is none of that name.
    """
    if text is None:
        return dict(known)
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    for name in wanted:
        if name not in known:
            raise BadRequest(f"there is no property {name!r}; choose of {', '.join(known)}")
    if not wanted:
        raise BadRequest(f"--only names no property; choose of {', '.join(known)}")
    return {name: what for name, what in known.items() if name in wanted}


def check_packages(chosen: dict[str, Measurable]) -> None:
    """See that what is needed is installed.

    Raises
    ------
    BadRequest
        If it is not.
    """
    from importlib.util import find_spec

    wanted = ("spglib", *(package for what in chosen.values() for package in what.packages))
    missing = sorted({package for package in wanted if find_spec(package) is None})
    if missing:
        raise BadRequest(f"{', '.join(missing)} is not installed: pip install 'gnnp-bench[properties]'")


def make_directory(path: str) -> None:
    """Make a directory for figures, unless it is there.

    Raises
    ------
    BadRequest
        If it cannot be, or figures cannot be drawn.
    """
    from gnnp_bench.perf.figures import check_drawable

    try:
        check_drawable("figure.png")
        os.makedirs(path, exist_ok=True)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    except OSError as error:
        raise BadRequest(f"cannot make the directory {path}: {error.strerror}") from error


def _write(
    json: str | None,
    data: bytes,
    plot: str | None,
    chosen: dict[str, Measurable],
    drawn: list[tuple[str, str, Any]],
) -> None:
    from gnnp_bench.certificate.io import replace_file
    from gnnp_bench.commands.crystals import slug
    from gnnp_bench.report.properties import figure_of

    try:
        if json not in (None, "-"):
            replace_file(str(json), data)
        for crystal, name, value in drawn if plot is not None else ():
            if (draw := chosen[name].draw) is not None:
                picture = figure_of(draw, value, f"{crystal}: {chosen[name].title}")
                replace_file(Path(str(plot)) / f"{slug(crystal)}-{name}.png", picture)
    except ValueError as unwritten:
        raise BadRequest(str(unwritten)) from unwritten
