"""What a store says, in certificates, tables and lines: views of it that compute nothing."""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest

if TYPE_CHECKING:
    from rich.console import Console

    from gnnp_bench.campaign.certificates import Measurement, View
    from gnnp_bench.campaign.kept import Ledger
    from gnnp_bench.campaign.parts import Plan
    from gnnp_bench.campaign.store import Store
    from gnnp_bench.campaign.work import Work
    from gnnp_bench.certificate.result import Waiver

FILE = typer.Argument(metavar="FILE", help="The campaign: a TOML file, see docs/campaigns.md.")
ANY = typer.Option("--any-version", help="Take results of other versions of gnnp-bench as well.")


def status(file: Annotated[str, FILE], any_version: Annotated[bool, ANY] = False) -> int:
    """Say what is done, what is not, and who is at it.

    Exit status: as of `run`.
    """
    from gnnp_bench.campaign.filesystem import holder_of
    from gnnp_bench.campaign.kept import Ledger
    from gnnp_bench.campaign.store import reading
    from gnnp_bench.report.stream import console

    out = console(sys.stdout)
    plan, waivers = planned(file)
    with told(), reading(plan.campaign.store) as opened:
        ledger = Ledger.of(opened)
        found = all_views(opened, plan, ledger, waivers, any_version=any_version)
        beside = all_measurements(opened, plan, ledger)
        for each in found:
            line(out, one_line(each))
        for one in beside:
            line(out, measured_line(one))
        warn_of_damage(out, opened)
    holder = holder_of(plan.campaign.store)
    at_it = "nobody is at it" if holder is None else f"process {holder['process']} on {holder['host']} is at it"
    line(out, f"{counted(found, beside)}; {at_it}")
    return exit_status(found, beside)


def certificates(
    file: Annotated[str, FILE],
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder to write them to.")],
    any_version: Annotated[bool, ANY] = False,
) -> int:
    """Write the certificates, complete or not, as `certify --json` would have.

    Exit status: as of `run`.
    """
    from gnnp_bench.certificate.io import encode
    from gnnp_bench.commands.folders import check_folder, write_folder

    check_folder(out)
    found = _read(file, any_version)
    there = [(each, each.certificate) for each in found if each.certificate is not None]
    write_folder(out, ((_name(each), encode(certificate)) for each, certificate in there))
    typer.echo(f"{len(there)} certificate{'s' * (len(there) != 1)} in {out}")
    return exit_status(found)


def measurements(
    file: Annotated[str, FILE],
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder to write them to.")],
) -> int:
    """Write what was measured beside the laws, as `accuracy`, `properties`, `bench` and `screen --json` would have.

    Exit status: 0 all were measured, 2 the request was wrong, 3 one was not.
    """
    import msgspec

    from gnnp_bench.campaign.kept import Ledger
    from gnnp_bench.campaign.store import reading
    from gnnp_bench.commands.folders import check_folder, write_folder

    check_folder(out)
    plan, _ = planned(file)
    with told(), reading(plan.campaign.store) as opened:
        found = all_measurements(opened, plan, Ledger.of(opened))
    there = [one for one in found if one.value]
    texts = (
        (_named(one.work, one.work.kind, one.work.asked), msgspec.json.format(one.value, indent=2) + b"\n")
        for one in there
    )
    write_folder(out, texts)
    typer.echo(f"{len(there)} measurement{'s' * (len(there) != 1)} in {out}")
    return exit_status([], found)


def table(
    file: Annotated[str, FILE],
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Write all results here, as CSV.")] = None,
    parquet: Annotated[str | None, typer.Option(metavar="FILE", help="Write all results here, as Parquet.")] = None,
    any_version: Annotated[bool, ANY] = False,
) -> int:
    """Print what each potential fails, or write all numbers as a table.

    Exit status: as of `run`.
    """
    from gnnp_bench.commands.output import check_paths, write_file
    from gnnp_bench.report.results_table import as_csv, as_parquet, rows
    from gnnp_bench.report.stream import console

    check_paths(("--csv", csv), ("--parquet", parquet))
    found = _read(file, any_version)
    for path, write in ((csv, as_csv), (parquet, as_parquet)):
        if path is not None:
            lines = [line for each in found if each.certificate for line in rows(_name(each), each.certificate)]
            write_file(path, write(lines))
    if csv is None and parquet is None:
        out = console(sys.stdout)
        for each in found:
            line(out, one_line(each))
            for result in each.certificate.checks if each.certificate else ():
                if result.status in ("fail", "error"):
                    line(out, f"- {result.status} {result.id}")
    return exit_status(found)


def _read(file: str, any_version: bool) -> list[View]:
    from gnnp_bench.campaign.kept import Ledger
    from gnnp_bench.campaign.store import reading

    plan, waivers = planned(file)
    with told(), reading(plan.campaign.store) as opened:
        return all_views(opened, plan, Ledger.of(opened), waivers, any_version=any_version)


def planned(file: str) -> tuple[Plan, tuple[Waiver, ...]]:
    """Return the plan of a campaign file, and its waivers.

    Raises
    ------
    BadRequest
        If the file has mistakes; all but the last are told on standard error.
    """
    from gnnp_bench.campaign.asked import read
    from gnnp_bench.campaign.looking import FileError
    from gnnp_bench.campaign.parts import Plan
    from gnnp_bench.commands.loading import checks_by_id, read_waivers

    checks = checks_by_id()
    try:
        asked = read(file, tuple(checks))
        plan = Plan.of(asked, tuple(checks.values()))
    except FileError as error:
        *others, last = error.mistakes
        for line in others:
            print(f"gnnp-bench: {' '.join(line.split())}", file=sys.stderr)
        raise BadRequest(last) from error
    except ValueError as error:
        raise BadRequest(f"{file}: {error}") from error
    return plan, read_waivers(None if asked.waivers is None else str(asked.waivers), checks)


@contextmanager
def told() -> Iterator[None]:
    """Turn what a store or an executor says into the answer to a request."""
    from gnnp_bench.campaign.executors import ExecutorError
    from gnnp_bench.campaign.filesystem import StoreError

    try:
        yield
    except (StoreError, ExecutorError) as error:
        raise BadRequest(str(error)) from error


def all_views(
    opened: Store, plan: Plan, ledger: Ledger, waivers: tuple[Waiver, ...], *, any_version: bool = False
) -> list[View]:
    """Return what a store knows of each potential, at each budget and seed."""
    from gnnp_bench.campaign.certificates import views

    return list(views(opened, plan, ledger, waivers=waivers, any_version=any_version))


def all_measurements(opened: Store, plan: Plan, ledger: Ledger) -> list[Measurement]:
    """Return what a store knows of what is measured beside the laws."""
    from gnnp_bench.campaign import certificates

    return list(certificates.measurements(opened, plan, ledger))


def measured_line(one: Measurement) -> str:
    """Return a measurement in one line."""
    other = f", {one.other_versions} of other versions or files" if one.other_versions else ""
    said = f": {one.said}" if one.said else ""
    return f"{one.work.label}: {'measured' if one.is_done else 'no numbers'}{other}{said}"


def one_line(view: View) -> str:
    """Return a potential in one line."""
    named = f"{view.pool.spec} ({view.pool.budget}, seed {view.pool.seed})"
    other = f", {view.other_versions} of another version of gnnp-bench" if view.other_versions else ""
    certificate = view.certificate
    if certificate is None:
        return f"{named}: no certificate{other}{f': {view.said}' if view.said else ''}"
    failed = [result.id for result in certificate.checks if result.status == "fail"]
    late = f", {view.late} took too long" if view.late else ""
    late += f", {view.killed} killed each time (`campaign resume` tries them again)" if view.killed else ""
    whole = "" if certificate.complete else f", {view.done} laws are finished"
    fails = f": fails {', '.join(failed)}" if failed else ""
    return f"{named}: {certificate.verdict}{whole}{late}{other}{fails}"


def counted(found: list[View], beside: list[Measurement]) -> str:
    """Return how many certificates there are of each verdict, and how much was measured."""
    words = Counter(
        "without a certificate"
        if each.certificate is None
        else each.certificate.verdict
        if each.certificate.complete
        else f"{each.certificate.verdict}, not complete"
        for each in found
    )
    words.update("measured" if one.is_done else "not measured" for one in beside)
    return ", ".join(f"{count} {word}" for word, count in sorted(words.items()))


def warn_of_damage(out: Console, opened: Store) -> None:
    """Say if results of a store are not what was written."""
    if opened.damaged:
        line(
            out,
            f"{len(opened.damaged)} results of {opened.path} are not what was written (a bit has flipped); they do not"
            " count, and their tasks run again",
        )


def exit_status(found: list[View], beside: Sequence[Measurement] = ()) -> int:
    """Return the exit status that certificates and measurements stand for."""
    verdicts = {"partial" if each.certificate is None else each.certificate.verdict for each in found}
    verdicts |= {"partial" for one in beside if not one.is_done}
    return 1 if "failed" in verdicts else PARTIAL if "partial" in verdicts else 0


def _name(view: View) -> str:
    """Return the name of a certificate's file: readable, and of no two potentials the same."""
    return _named(view.pool, f"{view.pool.budget}-{view.pool.seed}", "")


def _named(work: Work, what: str, apart: str) -> str:
    """Return the name of a file: readable, and of no two tasks the same."""
    digest = hashlib.sha256(f"{work.spec} {work.species}{apart}".encode()).hexdigest()[:6]
    readable = re.sub(r"[^\w.+-]+", "-", work.spec.rpartition("/")[2]).strip("-.")[:80]
    return f"{readable}-{what}-{digest}.json"


def line(out: Console, text: str) -> None:
    """Print one line, with nothing in it that a terminal would obey."""
    from gnnp_bench.report.text import plain

    out.print(plain(text), soft_wrap=True, markup=False, highlight=False)
