"""What a failing test says: the law, by how much it is missed, on which input; no stack.

Imports the standard library only: the pytest plugin loads it, and everybody's pytest loads the plugin.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gnnp_bench.certificate.result import Cause, CheckResult
    from gnnp_bench.check import Check

WIDTH = 100


class NotCertified(AssertionError):
    """A check did not end as a certificate needs it. The message is the whole report, for a physicist to read."""


class LawViolated(NotCertified):
    """A law is missed by more than rounding explains and by more than is allowed."""


class NotJudged(NotCertified):
    """A law could not be judged: something broke, or the measurement led to no conclusion."""


class WrongRequest(NotJudged):
    """A potential cannot be loaded, or cannot be judged as it was asked for. The message says how to mend it."""


def complaint(
    result: CheckResult,
    check: Check,
    *,
    command: str | None = None,
    path: str | None = None,
    causes: Sequence[Cause] = (),
) -> str:
    """Return what a test that did not pass reports.

    Parameters
    ----------
    result : CheckResult
        Of status fail, error or inconclusive.
    check : Check
    command : str, optional
        What measures a counterexample again, instead of the command that the result holds.
    path : str, optional
        The certificate's file, from which a counterexample can be replayed.
    causes : sequence of Cause
        Mistakes without which the law would hold.
    """
    from gnnp_bench.report.failures import failure
    from gnnp_bench.report.stream import console

    if result.counterexample is not None and command is not None:
        result = replace(result, counterexample=replace(result.counterexample, reproduce=command))
    stream = io.StringIO()
    if result.status == "fail":
        failure(console(stream, width=WIDTH), result, check=check, path=path, causes=causes)
    else:
        from gnnp_bench.report.failures import missed_by, reproduced
        from gnnp_bench.report.text import plain, wrapped

        title = {"error": "NOT MEASURED", "inconclusive": "INCONCLUSIVE"}.get(result.status, result.status)
        lines = {"law": plain(result.law), "reason": plain(result.reason or "no reason was recorded")}
        if result.measured is not None:
            lines["measured"] = missed_by(result)
        if result.counterexample is not None and path is not None:
            lines["reproduce"] = reproduced(path, result)
        print(f"{title} {result.id}", file=stream)
        for label, value in lines.items():
            for i, line in enumerate(wrapped(value, WIDTH - 13)):
                print(f"  {label if i == 0 else '':<11}{line}", file=stream)
    return stream.getvalue().rstrip("\n")
