"""Potentials in one process: each loaded once, its pool evaluated once, its checks judged when their tests run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, NoReturn, Protocol

import pytest

from gnnp_bench.suite.asked import Asked, waivers_of, worded_for_pytest
from gnnp_bench.suite.violation import LawViolated, NotJudged, WrongRequest, complaint

if TYPE_CHECKING:
    from gnnp_bench.certificate.result import Cause, Certificate, CheckResult, Waiver
    from gnnp_bench.check import Check
    from gnnp_bench.engine.assemble import Judgement
    from gnnp_bench.engine.evaluate import Evaluator
    from gnnp_bench.engine.run import Prepared
    from gnnp_bench.engine.settings import Settings
    from gnnp_bench.potential import Potential


class Loaded(Protocol):
    """A potential, and the way to build it anew."""

    @property
    def potential(self) -> Potential:
        """As it was built."""
        ...

    @property
    def reload(self) -> Callable[[], Potential]:
        """Builds it from scratch."""
        ...


@contextmanager
def quiet() -> Iterator[None]:
    """Let nothing that a potential or a library warns of become an error of the user's tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def registered() -> dict[str, Check]:
    """Return all checks by id, in the order in which they run."""
    with quiet():
        from gnnp_bench.checks.registry import all_checks

        return {check.id: check for check in all_checks()}


def told(result: CheckResult) -> list[tuple[str, object]]:
    """Return what a JUnit file says of a result: its numbers, each with a name."""
    from gnnp_bench.report.words import outcome

    names = ("law", "status", "grade", "quantity", "measured", "bound", "significance", "unit")
    values = [(name, getattr(result, name)) for name in names if getattr(result, name) is not None]
    return [*values, ("outcome", outcome(result))]


@dataclass(slots=True)
class Running:
    """One potential under judgement in this process.

    Attributes
    ----------
    label : str
        What the user called it.
    load : callable
        Loads it; called once. Raises what the user can mend.
    settings : Settings
    waivers : sequence of Waiver
    path : str or None
        Where the certificate is written, for the command that replays a failure from it.
    worded : callable
        Turns a message of the command line into one that names the options that there are here.
    """

    label: str
    load: Callable[[], Loaded]
    settings: Settings
    waivers: Sequence[Waiver] = ()
    path: str | None = None
    worded: Callable[[str], str] = worded_for_pytest
    _loaded: Loaded | None = None
    _evaluator: Evaluator | None = None
    _prepared: Prepared | None = None
    _failure: str | None = None

    def loaded(self) -> Loaded:
        """Return the potential, loaded when it is asked for first.

        Raises
        ------
        WrongRequest
            If it cannot be loaded, in one line, whenever it is asked for.
        """
        if self._failure is not None:
            raise WrongRequest(self._failure)
        if self._loaded is None:
            from gnnp_bench.commands.exits import BadRequest
            from gnnp_bench.one_thread import use_one_thread
            from gnnp_bench.potential import PotentialError

            try:
                with quiet():
                    self._loaded = self.load()
                use_one_thread()
            except (BadRequest, PotentialError) as error:
                self._refuse(self.worded(str(error)))
        return self._loaded

    def judge(self, check: Check) -> tuple[Certificate, Judgement]:
        """Return what the pool and one check found: the certificate before the first check, and the judgement.

        Raises
        ------
        WrongRequest
            If the potential cannot be loaded, or needs more than its spec tells.
        """
        with quiet():
            from gnnp_bench.engine.evaluate import Evaluator
            from gnnp_bench.engine.run import judge, prepare, select
            from gnnp_bench.potential import PotentialError

            loaded = self.loaded()
            if self._prepared is None or self._evaluator is None:
                self._evaluator = Evaluator(loaded.potential, loaded.reload)
                try:
                    asked = select(tuple(registered().values()), self.settings.only, self.settings.skip)
                    self._prepared = prepare(self._evaluator, self.settings, asked)
                except PotentialError as error:
                    self._refuse(self.worded(str(error)))
            try:
                return self._prepared.start, judge(check, self._prepared.pool, self._evaluator, self.settings)
            finally:
                self._evaluator.close()  # the processes that a check has started

    def conclude(self, result: CheckResult, command: str | None = None, causes: Sequence[Cause] = ()) -> None:
        """End a test as its check ended: return, skip, xfail, or raise what a physicist wants to read.

        Parameters
        ----------
        result : CheckResult
        command : str, optional
            What measures a counterexample again, if not what the result says.
        causes : sequence of Cause
            Mistakes without which the law would hold.
        """
        __tracebackhide__ = True
        check = registered()[result.id]
        if result.status == "not_applicable":
            pytest.skip(result.reason or "not applicable")
        if result.status == "waived":
            pytest.xfail(result.reason or "waived")
        if result.status == "fail":
            raise LawViolated(complaint(result, check, command=command, path=self.path, causes=causes))
        # Informational checks never fail, and need not lead to a conclusion.
        if result.status in ("error", "inconclusive") and result.category != "informational":
            raise NotJudged(complaint(result, check, path=self.path))

    def excused(self, start: Certificate, result: CheckResult) -> CheckResult:
        """Return the result as the waivers leave it."""
        from gnnp_bench.certificate.waivers import waived

        return waived(result, self.waivers, start.potential)

    def _refuse(self, message: str) -> NoReturn:
        self._failure = f"{self.label}: {message}" if self.label not in message else message
        raise WrongRequest(self._failure)


@dataclass(slots=True)
class Potentials:
    """All potentials of a session, in this process.

    Attributes
    ----------
    by_spec : dict of str to Running
    all_or_none : bool
        Where one cannot be loaded none is judged: an hour is not spent on the first before the second is refused.
    """

    by_spec: dict[str, Running] = field(default_factory=dict)
    all_or_none: bool = False
    _named: bool = False

    def running(self, spec: str) -> Running:
        """Return one of them.

        Raises
        ------
        WrongRequest
            If one cannot be loaded, where all or none are to be, or another has its name: certificates and waivers
            tell potentials apart by name.
        """
        if not self._named and len(self.by_spec) > 1:
            self._tell_apart()
        self._named = True
        return self.by_spec[spec]

    def _tell_apart(self) -> None:
        first: dict[str, Running] = {}
        for running in self.by_spec.values():
            try:
                name = running.loaded().potential.name
            except WrongRequest:
                if self.all_or_none:
                    raise
                continue  # its own tests say so
            other = first.setdefault(name, running)
            if other is not running:
                for one in (other, running):
                    one._failure = (
                        f"two potentials are called {name!r}, {other.label} and {running.label}: certificates and "
                        "waivers go by name, so judge them in two runs or rename one"
                    )


def potentials_of(asked: Asked) -> Potentials:
    """Return the potentials that were asked for, none of them loaded yet."""
    waivers = waivers_of(asked)
    return Potentials(
        {
            spec: Running(spec, partial(_load, asked, spec), asked.settings(spec), waivers, path)
            for spec, path in zip(asked.specs, asked.certificates, strict=True)
        },
        all_or_none=True,
    )


def _load(asked: Asked, spec: str) -> Loaded:
    from gnnp_bench.commands.loading import load_potential

    return load_potential(spec, asked.settings(spec).species or None)
