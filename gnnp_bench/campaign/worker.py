"""The far end: what carries a task out, in whichever process. Potentials are loaded once and kept."""

from __future__ import annotations

import time
import traceback
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from gnnp_bench.adapters.registry import Loaded, known
from gnnp_bench.campaign import measuring
from gnnp_bench.campaign.plain import decode_pool, encode_capabilities, encode_pool
from gnnp_bench.campaign.sources import code_digest, law_version, pool_version
from gnnp_bench.campaign.work import MEASURED, Outcome, PoolTold, SubjectTold, Work, hashed
from gnnp_bench.certificate.io import encode_value
from gnnp_bench.certificate.provenance import anonymous, versions
from gnnp_bench.check import Check
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.assemble import Subject, subject_of
from gnnp_bench.engine.ended import describe
from gnnp_bench.engine.evaluate import Evaluator, Meter
from gnnp_bench.engine.pool import Pool
from gnnp_bench.engine.run import Prepared, judge, prepare
from gnnp_bench.engine.trials import PATIENCE
from gnnp_bench.one_thread import load_on_one_thread
from gnnp_bench.potential import PotentialError, close

KEPT = 2
"""Potentials that a process keeps: the tasks of one come one after the other."""


@dataclass(slots=True)
class _Held:
    """A potential that this process has loaded."""

    loaded: Loaded
    evaluator: Evaluator
    subject: Subject
    told: SubjectTold
    pool: tuple[str, Pool] | None = None


_held: OrderedDict[tuple[str, tuple[str, ...]], _Held] = OrderedDict()


def carry_out(work: Work) -> Outcome:
    """Return what comes of a task, whatever happens short of the end of this process."""
    started = time.perf_counter()
    try:
        held, loading_s = _loaded(work)
    except PotentialError as error:
        return Outcome(ending="refused", said=str(error), elapsed_s=time.perf_counter() - started)
    if (differs := _differs(work, held)) is not None:
        return Outcome(ending="differs", said=differs)
    held.evaluator.patience = None if work.limit_s is None else min(PATIENCE, work.limit_s / 2.0)
    started = time.perf_counter()
    try:
        value, said = _done(work, held)
    except measuring.NothingMeasuredError as error:
        elapsed_s = time.perf_counter() - started
        return Outcome(ending="finished", said=str(error), elapsed_s=elapsed_s, loading_s=loading_s)
    except PotentialError as error:  # it needs something that structures can carry and do not
        return Outcome(ending="refused", said=str(error), elapsed_s=time.perf_counter() - started)
    except Exception as error:
        traceback.print_exc()
        said = f"the task itself broke: {describe(error)}"
        return Outcome(ending="died", said=said, elapsed_s=time.perf_counter() - started)
    elapsed_s = time.perf_counter() - started
    return Outcome(ending="finished", value=value, said=said, elapsed_s=elapsed_s, loading_s=loading_s)


def forget() -> None:
    """Let go of all potentials of this process."""
    while _held:
        _let_go(_held.popitem()[1])


def _done(work: Work, held: _Held) -> tuple[bytes, str]:
    if work.kind == "subject":
        return msgspec.json.encode(held.told), ""
    if work.kind == "pool":
        held.evaluator.meter = Meter()  # what a certificate tells of its pool begins with it
        studying = [check for check in all_checks() if check.id in work.studying]
        prepared = _apart(work, studying) if work.apart else prepare(held.evaluator, work.settings, studying)
        start: dict[str, Any] = msgspec.json.decode(encode_value(prepared.start))
        return msgspec.json.encode(PoolTold(start=start, pool=encode_pool(prepared.pool))), ""
    if work.kind in MEASURED:
        return measuring.measured(work, held.loaded)
    check = next(check for check in all_checks() if check.id == work.name)
    return encode_value(judge(check, _pool(work, held), held.evaluator, work.settings)), ""


def _apart(work: Work, checks: Sequence[Check]) -> Prepared:
    from gnnp_bench.engine.parallel import prepare_apart

    load = partial(load_on_one_thread, work.spec, work.species or None)
    return prepare_apart(load, checks, work.settings)


def _pool(work: Work, held: _Held) -> Pool:
    """Return the pool of a task; the last one is kept, for the tasks of one pool come one after the other."""
    key = hashed(work.subject, work.budget, work.seed, zlib.crc32(work.pool))
    if held.pool is None or held.pool[0] != key:
        held.pool = (key, decode_pool(work.pool))
    return held.pool[1]


def _loaded(work: Work) -> tuple[_Held, float]:
    key = (work.spec, work.species)
    if key in _held and work.kind != "subject":
        _held.move_to_end(key)
        return _held[key], 0.0
    if key in _held:  # whoever asks what a potential is wants to know what it is now
        _let_go(_held.pop(key))
    while len(_held) >= KEPT:
        _let_go(_held.popitem(last=False)[1])
    started = time.perf_counter()
    loaded = load_on_one_thread(work.spec, work.species or None)
    subject = subject_of(loaded.potential, work.spec)
    held = _Held(loaded, Evaluator(loaded.potential, loaded.reload), subject, told(subject))
    _held[key] = held
    return held, time.perf_counter() - started


def _let_go(held: _Held) -> None:
    held.evaluator.close()
    close(held.evaluator.potential)


def told(subject: Subject) -> SubjectTold:
    """Return what a potential is, with its address."""
    record: dict[str, Any] = msgspec.json.decode(encode_value(subject.record))
    capabilities = encode_capabilities(subject.capabilities)
    elsewhere = None if subject.elsewhere is None else dict(subject.elsewhere)
    decisive = {name: value for name, value in record.items() if name != "spec"}
    address = hashed(
        anonymous(subject.record.spec),
        decisive,
        capabilities,
        versions(subject.packages),
        _loading_code(subject.record.spec),
        None if elsewhere is None else elsewhere.get("sha256"),
    )
    return SubjectTold(
        address=address,
        record=record,
        capabilities=capabilities,
        packages=subject.packages,
        elsewhere=elsewhere,
    )


def _loading_code(spec: str) -> str:
    """Return a hash over the code that a spec names: the module of its adapter, or the user's own."""
    name, _, rest = spec.partition("?")[0].partition(":")
    entries = known()
    if name not in entries:
        return code_digest((name,))
    module = rest.partition(":")[0]
    own = (module,) if name == "ase" and module else ()
    return code_digest((entries[name].module, *own))


def _differs(work: Work, held: _Held) -> str | None:
    """Return why this worker would compute something else than was asked for, or None."""
    if work.subject and held.told.address != work.subject:
        return (
            f"a worker has loaded another potential as {work.spec} than the one that the campaign began with: its"
            " weights, its package or its environment differ"
        )
    if work.kind == "pool" and work.version != pool_version(work.studying):
        return "a worker has another version of gnnp-bench than the process that leads the campaign"
    if work.kind == "law":
        check = next((check for check in all_checks() if check.id == work.name), None)
        if check is None:
            return f"a worker does not know the law {work.name}: the package that it comes from is not installed there"
        if law_version(check) != work.version:
            return f"a worker has another version of the law {work.name} than the process that leads the campaign"
    return measuring.differs(work)
