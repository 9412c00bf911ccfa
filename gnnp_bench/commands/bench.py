"""``gnnp-bench bench``: how fast potentials are, against size."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.loading import Env, parse_species, with_env
from gnnp_bench.commands.output import check_files, own_stdout, write_bytes
from gnnp_bench.commands.signals import terminable
from gnnp_bench.potential import PotentialError

if TYPE_CHECKING:
    from ase import Atoms

LARGEST = 1_000_000
NUMBER = re.compile(r"((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(.*)")
"""And the unit behind it."""


def bench(
    specs: Annotated[
        list[str], typer.Argument(metavar="SPEC...", help="Potentials, such as chgnet reference:untrained.")
    ],
    env: Env = None,
    sizes: Annotated[
        str | None, typer.Option(metavar="LIST", help="Numbers of atoms, such as 2,64,1000; by default 2 to 100000.")
    ] = None,
    species: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="Elements of the potentials, such as Cu,Au: for ASE calculators. Of one of them alone: SPEC=Cu,Au."
            " Repeatable.",
        ),
    ] = None,
    structure: Annotated[
        str | None, typer.Option(metavar="FILE", help="Repeat this structure instead of a simple crystal.")
    ] = None,
    max_seconds: Annotated[
        float, typer.Option(metavar="S", help="For each potential, loading apart; larger sizes are left out.")
    ] = 60.0,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help="For each timing in each round; by default --max-seconds / 60, 1 at most."),
    ] = None,
    max_memory: Annotated[
        float | None, typer.Option(metavar="GB", help="For each process; by default four fifths of what is free.")
    ] = None,
    timestep: Annotated[float, typer.Option(metavar="FS", help="Of dynamics, for ns/day.")] = 1.0,
    error: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC=X",
            help="A potential's error, for the figure of accuracy and cost, with its unit: 'chgnet=47 meV/Å'."
            " Repeatable.",
        ),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the result here; - is standard output.")
    ] = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Draw figures here: .png, .svg or .pdf.")] = None,
) -> int:
    """Measure how fast potentials are against the number of atoms, several in turn, each in its own process.

    Of several it tells which is faster, and by how much, at a size that all measured.

    Exit status: 0 measured, 2 the request was wrong or a potential could not be loaded, 3 interrupted or a potential
    failed at every size.
    """
    import msgspec

    from gnnp_bench.commands.exits import PARTIAL
    from gnnp_bench.perf.memory import free_gigabytes
    from gnnp_bench.perf.run import Plan
    from gnnp_bench.perf.run import bench as measure
    from gnnp_bench.report.speed import print_bench
    from gnnp_bench.report.stream import console

    if len(set(specs)) < len(specs):
        raise BadRequest("the same SPEC is given twice")
    check_files(json, plot)
    given, error_unit = parse_errors(error or [], specs)
    errors = {with_env(spec, env): x for spec, x in given.items()}
    for_all, own = parse_own_species(species or [], specs)
    specs = [with_env(spec, env) for spec in specs]
    plan = Plan(
        sizes=parse_sizes(sizes),
        species=for_all,
        own_species={with_env(spec, env): symbols for spec, symbols in own.items()},
        error_unit=error_unit,
        cell=None if structure is None else read_structure(structure),
        max_seconds=_positive("--max-seconds", max_seconds),
        seconds=None if seconds is None else _positive("--seconds", seconds),
        max_gigabytes=free_gigabytes() if max_memory is None else _positive("--max-memory", max_memory),
        timestep_fs=_positive("--timestep", timestep),
    )
    with own_stdout() as stdout:
        progress, report = console(sys.stderr), console(sys.stderr if json == "-" else stdout)
        try:
            with terminable():
                result = measure(specs, plan, lambda line: progress.print(line, soft_wrap=True), errors)
        except PotentialError as refusal:
            raise BadRequest(str(refusal)) from refusal
        except KeyboardInterrupt as interruption:
            report.print(f"stopped by {str(interruption) or 'Ctrl-C'}: nothing was written")
            return PARTIAL
        print_bench(report, result)
        data = msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"
        if json == "-":
            write_bytes(stdout, data)
        _write(json, data, plot, result)
    return 0 if all(one.timings for one in result.potentials) else PARTIAL


def _write(json: str | None, data: bytes, plot: str | None, result: object) -> None:
    from gnnp_bench.certificate.io import replace_file
    from gnnp_bench.perf.figures import draw

    try:
        if json not in (None, "-"):
            replace_file(str(json), data)
        if plot is not None:
            draw(result, plot)  # type: ignore[arg-type]
    except ValueError as unwritten:
        raise BadRequest(str(unwritten)) from unwritten


def parse_sizes(text: str | None) -> tuple[int, ...]:
    """Return numbers of atoms in ascending order, each once.

    Raises
    ------
    BadRequest
        If they are none.
    """
    if text is None:
        from gnnp_bench.perf.systems import SIZES

        return SIZES
    try:
        sizes = sorted({int(part) for part in text.split(",") if part.strip()})
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < 1 or sizes[-1] > LARGEST:
        raise BadRequest(f"--sizes must be numbers of atoms from 1 to {LARGEST}, such as 2,64,1000, not {text!r}")
    return tuple(sizes)


def parse_errors(given: list[str], specs: list[str]) -> tuple[dict[str, float], str | None]:
    """Return what the user says the errors of potentials are, and in which unit, if that is told.

    Raises
    ------
    BadRequest
        If one does not read SPEC=X with a positive number, names no potential of this benchmark, or has another unit.
    """
    errors, units = {}, {}
    for text in given:
        spec, _, value = text.rpartition("=")
        found = NUMBER.fullmatch(value.strip())
        number = float(found[1]) if found else -1.0
        if not spec or found is None or not 0.0 < number < float("inf"):
            raise BadRequest(f"--error must read SPEC=X with a positive number X, such as '47 meV/Å', not {text!r}")
        if spec not in specs:
            raise BadRequest(f"--error names {spec!r}, which is not measured: choose from {', '.join(specs)}")
        errors[spec], units[spec] = number, found[2].strip()
    if len(set(units.values())) > 1:
        told = ", ".join(f"{spec} {unit or 'without a unit'}" for spec, unit in units.items())
        raise BadRequest(f"--error must be in one unit for all potentials: {told}")
    return errors, next(iter(units.values()), None) or None


def parse_own_species(given: list[str], specs: list[str]) -> tuple[tuple[str, ...] | None, dict[str, tuple[str, ...]]]:
    """Return the species of all potentials, and those of single ones by spec.

    Raises
    ------
    BadRequest
        If one names no element, or no potential of this benchmark.
    """
    for_all, own = None, {}
    for text in given:
        spec, equals, symbols = text.rpartition("=")
        if not equals:
            for_all = parse_species(text)
        elif spec not in specs:
            raise BadRequest(f"--species names {spec!r}, which is not measured: choose from {', '.join(specs)}")
        else:
            own[spec] = parse_species(symbols) or ()
    return for_all, own


def read_structure(path: str) -> Atoms:
    """Return the structure in a file that ASE can read, the last where there are several.

    Raises
    ------
    BadRequest
        If there is none that can be repeated.
    """
    import numpy as np

    from gnnp_bench.structures.reading import structures_in

    try:
        (atoms,) = structures_in(path, "-1")
    except Exception as error:  # the readers of ASE raise anything, OSError without an error number among them
        if isinstance(error, OSError) and error.strerror:
            raise BadRequest(f"cannot read {path}: {error.strerror}") from error
        raise BadRequest(f"{path} is no structure that ASE can read: {type(error).__name__}: {error}") from error
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise BadRequest(f"{path} holds positions or cell vectors that are not finite")
    if len(atoms) == 0 or not atoms.pbc.all() or atoms.cell.rank < 3:
        raise BadRequest(f"{path} cannot be repeated: it must be periodic in three directions and hold atoms")
    return atoms


def _positive(option: str, value: float) -> float:
    if not 0.0 < value < float("inf"):
        raise BadRequest(f"{option} must be a positive number, not {value:g}")
    return value
