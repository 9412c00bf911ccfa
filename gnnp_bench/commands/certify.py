"""``gnnp-bench certify``: a potential goes in, a certificate comes out."""

from __future__ import annotations

import contextlib
import fnmatch
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gnnp_bench.certificate import io
from gnnp_bench.commands.exits import PARTIAL, STATUS, BadRequest, nearest
from gnnp_bench.commands.loading import checks_by_id, load_on_one_thread, load_potential, parse_species
from gnnp_bench.commands.output import own_stdout, write_bytes
from gnnp_bench.engine.settings import Budget, Profile, Settings, Step
from gnnp_bench.potential import PotentialError
from gnnp_bench.report.text import plain

if TYPE_CHECKING:
    from rich.console import Console

    from gnnp_bench.certificate.result import Certificate
    from gnnp_bench.check import Check


def certify(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="The potential, such as chgnet:0.3.0 or mypackage.module:factory.")
    ],
    budget: Annotated[Budget, typer.Option(help="How many structures and evaluations to spend.")] = "standard",
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
    json: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the certificate here, anew after every check; - is standard output."),
    ] = None,
) -> int:
    """Judge a potential by the laws of physics.

    Exit status: 0 certified, 1 failed, 2 the request was wrong or the potential could not be loaded, 3 partial
    (interrupted, restricted by --only or --skip, or a check led to no conclusion).
    """
    from gnnp_bench.report import terminal
    from gnnp_bench.report.stream import console

    if timeout is not None and not 0 < timeout < math.inf:
        raise BadRequest(f"--timeout must be a number of seconds above 0, not {timeout:g}")
    symbols = parse_species(species)
    path = None if json in (None, "-") else json
    if path is not None:
        try:
            io.check_writable(path)
        except ValueError as error:
            raise BadRequest(str(error)) from error
    checks = checks_by_id()
    settings = Settings(
        spec=spec, budget=budget, profile=profile, seed=seed, only=tuple(only or ()), skip=tuple(skip or ())
    )
    check_globs(settings, checks)
    with own_stdout() as stdout:
        report = console(sys.stderr if json == "-" else stdout)
        certificate, stopped_by = _follow(settings, symbols, checks, report, path, jobs, timeout)
        if certificate is None:
            report.print(f"stopped by {stopped_by} before the first check: there is no certificate")
            return PARTIAL
        with _undisturbed():
            unwritten = _save(certificate, path)
            terminal.summary(report, certificate, checks=checks, path=path)
            if stopped_by is not None:
                report.print(f"stopped by {stopped_by}: the certificate holds what was finished and is not complete")
            if json == "-":
                write_bytes(stdout, io.encode(certificate))
        if unwritten is not None:
            raise BadRequest(unwritten)
    return STATUS[certificate.verdict]


def check_globs(settings: Settings, checks: Mapping[str, Check]) -> None:
    """Refuse globs that choose nothing, before anything is loaded.

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
        select(tuple(checks.values()), settings.only, settings.skip)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _follow(
    settings: Settings,
    species: Sequence[str] | None,
    checks: Mapping[str, Check],
    report: Console,
    path: str | None,
    jobs: int,
    timeout: float | None,
) -> tuple[Certificate | None, str | None]:
    """Load and run; return the last certificate, if any, and the signal that ended the run, if any did."""
    from gnnp_bench.report.terminal import progress

    certificate = None
    try:
        with _terminable():
            report.print(f"loading {plain(settings.spec)} ...", soft_wrap=True)
            report.print("then drawing structures and measuring the noise floor ...\n", soft_wrap=True)
            for step in _steps(settings, species, checks, jobs, timeout):
                certificate = step.certificate
                # A full disk must not throw away an hour of computing: it is tried again at the end.
                _save(certificate, path)
                progress(report, step)
    except PotentialError as error:
        raise BadRequest(str(error)) from error
    except KeyboardInterrupt as interruption:
        return certificate, str(interruption) or "Ctrl-C"
    return certificate, None


def _steps(
    settings: Settings, species: Sequence[str] | None, checks: Mapping[str, Check], jobs: int, timeout: float | None
) -> Iterator[Step]:
    """Load the potential and judge it, in this process or in others: a time limit needs another one as well."""
    registered = tuple(checks.values())
    if jobs == 1 and timeout is None:
        from gnnp_bench.engine.run import run

        loaded = load_potential(settings.spec, species)
        return run(loaded.potential, registered, settings, reload=loaded.reload)
    from gnnp_bench.engine.crew import TIMEOUT
    from gnnp_bench.engine.parallel import run_in_processes

    load = partial(load_on_one_thread, settings.spec, species)
    return run_in_processes(load, registered, settings, jobs=jobs, timeout=TIMEOUT if timeout is None else timeout)


def _save(certificate: Certificate, path: str | None) -> str | None:
    """Write the certificate, if it is wanted in a file; return why it could not be written."""
    if path is not None:
        try:
            io.write(certificate, path)
        except ValueError as error:
            return str(error)
    return None


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does: batch systems send it before they kill."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handling({signal.SIGTERM: stop}):
        yield


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no impatient second Ctrl-C cost the certificate while it is written."""
    with _handling({signal.SIGTERM: signal.SIG_IGN, signal.SIGINT: signal.SIG_IGN}):
        yield


@contextlib.contextmanager
def _handling(
    handlers: Mapping[signal.Signals, Callable[[int, FrameType | None], object] | signal.Handlers],
) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
