"""``gnnp-bench campaign``: many potentials, one store, certificates as views of it."""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.signals import terminable, undisturbed

if TYPE_CHECKING:
    from rich.console import Console

    from gnnp_bench.campaign.asked import Campaign
    from gnnp_bench.campaign.certificates import View
    from gnnp_bench.campaign.drive import Lead
    from gnnp_bench.campaign.executors import Workers
    from gnnp_bench.campaign.kept import Ledger
    from gnnp_bench.campaign.parts import Plan
    from gnnp_bench.campaign.store import Store
    from gnnp_bench.certificate.result import Waiver

campaign = typer.Typer(
    name="campaign",
    help="Judge many potentials, side by side and resumably.",
    add_completion=False,
    rich_markup_mode=None,
)
FILE = typer.Argument(metavar="FILE", help="The campaign: a TOML file, see docs/campaigns.md.")
ANY = typer.Option("--any-version", help="Take results of other versions of gnnp-bench as well.")
EXECUTOR = typer.Option(metavar="EXECUTOR", help="Instead of the one in the file, such as processes:4 or dask:.")


@campaign.command("run")
def run(file: Annotated[str, FILE], executor: Annotated[str | None, EXECUTOR] = None) -> int:
    """Carry out what is not done yet, and keep each result as it comes.

    Exit status: 0 all are certified, 1 one failed, 2 the request was wrong, 3 something is partial or not finished.
    """
    return _run(file, executor, again=False)


@campaign.command("resume")
def resume(file: Annotated[str, FILE], executor: Annotated[str | None, EXECUTOR] = None) -> int:
    """Do as `run`, where a store is there already.

    Exit status: as of `run`.
    """
    return _run(file, executor, again=True)


def _run(file: str, executor: str | None, *, again: bool) -> int:
    from gnnp_bench.campaign import executors, store
    from gnnp_bench.campaign.drive import CampaignError, Lead, cancel_file
    from gnnp_bench.campaign.exchange import snapshot
    from gnnp_bench.campaign.kept import Ledger
    from gnnp_bench.report.stream import console

    out = console(sys.stdout)
    plan, waivers = _plan(file)
    asked = executor or plan.campaign.executor
    if not executors.is_known(asked):
        raise BadRequest(f"--executor must be one of {executors.KINDS}, not {asked!r}")
    path = plan.campaign.store
    if again and not path.exists():
        raise BadRequest(f"there is no store {path}: `gnnp-bench campaign run {file}` makes it")
    stopped = None
    with _told(), terminable(), store.writing(path) as opened:
        cancel_file(path).unlink(missing_ok=True)
        for note in opened.notes:
            _line(out, note)
        ledger = Ledger.of(opened)
        _warn_of_damage(out, opened)
        with _workers(asked, plan.campaign) as workers:
            if workers.said:
                _line(out, workers.said)
            lead = Lead(plan, opened, workers, ledger)
            try:
                _follow(lead, out, waivers)
            except CampaignError as error:
                stopped = str(error)
            except KeyboardInterrupt as interruption:
                stopped = f"stopped by {interruption or 'Ctrl-C'}: what was finished is kept"
        with undisturbed():
            if opened.shared:
                snapshot(opened)
            found = _all(opened, plan, ledger, waivers)
            _summary(out, found, lead)
    if stopped is not None:
        _line(out, stopped)
        _line(out, f"go on with: gnnp-bench campaign resume {file}")
        return PARTIAL
    return _status(found)


def _follow(lead: Lead, out: Console, waivers: tuple[Waiver, ...]) -> None:
    from gnnp_bench.campaign.certificates import view
    from gnnp_bench.commands.progress import Progress

    progress = Progress(0, out, "tasks")
    last = 0
    for told in lead.run():
        progress.total = told.total
        if told.line:
            _line(out, told.line)
        if told.part is not None:
            _line(out, _one(view(lead.store, lead.plan, told.part.pool, waivers=waivers)))
        if told.done > last:
            progress.told(told.done - last)
            last = told.done


@contextmanager
def _workers(text: str, asked: Campaign) -> Iterator[Workers]:
    from gnnp_bench.campaign import executors

    made = executors.workers(text, gpus=asked.gpus, memory_gb=asked.memory_gb)
    try:
        yield made
    finally:
        made.close()


@campaign.command("status")
def status(file: Annotated[str, FILE], any_version: Annotated[bool, ANY] = False) -> int:
    """Say what is done, what is not, and who is at it.

    Exit status: as of `run`.
    """
    from gnnp_bench.campaign.filesystem import holder_of
    from gnnp_bench.campaign.kept import Ledger
    from gnnp_bench.campaign.store import reading
    from gnnp_bench.report.stream import console

    out = console(sys.stdout)
    plan, waivers = _plan(file)
    with _told(), reading(plan.campaign.store) as opened:
        ledger = Ledger.of(opened)
        found = _all(opened, plan, ledger, waivers, any_version=any_version)
        for each in found:
            _line(out, _one(each))
        _warn_of_damage(out, opened)
    holder = holder_of(plan.campaign.store)
    at_it = "nobody is at it" if holder is None else f"process {holder['process']} on {holder['host']} is at it"
    _line(out, f"{_counts(found)}; {at_it}")
    return _status(found)


@campaign.command("cancel")
def cancel(file: Annotated[str, FILE]) -> int:
    """Ask the campaign that runs, on whichever machine, to stop: what is finished is kept.

    Exit status: 0 it was asked, 2 none runs.
    """
    from gnnp_bench.campaign.drive import cancel_file
    from gnnp_bench.campaign.filesystem import holder_of

    plan, _ = _plan(file)
    holder = holder_of(plan.campaign.store)
    if holder is None:
        raise BadRequest(f"no campaign writes to {plan.campaign.store}")
    cancel_file(plan.campaign.store).touch()
    typer.echo(f"process {holder['process']} on {holder['host']} was asked to stop")
    return 0


@campaign.command("certificates")
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
    typer.echo(f"{len(there)} certificates in {out}")
    return _status(found)


@campaign.command("table")
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
            _line(out, _one(each))
            for result in each.certificate.checks if each.certificate else ():
                if result.status in ("fail", "error"):
                    _line(out, f"    {result.status} {result.id}")
    return _status(found)


@campaign.command("export")
def export(
    source: Annotated[str, typer.Argument(metavar="FILE|STORE", help="A campaign file, or a store.")],
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write results here, as .jsonl.gz.")] = None,
    parquet: Annotated[str | None, typer.Option(metavar="FILE", help="Write results here, as Parquet.")] = None,
) -> int:
    """Write all results of a store into one compact file, from which `import` makes a store again.

    What can still be read of a damaged store is written as well; how much cannot is said.

    Exit status: 0 all is written, 2 it cannot be read or written, 3 a part of the store is damaged.
    """
    from gnnp_bench.campaign import exchange, store
    from gnnp_bench.campaign.filesystem import StoreError
    from gnnp_bench.commands.output import check_paths

    if out is None and parquet is None:
        raise BadRequest("name a file: --out results.jsonl.gz, or --parquet results.parquet")
    check_paths(("--out", out), ("--parquet", parquet))
    path = _plan(source)[0].campaign.store if source.endswith(".toml") else Path(source)
    with _told():
        if not path.is_file():
            raise BadRequest(f"there is no store {path}")
        try:
            with store.reading(path) as opened:
                found, lost = list(opened.rows()), len(opened.damaged)
        except StoreError as error:
            if "is damaged" not in str(error):
                raise
            found, lost = store.salvage(path)
        if out is not None:
            exchange.export(found, out)
        if parquet is not None:
            exchange.to_parquet(found, parquet)
    typer.echo(f"{len(found)} results written")
    if lost:
        typer.echo(f"{path} is damaged: {lost} results or pages cannot be read any more; their tasks will run again")
        return PARTIAL
    return 0


@campaign.command("import")
def import_results(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="What `export` wrote.")],
    store_path: Annotated[str, typer.Option("--store", metavar="STORE", help="Append to this store, made if missing.")],
) -> int:
    """Take results into a store: those that it has already are left out.

    Exit status: 0 they are there, 2 a file cannot be read or the store not be written.
    """
    from gnnp_bench.campaign import exchange, store

    with _told():
        rows = [row for file in files for row in exchange.imported_rows(file)]
        with store.writing(store_path) as opened:
            new, had = exchange.take_in(opened, rows)
    typer.echo(f"{new} results taken in, {had} were there already")
    return 0


def _read(file: str, any_version: bool) -> list[View]:
    from gnnp_bench.campaign.kept import Ledger
    from gnnp_bench.campaign.store import reading

    plan, waivers = _plan(file)
    with _told(), reading(plan.campaign.store) as opened:
        return _all(opened, plan, Ledger.of(opened), waivers, any_version=any_version)


def _plan(file: str) -> tuple[Plan, tuple[Waiver, ...]]:
    from gnnp_bench.campaign.asked import FileError, read
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
def _told() -> Iterator[None]:
    from gnnp_bench.campaign.executors import ExecutorError
    from gnnp_bench.campaign.filesystem import StoreError

    try:
        yield
    except (StoreError, ExecutorError) as error:
        raise BadRequest(str(error)) from error


def _all(
    opened: Store, plan: Plan, ledger: Ledger, waivers: tuple[Waiver, ...], *, any_version: bool = False
) -> list[View]:
    from gnnp_bench.campaign.certificates import views

    return list(views(opened, plan, ledger, waivers=waivers, any_version=any_version))


def _one(view: View) -> str:
    """Return a potential in one line."""
    named = f"{view.pool.spec} ({view.pool.budget}, seed {view.pool.seed})"
    other = f", {view.other_versions} of another version of gnnp-bench" if view.other_versions else ""
    certificate = view.certificate
    if certificate is None:
        return f"{named}: no certificate{other}{f': {view.said}' if view.said else ''}"
    failed = [result.id for result in certificate.checks if result.status == "fail"]
    late = f", {view.late} took too long" if view.late else ""
    whole = "" if certificate.complete else f", {view.done} laws are finished"
    fails = f": fails {', '.join(failed)}" if failed else ""
    return f"{named}: {certificate.verdict}{whole}{late}{other}{fails}"


def _counts(found: list[View]) -> str:
    words = Counter(
        "without a certificate"
        if each.certificate is None
        else each.certificate.verdict
        if each.certificate.complete
        else f"{each.certificate.verdict}, not complete"
        for each in found
    )
    return ", ".join(f"{count} {word}" for word, count in sorted(words.items()))


def _summary(out: Console, found: list[View], lead: Lead) -> None:
    counts = lead.counts
    _line(out, f"tasks: {counts['run']} run, {counts['before']} had a result already, {counts['again']} begun again")
    _line(out, _counts(found))


def _warn_of_damage(out: Console, opened: Store) -> None:
    if opened.damaged:
        _line(
            out,
            f"{len(opened.damaged)} results of {opened.path} are not what was written (a bit has flipped); they do not"
            " count, and their tasks run again",
        )


def _status(found: list[View]) -> int:
    verdicts = {"partial" if each.certificate is None else each.certificate.verdict for each in found}
    return 1 if "failed" in verdicts else PARTIAL if "partial" in verdicts else 0


def _name(view: View) -> str:
    """Return the name of a certificate's file: readable, and of no two potentials the same."""
    digest = hashlib.sha256(f"{view.pool.spec} {view.pool.species}".encode()).hexdigest()[:6]
    readable = re.sub(r"[^\w.+-]+", "-", view.pool.spec.rpartition("/")[2]).strip("-.")[:80]
    return f"{readable}-{view.pool.budget}-{view.pool.seed}-{digest}.json"


def _line(out: Console, text: str) -> None:
    from gnnp_bench.report.text import plain

    out.print(plain(text), soft_wrap=True, markup=False, highlight=False)
