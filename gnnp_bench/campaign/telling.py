"""What a campaign tells while it goes on, how it is asked to stop, and what a law says whose process was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gnnp_bench.campaign.kept import Ledger
from gnnp_bench.campaign.parts import Part, Plan
from gnnp_bench.campaign.plain import decode_capabilities
from gnnp_bench.campaign.work import Outcome, Work
from gnnp_bench.certificate.io import encode_value
from gnnp_bench.check import for_potential
from gnnp_bench.engine.assemble import Judgement
from gnnp_bench.engine.outcome import without_cases


class CampaignError(RuntimeError):
    """A campaign cannot go on. The message is one line; what was finished is kept."""


@dataclass(slots=True)
class Told:
    """What a campaign tells while it goes on.

    Attributes
    ----------
    done, total : int
        Tasks that have their result, and all that are known of; those of a potential are known once it is loaded.
    line : str
        A sentence worth reading, or nothing.
    part : Part or None
        One that has just ended.
    """

    done: int
    total: int
    line: str = ""
    part: Part | None = None


@dataclass(slots=True)
class Tally:
    """What there is to tell.

    Attributes
    ----------
    counts : Counter
        Of tasks: *before* (had their result already), *run*, *again* (begun anew since their process was lost).
    total : int
        Tasks that are known of.
    lines : list of str
        Sentences that were not told yet.
    ended : list of Part
        Parts whose end was not told yet.
    """

    counts: Counter[str] = field(default_factory=Counter)
    total: int = 0
    lines: list[str] = field(default_factory=list)
    ended: list[Part] = field(default_factory=list)

    def say(self) -> Iterator[Told]:
        """Yield what was not told yet."""
        done = self.counts["before"] + self.counts["run"]
        lines, self.lines = self.lines, []
        for line in lines:
            yield Told(done, self.total, line)
        ended, self.ended = self.ended, []
        for part in ended:
            yield Told(done, self.total, part=part)
        yield Told(done, self.total)


def cancel_file(store: Path) -> Path:
    """Return the file by whose existence a campaign is asked to stop, from whichever machine."""
    return store.with_name(f"{store.name}.cancel")


def error_of(plan: Plan, ledger: Ledger, work: Work, outcome: Outcome) -> bytes | None:
    """Return the result of a law whose process died or took too long, as a certificate holds it; None of all else."""
    if work.kind != "law" or outcome.ending == "finished":
        return None
    told = next(told for told in ledger.subjects.values() if told.address == work.subject)
    check = next(check for check in plan.chosen if check.id == work.name)
    judged = for_potential(check, decode_capabilities(told.capabilities))
    return encode_value(Judgement(result=without_cases(judged, "error", outcome.said, 0, outcome.elapsed_s)))
