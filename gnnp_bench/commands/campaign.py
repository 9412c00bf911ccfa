"""``gnnp-bench campaign``: many potentials, one store, certificates as views of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.commands.campaign_views import (
    FILE,
    all_measurements,
    all_views,
    certificates,
    counted,
    exit_status,
    line,
    measured_line,
    measurements,
    one_line,
    planned,
    status,
    table,
    told,
    warn_of_damage,
)
from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.plugins import Subcommands
from gnnp_bench.commands.signals import terminable, undisturbed

if TYPE_CHECKING:
    from rich.console import Console

    from gnnp_bench.campaign.asked import Campaign
    from gnnp_bench.campaign.drive import Lead
    from gnnp_bench.campaign.executors import Workers
    from gnnp_bench.campaign.store import Store
    from gnnp_bench.campaign.work import Work
    from gnnp_bench.certificate.result import Waiver

campaign = typer.Typer(
    name="campaign",
    cls=Subcommands,
    help="Judge many potentials, side by side and resumably.",
    add_completion=False,
    rich_markup_mode=None,
)
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
    from gnnp_bench.campaign.drive import Lead
    from gnnp_bench.campaign.kept import Ledger
    from gnnp_bench.campaign.telling import CampaignError, cancel_file
    from gnnp_bench.commands.output import check_paths
    from gnnp_bench.report.stream import console

    out = console(sys.stdout)
    plan, waivers = planned(file)
    asked = executor or plan.campaign.executor
    if not executors.is_known(asked):
        raise BadRequest(f"--executor must be one of {executors.KINDS}, not {asked!r}")
    path = plan.campaign.store
    if again and not path.exists():
        raise BadRequest(f"there is no store {path}: `gnnp-bench campaign run {file}` makes it")
    check_paths(("export", None if plan.campaign.export is None else str(plan.campaign.export)))
    stopped = None
    with told(), terminable(), store.writing(path) as opened:
        cancel_file(path).unlink(missing_ok=True)
        for note in opened.notes:
            line(out, note)
        ledger = Ledger.of(opened)
        warn_of_damage(out, opened)
        with _workers(asked, plan.campaign) as workers:
            if workers.said:
                line(out, workers.said)
            lead = Lead(plan, opened, workers, ledger)
            try:
                _follow(lead, out, waivers)
            except CampaignError as error:
                stopped = str(error)
            except KeyboardInterrupt as interruption:
                stopped = f"stopped by {interruption or 'Ctrl-C'}: what was finished is kept"
        with undisturbed():
            are_written = _copies(opened, plan.campaign, out)
            found, beside = all_views(opened, plan, ledger, waivers), all_measurements(opened, plan, ledger)
            _summary(out, counted(found, beside), lead)
    if stopped is not None:
        line(out, stopped)
        line(out, f"go on with: gnnp-bench campaign resume {file}")
        return PARTIAL
    status = exit_status(found, beside)
    return PARTIAL if status == 0 and not are_written else status


def _follow(lead: Lead, out: Console, waivers: tuple[Waiver, ...]) -> None:
    from gnnp_bench.commands.progress import Progress

    progress = Progress(0, out, "tasks")
    last, ended = 0, 0
    for said in lead.run():
        progress.total = said.total
        if said.line:
            line(out, said.line)
        if said.part is not None:
            line(out, _ended(lead, said.part.pool, waivers))
            ended += 1
            if ended % lead.plan.campaign.export_every == 0:
                _copies(lead.store, lead.plan.campaign, out)
        if said.done > last:
            progress.told(said.done - last)
            last = said.done


def _ended(lead: Lead, work: Work, waivers: tuple[Waiver, ...]) -> str:
    from gnnp_bench.campaign.certificates import measurement, view
    from gnnp_bench.campaign.work import MEASURED

    if work.kind in MEASURED:
        return measured_line(measurement(lead.store, work))
    return one_line(view(lead.store, lead.plan, work, waivers=waivers))


def _copies(opened: Store, asked: Campaign, out: Console) -> bool:
    """Write what others read: a snapshot where the store itself must not be read, and the export if asked for.

    Return whether that could be done; what is in the store is kept all the same.
    """
    from gnnp_bench.campaign import exchange
    from gnnp_bench.campaign.filesystem import StoreError

    try:
        if opened.shared:
            exchange.snapshot(opened)
        if asked.export is not None:
            exchange.export(opened.rows(), asked.export)
    except StoreError as error:
        line(out, f"{error}; results are kept in {opened.path}")
        return False
    return True


@contextmanager
def _workers(text: str, asked: Campaign) -> Iterator[Workers]:
    from gnnp_bench.campaign import executors

    made = executors.workers(text, gpus=asked.gpus, memory_gb=asked.memory_gb)
    try:
        yield made
    finally:
        made.close()


campaign.command("status")(status)


@campaign.command("cancel")
def cancel(file: Annotated[str, FILE]) -> int:
    """Ask the campaign that runs, on whichever machine, to stop: what is finished is kept.

    Exit status: 0 it was asked, 2 none runs.
    """
    from gnnp_bench.campaign.filesystem import holder_of
    from gnnp_bench.campaign.telling import cancel_file

    plan, _ = planned(file)
    holder = holder_of(plan.campaign.store)
    if holder is None:
        raise BadRequest(f"no campaign writes to {plan.campaign.store}")
    cancel_file(plan.campaign.store).touch()
    typer.echo(f"process {holder['process']} on {holder['host']} was asked to stop")
    return 0


campaign.command("certificates")(certificates)
campaign.command("measurements")(measurements)
campaign.command("table")(table)


@campaign.command("export")
def export(
    source: Annotated[str, typer.Argument(metavar="FILE|STORE", help="A campaign file, or a store.")],
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write results here: .jsonl.gz or .jsonl.xz.")] = None,
    parquet: Annotated[str | None, typer.Option(metavar="FILE", help="Write results here, as Parquet.")] = None,
    latest: Annotated[bool, typer.Option("--latest", help="Leave out what a later version has done again.")] = False,
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
    path = planned(source)[0].campaign.store if source.endswith(".toml") else Path(source)
    with told():
        if not path.is_file():
            raise BadRequest(f"there is no store {path}")
        try:
            with store.reading(path) as opened:
                found, lost = list(opened.rows()), len(opened.damaged)
        except StoreError as error:
            if "is damaged" not in str(error):
                raise
            found, lost = exchange.salvage(path)
        found = exchange.latest(found) if latest else found
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

    with told():
        rows = [row for file in files for row in exchange.imported_rows(file)]
        with store.writing(store_path) as opened:
            new, had = exchange.take_in(opened, rows)
    typer.echo(f"{new} results taken in, {had} were there already")
    return 0


def _summary(out: Console, counted: str, lead: Lead) -> None:
    counts = lead.tally.counts
    line(out, f"tasks: {counts['run']} run, {counts['before']} had a result already, {counts['again']} begun again")
    line(out, counted)
