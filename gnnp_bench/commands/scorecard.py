"""``certify --with``: accuracy, speed and properties beside the laws, in one certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gnnp_bench.commands.exits import BadRequest, nearest
from gnnp_bench.commands.loading import load_potential
from gnnp_bench.potential import PotentialError, close

if TYPE_CHECKING:
    from gnnp_bench.accuracy.stream import Survey
    from gnnp_bench.certificate.result import Score, Series

Tell = Callable[[str], None]
KINDS = ("properties", "accuracy", "bench")
SIZES = (8, 64, 512, 4096)
BENCH_SECONDS = 20.0
"""For each potential, loading apart."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What to measure beside the laws.

    Attributes
    ----------
    bench : bool
    surveys : tuple of Survey
        Files of labelled structures.
    crystals : tuple of str or None
        As `gnnp-bench properties` takes them; none stands for those of the table of references. None: not asked for.
    """

    bench: bool = False
    surveys: tuple[Survey, ...] = ()
    crystals: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one measurement beside the laws adds to a certificate."""

    scores: tuple[Score, ...]
    series: tuple[Series, ...] = ()


def parse_beside(texts: Sequence[str]) -> Beside:
    """Return what ``properties,accuracy:FILE,bench`` asks for, before an hour is spent on the laws.

    Raises
    ------
    BadRequest
        If a word is not known, or a file cannot be read or has no labels.
    """
    if not texts:  # what reads files takes half a second to import
        return Beside()

    from gnnp_bench.accuracy.labels import DataError
    from gnnp_bench.accuracy.stream import survey

    words: list[str] = []
    for text in texts:
        for part in text.split(","):
            known = part.strip().partition(":")[0] in KINDS
            if words and words[-1].startswith("accuracy:") and not known and text.strip() != part:
                words[-1] += f",{part}"  # a comma in the name of a file
            else:
                words.append(part.strip())
    files = []
    for word in words:
        kind, mark, argument = word.partition(":")
        if kind not in KINDS:
            raise BadRequest(f"--with {word!r} is not known{nearest(kind, KINDS)}")
        if kind == "accuracy" and not argument:
            raise BadRequest("--with accuracy needs a file of labelled structures: accuracy:FILE")
        if (kind == "bench" and mark) or (mark and not argument):
            raise BadRequest(f"--with {kind} takes no {argument!r}")
        if kind == "accuracy":
            files.append(argument)
    try:
        surveys = tuple(survey(file) for file in files)
    except DataError as error:
        raise BadRequest(str(error)) from error
    asked = [word.partition(":")[2] for word in words if word.partition(":")[0] == "properties"]
    if asked:
        from gnnp_bench.commands.crystals import crystals_of
        from gnnp_bench.commands.properties import check_packages
        from gnnp_bench.properties.registry import PROPERTIES

        check_packages(PROPERTIES)
        for crystal in filter(None, asked):
            crystals_of(crystal)
    return Beside("bench" in words, surveys, tuple(filter(None, asked)) if asked else None)


def measured(beside: Beside, spec: str, species: tuple[str, ...] | None, tell: Tell) -> Iterator[Numbers]:
    """Yield numbers, those of one measurement together, as they come.

    Parameters
    ----------
    beside : Beside
    spec : str
    species : tuple of str or None
    tell : callable
        Is given a line at a time about what is going on.
    """
    if beside.crystals is not None:
        tell("measuring properties ...")
        yield from _properties(spec, species, beside.crystals, tell)
    for survey in beside.surveys:
        tell(f"measuring errors on {survey.path}, {survey.frames} structures ...")
        yield _accuracy(spec, species, survey)
    if beside.bench:
        tell("measuring speed ...")
        yield Numbers(_bench(spec, species, tell))


def _properties(spec: str, species: tuple[str, ...] | None, crystals: tuple[str, ...], tell: Tell) -> Iterator[Numbers]:
    from gnnp_bench.commands.crystals import given_crystals
    from gnnp_bench.crystals import measure
    from gnnp_bench.engine.evaluate import Evaluator
    from gnnp_bench.properties.crystal import Settings
    from gnnp_bench.properties.registry import PROPERTIES
    from gnnp_bench.properties.results import PotentialResult, PropertiesResult
    from gnnp_bench.properties.scores import missing, scores, series

    loaded = load_potential(spec, species)
    potential = loaded.potential
    evaluator, settings = Evaluator(potential, loaded.reload), Settings(potential.capabilities)
    found = PropertiesResult(PotentialResult(spec, potential.name, None, None), settings.fmax, [])
    try:
        given = given_crystals(crystals, potential.capabilities, PROPERTIES)
        measure(evaluator, given, PROPERTIES, settings, found, lambda done: tell(f"  {done}"), lambda *value: None)
    except BadRequest as error:
        yield Numbers((missing("crystals", "relaxed lattice", str(error)),))
    except KeyboardInterrupt:
        yield Numbers(scores(found), series(found))  # what was finished
        raise
    else:
        yield Numbers(scores(found), series(found))
    finally:
        evaluator.close()
        close(potential)


def _accuracy(spec: str, species: tuple[str, ...] | None, survey: Survey) -> Numbers:
    from gnnp_bench.accuracy.labels import DataError
    from gnnp_bench.accuracy.measure import Found, compare, judge
    from gnnp_bench.accuracy.scores import missing, scores, series
    from gnnp_bench.accuracy.stream import Keys

    name, keys = Path(survey.path).name, Keys()
    potential = load_potential(spec, species).potential
    found = Found(1)
    try:
        judgement = judge(potential, [survey], keys)
        if judgement.complaints:
            return Numbers((missing(name, "; ".join(judgement.complaints)),))
        compare(potential, [survey], keys, judgement, found)
    except DataError as error:
        return Numbers((missing(name, str(error)),))
    finally:
        close(potential)
    return Numbers(scores(name, found), series(name, found))


def _bench(spec: str, species: tuple[str, ...] | None, tell: Tell) -> tuple[Score, ...]:
    from gnnp_bench.certificate.result import Score
    from gnnp_bench.perf.memory import free_gigabytes
    from gnnp_bench.perf.run import Plan, bench
    from gnnp_bench.perf.scores import scores

    plan = Plan(sizes=SIZES, species=species, max_seconds=BENCH_SECONDS, max_gigabytes=free_gigabytes())
    try:
        return scores(bench([spec], plan, tell))
    except PotentialError as error:
        return (
            Score(
                kind="bench", subject=spec, name="time", value=None, unit="µs/atom", better="lower", remark=str(error)
            ),
        )
