"""``gnnp-bench accuracy``: errors of a potential against quantum reference data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.loading import Env, load_potential, parse_species, with_env
from gnnp_bench.commands.output import check_files, own_stdout, write_bytes, write_file
from gnnp_bench.commands.progress import Progress
from gnnp_bench.commands.signals import terminable
from gnnp_bench.potential import close

if TYPE_CHECKING:
    from gnnp_bench.accuracy.measure import Found


def accuracy(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="The potential, such as chgnet or reference.")],
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Labelled structures, as ASE reads them.")],
    env: Env = None,
    species: Annotated[
        str | None, typer.Option(metavar="LIST", help="Elements of the potential, such as Cu,Au: for ASE calculators.")
    ] = None,
    by: Annotated[str, typer.Option(metavar="KEY", help="Key of atoms.info that groups structures.")] = "config_type",
    distance: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Number of a structure, or of its atoms: its distance from the training set."),
    ] = None,
    energy: Annotated[str | None, typer.Option(metavar="KEY", help="Under which name energies stand.")] = None,
    forces: Annotated[str | None, typer.Option(metavar="KEY", help="Under which name forces stand.")] = None,
    stress: Annotated[str | None, typer.Option(metavar="KEY", help="Under which name stresses stand, eV/Å³.")] = None,
    virial: Annotated[str | None, typer.Option(metavar="KEY", help="Or virials, eV, compression-positive.")] = None,
    trust_labels: Annotated[
        bool, typer.Option("--trust-labels", help="Do not examine units, signs and the order of stresses.")
    ] = False,
    worst: Annotated[int, typer.Option(min=1, metavar="N", help="How many of the worst structures are named.")] = 10,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the result here; - is standard output.")
    ] = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Draw figures here: .png, .svg or .pdf.")] = None,
) -> int:
    """Measure how far a potential is from labelled structures: energies, forces and stresses, by group and species.

    Structures are read one at a time, so that files may be larger than memory. Labels are looked for under the names
    that are usual (docs/accuracy.md); the first lines tell which were taken.

    Exit status: 0 measured, 2 the request was wrong or the labels cannot be used, 3 interrupted (what was measured
    until then is told) or nothing could be compared.
    """
    import msgspec

    from gnnp_bench.accuracy.labels import DataError
    from gnnp_bench.accuracy.measure import Found, compare, judge
    from gnnp_bench.accuracy.results import result
    from gnnp_bench.accuracy.sanity import Judgement
    from gnnp_bench.accuracy.stream import Keys, survey
    from gnnp_bench.report.accuracy import print_accuracy
    from gnnp_bench.report.stream import console

    if stress is not None and virial is not None:
        raise BadRequest("--stress and --virial are both given: a file is read by one of them")
    keys = Keys(energy, forces, stress, virial, by, distance)
    check_files(json, plot)
    try:
        surveys = [survey(file, keys) for file in files]
    except DataError as error:
        raise BadRequest(str(error)) from error
    loaded = load_potential(with_env(spec, env), parse_species(species))
    potential = loaded.potential
    found, judgement, complete = Found(worst), Judgement(), False
    with own_stdout() as stdout:
        progress, report = console(sys.stderr), console(sys.stderr if json == "-" else stdout)
        for one in surveys:
            named = "; ".join(
                f"{label} from {', '.join(f'{name} ({n})' for name, n in names.items())}"
                for label, names in one.named.items()
                if names
            )
            progress.print(f"{one.path}: {one.frames} structures; {named or 'no labels'}", soft_wrap=True, markup=False)
        count = Progress(sum(one.frames for one in surveys), progress, "structures")
        try:
            with terminable():
                if not trust_labels:
                    judgement = judge(potential, surveys, keys)
                if judgement.complaints:
                    raise BadRequest(f"{'; '.join(judgement.complaints)}. --trust-labels compares them as they are")
                compare(potential, surveys, keys, judgement, found, count.told)
            complete = True
        except KeyboardInterrupt as interruption:
            report.print(f"stopped by {str(interruption) or 'Ctrl-C'} after {count.done} structures", markup=False)
        except DataError as error:
            raise BadRequest(str(error)) from error
        finally:
            close(potential)
        if not found.total.structures:
            for reasons in (found.refused, found.skipped):
                if reasons:
                    report.print(f"{reasons[0].source} {reasons[0].reason}", soft_wrap=True, markup=False)
            report.print("nothing could be compared", markup=False)
            return PARTIAL
        measured = result(potential, surveys, found, judgement, keys, complete=complete)
        print_accuracy(report, measured)
        data = msgspec.json.format(msgspec.json.encode(measured), indent=2) + b"\n"
        if json == "-":
            write_bytes(stdout, data)
        _write(json, data, plot, found)
    return 0 if complete else PARTIAL


def _write(json: str | None, data: bytes, plot: str | None, found: Found) -> None:
    from gnnp_bench.accuracy.figures import drawn
    from gnnp_bench.perf.figures import check_drawable

    if json not in (None, "-"):
        write_file(str(json), data)
    if plot is not None:
        write_file(plot, drawn(found, check_drawable(plot)))
