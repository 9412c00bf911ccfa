"""A screening: what is to be done, what is done, and the way from one to the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gnnp_bench.potential import Capabilities
from gnnp_bench.screening.candidates import Candidate, Unreadable, candidates
from gnnp_bench.screening.records import Kept, Key, Row, Setup
from gnnp_bench.screening.relaxing import shares
from gnnp_bench.screening.team import Alone, Team


@dataclass(slots=True)
class Screening:
    """What is known of a screening at any time.

    Attributes
    ----------
    files : sequence of str
    setup : Setup
    capabilities : Capabilities
    order : list of Key
        Of all structures, as they stand in the files.
    unreadable : list of Unreadable
    done : dict of Key to Row
    """

    files: Sequence[str]
    setup: Setup
    capabilities: Capabilities
    order: list[Key] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    done: dict[Key, Row] = field(default_factory=dict)

    def survey(self, kept: Kept) -> None:
        """Go through the files, one structure in memory at a time, and see what is done already."""
        for found in self._read():
            if isinstance(found, Unreadable):
                self.unreadable.append(found)
            else:
                self.order.append(found.key)
        wanted = set(self.order)
        self.done.update((row.key, row) for row in kept.rows(self.setup) if row.key in wanted)

    def go(self, crew: Alone | Team, kept: Kept) -> Iterator[Row]:
        """Relax what is left, keep each row as it comes, and yield it."""
        kept.begin(self.setup)
        found = (one for one in self._read() if isinstance(one, Candidate))
        for row in crew.relax(shares(found, len(self.order), frozenset(self.done)), self.setup):
            kept.add(row)
            self.done[row.key] = row
            yield row

    @property
    def rows(self) -> list[Row]:
        """What is done, in the order of the files."""
        return [self.done[key] for key in self.order if key in self.done]

    def _read(self) -> Iterator[Candidate | Unreadable]:
        return candidates(self.files, tuple(carried.key for carried in self.capabilities.reads))
