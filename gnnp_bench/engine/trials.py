"""Counterexamples measured by a potential just loaded, in a process that has evaluated nothing before.

What a potential keeps in a module outlives it, and so a potential that is loaded anew in the same process need not be
a fresh one. One process loads the potential and evaluates nothing; each trial is a child of it, split off by `fork`,
which costs milliseconds. Where that cannot be (no `fork`, a potential on an accelerator) each trial is a new process.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import IO, Any

from gnnp_bench.certificate.result import CheckResult, Counterexample
from gnnp_bench.check import CannotBeSent, Check, InvalidPrediction
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.processes import Process, keep_from_copies, sent
from gnnp_bench.engine.replay import measure_again
from gnnp_bench.engine.settings import Profile
from gnnp_bench.potential import Potential

PATIENCE = 120.0
"""Seconds that loading, or one trial, may take."""
DYING = 5.0
"""Seconds from the end of that time to the end of the process, at most."""
_START = "import sys; sys.path[:] = sys.argv[1:]; from gnnp_bench.engine.trials import serve; serve()"


@dataclass(frozen=True, slots=True)
class _Trial:
    check_id: str
    found: Counterexample
    profile: Profile
    patience: float


class Trials:
    """New processes in which counterexamples are measured again. They end with `close`, or with this object.

    Parameters
    ----------
    reload : callable
        Loads the potential.
    split : bool
        A process that has loaded the potential may be split.
    patience : float
        Seconds that loading, or one trial, may take.
    """

    def __init__(self, reload: Callable[[], Potential], *, split: bool, patience: float = PATIENCE) -> None:
        self._reload = reload
        self._split = split and hasattr(os, "fork")
        self._patience = patience
        self._process: Process | None = None
        self._how: bytes | None
        self._unable = False
        try:
            self._how = sent(reload)
        except CannotBeSent:
            self._how = None

    def measure(self, check: Check, found: Counterexample, profile: Profile) -> CheckResult | None:
        """Return what is measured by a potential just loaded, or None if that led to nothing.

        Where another process cannot be told how to load the potential, it is loaded anew in this one.
        """
        trial = _Trial(check.id, found, profile, self._patience)
        if self._how is None:
            return _measured(self._reload(), self._reload, check, trial)
        if self._unable:
            return None
        answer = self._ask(trial)
        if answer is None and self._split:  # not everything survives being split
            self._split = False
            answer = self._ask(trial)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _ask(self, trial: _Trial) -> CheckResult | None:
        try:
            process = self._process or self._started()
        except InvalidPrediction:  # the potential cannot be loaded there, and will not be the next time
            self._unable = True
            return None
        try:
            process.send(trial)
            answer: CheckResult | None = process.receive(self._patience + DYING)
        except InvalidPrediction:  # it has died, or hangs
            self.close()
            return None
        if not self._split:
            self.close()
        return answer

    def _started(self) -> Process:
        self._process = process = Process(1, _START)
        process.send((self._how, self._split))
        try:
            process.receive(self._patience)
        except InvalidPrediction:
            self.close()
            raise
        return process


def _measured(potential: Potential, reload: Callable[[], Potential], check: Check, trial: _Trial) -> CheckResult:
    found = trial.found
    return measure_again(
        potential, check, found.structure, found.case, history=found.history, profile=trial.profile, reload=reload
    )


def serve() -> None:
    """Load what standard input tells to load, and measure what it says until it ends."""
    # What a potential prints must not end up among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    with suppress(EOFError):  # the other end is closed: nothing more is asked
        how, split = pickle.load(sys.stdin.buffer)
        reload: Callable[[], Potential] = pickle.loads(how)
        checks = {check.id: check for check in all_checks()}
        if not split:
            keep_from_copies(answers)
        potential = reload()
        _say(answers, True)
        while True:
            trial: _Trial = pickle.load(sys.stdin.buffer)
            if not split:
                _try(answers, potential, reload, checks, trial)
            elif (child := os.fork()) == 0:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_REAL, trial.patience)  # whatever it hangs in
                keep_from_copies(answers)
                _try(answers, potential, reload, checks, trial)
                signal.setitimer(signal.ITIMER_REAL, 0.0)
                _end_what_it_started()
                os._exit(0)
            elif os.waitpid(child, 0)[1] != 0:
                _say(answers, None)


def _end_what_it_started() -> None:
    """End processes that a potential has started here, such as an executor's: nobody tells them to, and they stay."""
    for listed in glob("/proc/self/task/*/children"):  # where a system has it
        with suppress(OSError, ValueError):
            for child in Path(listed).read_text(encoding="ascii").split():
                os.kill(int(child), signal.SIGTERM)


def _try(
    answers: IO[bytes], potential: Potential, reload: Callable[[], Potential], checks: dict[str, Check], trial: _Trial
) -> None:
    try:
        answer: Any = _measured(potential, reload, checks[trial.check_id], trial)
    except (Exception, SystemExit):  # somebody else's code
        answer = None
    _say(answers, answer)


def _say(answers: IO[bytes], answer: Any) -> None:
    pickle.dump(answer, answers)
    answers.flush()
