"""Work along paths on which forces have kinks or jumps: panels between the breaks, and what is told of the breaks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from gnnp_bench.check import Request
from gnnp_bench.checks.common import conclusive, tolerated
from gnnp_bench.numerics.panels import Piece, Samples, gap, middle_of, narrower, nodes, panel, rough_intervals
from gnnp_bench.potential import FloatArray, Prediction

PANELS = 8
"""Of a stretch to begin with, where no other number is asked for."""
MOST_MORE, FAR_MORE = 768, 4608
"""Evaluations until what is reached is enough where it can be judged at all, and where it cannot."""
SETTLES = 0.5
"""By that or less one round has to reduce the largest error, for more to be spent than was asked for."""
COST = 24
"""Evaluations that splitting a panel takes: two or three bisections and two panels."""
MOST_HALVINGS = 3
WIDEST = 0.19
"""The largest spacing of the nodes of a panel, in units of its width."""
ROUNDS = 40
"""Bisections of an interval between two samples: to 1e-12 of it."""
TRIED = 4
"""Bisections that tell a break from what is merely steep."""
STEEP = 0.005
"""By more than that they reduce the roughness of a smooth function; that of a kink about to a sixteenth."""
JUMPS = 0.25
"""What is more than that of what it was before bisection is a jump."""
FIRST = 0.1
"""Of the largest error: pieces whose errors are smaller wait, so that what is rounding's does not use up what kinks
need."""
SHARE = 1.0 / 16.0
"""Of the tolerance that one gap may take."""

Powers: TypeAlias = Generator[Request, list[Prediction], tuple[FloatArray, FloatArray]]
"""Evaluates nodes and returns at each dW/dt, eV, and the variance that ν gives it, eV²."""
Asked: TypeAlias = Generator[Request, list[Prediction], Samples]

NOTHING_KNOWN = Samples(np.empty(0), np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class Work:
    """The work along each stretch of a path.

    Attributes
    ----------
    works, noises, errors : (n_stretches,) arrays, eV
        Errors of different pieces have no sign in common: their squares are added. Ten times the root covers hundreds
        of them in the worst case, too, for each is three times what a kink can do.
    pieces : tuple of Piece
    samples : Samples
        dW/dt wherever it was evaluated.
    """

    works: FloatArray
    noises: FloatArray
    errors: FloatArray
    pieces: tuple[Piece, ...]
    samples: Samples

    @property
    def total(self) -> tuple[float, float, float]:
        """Work, error and noise along all stretches, eV."""
        return float(self.works.sum()), float(np.linalg.norm(self.errors)), float(np.linalg.norm(self.noises))

    @property
    def roughest(self) -> tuple[float, float]:
        """Where most of the error comes from."""
        worst = max(self.pieces, key=lambda piece: piece.error)
        intervals = [] if worst.gap else rough_intervals(self.samples, worst.start, worst.end)
        return intervals[0] if intervals else (worst.start, worst.end)


@dataclass(frozen=True, slots=True)
class Path:
    """What is integrated, and how well.

    Attributes
    ----------
    powers_at : callable
        Takes nodes t, (n,).
    stretches : sequence of (start, end)
    noise, significance : float, eV
        Of the work along one stretch.
    doubtful : callable
        Whether neither rounding nor the estimated error explains what the law says is missed.
    """

    powers_at: Callable[[FloatArray], Powers]
    stretches: Sequence[tuple[float, float]]
    noise: float
    significance: float
    doubtful: Callable[[Work], bool]

    @property
    def tolerance(self) -> float:
        """The error of each stretch that is small enough, eV."""
        return tolerated(self.noise, self.significance)


def settled_work(
    path: Path, known: Samples, panels: int = PANELS, far_more: int = FAR_MORE
) -> Generator[Request, list[Prediction], Work]:
    """Integrate dW/dt over stretches of a path, with panels whose borders are placed at its breaks.

    What is not what it should be is measured again with all panels halved. Where dW/dt jumps, it may jump there and
    back again between two points: a pair that only just crosses a cutoff. Halves find that, or what two points leave
    unseen counts as an error.

    Parameters
    ----------
    path : Path
    known : Samples
        What was evaluated before.
    panels : int, optional
        Of each stretch to begin with.
    far_more : int, optional
        Evaluations where nothing can be judged before; more only as long as each round halves the largest error, and
        no more than `FAR_MORE`.
    """
    borders = [np.linspace(start, end, panels + 1) for start, end in path.stretches]
    first = [(float(a), float(b)) for line in borders for a, b in itertools.pairwise(line)]
    work = yield from _refined(path, known, (), first, len(known.t), far_more)
    for _ in range(MOST_HALVINGS):
        if not path.doubtful(work):
            return work
        gaps = tuple(piece for piece in work.pieces if piece.gap)
        halves = [half for piece in work.pieces if not piece.gap for half in _halves(piece)]
        work = yield from _refined(path, work.samples, gaps, halves, len(work.samples.t), far_more)
        if path.doubtful(_with_unseen(work)):
            return work
    return _with_unseen(work) if path.doubtful(work) else work


def _refined(
    path: Path,
    samples: Samples,
    pieces: Sequence[Piece],
    panels: Sequence[tuple[float, float]],
    n_before: int,
    far_more: int,
) -> Generator[Request, list[Prediction], Work]:
    """Return the work along pieces and panels. Panels that do not settle are split at their breaks, or in halves."""
    samples, new = yield from _evaluated(path, samples, panels)
    every = [*pieces, *new]
    error = np.inf  # so that the first round is carried out whatever it takes
    while True:
        work = _summed(every, path, samples)
        before, error = error, float(work.errors.max())
        settles = error <= SETTLES * before
        most = FAR_MORE if settles else far_more
        if conclusive(error, path.significance):
            most = min(MOST_MORE, far_more)
        worst = _worst(work, path)[: max((n_before + most - len(samples.t)) // COST, 0)]
        if not worst:
            return work
        samples, every = yield from _split(path, samples, every, worst)


def _with_unseen(work: Work) -> Work:
    """Return the work with the error of a jump there and back again between two neighbouring points.

    A function that jumps nowhere is not thought to do so unseen.
    """
    jump = max(piece.jump for piece in work.pieces)
    spacing = WIDEST * max(piece.end - piece.start for piece in work.pieces)
    return replace(work, errors=np.hypot(work.errors, jump * spacing))


def _halves(piece: Piece) -> tuple[tuple[float, float], tuple[float, float]]:
    middle = middle_of(piece.start, piece.end)
    return (piece.start, middle), (middle, piece.end)


def _evaluated(
    path: Path, samples: Samples, panels: Sequence[tuple[float, float]]
) -> Generator[Request, list[Prediction], tuple[Samples, list[Piece]]]:
    if panels:
        wanted = np.unique([np.concatenate([nodes(*borders), borders]) for borders in panels])
        samples = yield from _more(path, samples, np.setdiff1d(wanted, samples.t))
    return samples, [panel(samples, *borders) for borders in panels]


def _more(path: Path, samples: Samples, t: FloatArray) -> Asked:
    powers, variances = yield from path.powers_at(t)
    return samples.joined(t, powers, variances)


def _summed(pieces: Iterable[Piece], path: Path, samples: Samples) -> Work:
    ordered = tuple(sorted(pieces, key=lambda piece: piece.start))
    sums = np.zeros((3, len(path.stretches)))
    for k, (start, end) in enumerate(path.stretches):
        of = [piece for piece in ordered if start <= piece.start and piece.end <= end]
        sums[:, k] = np.sum([(piece.integral, piece.variance, piece.error**2) for piece in of], axis=0)
    return Work(sums[0], np.sqrt(sums[1]), np.sqrt(sums[2]), ordered, samples)


def _worst(work: Work, path: Path) -> list[Piece]:
    """Return the pieces whose errors have to shrink, the worst first: without them half the tolerance is kept."""
    chosen = []
    for (start, end), error in zip(path.stretches, work.errors, strict=True):
        if error <= path.tolerance:
            continue
        left = error**2
        for piece in sorted(work.pieces, key=lambda piece: -piece.error):
            if left <= (0.5 * path.tolerance) ** 2:
                break
            if start <= piece.start and piece.end <= end and _divisible(piece):
                chosen.append(piece)
                left -= piece.error**2
    chosen.sort(key=lambda piece: -piece.error)
    return [piece for piece in chosen if piece.error >= FIRST * chosen[0].error]


def _divisible(piece: Piece) -> bool:
    return piece.end - piece.start > 1e-12 * max(1.0, abs(piece.start))


def _split(
    path: Path, samples: Samples, pieces: list[Piece], worst: Sequence[Piece]
) -> Generator[Request, list[Prediction], tuple[Samples, list[Piece]]]:
    """Split pieces at their breaks, or in halves."""
    candidates = [
        (piece, *interval)
        for piece in worst
        for interval in ([(piece.start, piece.end)] if piece.gap else rough_intervals(samples, piece.start, piece.end))
    ]
    reach = [_reach(pieces, piece) for piece, *_ in candidates]
    samples, breaks = yield from _bisected(
        path, samples, [(lo, hi, *around) for (_, lo, hi), around in zip(candidates, reach, strict=True)]
    )
    panels: list[tuple[float, float]] = []
    kept = [piece for piece in pieces if piece not in worst]
    for piece in worst:
        found = sorted(
            (b for (owner, *_), b in zip(candidates, breaks, strict=True) if owner is piece and b is not None),
            key=lambda b: b.start,
        )
        if not found:
            panels += _halves(piece)
            continue
        kept += found
        borders = [piece.start, *(x for b in found for x in (b.start, b.end)), piece.end]
        panels += [(a, b) for a, b in zip(borders[::2], borders[1::2], strict=True) if b > a]
    samples, new = yield from _evaluated(path, samples, panels)
    return samples, kept + new


def _reach(pieces: Sequence[Piece], piece: Piece) -> tuple[float, float]:
    """Return how far around a piece the function is smooth but for what is looked for: a gap has panels beside it."""
    if not piece.gap:
        return piece.start, piece.end
    start = min((p.start for p in pieces if p.end == piece.start and not p.gap), default=piece.start)
    end = max((p.end for p in pieces if p.start == piece.end and not p.gap), default=piece.end)
    return start, end


def _bisected(
    path: Path, samples: Samples, intervals: Sequence[tuple[float, float, float, float]]
) -> Generator[Request, list[Prediction], tuple[Samples, list[Piece | None]]]:
    """Return the gap around the break of each interval (lo, hi, start, end), or None where it is merely steep."""
    gaps: list[Piece | None] = [gap(samples, *interval) for interval in intervals]
    first = [g.step for g in gaps if g is not None]
    for tried in range(1, ROUNDS + 1):
        open_ones = [
            (k, g)
            for k, g in enumerate(gaps)
            if g is not None and _divisible(g) and (tried <= TRIED or g.error > SHARE * path.tolerance)
        ]
        if not open_ones:
            break
        middles = np.array([middle_of(g.start, g.end) for _, g in open_ones])
        samples = yield from _more(path, samples, middles)
        for k, g in open_ones:
            _, _, start, end = intervals[k]
            now = gap(samples, *narrower(samples, g.start, g.end, start, end), start, end)
            merely_steep = tried == TRIED and now.step < STEEP * first[k]
            gaps[k] = None if merely_steep else now
    told = [
        None if g is None else replace(g, jump=g.step if g.step > JUMPS * before else 0.0)
        for g, before in zip(gaps, first, strict=True)
    ]
    return samples, told
