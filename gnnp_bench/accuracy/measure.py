"""A potential against labelled structures, however many: two ways through the files, little of them in memory."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from gnnp_bench.accuracy.errors import LEAST_FORCE, Errors, Shift, Spread, Worst
from gnnp_bench.accuracy.frames import group
from gnnp_bench.accuracy.sanity import Judgement, examined, mended
from gnnp_bench.accuracy.stream import Keys, Labelled, Skipped, Survey, stream
from gnnp_bench.potential import FloatArray, Potential, Prediction, Property, Unsupported

ATOMS_AT_ONCE = 512
"""Of a batch. Larger ones gain little on a CPU and cost memory."""
JUDGED_EACH, JUDGED_GROUPS, JUDGED_ATOMS = 20, 100, 4000
"""Structures of each group, groups, and atoms, at most, that tell units and orders."""
DRAWN = 20_000
"""Points of a figure at most, drawn at random from all."""
SKIPPED_NAMED = 20
"""Structures without labels, or refused, that are named; all are counted."""


@dataclass(slots=True)
class Points:
    """Labels and predictions for a figure: a sample, each pair as likely as any other.

    Attributes
    ----------
    pairs : (2, n) list of arrays
    seen : int
    """

    rng: np.random.Generator
    pairs: FloatArray = field(default_factory=lambda: np.empty((2, 0)))
    ranks: FloatArray = field(default_factory=lambda: np.empty(0))

    def add(self, label: FloatArray, predicted: FloatArray) -> None:
        """Add pairs; of all that were added, those with the lowest of random ranks are kept."""
        ranks = np.concatenate([self.ranks, self.rng.random(label.size)])
        pairs = np.concatenate([self.pairs, [label.ravel(), predicted.ravel()]], axis=1)
        if len(ranks) > 2 * DRAWN:
            chosen = np.argpartition(ranks, DRAWN)[:DRAWN]
            ranks, pairs = ranks[chosen], pairs[:, chosen]
        self.ranks, self.pairs = ranks, pairs


@dataclass(slots=True)
class Found:
    """What was measured so far.

    Attributes
    ----------
    total : Errors
    groups, species : dict of name to Errors or Spread (forces, eV/Å)
    distances : dict of float to Errors
        From the training set: the lower end of a range, of the series 1, 2, 5, 10, …; 0 holds what is no more than 0.
    shift : Shift
    worst : dict of "energy", "forces" to Worst
    skipped, refused : list of Skipped
        Without usable labels; what the potential refused, or answered with what is not finite. The first
        `SKIPPED_NAMED`.
    n_skipped, n_refused : int
    mended : Counter
        What was wrong with stresses -> of how many structures.
    points : dict of "energy", "forces", "stress" to Points
    """

    worst_named: int
    total: Errors = field(default_factory=Errors)
    groups: dict[str, Errors] = field(default_factory=dict)
    species: dict[str, Spread] = field(default_factory=dict)
    distances: dict[float, Errors] = field(default_factory=dict)
    shift: Shift = field(default_factory=Shift)
    worst: dict[str, Worst] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    refused: list[Skipped] = field(default_factory=list)
    n_skipped: int = 0
    n_refused: int = 0
    mended: Counter[str] = field(default_factory=Counter)
    points: dict[str, Points] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make room for the worst and for figures."""
        self.worst = {name: Worst(self.worst_named) for name in ("energy", "forces")}
        self.points = {name: Points(np.random.default_rng(0)) for name in ("energy", "forces", "stress")}


def judge(potential: Potential, surveys: Sequence[Survey], keys: Keys) -> Judgement:
    """Return what is wrong with labels, by predictions of some structures of each group."""
    counts: Counter[object] = Counter()
    chosen: list[Labelled] = []
    atoms = 0
    for one in _labelled(surveys, keys):
        kind = group(one)
        if counts[kind] >= JUDGED_EACH or (kind not in counts and len(counts) >= JUDGED_GROUPS):
            continue
        if chosen and atoms + len(one.structure) > JUDGED_ATOMS:
            continue
        counts[kind] += 1
        atoms += len(one.structure)
        chosen.append(one)
    pairs = [(one, p) for one, p in predicted(potential, chosen) if not isinstance(p, Skipped)]
    return examined([one for one, _ in pairs], [p for _, p in pairs])


def compare(
    potential: Potential,
    surveys: Sequence[Survey],
    keys: Keys,
    judgement: Judgement,
    found: Found,
    told: Callable[[int], object] = lambda structures: None,
) -> None:
    """Go through the files and add up errors in `found`, which holds at any time what was done so far.

    Parameters
    ----------
    potential : Potential
    surveys, keys
        What to read: see `stream`.
    judgement : Judgement
        By which stresses are mended.
    found : Found
    told : callable, optional
        Is told how many structures were read.
    """

    def usable() -> Iterator[Labelled]:
        for survey in surveys:
            for one in stream(survey, keys):
                told(1)
                if isinstance(one, Skipped):
                    found.n_skipped += 1
                    found.skipped += [one][: SKIPPED_NAMED - len(found.skipped)]
                else:
                    yield one

    for one, answer in predicted(potential, usable()):
        if isinstance(answer, Skipped):
            found.n_refused += 1
            found.refused += [answer][: SKIPPED_NAMED - len(found.refused)]
        else:
            _add(found, one, answer, judgement)


def predicted(potential: Potential, structures: Iterable[Labelled]) -> Iterator[tuple[Labelled, Prediction | Skipped]]:
    """Yield structures with what the potential predicts of what they are labelled with, or why it does not.

    In batches of structures that need the same; not in order. What fails in a batch is asked for again, alone.
    """
    waiting: dict[frozenset[Property], list[Labelled]] = {}
    for one in structures:
        wanted = _wanted(one)
        batch = waiting.setdefault(wanted, [])
        if batch and sum(len(b.structure) for b in batch) + len(one.structure) > ATOMS_AT_ONCE:
            yield from _answered(potential, batch, wanted)
            batch = waiting[wanted] = []
        batch.append(one)
    for wanted, batch in waiting.items():
        yield from _answered(potential, batch, wanted)


def _labelled(surveys: Sequence[Survey], keys: Keys) -> Iterator[Labelled]:
    every = itertools.chain.from_iterable(stream(survey, keys) for survey in surveys)
    return (one for one in every if isinstance(one, Labelled))


def _wanted(one: Labelled) -> frozenset[Property]:
    wanted: set[Property] = {"energy"}
    if one.forces is not None:
        wanted.add("forces")
    if one.stress is not None:
        wanted.add("stress")
    return frozenset(wanted)


def _answered(
    potential: Potential, batch: Sequence[Labelled], wanted: frozenset[Property]
) -> Iterator[tuple[Labelled, Prediction | Skipped]]:
    if not batch:
        return
    try:
        answers = potential.evaluate([one.structure for one in batch], wanted)
    except Exception as error:  # somebody else's code
        if len(batch) > 1:
            for one in batch:
                yield from _answered(potential, [one], wanted)
            return
        reason = str(error) if isinstance(error, Unsupported) else f"{type(error).__name__}: {error}"
        yield batch[0], Skipped(batch[0].source, reason)
        return
    for one, answer in zip(batch, answers, strict=True):
        yield one, _usable(one, answer, wanted)


def _usable(one: Labelled, answer: Prediction, wanted: frozenset[Property]) -> Prediction | Skipped:
    for name in sorted(wanted):
        value = getattr(answer, name)
        if value is None:
            return Skipped(one.source, f"the potential has no {name}")
        if not np.isfinite(value).all():
            return Skipped(one.source, f"the potential answers with {name} not finite")
    return answer


def _add(found: Found, one: Labelled, answer: Prediction, judgement: Judgement) -> None:
    n_atoms = len(one.structure)
    symbols = np.array(one.structure.get_chemical_symbols())
    every = [found.total, found.groups.setdefault(one.config_type or "(none)", Errors())]
    if one.distance is not None:
        every.append(found.distances.setdefault(lower_end(one.distance), Errors()))
    for errors in every:
        errors.structures += 1
        errors.atoms += n_atoms
    if one.energy is not None:
        missed = answer.energy - one.energy
        for errors in every:
            errors.energy.add(missed / n_atoms)
        found.shift.add(Counter(symbols.tolist()), missed)
        found.worst["energy"].add(abs(missed) / n_atoms, one.source)
        found.points["energy"].add(np.array([one.energy / n_atoms]), np.array([answer.energy / n_atoms]))
    if one.forces is not None and answer.forces is not None:
        _add_forces(found, every, one.forces, answer.forces, symbols, one.source)
    stress, wrong = mended(one, judgement)
    if wrong is not None:
        found.mended[wrong] += 1
    if stress is not None and answer.stress is not None:
        for errors in every:
            errors.stress.add(answer.stress - stress)
            errors.pressure += float(np.trace(answer.stress - stress)) / 3.0
            errors.stressed += 1
        found.points["stress"].add(stress, answer.stress)


def lower_end(distance: float) -> float:
    """Return where the range of a distance begins: the largest of 1, 2, 5, 10, 20, … and 0.5, 0.2, … not above it.

    Examples
    --------
    >>> lower_end(3.7), lower_end(0.05), lower_end(0.0)
    (2.0, 0.05, 0.0)
    """
    if distance <= 0.0:
        return 0.0
    decade = math.floor(math.log10(distance))
    ends = [float(f"{step}e{power}") for power in (decade - 1, decade, decade + 1) for step in (1, 2, 5)]
    return max(end for end in ends if end <= distance)


def _add_forces(
    found: Found,
    every: Sequence[Errors],
    label: FloatArray,
    predicted: FloatArray,
    symbols: np.ndarray[tuple[int], np.dtype[np.str_]],
    source: str,
) -> None:
    difference = predicted - label
    lengths, theirs = np.linalg.norm(label, axis=1), np.linalg.norm(predicted, axis=1)
    long = (lengths > LEAST_FORCE) & (theirs > 0.0)
    cosines = (label[long] * predicted[long]).sum(axis=1) / (lengths[long] * theirs[long])
    for errors in every:
        errors.forces.add(difference)
        errors.magnitude.add(theirs - lengths)
        errors.vector.add(np.linalg.norm(difference, axis=1))
        errors.angle.add(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))))
    for symbol in np.unique(symbols).tolist():
        found.species.setdefault(symbol, Spread()).add(difference[symbols == symbol])
    found.worst["forces"].add(float(np.linalg.norm(difference, axis=1).max(initial=0.0)), source)
    found.points["forces"].add(label, predicted)
