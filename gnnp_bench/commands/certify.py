"""``gnnp-bench certify``: a potential goes in, a certificate comes out."""

from __future__ import annotations

import fnmatch
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.certificate import io
from gnnp_bench.certificate.keeping import kept_for_replay
from gnnp_bench.commands.configured import configured
from gnnp_bench.commands.exits import PARTIAL, STATUS, BadRequest, nearest
from gnnp_bench.commands.isolating import AllowRead, Isolate, Limit, PassEnv, isolated, with_isolation
from gnnp_bench.commands.loading import (
    Env,
    Spec,
    checks_by_id,
    load_potential,
    parse_species,
    read_waivers,
    with_env,
    with_stable,
)
from gnnp_bench.commands.output import check_paths, own_stdout, write_bytes
from gnnp_bench.commands.report import check_page
from gnnp_bench.commands.saving import save, save_junit, save_page
from gnnp_bench.commands.scorecard import Beside, measured, parse_beside
from gnnp_bench.commands.signals import terminable, undisturbed
from gnnp_bench.engine.settings import Budget, Profile, Settings, Step
from gnnp_bench.one_thread import load_on_one_thread
from gnnp_bench.potential import PotentialError
from gnnp_bench.report.text import plain

if TYPE_CHECKING:
    from rich.console import Console

    from gnnp_bench.certificate.result import Certificate, Waiver
    from gnnp_bench.check import Check


def certify(
    spec: Spec = None,
    env: Env = None,
    isolate: Isolate = None,
    pass_env: PassEnv = None,
    allow_read: AllowRead = None,
    limit: Limit = None,
    budget: Annotated[
        Budget | None,
        typer.Option(help="How many structures and evaluations to spend; standard if nothing else is said."),
    ] = None,
    profile: Annotated[
        Profile, typer.Option(help="How much matters: a tenth of the usual, the usual, ten times it.")
    ] = "default",
    only: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Run only these checks, such as 'symmetry/*'. Repeatable.")
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Leave these checks out. Repeatable.")] = None,
    species: Annotated[
        str | None, typer.Option(metavar="LIST", help="Elements to draw structures from, such as Cu,Au.")
    ] = None,
    stable: Annotated[
        list[str] | None,
        typer.Option(metavar="CRYSTAL", help="A crystal that it must hold stable, such as Si:diamond. Repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of structures and cases.")] = 0,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Work in N processes, one thread each. The certificate is the same.")
    ] = 1,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="How long one evaluation may take before its check is an error; 600 with --jobs 2 or more, without"
            " limit in one process.",
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="LIST",
            help="Measure these beside the laws: properties[:CRYSTAL], accuracy:FILE (labelled), bench. Repeatable.",
        ),
    ] = None,
    waivers: Annotated[
        str | None, typer.Option(metavar="FILE", help="TOML file of failures that are permitted for a while.")
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the certificate here, anew after every check; - is standard output."),
    ] = None,
    junit: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a JUnit report here, for continuous integration.")
    ] = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a page to look at here, when the run ends.")
    ] = None,
) -> int:
    """Judge a potential by the laws of physics.

    Exit status: 0 certified, 1 failed, 2 the request was wrong or the potential could not be loaded, 3 partial
    (nothing was violated; but interrupted, restricted by --only or --skip, or a check led to no conclusion).
    """
    from gnnp_bench.certificate.waivers import unused
    from gnnp_bench.report import terminal
    from gnnp_bench.report.next_steps import next_steps
    from gnnp_bench.report.stream import console

    settled = configured(spec)
    if timeout is not None and not 0 < timeout < math.inf:
        raise BadRequest(f"--timeout must be a number of seconds above 0, not {timeout:g}")
    path = None if json in (None, "-") else json
    check_paths(("--json", path), ("--junit", junit), ("--html", html))
    if html is not None:
        check_page(html)
    checks = checks_by_id()
    restricted_to = parse_species(settled.species if species is None else species)
    settings = Settings(
        spec=with_isolation(with_stable(with_env(str(settled.spec), env), stable or ()), isolate),
        species=restricted_to or (),
        budget=budget or settled.budget or "standard",
        profile=profile,
        seed=seed,
        only=tuple(only or ()),
        skip=tuple(skip or ()),
    )
    asked = check_globs(settings, checks)
    request = _Request(
        beside=parse_beside(beside or []),
        settings=settings,
        species=restricted_to,
        checks=checks,
        asked=asked,
        waivers=read_waivers(settled.waivers if waivers is None else waivers, checks),
        jobs=jobs,
        timeout=timeout,
        path=path,
    )
    with own_stdout() as stdout:
        report = console(sys.stderr if json == "-" else stdout)
        with isolated(settings.spec, pass_env, allow_read, limit, report):
            certificate, stopped_by = _follow(request, report)
        if certificate is None:
            report.print(f"stopped by {stopped_by} before the first check: there is no certificate")
            return PARTIAL
        with undisturbed():
            kept = kept_for_replay(certificate) if path is None else path
            tried = (
                save(certificate, path),
                save_junit(certificate, junit, asked=asked, checks=checks, kept=kept),
                save_page(certificate, html, kept=kept),
            )
            unwritten = [said for said in tried if said]
            terminal.summary(report, certificate, checks=checks, path=kept, rows=False)
            for line in unused(request.waivers, certificate):
                report.print(f"warning: {plain(line)}", soft_wrap=True)
            if stopped_by is not None and certificate.complete:
                report.print(f"stopped by {stopped_by}: numbers beside the laws are missing")
            elif stopped_by is not None:
                report.print(f"stopped by {stopped_by}: the certificate holds what was finished and is not complete")
            next_steps(report, certificate, kept)
            if json == "-":
                write_bytes(stdout, io.encode(io.sealed(certificate)))
        if unwritten:
            raise BadRequest("; ".join(unwritten))
    return STATUS[certificate.verdict]


def check_globs(settings: Settings, checks: Mapping[str, Check]) -> tuple[str, ...]:
    """Return the ids of the checks that are asked for; refuse globs that choose nothing, before anything is loaded.

    Raises
    ------
    BadRequest
        If a glob matches no id, or no check is left.
    """
    from gnnp_bench.engine.run import select

    for option, patterns in (("--only", settings.only), ("--skip", settings.skip)):
        for pattern in patterns:
            if not any(fnmatch.fnmatchcase(check_id, pattern) for check_id in checks):
                raise BadRequest(f"{option} {pattern!r} matches no check{nearest(pattern, checks)}")
    try:
        return tuple(check.id for check in select(tuple(checks.values()), settings.only, settings.skip))
    except ValueError as error:
        raise BadRequest(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What was asked for, beyond what the certificate itself tells."""

    beside: Beside
    settings: Settings
    species: tuple[str, ...] | None
    checks: Mapping[str, Check]
    asked: tuple[str, ...]
    waivers: Sequence[Waiver]
    jobs: int
    timeout: float | None
    path: str | None


def _follow(request: _Request, report: Console) -> tuple[Certificate | None, str | None]:
    """Load and run; return the last certificate, if any, and the signal that ended the run, if any did."""
    from gnnp_bench.report.live import live
    from gnnp_bench.report.terminal import progress

    certificate = None
    try:
        with terminable(), _limited(request.timeout):
            report.print(f"loading {plain(request.settings.spec)} ...", soft_wrap=True)
            report.print("then drawing structures and measuring the noise floor ...\n", soft_wrap=True)
            with live(report, request.asked, one_by_one=request.jobs == 1) as tell:
                for step in _steps(request):
                    certificate = step.certificate
                    # A full disk must not throw away an hour of computing: it is tried again at the end.
                    save(certificate, request.path)
                    progress(report, step)
                    tell(step)
            if certificate is not None:
                for numbers in measured(
                    request.beside,
                    request.settings.spec,
                    request.species,
                    lambda line: report.print(plain(line), soft_wrap=True),
                ):
                    certificate = replace(
                        certificate,
                        scores=(*certificate.scores, *numbers.scores),
                        series=(*certificate.series, *numbers.series),
                    )
                    save(certificate, request.path)
    except PotentialError as error:
        raise BadRequest(str(error)) from error
    except KeyboardInterrupt as interruption:
        return certificate, str(interruption) or "Ctrl-C"
    return certificate, None


@contextmanager
def _limited(timeout: float | None) -> Iterator[None]:
    """Let calls in another environment take no longer, here and in workers: one that hangs costs its case alone."""
    from gnnp_bench.environments.home import TIMEOUT

    before = os.environ.get(TIMEOUT)
    if timeout is not None:
        os.environ[TIMEOUT] = f"{timeout:g}"
    try:
        yield
    finally:
        os.environ.pop(TIMEOUT, None)
        if before is not None:
            os.environ[TIMEOUT] = before


def _steps(request: _Request) -> Iterator[Step]:
    """Load the potential and judge it, in this process or in others: a time limit needs another one as well."""
    settings, checks, waivers = request.settings, tuple(request.checks.values()), request.waivers
    if request.jobs == 1 and request.timeout is None:
        from gnnp_bench.engine.run import run

        loaded = load_potential(settings.spec, request.species)
        return run(loaded.potential, checks, settings, reload=loaded.reload, waivers=waivers)
    from gnnp_bench.engine.crew import TIMEOUT
    from gnnp_bench.engine.parallel import run_in_processes

    load = partial(load_on_one_thread, settings.spec, request.species)
    timeout = TIMEOUT if request.timeout is None else request.timeout
    return run_in_processes(load, checks, settings, jobs=request.jobs, timeout=timeout, waivers=waivers)
