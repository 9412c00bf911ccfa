"""Between tasks and the store: which results are there already, and a row for a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gnnp_bench.campaign.costs import Costs, Timing, learned
from gnnp_bench.campaign.store import Row, Store
from gnnp_bench.campaign.work import Outcome, SubjectTold, Work
from gnnp_bench.certificate.provenance import PACKAGES, versions

GROWTH = 1.25


@dataclass(slots=True)
class Ledger:
    """What a store holds, as who leads a campaign needs it: no values of results but those of pools.

    Attributes
    ----------
    finished : dict of str to float
        Addresses of finished tasks, with the seconds that they took.
    tried : dict of str to Row
        Of tasks that did not finish, the last that was said; without its value.
    subjects : dict of str to SubjectTold
        What was told last of a potential, by the address of what was asked for.
    """

    finished: dict[str, float] = field(default_factory=dict)
    tried: dict[str, Row] = field(default_factory=dict)
    subjects: dict[str, SubjectTold] = field(default_factory=dict)
    timings: list[Timing] = field(default_factory=list)
    _costs: Costs = field(default_factory=Costs)
    _learned_from: int = 0

    @classmethod
    def of(cls, store: Store) -> Ledger:
        """Return what a store holds."""
        ledger = cls()
        for row in store.rows():
            ledger.note(row)
        return ledger

    def note(self, row: Row) -> None:
        """Take in a row that was appended."""
        if row.kind == "subject":
            if row.ending == "finished":
                self.subjects[row.address] = msgspec.json.decode(row.value, type=SubjectTold)
                self.tried.pop(row.address, None)
            else:
                self.tried[row.address] = row
                self.subjects.pop(row.address, None)
        elif row.ending == "finished":
            self.finished[row.address] = row.elapsed_s
            self.tried.pop(row.address, None)
            self.timings.append((what(row.kind, row.name, row.budget), row.subject, row.elapsed_s))
        elif row.address not in self.finished:
            self.tried[row.address] = row

    def is_done(self, work: Work) -> bool:
        """Return whether a task has its result: it is finished; it died; or it was given this much time already.

        One that was killed from outside has none: who killed it, or took its memory, may be gone.
        """
        address = work.address
        if address in self.finished:
            return True
        tried = self.tried.get(address)
        if tried is None:
            return False
        return tried.ending == "died" or (tried.ending == "late" and not _is_longer(work.limit_s, tried))

    def costs(self, *, anew: bool = False) -> Costs:
        """Return what durations so far say of those to come; learned anew when there are a quarter more of them."""
        if anew or len(self.timings) > GROWTH * self._learned_from or not self._learned_from:
            self._costs, self._learned_from = learned(self.timings), len(self.timings)
        return self._costs


def what(kind: str, name: str, budget: str) -> str:
    """Return what is done, as the cost model tells tasks apart. A measurement has no budget."""
    return f"{kind} {budget}" if kind == "pool" else f"{kind} {name} {budget}" if kind == "law" else f"{kind} {name}"


def row_of(work: Work, outcome: Outcome, *, value: bytes | None = None) -> Row:
    """Return what is kept of an outcome."""
    if outcome.ending == "differs":
        raise ValueError("what was computed by another version is no result")
    return Row(
        address=work.address,
        kind=work.kind,
        spec=work.spec,
        subject=work.subject,
        name=work.name,
        budget=work.budget if work.kind in ("pool", "law") else "",
        profile=work.profile if work.kind == "law" else "",
        seed=work.seed,
        version=work.version,
        ending="killed" if outcome.killed else outcome.ending,
        said=outcome.said if outcome.ending != "late" else f"{outcome.said} [{work.limit_s:g}]",
        value=outcome.value if value is None else value,
        elapsed_s=outcome.elapsed_s,
        loading_s=outcome.loading_s,
        made_with=_made_with(),
    )


def _is_longer(limit_s: float | None, tried: Row) -> bool:
    """Return whether a limit is longer than that with which a task was tried, by which its sentence ends."""
    before = tried.said.rpartition("[")[2].rstrip("]")
    try:
        return limit_s is None or limit_s > float(before)
    except ValueError:
        return True


_versions: list[str] = []


def _made_with() -> str:
    if not _versions:
        _versions.append(msgspec.json.encode(versions(PACKAGES)).decode())
    return _versions[0]


def values_of(store: Store, addresses: Iterable[str]) -> Mapping[str, Row]:
    """Return the results of these tasks that are there: of each the first finished one, else the last that was said."""
    found: dict[str, Row] = {}
    wanted = list(addresses)
    for first in range(0, len(wanted), 500):
        some: list[Any] = wanted[first : first + 500]
        marks = ", ".join("?" * len(some))
        for row in store.rows(f"WHERE address IN ({marks}) ORDER BY number", some):
            if row.address not in found or found[row.address].ending != "finished":
                found[row.address] = row
    return found
