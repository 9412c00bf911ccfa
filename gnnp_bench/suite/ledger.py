"""What the tests found, brought together where pytest was started: one certificate for each potential.

Results travel as a property of the reports of tests, so that they arrive from other processes too. Which checks there
must be is known from the registry and never from the tests that were collected: a part is never taken for the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from gnnp_bench.suite.asked import MODULE, Asked, waivers_of
from gnnp_bench.suite.running import quiet, registered

if TYPE_CHECKING:
    from gnnp_bench.certificate.result import Certificate, Waiver
    from gnnp_bench.engine.assemble import Judgement

KEY = "gnnp_bench"
"""Name of the property that holds a result."""
REFUSED = "gnnp_bench_refused"
"""Name of the property that says why a request was wrong."""


def pack(spec: str, start: Certificate, judgement: Judgement) -> tuple[str, object]:
    """Return a result as a property of a report: plain strings, which any channel between processes carries."""
    from gnnp_bench.certificate import io

    values = {"spec": spec, "start": io.encode(start).decode(), "judgement": io.encode_value(judgement).decode()}
    return KEY, values


def id_of(spec: str, check_id: str) -> str:
    """Return the id of the test of a check."""
    return f"{spec}-{check_id}"


@dataclass(slots=True)
class Account:
    """What is known of one potential.

    Attributes
    ----------
    spec : str
    path : str or None
        Where the certificate is written.
    waivers : sequence of Waiver
    start : Certificate or None
        The certificate before the first check, from whoever reported first.
    judgements : dict of str to Judgement
        By the id of the check.
    unwritten : str or None
        Why the certificate could not be written.
    """

    spec: str
    path: str | None
    waivers: Sequence[Waiver] = ()
    start: Certificate | None = None
    judgements: dict[str, Judgement] = field(default_factory=dict)
    unwritten: str | None = None

    @property
    def certificate(self) -> Certificate | None:
        """The certificate so far, or None if nothing was judged."""
        from gnnp_bench.engine.assemble import assemble

        if self.start is None:
            return None
        ids = list(registered())
        found = self.judgements.values()
        return assemble(self.start, found, registered=ids, asked=ids, restricted=False, waivers=self.waivers)

    @property
    def certified(self) -> bool:
        """Whether every check of the registry was judged, and none stands in the way."""
        certificate = self.certificate
        return certificate is not None and certificate.verdict == "certified"

    def write(self) -> None:
        """Write the certificate so far; a full disk must not end the session, so it is tried again later."""
        from gnnp_bench.certificate import io

        certificate = self.certificate
        if self.path is not None and certificate is not None:
            try:
                io.write(certificate, self.path)
                self.unwritten = None
            except ValueError as error:
                self.unwritten = str(error)

    def lines(self) -> list[str]:
        """Return the verdict in words, and where it is written."""
        from gnnp_bench.report.words import sentence

        certificate = self.certificate
        if certificate is None:
            return [f"{self.spec} is not certified: no check was judged, and no certificate written."]
        lines = [sentence(certificate, expected=registered())]
        for answer in ("fit", "fit with care", "not fit", "not looked at"):
            named = [fitness.use for fitness in certificate.uses if fitness.answer == answer]
            if named:
                lines.append(f"{answer}: {', '.join(named)}")
        if self.unwritten is not None:
            lines.append(self.unwritten)
        elif self.path is not None:
            lines.append(f"certificate: {self.path}")
        return lines


@dataclass(slots=True, eq=False)
class Ledger:
    """All potentials of a session: a plugin of pytest, of the process that was started and not of its workers.

    Attributes
    ----------
    accounts : dict of str to Account
        By spec.
    in_use : bool
        The suite was asked for, or has reported.
    waivers : sequence of Waiver
    """

    accounts: dict[str, Account]
    in_use: bool
    waivers: Sequence[Waiver] = ()

    @classmethod
    def of(cls, asked: Asked, *, suite_named: bool) -> Ledger:
        """Return a ledger for what was asked for."""
        waivers = waivers_of(asked)
        pairs = zip(asked.specs, asked.certificates, strict=True)
        return cls({spec: Account(spec, path, waivers) for spec, path in pairs}, suite_named, waivers)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the result out of a report: nobody else wants to read it, least of all in a JUnit file.

        Raises
        ------
        pytest.UsageError
            The request was wrong, as is known only once a potential is loaded. The session ends, with one line.
        """
        for name, message in report.user_properties:
            if name == REFUSED:
                raise pytest.UsageError(str(message))
        values = [value for name, value in report.user_properties if name == KEY]
        report.user_properties = [(name, value) for name, value in report.user_properties if name != KEY]
        with quiet():
            if report.when == "call" and values:
                self._take(values[0])
            elif report.failed and report.when not in ("setup", "call", "teardown"):
                self._take_death(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let no session end well that did not certify what it was asked to."""
        if self.in_use and not session.config.getoption("collectonly"):
            with quiet():
                for account in self.accounts.values():
                    account.write()
                    if session.exitstatus == pytest.ExitCode.OK and (account.unwritten or not account.certified):
                        session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say the verdicts."""
        if self.in_use and not terminalreporter.config.getoption("collectonly"):
            terminalreporter.section("gnnp_bench")
            with quiet():
                for line in self._lines():
                    terminalreporter.write_line(line)

    def _lines(self) -> Iterator[str]:
        from gnnp_bench.certificate.waivers import unused

        for account in self.accounts.values():
            yield from account.lines()
        certificates = [account.certificate for account in self.accounts.values()]
        yield from unused(self.waivers, [certificate for certificate in certificates if certificate is not None])

    def _take(self, packed: object) -> None:
        from gnnp_bench.certificate import io
        from gnnp_bench.engine.assemble import Judgement

        assert isinstance(packed, dict)
        account = self.accounts[packed["spec"]]
        judgement = io.decode_value(packed["judgement"].encode(), Judgement)
        account.start = account.start or io.decode(packed["start"])
        account.judgements[judgement.result.id] = judgement
        account.write()
        self.in_use = True

    def _take_death(self, report: pytest.TestReport) -> None:
        """Note an error where the process that ran the test is gone: xdist reports it, without any property."""
        from gnnp_bench.engine.assemble import Judgement
        from gnnp_bench.engine.outcome import without_cases

        if not report.nodeid.partition("::")[0].endswith(MODULE.name):
            return
        for account in self.accounts.values():
            for check in registered().values():
                if report.nodeid.endswith(f"[{id_of(account.spec, check.id)}]"):
                    if check.binding is not None:  # nobody knows any more what the potential claims
                        check = replace(check, category=check.binding.category)
                    reason = f"the process that ran it died: {report.longreprtext.strip()}"
                    account.judgements[check.id] = Judgement(result=without_cases(check, "error", reason, 0, 0.0))
                    account.write()
