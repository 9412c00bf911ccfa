"""Certificates as views of a store: what `gnnp-bench certify` would have written, put together from results."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gnnp_bench.campaign.kept import Ledger
from gnnp_bench.campaign.parts import Plan
from gnnp_bench.campaign.store import Row, Store
from gnnp_bench.campaign.work import PoolTold, Work
from gnnp_bench.certificate.io import decode_value
from gnnp_bench.certificate.provenance import anonymous
from gnnp_bench.certificate.result import Certificate, Waiver
from gnnp_bench.engine.assemble import Judgement, assemble


@dataclass(frozen=True, slots=True)
class View:
    """One potential at one budget and seed, as far as a store knows it.

    Attributes
    ----------
    pool : Work
        The task that everything else of it hangs on.
    certificate : Certificate or None
        None where the pool was not evaluated.
    done : int
        Laws that have a result; those that ended their process, or took too long, are among them.
    late, killed : int
        Those that took too long, and those whose process was killed from outside each time.
    other_versions : int
        Laws whose result is of another version of gnnp_bench, and hence none.
    said : str
        Why there is no certificate, where that is known.
    """

    pool: Work
    certificate: Certificate | None
    done: int = 0
    late: int = 0
    killed: int = 0
    other_versions: int = 0
    said: str = ""


def views(
    store: Store, plan: Plan, ledger: Ledger, *, waivers: Sequence[Waiver] = (), any_version: bool = False
) -> Iterator[View]:
    """Yield each potential of a plan, at each budget and seed.

    Parameters
    ----------
    store : Store
    plan : Plan
    ledger : Ledger
        Of the store.
    waivers : sequence of Waiver
    any_version : bool
        Take results of other versions of gnnp_bench for what they are; of several the last.
    """
    for subject in plan.campaign.subjects:
        asked = plan.subject(subject)
        told = ledger.subjects.get(asked.address)
        if told is None:
            tried = ledger.tried.get(asked.address)
            for pool in plan.pools(subject, ""):
                yield View(pool, None, said="" if tried is None else tried.said.partition(" [")[0])
            continue
        for pool in plan.pools(subject, told.address):
            yield view(store, plan, pool, waivers=waivers, any_version=any_version)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is measured of one potential beside the laws, as far as a store knows it.

    Attributes
    ----------
    work : Work
    value : bytes
        What the command of that name writes, as JSON; empty where there is none.
    other_versions : int
        Results of other versions of gnnp_bench, other files or other keys, and hence none.
    said : str
        Why there is no number, where that is known.
    """

    work: Work
    value: bytes = b""
    other_versions: int = 0
    said: str = ""

    @property
    def is_done(self) -> bool:
        """Whether there are numbers."""
        return bool(self.value) and not self.said


def measurements(store: Store, plan: Plan, ledger: Ledger) -> Iterator[Measurement]:
    """Yield what is measured of each potential of a plan beside the laws."""
    for subject in plan.campaign.subjects:
        asked = plan.subject(subject)
        told = ledger.subjects.get(asked.address)
        for work in plan.measures(subject, "" if told is None else told.address):
            if told is None:
                tried = ledger.tried.get(asked.address)
                yield Measurement(work, said="" if tried is None else tried.said.partition(" [")[0])
            else:
                yield measurement(store, work)


def measurement(store: Store, work: Work) -> Measurement:
    """Return what a store knows of one measurement."""
    rows = list(store.rows("WHERE subject = ? AND kind = ? ORDER BY number", (work.subject, work.kind)))
    found = _best([row for row in rows if row.address == work.address], work.version, any_version=False)
    other = sum(row.address != work.address and row.name == work.name for row in rows)
    if found is None:
        return Measurement(work, other_versions=other)
    said = found.said.partition(" [")[0] if found.ending == "late" else found.said
    return Measurement(work, found.value, other, said)


def view(store: Store, plan: Plan, pool: Work, *, waivers: Sequence[Waiver] = (), any_version: bool = False) -> View:
    """Return what a store knows of one potential at one budget and seed."""
    rows = list(
        store.rows(
            "WHERE subject = ? AND budget = ? AND seed = ? ORDER BY number", (pool.subject, pool.budget, pool.seed)
        )
    )
    evaluated = _best([row for row in rows if row.kind == "pool"], pool.version, any_version)
    of_law: dict[str, list[Row]] = {}
    for row in rows:
        if row.kind == "law" and row.profile == pool.profile and row.name in plan.versions:
            of_law.setdefault(row.name, []).append(row)
    found = {name: _best(some, plan.versions[name], any_version) for name, some in of_law.items()}
    results = [row for row in found.values() if row is not None]
    other = sum(row is None for row in found.values())
    if evaluated is None or evaluated.ending != "finished":
        said = "" if evaluated is None else evaluated.said.partition(" [")[0]
        return View(pool, None, other_versions=other, said=said)
    certificate = _certificate(plan, pool, evaluated, results, waivers)
    late, killed = (sum(row.ending == how for row in results) for how in ("late", "killed"))
    return View(pool, certificate, len(results), late, killed, other)


def _best(rows: Sequence[Row], version: str, any_version: bool) -> Row | None:
    """Return the first finished result of a version, else the last that was said; of any version, of the last one."""
    some = [row for row in rows if row.version == version]
    if not some and any_version and rows:
        some = [row for row in rows if row.version == rows[-1].version]
    finished = [row for row in some if row.ending == "finished"]
    return finished[0] if finished else some[-1] if some else None


def _certificate(plan: Plan, pool: Work, evaluated: Row, rows: Sequence[Row], waivers: Sequence[Waiver]) -> Certificate:
    told = msgspec.json.decode(evaluated.value, type=PoolTold)
    start = msgspec.convert(told.start, type=Certificate)
    environment: dict[str, Any] = {**start.environment, "command": command(plan, pool)}
    judgements = [decode_value(row.value, Judgement) for row in rows]
    return assemble(
        replace(start, environment=environment, profile=pool.profile),
        judgements,
        registered=[check.id for check in plan.checks],
        asked=[check.id for check in plan.chosen],
        restricted=bool(plan.campaign.laws or plan.campaign.skip),
        waivers=waivers,
    )


def command(plan: Plan, pool: Work) -> str:
    """Return the command that makes the same certificate without a campaign."""
    words = ["gnnp-bench", "certify", anonymous(pool.spec)]
    if pool.species:
        words += ["--species", ",".join(pool.species)]
    words += ["--budget", pool.budget, "--seed", str(pool.seed)]
    if pool.profile != "default":
        words += ["--profile", pool.profile]
    for option, globs in (("--only", plan.campaign.laws), ("--skip", plan.campaign.skip)):
        words += [word for glob in globs for word in (option, glob)]
    return shlex.join(words)
