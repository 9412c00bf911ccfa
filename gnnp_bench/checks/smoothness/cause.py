"""What changes where something jumps: a pair at a distance, neighbours that change places, atoms that stand in line."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.checks.smoothness.cell_paths import part_of_cutoff, turns_right
from gnnp_bench.checks.smoothness.elsewhere import SAME_ANGLE, angles, pair_passes, places_change
from gnnp_bench.checks.smoothness.judging import Jump, harmless, jumps
from gnnp_bench.checks.smoothness.line import KINK_SINGLE, UNITS, Line, is_single
from gnnp_bench.checks.smoothness.neighbours import Pairs, overtaking, pairs_of
from gnnp_bench.checks.smoothness.sizes import kink_place
from gnnp_bench.potential import FloatArray

SAME, SAME_SINGLE = 1e-5, 2e-4
"""Å, within which two distances count as one, where jumps are placed to 1e-8 Å and where to 2e-5 Å."""
LINE_SINGLE = 5e-3
"""Å, off a straight line in single precision, in which cones are rounded off."""
MOST_TRIPLES = 60
"""Neighbours of an atom among which lines are looked for."""
MOST_KINKS = 24
"""Of the largest kinks on a line whose causes are looked at."""
FEW = 3
"""Distances that are told where any of them may be the cause."""
ALIKE = 0.2
"""How far a jump of forces may differ, of its size, from one along a bond."""
NAMES = {
    "energy": "the energy jumps",
    "forces": "forces jump",
    "stress": "the stress jumps",
    "stiffness": "the stiffness jumps",
}


def told(line: Line, reach: float, cutoff: float | None = None, only: str | None = None) -> str | None:
    """Return in words what jumps, by how much and where, or None if nothing does.

    Parameters
    ----------
    line : Line
    reach : float, Å
        As far as pairs are looked at.
    cutoff : float, Å, optional
        What the potential declares.
    only : str, optional
        The one quantity of which the jumps are told.
    """
    found = {name: of for name, of in jumps(line).items() if only in (None, name)}
    if not found:
        if line.settled or harmless(line, only):
            return None
        return f"{len(line.t)} points along a line do not settle whether something jumps"
    name = max(found, key=lambda quantity: found[quantity][0].stands_out)
    if "energy" in found and found["energy"][0].interval == found[name][0].interval:
        name = "energy"  # forces jump there as well; that the energy does is worse
    worst = found[name][0]
    others = _others(found[name], worst)
    forces = any(jump.interval == worst.interval for jump in found.get("forces", ()))
    where = _where(line, worst, others, reach, cutoff, forces=forces, bent=name != "energy")
    elsewhere = _elsewhere(line, found[name], worst, reach, cutoff) if name == "stiffness" else ""
    more = f"; {len(line.breaks)} places in all on this line" if len(line.breaks) > 1 else ""
    return f"{NAMES[name]} by {worst.size:.3g} {UNITS[name]} {where}{elsewhere}{more}"


def _elsewhere(line: Line, found: Sequence[Jump], worst: Jump, reach: float, cutoff: float | None) -> str:
    """Return in words the largest kink that a pair of another length makes: windows have one at either end."""
    lengths = {_length(_where(line, worst, _others(found, worst), reach, cutoff, forces=False, bent=True))}
    for jump in found[1:MOST_KINKS]:
        where = _where(line, jump, _others(found, jump), reach, cutoff, forces=False, bent=True)
        if _length(where) not in {None, *lengths}:
            return f", by {jump.size:.3g} {UNITS['stiffness']} {where}"
    return ""


def _others(found: Sequence[Jump], jump: Jump) -> list[Jump]:
    return [other for other in found if other.interval != jump.interval]


def _length(where: str) -> str | None:
    """Return the length of the pair that is named, if one is, to 0.01 Å."""
    named = re.search(r"a pair \S+ is (\d+\.\d\d)", where)
    return None if named is None else named[1]


def _where(
    line: Line, worst: Jump, others: Sequence[Jump], reach: float, cutoff: float | None, *, forces: bool, bent: bool
) -> str:
    t, same = _place(line, worst)
    structure = line.track.at(t)
    pairs = _at(line, t, reach)
    symbols = structure.get_chemical_symbols()
    if not len(pairs.centres):
        return f"{t:.6g} Å along the line, with no neighbour left"
    if "stress" in line.track.properties:  # a cell that is strained keeps lines straight
        height = part_of_cutoff(structure, cutoff, same)
        if height is not None:
            return f"where a height of the cell is {height[0]:.6f} Å, {height[1]} the cutoff"
        aside = 1e-3 if t < 0.5 * line.track.length else -1e-3
        if turns_right(structure, line.track.at(t + aside), same):
            return "where an angle of the cell is 90°"
    elif bent and (in_line := _in_line(structure, pairs, max(same, LINE_SINGLE * is_single(line)))) is not None:
        return f"where {_listed([symbols[i] for i in in_line])} stand in line"
    found, certain = _pair(line, worst, others, pairs, reach, cutoff, forces=forces)
    ranked = _places(line, worst, others, pairs, reach)
    by_pair, by_rank = None, None
    if found is not None:
        ends = symbols[pairs.centres[found]], symbols[pairs.neighbours[found]]
        length = float(pairs.distances[found])
        if ranked is None or not pair_passes(line, ends, length):
            by_pair = f"a pair {ends[0]}–{ends[1]} is {length:.{6 if same == SAME else 3}f} Å long"
    sure = False
    if ranked is not None:
        centre, ranks, everywhere = ranked
        away = float(np.sort(pairs.distances[pairs.centres == centre])[ranks[0] - 1])
        sure = len(ranks) == 1 and (everywhere or not certain)
        passed = len(ranks) == 1 and len(others) and places_change(line, symbols[centre], ranks[0], away)
        if not passed and (by_pair is None or everywhere or not certain):
            by_rank = f"{_between(ranks)} of {symbols[centre]} change places, {away:.4f} Å away"
    by_angle = None if by_rank is not None else _angle(line, worst, others, reach) if bent else None
    if by_angle is not None and not certain:
        by_pair = None
    told = [cause for cause in (by_rank, by_pair, by_angle) if cause is not None]
    if told:
        return "where " + " or ".join(told[:1] if sure and by_rank is not None else told)
    return f"{t:.6g} Å along a line in {structure.get_chemical_formula()}{_moving(pairs, same)}"


def _between(ranks: Sequence[int]) -> str:
    """Return which neighbours change places, in words."""
    if len(ranks) == 1:
        return f"the {_ordinal(ranks[0])} and {_ordinal(ranks[0] + 1)} neighbour"
    return f"two of the {_ordinal(ranks[0])} to {_ordinal(ranks[-1] + 1)} neighbours"


def _moving(pairs: Pairs, same: float) -> str:
    """Return the distances that change there, where they are few, in words."""
    moving = np.unique(np.round(pairs.distances[np.abs(pairs.rates) > 1e-6], 6))
    if same != SAME or not 0 < len(moving) <= FEW:
        return ""
    return f", where distances are {' and '.join(f'{distance:.6f}' for distance in moving)} Å"


def _angle(line: Line, worst: Jump, others: Sequence[Jump], reach: float) -> str | None:
    """Return the angle between bonds that is the same at all jumps of the line, in words; None where there is none."""
    t, same = _place(line, worst)
    if same != SAME or not others:
        return None
    structure = line.track.at(t)
    here, atoms = angles(structure, reach)
    beside, _ = angles(line.track.at(t + (1e-3 if t + 1e-3 < line.track.length else -1e-3)), reach)
    if len(here) == len(beside):
        atoms = [atoms[k] for k in np.flatnonzero(np.abs(here - beside) > 1e-6)]
        here = here[np.abs(here - beside) > 1e-6]
    fits = np.ones(len(here), bool)
    for other in others:
        there = np.sort(angles(line.track.at(_place(line, other)[0]), reach)[0])
        if not len(there):
            return None
        at = np.searchsorted(there, here)
        near = np.minimum(
            np.abs(there[np.minimum(at, len(there) - 1)] - here), np.abs(there[np.maximum(at - 1, 0)] - here)
        )
        fits &= near < SAME_ANGLE
    if not fits.any() or np.ptp(here[fits]) > SAME_ANGLE:
        return None
    k = int(np.flatnonzero(fits)[0])
    names = "–".join(structure.symbols[atom] for atom in atoms[k])
    return f"an angle {names} is {np.degrees(here[k]):.4f}°"


def _place(line: Line, jump: Jump) -> tuple[float, float]:
    """Return where a jump is, Å, and within what two distances count as one there."""
    begin, end = line.t[jump.interval], line.t[jump.interval + 1]
    if line.track.stiffness:
        return kink_place(line, jump.interval), SAME if not is_single(line) else KINK_SINGLE
    return 0.5 * float(begin + end), SAME if end - begin < 0.1 * SAME else SAME_SINGLE


def _at(line: Line, t: float, reach: float) -> Pairs:
    step = 1e-4 * max(1.0, line.track.length)
    step = step if t + step < line.track.length else -step
    return pairs_of(line.track.at(t), line.track.at(t + step), step, reach)


def _in_line(structure: Atoms, pairs: Pairs, same: float) -> tuple[int, int, int] | None:
    """Return three atoms, the middle one second, that stand in line here and not beside it."""
    closest: tuple[float, tuple[int, int, int]] | None = None
    for centre in range(len(structure)):
        own = np.flatnonzero(pairs.centres == centre)
        own = own[np.argsort(pairs.distances[own])][:MOST_TRIPLES]
        units, distances = pairs.units[own], pairs.distances[own]
        off = np.linalg.norm(units[:, None] + units[None], axis=2) * np.minimum(distances[:, None], distances[None])
        for a, b in zip(*np.nonzero(np.triu(off < same, 1)), strict=True):
            first, second = own[a], own[b]
            # In a crystal, atoms and their images stand in line wherever they are.
            one_atom = pairs.neighbours[first] == pairs.neighbours[second]
            at_rest = np.abs(pairs.rates[[first, second]]).min() < 1e-12
            if structure.pbc.any() and (one_atom or at_rest):
                continue
            size = float(distances[a] + distances[b])
            if closest is None or size < closest[0]:
                atoms = (int(pairs.neighbours[first]), centre, int(pairs.neighbours[second]))
                closest = size, atoms
    return None if closest is None else closest[1]


def _places(
    line: Line, worst: Jump, others: Sequence[Jump], pairs: Pairs, reach: float
) -> tuple[int, tuple[int, ...], bool] | None:
    """Return an atom of whose neighbours one overtakes others here, the ranks it may be, and whether at every jump.

    Of several ranks, those which change places at most of the other jumps, too; then those of the narrowest gap.
    """
    here = overtaking(pairs, _place(line, worst)[1])
    if not here:
        return None
    votes = {rank: 0 for ranks in here.values() for rank in ranks}
    for other in others:
        t, same = _place(line, other)
        there = {rank for ranks in overtaking(_at(line, t, reach), same).values() for rank in ranks}
        for rank in there & votes.keys():
            votes[rank] += 1
    (centre, _), ranks = max(here.items(), key=lambda found: (max(votes[rank] for rank in found[1]), -found[0][1]))
    most = max(votes[rank] for rank in ranks)
    likely = tuple(rank for rank in ranks if votes[rank] == most)
    everywhere = len(others) > 0 and most == len(others)
    return (centre, likely, everywhere) if most >= (0 if _place(line, worst)[1] == SAME else 2) else None


def _pair(
    line: Line,
    worst: Jump,
    others: Sequence[Jump],
    pairs: Pairs,
    reach: float,
    cutoff: float | None,
    *,
    forces: bool,
) -> tuple[int | None, bool]:
    """Return the pair whose distance explains the jump, and whether more than one thing speaks for it."""
    same = _place(line, worst)[1]
    candidates = np.flatnonzero((np.abs(pairs.rates) > 1e-6) & (pairs.centres <= pairs.neighbours))
    if not len(candidates):
        return None, False
    distances = pairs.distances[candidates]
    if np.ptp(distances) < same:
        return int(candidates[0]), True
    support = np.zeros(len(candidates))
    if cutoff is not None:
        support += 2.0 * (np.abs(distances - cutoff) < same)
    for other in others:
        elsewhere = _at(line, _place(line, other)[0], reach)
        moving = elsewhere.distances[np.abs(elsewhere.rates) > 1e-6]
        support += (np.abs(distances[:, None] - moving[None]) < same).any(axis=1)
    beyond_doubt = float(support.max())
    if forces:
        support += 1.5 * _along(line, worst, pairs, candidates)
    best = np.flatnonzero(support == support.max())
    if not support.max() or np.ptp(distances[best]) > same:
        return None, False
    # Placed to 2e-5 Å only, jumps have many distances in common by accident.
    needed = 1.0 if same == SAME else max(1.5, 1.0 * len(others))
    likely = same == SAME or support.max() >= needed
    # Forces jump along a pair as well where one neighbour takes the place of an image of the atom itself.
    return (int(candidates[best[0]]) if likely else None), beyond_doubt >= needed


def _along(line: Line, worst: Jump, pairs: Pairs, candidates: NDArray[np.intp]) -> FloatArray:
    """Return 1 for pairs along which the forces jump, on one atom against the other, else 0."""
    rows = line.arrays().get("forces")
    if rows is None:
        return np.zeros(len(candidates))
    change = rows[worst.interval + 1] - rows[worst.interval]
    size = float(np.linalg.norm(change))
    found = np.zeros(len(candidates))
    for k, pair in enumerate(candidates):
        pattern = np.zeros_like(change)
        pattern[pairs.neighbours[pair]] += pairs.units[pair]
        pattern[pairs.centres[pair]] -= pairs.units[pair]
        length = float(np.linalg.norm(pattern))
        if size > 0.0 and length > 0.0:
            found[k] = abs(float((change * pattern).sum())) > (1.0 - ALIKE) * size * length
    return found


def _ordinal(n: int) -> str:
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _listed(symbols: Sequence[str]) -> str:
    return f"{', '.join(symbols[:-1])} and {symbols[-1]}"
