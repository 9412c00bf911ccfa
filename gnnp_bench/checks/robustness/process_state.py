"""robustness/process-state: the program around a potential is not changed by it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    Noise,
    PoolView,
    Request,
    Residual,
    Watch,
    with_parameters,
)
from gnnp_bench.checks.common import on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, periodicity_of
from gnnp_bench.structures.serialise import from_json, to_json

CALLS = ("all", "energy", "batch", "foreign species")
"""For all properties, for energies alone, for several structures at once, and for what ends in an exception."""
DECIDES = (
    "random numbers",  # of Langevin dynamics, whose noise would no longer be what its seed says
    "default dtype",
    "default device",
    "threads of torch",
    "gradients",
    "inference mode",
    "autocast",
    "deterministic",
    "TF32",
    "float32",
    "cuDNN",
    "benchmark",
    "errors of numpy",
    "numbers below",
    "rounding",
    "working directory",
)
"""How names of what begins, or ends the program, whose change can give another computation other numbers."""
ENDS = ("sys.stdout", "sys.stderr", "file descriptor 1", "file descriptor 2")
"""Streams: once closed, the next word that is printed ends the program."""
WITNESS = "another potential"
DIGEST = re.compile(r" ?#[0-9a-f]{8}")
"""What tells two long values apart, and tells a reader nothing."""
VARIABLE = "environment variable"
MOST_ATOMS = 64
MOST_TOLD = 8
UNKNOWN_NOISE = Noise(0.0, 0.0, 0.0)
"""No bound of this law depends on ν."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    most = max(MOST_ATOMS, min((len(s.structure) for s in view.samples), default=0))
    sample = view.pick(rng, lambda s: len(s.structure) <= most)
    kinds = {periodicity_of(s.structure): s.structure for s in reversed(view.samples) if s.index != sample.index}
    undeclared = [s for s in chemical_symbols[1:] if s not in view.capabilities.species]
    parameters = {
        "calls": list(CALLS),
        "company": [to_json(kinds[kind]) for kind in sorted(kinds)],
        "foreign": undeclared[0] if undeclared else None,
    }
    return sample.case(parameters)


def _simpler(case: Case) -> Iterator[Case]:
    """Yield single calls, then one structure of fewer atoms: each candidate costs a new process."""
    if len(case.parameters["calls"]) > 1:
        for call in case.parameters["calls"]:
            company = case.parameters["company"] if call == "batch" else []
            yield with_parameters(case, calls=[call], company=company)
        return
    fewer = (c for c in on_simpler_structures(case) if len(c.structure) < len(case.structure))
    for simpler in itertools.islice(fewer, 1):
        yield replace(simpler, noise=UNKNOWN_NOISE)


def _measure(case: Case) -> Measurement:
    company = [from_json(structure) for structure in case.parameters["company"]]
    structures = [case.structure, *company]
    foreign = case.parameters["foreign"]
    every, one = range(len(structures)), [0]
    calls = {"all": (one, ALL_PROPERTIES), "energy": (one, ENERGY), "batch": (every, ALL_PROPERTIES)}
    asked = [calls[call] for call in case.parameters["calls"] if call in calls]
    if foreign is not None and "foreign species" in case.parameters["calls"]:
        # The first call is to be answered: it says whether the potential is at work at all.
        asked = [*(asked or [calls["energy"]]), ([len(structures)], ENERGY)]
        structures.append(_with_foreign(case.structure, foreign))
    moments: list[Mapping[str, str]] = []
    yield Request(structures, ALL_PROPERTIES, watch=Watch(asked or [calls["energy"]], moments.extend))
    by_loading = _changes(moments[:2])
    by_evaluating = _changes(moments[1:])
    decisive = {name: told for name, told in by_evaluating.items() if _decides(name, told)}
    others = {name: told for name, told in by_loading.items() if name.startswith(WITNESS)}
    notes = [
        _told("an evaluation changes", decisive),
        _told("loading changes what others answer", others),
        _told("an evaluation changes what is not judged", _without(by_evaluating, decisive)),
        _told("loading changes what is not judged", _without(by_loading, others)),
    ]
    components = (
        Component("settings changed by an evaluation", float(len(decisive)), 0.0, "", bound=0.0),
        Component("answers of others changed by loading", float(len(others)), 0.0, "", bound=0.0),
    )
    return Residual(components, note="; ".join(filter(None, notes)) or None)


def _with_foreign(structure: Atoms, foreign: str) -> Atoms:
    spoiled: Atoms = structure.copy()
    spoiled.symbols[0] = foreign
    return spoiled


def _changes(moments: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what changed from one moment to the next by name, in words: from what to what, the first time.

    A variable of the environment may be new or gone; any other part that is there once only belongs to a library
    that was imported in between, and is new, not changed.
    """
    found: dict[str, str] = {}
    for before, after in itertools.pairwise(moments):
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name, "unset"), after.get(name, "unset")
            known = name in before and name in after
            if old != new and (known or name.startswith(VARIABLE)):
                shown, then = (DIGEST.sub("", text) for text in (old, new))
                found.setdefault(name, f"{name} ({shown} -> {then})" if shown != then else name)
    return found


def _decides(name: str, told: str) -> bool:
    closed = name in ENDS and told.endswith("-> closed)")
    return closed or name.startswith(DECIDES)


def _without(all_of_them: Mapping[str, str], some: Iterable[str]) -> dict[str, str]:
    return {name: told for name, told in all_of_them.items() if name not in some}


def _told(what: str, changes: Mapping[str, str]) -> str | None:
    if not changes:
        return None
    words = list(changes.values())
    more = [f"{len(words) - MOST_TOLD} more"] if len(words) > MOST_TOLD else []
    return f"{what}: {', '.join([*words[:MOST_TOLD], *more])}"


PROCESS_STATE = Check(
    id="robustness/process-state",
    law="the program after an evaluation = before it; what another potential answers after loading = before it",
    category="mandatory",
    needs=ENERGY,
    source=(
        "evaluation is a function of its arguments; torch documentation, reproducibility and set_default_dtype; "
        "docs/design.md, section 5"
    ),
    tolerance=(
        "none for what can change another result: random numbers, default dtype and device, threads, gradients, "
        "deterministic and TF32 modes, numpy's errors, rounding, working directory, closed streams. Everything else "
        "is told and not judged"
    ),
    physics=(
        "A potential is a guest in somebody's program. One that draws from the global random numbers, or seeds them, "
        "changes the noise of Langevin dynamics; one that sets torch's default dtype makes every network built later "
        "compute in another precision, or fail; one that leaves gradients switched off stops a training. A new "
        "process is looked at before the potential is imported, when it is loaded and after each call; a small "
        "potential in numpy, and networks in torch where torch is imported, are asked before and after the loading. "
        "Loading may set what it likes as long as these answer the same. What changes at the first evaluation only "
        "counts: the program around it has been changed."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=0.001,
    cost=len(CALLS) + 1,
    side_by_side=1,
)
