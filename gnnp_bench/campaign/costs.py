"""How long tasks will take, learned from how long others took: of which longest first is made.

A task takes what the same law of the same potential took with another seed. Where that was never run, it takes about
what its law takes, times what its potential is slower than others: log t = law + potential, both found by medians in
turn (Tukey's median polish), which a few tasks that were far off do not disturb.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import TypeAlias, TypeVar

SHORTEST = 1e-3
"""Seconds; below it all tasks are alike."""
ROUNDS = 3
K = TypeVar("K", bound=Hashable)
Timing: TypeAlias = tuple[str, str, float]
"""What was done (kind, law, budget), of which potential, and the seconds it took."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What is known of durations.

    Attributes
    ----------
    law, potential : mapping of str to float
        Natural logarithms of seconds, and of a factor.
    both : mapping of (str, str) to float
        Natural logarithms of seconds, by law and potential.
    """

    law: Mapping[str, float] = field(default_factory=dict)
    potential: Mapping[str, float] = field(default_factory=dict)
    both: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def seconds(self, what: str, potential: str, unknown: float = 1.0) -> float:
        """Return how long a task will take; `unknown` seconds times the potential's factor where it was never seen."""
        if (what, potential) in self.both:
            return math.exp(self.both[what, potential])
        law = self.law.get(what, math.log(max(unknown, SHORTEST)))
        return math.exp(law + self.potential.get(potential, 0.0))


def learned(timings: Iterable[Timing]) -> Costs:
    """Return what durations say."""
    seen = [(what, of, math.log(max(seconds, SHORTEST))) for what, of, seconds in timings]
    law: dict[str, float] = {}
    potential: dict[str, float] = {}
    for _ in range(ROUNDS):
        law = _medians((what, value - potential.get(of, 0.0)) for what, of, value in seen)
        potential = _medians((of, value - law[what]) for what, of, value in seen)
    return Costs(law, potential, _medians(((what, of), value) for what, of, value in seen))


def _medians(values: Iterable[tuple[K, float]]) -> dict[K, float]:
    found: dict[K, list[float]] = defaultdict(list)
    for key, value in values:
        found[key].append(value)
    return {key: median(each) for key, each in found.items()}
