"""Whether two deployments of a potential are the same potential: on the structures of a pool, within their rounding.

Each structure of the pool is given to both, and a few of them in another description that must not matter and that
programs treat each in their own way: atoms outside the cell, a left-handed cell, atoms in another order.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from ase import Atoms

from gnnp_bench.case import Noise, Unanswered
from gnnp_bench.certificate.result import Grade, Status
from gnnp_bench.certificate.verdict import excess, judge, rank
from gnnp_bench.check import Component
from gnnp_bench.checks.common import SAME_INPUT, difference, grown, pressed
from gnnp_bench.doctor.deployments import Both, Turned, turned
from gnnp_bench.engine.descriptions import Way, described, features, spread
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.pool import Pool, draw_structures, evaluate_pool
from gnnp_bench.engine.settings import POOL_SIZE, Budget
from gnnp_bench.engine.shards import Answers, Shard, answers
from gnnp_bench.potential import Capabilities, Potential, PotentialError, Prediction


@dataclass(frozen=True, slots=True)
class Compared:
    """One structure, and by how much the two differ on it.

    Attributes
    ----------
    way : str
        How it was described.
    both : Both
    noise : Noise
        The sum of both noise floors.
    components : tuple of Component
    """

    way: Way
    both: Both
    noise: Noise
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst component of one quantity over all structures."""

    component: Component
    status: Status
    grade: Grade | None
    compared: Compared


@dataclass(frozen=True, slots=True)
class Deployments:
    """What came out.

    Attributes
    ----------
    compared : tuple of Compared
    refused, broke : tuple of str
        What either did not answer, and why; a refusal is clear, the rest is not.
    turned : tuple of Turned
        What explains the differences for all structures alike.
    mended : tuple of Worst
        What is left once that is taken back; empty where there is nothing to take back.
    only : tuple of str
        What the structures have in common that alone differ.
    """

    compared: tuple[Compared, ...]
    refused: tuple[str, ...]
    broke: tuple[str, ...]
    turned: tuple[Turned, ...]
    mended: tuple[Worst, ...]
    only: tuple[str, ...]

    @property
    def worst(self) -> tuple[Worst, ...]:
        """The worst of energy, forces and stress."""
        return worst_of(self.compared)

    @property
    def verdict(self) -> Literal["same", "different", "undecided"]:
        """Whether they are the same potential, as far as that was seen."""
        statuses = {one.status for one in self.worst}
        if "fail" in statuses:
            return "different"
        return "undecided" if self.broke or "inconclusive" in statuses or not statuses else "same"

    @property
    def exact(self) -> bool:
        """Whether nothing but rounding tells them apart."""
        return self.verdict == "same" and all(one.grade == "exact" for one in self.worst)


def common(first: Capabilities, second: Capabilities) -> Capabilities:
    """Return what both can be asked for.

    Raises
    ------
    PotentialError
        They have no species, or no kind of structure, in common.
    """
    species = tuple(s for s in first.species if s in second.species)
    periodicity = first.periodicity & second.periodicity
    if not species:
        raise PotentialError(
            f"the two have no species in common: {', '.join(first.species)} and {', '.join(second.species)}"
        )
    if not periodicity:
        raise PotentialError("the two have no kind of structure in common: periodic, partial, isolated")
    cutoffs = [one.cutoff for one in (first, second) if one.cutoff is not None]
    reads = {one.key: one for one in (*second.reads, *first.reads)}
    combinations = first.combinations or second.combinations
    within = tuple(dict.fromkeys(frozenset(c & set(species)) for c in combinations if c & set(species)))
    return replace(
        first,
        species=species,
        periodicity=periodicity,
        properties=first.properties & second.properties,
        combinations=within,
        cutoff=max(cutoffs) if cutoffs else None,
        reads=tuple(reads.values()),
        fitted_alone=(),
        undetermined=(),
        receptive_field=None,
    )


def compare(
    first: tuple[Potential, Callable[[], Potential]],
    second: tuple[Potential, Callable[[], Potential]],
    budget: Budget,
    seed: int = 0,
) -> Deployments:
    """Compare two potentials, each given with what builds it anew.

    Raises
    ------
    PotentialError
        They have nothing in common.
    """
    shared = common(first[0].capabilities, second[0].capabilities)
    evaluators = [Evaluator(potential, reload) for potential, reload in (first, second)]
    try:
        pool = evaluate_pool(evaluators[0], draw_structures(shared, POOL_SIZE[budget], seed))
        refused, broke = [f"the first: {said}" for said in pool.refused], [f"the first: {s}" for s in pool.failures]
        single = evaluators[1].potential.capabilities.dtype == "float32" or pool.single
        found = list(_compared(evaluators, pool, single, seed, refused, broke))
    finally:
        for evaluator in evaluators:
            evaluator.close()
    differing = [one for one in found if _status(one) == "fail"]
    explained: tuple[Turned, ...] = ()
    if differing:
        drawn = [one.both for one in found if one.way in ("as drawn", "left-handed cell")]
        explained = tuple(one for one in turned(drawn) if _differs(found, one.quantity))
    mended = worst_of([_mended(one, explained) for one in found]) if explained else ()
    only = () if explained or not differing else tuple(_only(found, differing, shared.cutoff))
    return Deployments(tuple(found), tuple(refused), tuple(broke), explained, mended, only)


def worst_of(compared: Sequence[Compared]) -> tuple[Worst, ...]:
    """Return the worst of each quantity, by status and then by how far it is beyond what is allowed."""
    worst: dict[str, tuple[tuple[float, float], Worst]] = {}
    for one in compared:
        for component in one.components:
            bound = SAME_INPUT * component.noise
            status, grade = judge(component.residual, bound, component.significance)
            key = (float(rank(status, grade)), excess(component.residual, bound, component.significance))
            if component.quantity not in worst or key > worst[component.quantity][0]:
                told = replace(component, bound=bound)
                worst[component.quantity] = (key, Worst(told, status, grade, one))
    return tuple(found for _, found in worst.values())


def _compared(
    evaluators: Sequence[Evaluator], pool: Pool, single: bool, seed: int, refused: list[str], broke: list[str]
) -> Iterator[Compared]:
    samples = pool.samples
    structures = [sample.structure for sample in samples]
    theirs = _answers(evaluators[1], "predictions", structures, single)
    noises = _answers(evaluators[1], "noise", structures, single)
    floors: list[Noise | None] = []
    for sample, answer, noise in zip(samples, theirs, noises, strict=True):
        floor = None
        if _answered("second", sample.structure, (answer, noise), refused, broke):
            assert isinstance(answer, Prediction)
            assert isinstance(noise, Noise)
            floor = _sum(sample.noise, noise)
            yield _pair("as drawn", sample.structure, sample.prediction, answer, floor)
        floors.append(floor)
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(b"deployments")]))
    again = [(k, way, other) for k, s in enumerate(structures) for way, other in described(s, rng) if floors[k]]
    chosen = [one for one in again if one[0] in spread(sorted({k for k, _, _ in again}))]
    others = [other for _, _, other in chosen]
    both = [_answers(evaluator, "predictions", others, single) for evaluator in evaluators]
    for (k, way, other), one, two in zip(chosen, *both, strict=True):
        here = _answered("first", other, (one,), refused, broke, way)
        there = _answered("second", other, (two,), refused, broke, way)
        floor = floors[k]
        if here and there and floor is not None:
            yield _pair(way, other, one, two, grown(floor, structures[k], other))


def _answers(
    evaluator: Evaluator, task: Literal["predictions", "noise"], structures: Sequence[Atoms], single: bool
) -> Answers:
    found: Answers = []
    for structure in structures:
        found += answers(evaluator, Shard(task, (structure,), single=single))
    return found


def _answered(
    who: str, structure: Atoms, found: Sequence[object], refused: list[str], broke: list[str], way: str = ""
) -> bool:
    for one in found:
        if isinstance(one, Unanswered):
            described = f" ({way})" if way else ""
            told = f"the {who}: {structure.get_chemical_formula()}{described}: {one.message}"
            (refused if one.refused else broke).append(told)
            return False
    return True


def _sum(one: Noise, other: Noise) -> Noise:
    return Noise(one.energy + other.energy, one.forces + other.forces, one.stress + other.stress)


def _pair(way: Way, structure: Atoms, first: Prediction, second: Prediction, noise: Noise) -> Compared:
    # In other units forces may look enormous, which excuses nothing.
    scale = min(pressed(first), pressed(second))
    components = difference(first, second, noise, len(structure), scale)
    return Compared(way, Both(structure, first, second), noise, components)


def _status(one: Compared) -> Status:
    found: list[Status] = [judge(c.residual, SAME_INPUT * c.noise, c.significance)[0] for c in one.components]
    return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"


def _differs(found: Sequence[Compared], quantity: str) -> bool:
    """Return whether more than rounding tells a quantity apart: a constant may matter in one and not in another."""
    return any(
        w.component.quantity == quantity and w.component.residual > (w.component.bound or 0.0) for w in worst_of(found)
    )


def _mended(one: Compared, explained: Sequence[Turned]) -> Compared:
    second = one.both.second
    for change in explained:
        second = change.back(one.both.structure, second)
    return _pair(one.way, one.both.structure, one.both.first, second, one.noise)


def _only(found: Sequence[Compared], differing: Sequence[Compared], cutoff: float | None) -> Iterator[str]:
    """Yield what all structures that differ have in common, and not all others have."""
    for name, has in features(cutoff).items():
        with_it = [one for one in found if has(one.way, one.both)]
        if len(with_it) < len(found) and all(has(one.way, one.both) for one in differing):
            share = "" if len(differing) == len(with_it) else f", {len(differing)} of {len(with_it)} of them"
            yield f"{name}{share}"
