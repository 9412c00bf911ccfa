"""How a worker measures a potential beside the laws: by the functions of the commands, so that numbers agree."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import msgspec

from gnnp_bench.adapters.registry import Loaded
from gnnp_bench.campaign.measures import digest, version_of
from gnnp_bench.campaign.work import MEASURED, Work
from gnnp_bench.certificate.provenance import anonymous

Found: TypeAlias = tuple[Any, str]
"""A result, and why there is no number in it."""


class NothingMeasuredError(ValueError):
    """There is no number, and never will be: the message says in one line why."""


def measured(work: Work, loaded: Loaded) -> tuple[bytes, str]:
    """Return what the command of the same name writes as JSON; and why there is no number in it, where that is so.

    Parameters
    ----------
    work : Work
    loaded : Loaded

    Raises
    ------
    NothingMeasuredError
        If the command would refuse, or would find nothing that can be measured.
    PotentialError
        If it could not be loaded to be timed.
    """
    paths = {name: path for name, path, _ in work.files}
    asked = msgspec.json.decode(work.asked)
    do = {"accuracy": _accuracy, "properties": _properties, "bench": _bench, "screen": _screen}[work.kind]
    try:
        value, said = do(work, loaded, asked, paths)
    except NothingMeasuredError as error:
        raise NothingMeasuredError(_named(str(error), paths)) from error
    data = msgspec.json.encode(value)
    for name, path in paths.items():  # a result is the same wherever the files lie
        data = data.replace(_inside(path), _inside(name))
    return data, said


def differs(work: Work) -> str | None:
    """Return why this worker would measure something else than was asked for, or None."""
    if work.kind not in MEASURED:
        return None
    if version_of(work.kind) != work.version:
        return f"a worker has another version of {work.kind} than the process that leads the campaign"
    for name, path, expected in work.files:
        try:
            if digest(path) != expected:
                return f"a worker finds another {name} than the one that the campaign began with"
        except ValueError as error:
            return f"a worker {error}"
    return None


def _accuracy(work: Work, loaded: Loaded, asked: dict[str, Any], paths: Mapping[str, str]) -> Found:
    from gnnp_bench.accuracy.labels import DataError
    from gnnp_bench.accuracy.measure import Found as Errors
    from gnnp_bench.accuracy.measure import compare, judge
    from gnnp_bench.accuracy.results import result
    from gnnp_bench.accuracy.sanity import Judgement
    from gnnp_bench.accuracy.stream import Keys, survey

    potential = loaded.potential
    keys = Keys(*(asked[name] for name in ("energy", "forces", "stress", "virial", "by", "distance")))
    found = Errors(asked["worst"])
    try:
        surveys = [survey(paths[name], keys) for name in asked["files"]]
        judgement = Judgement() if asked["trust_labels"] else judge(potential, surveys, keys)
        if judgement.complaints:
            said = f"{'; '.join(judgement.complaints)}. trust_labels compares them as they are"
            raise NothingMeasuredError(said)
        compare(potential, surveys, keys, judgement, found)
    except DataError as error:
        raise NothingMeasuredError(str(error)) from error
    if not found.total.structures:
        why = [f"{each[0].source} {each[0].reason}" for each in (found.refused, found.skipped) if each]
        raise NothingMeasuredError("; ".join(["nothing could be compared", *why]))
    return result(potential, surveys, found, judgement, keys, complete=True), ""


def _properties(work: Work, loaded: Loaded, asked: dict[str, Any], paths: Mapping[str, str]) -> Found:
    from gnnp_bench.crystals import CrystalError, given_crystals, measure
    from gnnp_bench.engine.evaluate import Evaluator
    from gnnp_bench.properties.crystal import Settings
    from gnnp_bench.properties.registry import PROPERTIES
    from gnnp_bench.properties.results import PotentialResult, PropertiesResult

    potential, identity = loaded.potential, getattr(loaded.potential, "identity", None)
    chosen = {name: what for name, what in PROPERTIES.items() if name in asked["only"]}
    whose = (getattr(identity, name, None) for name in ("version", "weights_sha256"))
    found = PropertiesResult(PotentialResult(loaded.spec, potential.name, *whose), asked["fmax"], [])
    texts = [paths.get(text, text) for text in asked["crystals"]]
    try:
        crystals = given_crystals(texts, potential.capabilities, chosen)
    except CrystalError as error:
        raise NothingMeasuredError(str(error)) from error
    settings = Settings(potential.capabilities, fmax=asked["fmax"], steps=asked["steps"])
    evaluator = Evaluator(potential, loaded.reload)
    try:
        measure(evaluator, crystals, chosen, settings, found, lambda what: None, lambda *value: None)
    finally:
        evaluator.close()
    found.complete = True
    some = any(one.quantities for crystal in found.crystals for one in crystal.properties)
    return found, "" if some else "no property has a number"


def _bench(work: Work, loaded: Loaded, asked: dict[str, Any], paths: Mapping[str, str]) -> Found:
    from gnnp_bench.perf.memory import free_gigabytes
    from gnnp_bench.perf.run import Plan, bench

    plan = Plan(
        sizes=tuple(asked["sizes"]),
        species=work.species or None,
        max_seconds=asked["max_seconds"],
        seconds=asked["seconds"],
        max_gigabytes=asked["max_memory"] or free_gigabytes(),
        timestep_fs=asked["timestep"],
    )
    found = bench([work.spec], plan, lambda line: None)
    found.environment["command"] = shlex.join(["gnnp-bench", "bench", anonymous(work.spec)])
    (potential,) = found.potentials
    return found, "" if potential.timings else potential.stopped


def _screen(work: Work, loaded: Loaded, asked: dict[str, Any], paths: Mapping[str, str]) -> Found:
    from gnnp_bench.screening.records import Kept, Settings, setup_of
    from gnnp_bench.screening.results import result
    from gnnp_bench.screening.run import Screening
    from gnnp_bench.screening.team import Alone

    crew = Alone(lambda: loaded, work.spec)
    settings = Settings(
        fmax=asked["fmax"], steps=asked["steps"], optimizer=asked["optimizer"], cell=not asked["fixed_cell"]
    )
    candidates, others = ([paths[name] for name in asked[key]] for key in ("files", "references"))
    setup, capabilities = setup_of(crew.subject.record, settings), crew.subject.capabilities
    screening = Screening([*others, *candidates], setup, capabilities)
    try:
        with TemporaryDirectory() as folder, Kept(str(Path(folder) / "screen.jsonl")) as kept:
            screening.survey(kept)
            for _ in screening.go(crew, kept):
                pass
    finally:
        crew.evaluator.close()
    found = result(
        setup,
        screening.rows,
        screening.unreadable,
        references=frozenset(others),
        symprec=asked["symprec"],
        complete=True,
        undetermined=capabilities.undetermined,
    )
    if found["relaxed"] + found["unconverged"]:
        return found, ""
    why = [one.reason for one in screening.unreadable[:1]]
    return found, _named("; ".join(["nothing could be relaxed", *why]), paths)


def _inside(text: str) -> bytes:
    return msgspec.json.encode(text)[1:-1]


def _named(said: str, paths: Mapping[str, str]) -> str:
    for name, path in paths.items():
        said = said.replace(path, name)
    return " ".join(said.split())
