"""``gnnp-bench screen``: many candidate structures relaxed side by side, and which of them matter."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.loading import Env, parse_species, with_env
from gnnp_bench.commands.output import check_file, own_stdout, write_bytes
from gnnp_bench.commands.progress import EVERY
from gnnp_bench.commands.signals import terminable, undisturbed
from gnnp_bench.one_thread import load_on_one_thread

if TYPE_CHECKING:
    from rich.console import Console

    from gnnp_bench.screening.records import Kept, Row
    from gnnp_bench.screening.results import Result
    from gnnp_bench.screening.run import Screening
    from gnnp_bench.screening.team import Alone, Team


def screen(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="The potential, such as chgnet or reference.")],
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Candidate structures, as ASE reads them.")],
    env: Env = None,
    species: Annotated[
        str | None, typer.Option(metavar="LIST", help="Elements of the potential, such as Cu,Au: for ASE calculators.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Processes, each with its own potential.")] = 1,
    fmax: Annotated[float, typer.Option(metavar="F", help="Relax until no force is larger, eV/Å.")] = 0.02,
    steps: Annotated[int, typer.Option(min=0, metavar="N", help="Steps of a relaxation, at most.")] = 500,
    optimizer: Annotated[Literal["BFGS", "FIRE", "LBFGS"], typer.Option(help="Of ASE.")] = "FIRE",
    fixed_cell: Annotated[bool, typer.Option("--fixed-cell", help="Relax atoms only.")] = False,
    symprec: Annotated[float, typer.Option(metavar="D", help="Find space groups within this distance, Å.")] = 0.05,
    references: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Structures that take part in the hull alone, such as those of elements."),
    ] = None,
    results: Annotated[
        str, typer.Option(metavar="FILE", help="Keep results here as they come; what it holds is not done again.")
    ] = "screen.jsonl",
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the result here; - is standard output.")
    ] = None,
    parquet: Annotated[str | None, typer.Option(metavar="FILE", help="Write the table here, as Parquet.")] = None,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write relaxed structures here: .extxyz.")] = None,
) -> int:
    """Relax candidate structures, many at a time; tell their energies, symmetry, duplicates, and who is on the hull.

    Each result is kept in a file as soon as it is there: the same command goes on where it was interrupted.

    Exit status: 0 every candidate was dealt with (failures are named), 2 the request was wrong, 3 interrupted (what is
    finished is told), or nothing could be relaxed.
    """
    from gnnp_bench.potential import PotentialError
    from gnnp_bench.report.screen import print_screen
    from gnnp_bench.report.stream import console
    from gnnp_bench.screening.records import Kept, Settings, setup_of
    from gnnp_bench.screening.results import result
    from gnnp_bench.screening.run import Screening

    if not fmax > 0 or not symprec > 0:
        raise BadRequest("--fmax and --symprec must be more than 0")
    candidates, others = list(dict.fromkeys(files)), list(dict.fromkeys(references or ()))
    _check(candidates, others, [results, json, parquet, out])
    settings = Settings(fmax=fmax, steps=steps, optimizer=optimizer, cell=not fixed_cell)
    spec = with_env(spec, env)
    with own_stdout() as stdout:
        progress, report = console(sys.stderr), console(sys.stderr if json == "-" else stdout)
        try:
            kept = Kept(results)
            crew = _crew(spec, parse_species(species), jobs)
        except (PotentialError, ValueError) as error:
            raise BadRequest(str(error)) from error
        subject = crew.subject
        screening = Screening([*others, *candidates], setup_of(subject.record, settings), subject.capabilities)
        with crew, kept:
            complete = _done(screening, crew, kept, progress)
        rows = screening.rows
        told = result(
            screening.setup,
            rows,
            screening.unreadable,
            references=frozenset(others),
            symprec=symprec,
            complete=complete,
            undetermined=subject.capabilities.undetermined,
            told=_Count("compared", len(rows), progress).told,
        )
        with undisturbed():
            print_screen(report, told)
            _write(told, rows, json, parquet, out, stdout)
        if not complete:
            _say(report, f"stopped; the same command goes on from {results}")
    return 0 if complete and told["relaxed"] + told["unconverged"] else PARTIAL


def _done(screening: Screening, crew: Alone | Team, kept: Kept, progress: Console) -> bool:
    """Relax what is left; return whether that came to its end."""
    try:
        with terminable():
            screening.survey(kept)
            total, before = len(screening.order), len(screening.done)
            _say(progress, f"{total} structures" + (f", {before} of them are in {kept.path}" if before else ""))
            count = _Count("done", total - before, progress)
            for row in screening.go(crew, kept):
                count.told(1, failed=row.status == "failed")
            if total > before:
                count.say()
    except KeyboardInterrupt:
        return False
    return True


class _Count:
    """Says how many structures are done, how fast, and how long the others will take, now and then."""

    def __init__(self, what: str, total: int, progress: Console) -> None:
        self.what, self.total, self.progress = what, total, progress
        self.done = self.failed = 0
        self.begun = self.last = time.monotonic()

    def told(self, n: int, failed: bool = False) -> None:
        """Count some more."""
        self.done += n
        self.failed += failed
        if time.monotonic() - self.last > EVERY:
            self.say()

    def say(self) -> None:
        """Say it now."""
        from gnnp_bench.screening.relaxing import LARGEST, SHARES

        self.last = time.monotonic()
        failed = f", {self.failed} failed" if self.failed else ""
        line = f"{self.done} of {self.total} structures {self.what}{failed}"
        # Those of a share end together: before the first share has ended, the rate says nothing of the others.
        if self.done > min(LARGEST, self.total // SHARES):
            rate = self.done / max(self.last - self.begun, 1e-9)
            line += f": {rate:.2g} a second, about {(self.total - self.done) / rate:.0f} s left"
        _say(self.progress, line)


def _crew(spec: str, species: tuple[str, ...] | None, jobs: int) -> Alone | Team:
    from gnnp_bench.screening.team import Alone, Team

    load = partial(load_on_one_thread, spec, species)
    return Alone(load, spec) if jobs == 1 else Team(load, spec, jobs)


def _check(files: Sequence[str], references: Sequence[str], written: Sequence[str | None]) -> None:
    """See that files are there and can be written, before an hour is spent on them."""
    if "-" in (written[0], *written[2:]):
        raise BadRequest("only --json can be written to standard output: name a file")
    if both := sorted(set(files) & set(references)):
        raise BadRequest(f"{both[0]} is named as candidates and as references: leave one of them out")
    for file in (*files, *references):
        if not os.path.isfile(file):
            raise BadRequest(f"{file} is a folder, not a file" if os.path.isdir(file) else f"there is no file {file}")
    paths = [path for path in written if path not in (None, "-")]
    real = [os.path.realpath(str(path)) for path in (*paths, *files, *references)]
    if len(set(real)) < len(real):
        raise BadRequest("--results, --json, --parquet, --out and the structures must be different files")
    for path in paths:
        check_file(str(path))
    if written[2] is not None:
        _need("pyarrow", "--parquet")
    if written[3] is not None and not str(written[3]).endswith((".xyz", ".extxyz")):
        raise BadRequest(f"--out writes extended XYZ: name a file that ends in .extxyz, not {written[3]}")
    _need("pymatgen", "gnnp-bench screen")
    _need("spglib", "gnnp-bench screen")


def _need(package: str, what: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise BadRequest(f"{what} needs {package}: pip install 'gnnp-bench[screen]'")


def _write(
    told: Result,
    rows: Sequence[Row],
    json: str | None,
    table: str | None,
    out: str | None,
    stdout: TextIO,
) -> None:
    import msgspec

    from gnnp_bench.certificate.io import replace_file
    from gnnp_bench.screening.results import extxyz, parquet

    data = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
    try:
        if json == "-":
            write_bytes(stdout, data)
        elif json is not None:
            replace_file(json, data)
        if table is not None:
            replace_file(table, parquet(told))
        if out is not None:
            replace_file(out, extxyz(rows, told))
    except ValueError as unwritten:
        raise BadRequest(str(unwritten)) from unwritten


def _say(console: Console, line: str) -> None:
    console.print(line, soft_wrap=True, markup=False, highlight=False)
