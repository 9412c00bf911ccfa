"""The laws of other packages, found by their entry points; and what stands in for one that cannot be loaded.

A law that somebody installed and that cannot be judged must not be missing in silence: a certificate would then say
*certified* because an import broke. So a stand-in takes its place, which ends in an `error` and says why. It costs no
other law anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points

import numpy as np

from gnnp_bench.check import Case, Check, LawError, Measurement, PoolView, base_prediction, vacuous
from gnnp_bench.silence import silenced

GROUP = "gnnp_bench.checks"
FAMILY = "not-loaded"
"""The family of stand-ins."""


@dataclass(frozen=True, slots=True)
class NotLoaded:
    """Laws that an installed package announces and that cannot be loaded.

    Attributes
    ----------
    package : str
        The distribution.
    entry : str
        The entry point, as in its metadata.
    reason : str
    number : int
        From 1, where one entry point holds several that are none.
    """

    package: str
    entry: str
    reason: str
    number: int = 1

    @property
    def sentence(self) -> str:
        """What is wrong, with whom, and what to do about it."""
        return (
            f"a law of the package {self.package} could not be loaded (entry point {self.entry}): {self.reason};"
            f" mend or uninstall {self.package}"
        )

    @property
    def id(self) -> str:
        """The id of the stand-in."""
        words = f"{self.package} {self.entry.partition('=')[0]}".lower()
        name = "-".join(re.findall(r"[a-z0-9]+", words)) or "law"
        return f"{FAMILY}/{name}" if self.number == 1 else f"{FAMILY}/{name}-{self.number}"


@dataclass(frozen=True, slots=True)
class Foreign:
    """The laws of other packages.

    Attributes
    ----------
    checks : tuple of Check
    missing : tuple of NotLoaded
    packages : tuple of str
        The distributions whose laws are among `checks`.
    """

    checks: tuple[Check, ...]
    missing: tuple[NotLoaded, ...]
    packages: tuple[str, ...]


def foreign(taken: Iterable[str]) -> Foreign:
    """Return the checks of other packages, in the order of their entry points' names.

    Parameters
    ----------
    taken : iterable of str
        Ids that are there already.
    """
    whose = dict.fromkeys(taken, "gnnp-bench")
    checks: list[Check] = []
    missing: list[NotLoaded] = []
    packages: dict[str, None] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        package = point.value.partition(":")[0] if point.dist is None else point.dist.name
        refused: list[str] = []
        for check in _announced(point, refused):
            if check.id in whose:
                refused.append(f"the id {check.id} is taken by {whose[check.id]}")
            else:
                whose[check.id] = package
                checks.append(check)
                packages[package] = None
        entry = f"{point.name} = {point.value}"
        missing += [NotLoaded(package, entry, reason, number) for number, reason in enumerate(refused, 1)]
    return Foreign(tuple(checks), tuple(missing), tuple(packages))


def _announced(point: EntryPoint, refused: list[str]) -> Iterator[Check]:
    """Yield the checks behind an entry point; what is none is told."""
    try:
        with silenced():
            loaded = point.load()
        found = [loaded] if isinstance(loaded, Check) or not isinstance(loaded, Sequence) else list(loaded)
    except (Exception, SystemExit) as error:  # a foreign package may fail in any way
        said = " ".join(str(error).split())
        refused.append(said if isinstance(error, LawError) else f"{type(error).__name__}: {said}".rstrip(": "))
        return
    for check in found:
        if isinstance(check, Check):
            yield check
        else:
            refused.append(f"it holds {check!r:.60}, which is no Check")


def stand_in(missing: NotLoaded) -> Check:
    """Return a check that says of every potential that it could not be judged."""
    return Check(
        id=missing.id,
        law=f"a law of {missing.package} that could not be loaded",
        category="mandatory",
        needs=frozenset(),
        source=missing.entry,
        tolerance="none: it was not judged",
        physics=missing.sentence,
        draw=partial(_nothing, missing.sentence),
        measure=_never,
        cost=0,
        without_pool=True,
    )


def _nothing(sentence: str, rng: np.random.Generator, view: PoolView) -> Case:
    raise LawError(sentence)


def _never(case: Case) -> Measurement:
    yield from base_prediction(case)
    return vacuous("there is no case")
