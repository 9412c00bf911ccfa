"""Two certificates side by side: which laws hold better or worse than before, and whether that is a step back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gnnp_bench.certificate.compare_scores import ScoreChange, compare_scores
from gnnp_bench.certificate.result import Certificate, CheckResult, PotentialRecord
from gnnp_bench.certificate.verdict import told_only

Kind: TypeAlias = Literal["worse", "gone", "changed", "new", "better"]
"""`gone`: judged before, not now. `new`: judged now, not before. `changed`: violated before, and now nobody knows; or
within what matters both times, and rounding hides now what was seen before, or no longer does."""

KINDS: tuple[Kind, ...] = ("worse", "gone", "changed", "new", "better")
_EXACT, _LIMITED, _APPROXIMATE, _UNDECIDED, _PERMITTED, _VIOLATED = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A law that two certificates judge differently.

    Attributes
    ----------
    id : str
    kind : Kind
    step_back : bool
        A binding law that held is violated, holds less exactly, or is no longer shown to hold; or the violation of one
        is no longer undecided or permitted.
    old, new : CheckResult or None
        None where the certificate has no such check.
    """

    id: str
    kind: Kind
    step_back: bool
    old: CheckResult | None
    new: CheckResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between two certificates.

    Attributes
    ----------
    changes : tuple of Change
        Worst kind first, each kind in the order of the certificates.
    reasons : tuple of str
        Why the new certificate is worse; empty if it is not.
    remarks : tuple of str
        What makes the two hard to compare.
    scores : tuple of ScoreChange
        Numbers beside the laws that differ, worst kind first.
    """

    changes: tuple[Change, ...]
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]
    scores: tuple[ScoreChange, ...] = ()

    @property
    def worse(self) -> bool:
        """Whether the new certificate is a step back."""
        return bool(self.reasons)


def compare(old: Certificate, new: Certificate) -> Comparison:
    """Compare a certificate with an earlier one.

    The new one is worse if a binding law that held is violated, holds less exactly or is no longer shown to hold, if
    the potential is no longer certified or its grade dropped from exact to physical, or if it is incomplete, for then
    what is missing may be worse. Informational checks never make it worse. Of the numbers beside the laws, an error
    that grew by more than 1 % does, or a number that is no longer there; times never do.
    """
    changes = tuple(sorted(_changes(old, new), key=lambda change: KINDS.index(change.kind)))
    scores = tuple(sorted(compare_scores(old, new), key=lambda change: KINDS.index(change.kind)))
    reasons = (*_reasons(old, new, changes), *map(_grown, (change for change in scores if change.step_back)))
    return Comparison(changes=changes, reasons=reasons, remarks=tuple(_remarks(old, new)), scores=scores)


def _grown(change: ScoreChange) -> str:
    old, new = change.old, change.new
    if old is None or old.value is None or new is None or new.value is None:
        return f"{change.subject} is no longer measured"
    return f"{change.subject} was {old.value:.4g} and is {new.value:.4g} {new.unit}"


def _changes(old: Certificate, new: Certificate) -> Iterator[Change]:
    before = {result.id: result for result in old.checks}
    after = {result.id: result for result in new.checks}
    for check_id in dict.fromkeys((*before, *after)):
        one, other = before.get(check_id), after.get(check_id)
        first, second = _level(one), _level(other)
        kind = _kind(first, second)
        if kind is not None:
            binding = one is not None and "informational" not in (one.category, other.category if other else None)
            back = kind == "worse" or (kind == "gone" and first is not None and first <= _APPROXIMATE)
            yield Change(id=check_id, kind=kind, step_back=binding and back, old=one, new=other)


def _level(result: CheckResult | None) -> int | None:
    """Return how bad a result is, None where the law was not judged."""
    if result is None or result.status == "not_applicable":
        return None
    if result.status == "pass":
        levels = {"exact": _EXACT, "limited": _LIMITED, "approximate": _APPROXIMATE, "violated": _VIOLATED}
        return _UNDECIDED if result.grade is None else levels[result.grade]
    return {"waived": _PERMITTED, "fail": _VIOLATED}.get(result.status, _UNDECIDED)


def _kind(first: int | None, second: int | None) -> Kind | None:
    if first == second:
        return None
    if first is None:
        return "new"
    if second is None:
        return "gone"
    if {first, second} == {_LIMITED, _APPROXIMATE}:
        return "changed"  # more rounding, or less: neither is a law that holds better
    if second > first:
        return "worse"
    return "changed" if second == _UNDECIDED else "better"


def _reasons(old: Certificate, new: Certificate, changes: tuple[Change, ...]) -> Iterator[str]:
    if not new.complete:
        yield "the new certificate is incomplete: what is missing may be worse"
    if old.verdict == "certified" and new.verdict != "certified":
        yield f"the verdict dropped from certified to {new.verdict}"
    if (old.grade, new.grade) == ("exact", "physical"):
        yield "the grade dropped from exact to physical"
    for change in changes:
        if change.step_back:
            yield f"{change.id} was {state(change.old)} and is {state(change.new)}"


def state(result: CheckResult | None) -> str:
    """Return status and grade of a result in one word or two."""
    if result is None:
        return "not run"
    if result.status == "pass":
        return told_only(result) or result.grade or "pass"
    return {"fail": "violated", "not_applicable": "not applicable"}.get(result.status, result.status)


def _remarks(old: Certificate, new: Certificate) -> Iterator[str]:
    if not old.complete:
        yield "the old certificate is incomplete: what is missing there counts as new"
    one, other = old.potential, new.potential
    pairs = {
        "potentials": (one.name, other.name),
        "precisions": (one.dtype or "not stated", other.dtype or "not stated"),
        "devices": (one.device, other.device),
        "species": (" ".join(one.species), " ".join(other.species)),
        # Earlier certificates do not tell.
        "kinds of structures": (_kinds(one, other), _kinds(other, one)),
        "budgets": (old.budget, new.budget),
        "profiles": (old.profile, new.profile),
        "seeds": (str(old.seed), str(new.seed)),
    }
    for what, (first, second) in pairs.items():
        if first != second:
            yield f"different {what}: {first}, then {second}"


def _kinds(record: PotentialRecord, beside: PotentialRecord) -> str:
    return " ".join(record.periodicity) if beside.periodicity else ""
