"""Each mutant breaks the laws it names at its own strength, and no law that it does not name."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest

from gnnp_bench.potential import Potential
from tests.analytic import CALIBRATION, HELD_OUT, embedded_atom
from tests.analytic.graph import Store, remembering
from tests.mutants import CHECKS, MUTANTS, Mutant, plant
from tests.mutants.base import CONSERVATION
from tests.mutants.behaviour import BEHAVIOURAL_LAWS
from tests.mutants.laws import GEOMETRIC_LAWS
from tests.mutants.motion import MOTION_LAWS
from tests.mutants.pressing import PHYSICS_LAWS

LAWS = {**GEOMETRIC_LAWS, **BEHAVIOURAL_LAWS, **MOTION_LAWS, **PHYSICS_LAWS}
BROKEN = 3.0
"""In units of what matters to a physicist."""
OBEYED = 0.01
SOUND_PRECISION = 0.5
"""The noise of a float64 potential in units of the largest that passes for float64."""
DROWNED = dict.fromkeys(
    ("float32-inside", "float32-inside-constant"),
    CONSERVATION
    | {
        "smoothness/stiffness-continuous",
        "dynamics/energy-conserved",
        "dynamics/stress-in-motion",
        "physics/elasticity",
    },
)
"""Derivatives by differences, and drifts over few fs, drown in the rounding of float32 where no bound excuses it."""
LOOK_AT_TIME_OR_MEMORY = ("robustness/threads", "robustness/memory-growth")
ATTEMPTS = 10
"""To see two threads meet: on a machine with much else to do they may take turns."""
ROUNDED = 0.05
"""What float32 leaves of a law, in the same units."""


def _make(mutant: Mutant) -> Potential:
    cutoff = 8.0 if mutant.name == "images-beyond-two-shells" else 5.0
    offset = -1000.0 if mutant.name == "float32-inside-constant" else 0.0
    return plant(mutant.name, embedded_atom(cutoff, offset=offset))


@pytest.fixture(scope="module")
def known():
    """Graphs of the structures that the laws ask for, which are the same for one potential and the next."""
    store: Store = {}
    yield store
    store.clear()


def _residual(law: str, make: Callable[[], Potential], known: Store) -> float:
    with nullcontext() if law in LOOK_AT_TIME_OR_MEMORY else remembering(known):
        return LAWS[law](make)


def test_every_check_has_its_law() -> None:
    assert LAWS.keys() == CHECKS


@pytest.mark.parametrize("factory", CALIBRATION + HELD_OUT)
@pytest.mark.parametrize("law", LAWS)
def test_sound_potentials_obey(factory: Callable[[float], Potential], law: str, known: Store) -> None:
    limit = SOUND_PRECISION if law == "robustness/precision" else OBEYED
    assert _residual(law, partial(factory, 5.0), known) < limit


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_mutants_break_the_laws_they_name(mutant: Mutant, known: Store) -> None:
    residuals = {}
    for law in mutant.must_fail:
        for _ in range(ATTEMPTS if law == "robustness/threads" else 1):
            residuals[law] = _residual(law, partial(_make, mutant), known)
            if residuals[law] > BROKEN:
                break
    assert min(residuals.values()) > BROKEN, residuals


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_mutants_break_no_other_law(mutant: Mutant, known: Store) -> None:
    others = CHECKS - mutant.must_fail - mutant.may_fail - DROWNED.get(mutant.name, frozenset())
    residuals = {law: _residual(law, partial(_make, mutant), known) for law in others}
    rough = ROUNDED if mutant.name in DROWNED else OBEYED
    limits = {law: SOUND_PRECISION if law == "robustness/precision" else rough for law in others}
    assert not {law: r for law, r in residuals.items() if not np.isfinite(r) or r > limits[law]}
