"""The numbers beside the laws in two certificates: which differ, and whether that is a step back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gnnp_bench.certificate.result import Certificate, Score

ScoreKind: TypeAlias = Literal["worse", "gone", "changed", "new", "better"]
GROWTH = 0.01
"""An error that grows by less is not another accuracy: the last digits of a sum move with its order. Of a property
whose uncertainty is not known, the same."""
TIMES = 0.1
"""Times that were stored differ by as much on one machine from day to day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChange:
    """A number that differs between two certificates.

    Attributes
    ----------
    kind : str
    step_back : bool
        An error that grew or is not measured any more, a property that has no value any more. Times never are.
    old, new : Score or None
    """

    kind: ScoreKind
    step_back: bool
    old: Score | None
    new: Score | None

    @property
    def subject(self) -> str:
        """Name and subject in words."""
        score = self.new or self.old
        assert score is not None
        return f"{score.name} ({score.subject})"


def compare_scores(old: Certificate, new: Certificate) -> Iterator[ScoreChange]:
    """Yield the numbers that differ by more than their uncertainty.

    A certificate without any was not asked for them: nothing is compared.
    """
    if not old.scores or not new.scores:
        return
    kinds = {score.kind for score in new.scores}
    before = {(s.kind, s.subject, s.name): s for s in old.scores if s.kind in kinds}
    after = {(s.kind, s.subject, s.name): s for s in new.scores}
    for key in dict.fromkeys((*before, *after)):
        one, other = before.get(key), after.get(key)
        first, second = (None if score is None else score.value for score in (one, other))
        if first is None and second is not None:
            yield ScoreChange(kind="new", step_back=False, old=one, new=other)
        elif first is not None and second is None:
            yield ScoreChange(kind="gone", step_back=key[0] != "bench", old=one, new=other)
        elif one is not None and other is not None and (kind := _kind(one, other)) is not None:
            yield ScoreChange(kind=kind, step_back=kind == "worse" and one.kind == "accuracy", old=one, new=other)


def _kind(old: Score, new: Score) -> ScoreKind | None:
    if old.value is None or new.value is None:
        return None
    change = new.value - old.value
    scale = TIMES if old.kind == "bench" else GROWTH
    known = [score.uncertainty for score in (old, new) if score.uncertainty is not None]
    least = sum(known) if len(known) == 2 else 0.0
    if old.kind != "properties" or len(known) < 2:
        least = max(least, scale * min(abs(old.value), abs(new.value)))
    if abs(change) <= least:
        return None
    if old.better == "neither":
        return "changed"
    return "better" if (change < 0) == (old.better == "lower") else "worse"
