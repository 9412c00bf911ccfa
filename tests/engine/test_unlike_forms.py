"""Sound potentials are certified although their forms are unlike those that the bounds were calibrated on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.check import PoolView
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.pool import draw_structures, evaluate_pool
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property, Unsupported
from gnnp_bench.structures.build import build
from gnnp_bench.structures.recipe import Recipe
from gnnp_bench.structures.wider import widths
from tests.analytic import smooth_pair
from tests.engine.unlike_forms import (
    behler_parrinello,
    message_passing,
    moment_tensor,
    shifted_force,
    triple_dipole,
)

SLOW = ("robustness/processes", "robustness/process-state", "robustness/memory-growth")
"""Left out: they start processes and repeat calls, whatever the form is."""
CHECKS = tuple(check for check in all_checks() if check.id not in SLOW)


@pytest.mark.parametrize(
    ("make", "seed"),
    [(behler_parrinello, 0), (triple_dipole, 1), (moment_tensor, 3), (message_passing, 1), (shifted_force, 3)],
)
def test_a_sound_potential_of_another_form_is_certified(make: Callable[[], Potential], seed: int) -> None:
    *_, last = run(make(), CHECKS, Settings(spec="test", budget="quick", seed=seed), reload=make)
    told = {
        result.id: (result.status, result.measured, result.bound, result.reason)
        for result in last.certificate.checks
        if result.status not in ("pass", "not_applicable")
    }
    assert not told
    assert last.certificate.verdict == "certified"


@dataclass(slots=True)
class Refusing:
    """A sound potential that finds the nearest image of a neighbour only, and refuses cells where there are others."""

    cutoff: float
    declares_it: bool = True
    name: str = "refusing"

    @property
    def sound(self) -> Potential:
        return smooth_pair(self.cutoff)

    @property
    def capabilities(self) -> Capabilities:
        declared = self.sound.capabilities
        return (
            declared if self.declares_it else replace(declared, cutoff=None, receptive_field=None, claims=frozenset())
        )

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if any(s.pbc.any() and widths(s).min() < 2.0 * self.cutoff for s in structures):
            raise Unsupported("the cell is thinner than twice the cutoff")
        return self.sound.evaluate(structures, properties)


@pytest.mark.parametrize(("cutoff", "declares_it"), [(5.0, True), (4.0, False)])
def test_who_refuses_small_cells_is_certified_on_larger_ones(cutoff: float, declares_it: bool) -> None:
    make = functools.partial(Refusing, cutoff, declares_it)
    *_, last = run(make(), CHECKS, Settings(spec="test", budget="quick"), reload=make)
    assert last.certificate.verdict == "certified"
    cases = {result.id: result.cases for result in last.certificate.checks}
    for law in ("periodicity/supercell", "periodicity/lattice-wrap", "conservation/stress-strain"):
        assert cases[law] > 5, law


@pytest.mark.parametrize("make", [behler_parrinello, shifted_force])
@pytest.mark.parametrize("seed", range(5, 9))
def test_kinks_of_many_pairs_are_no_rounding(make: Callable[[], Potential], seed: int) -> None:
    """Where the slope of a cutoff jumps, lines along which many atoms move cross it here and there."""
    checks = tuple(check for check in all_checks() if check.id == "robustness/precision")
    *_, last = run(make(), checks, Settings(spec="test", budget="quick", seed=seed), reload=make)
    assert [result.status for result in last.certificate.checks] == ["pass"]


@pytest.mark.parametrize("seed", [0, 2])
def test_a_steep_potential_in_float32_is_certified(seed: int) -> None:
    """Forces reach hundreds of eV/Å where atoms are pushed together, and round accordingly."""
    make = functools.partial(shifted_force, dtype="float32")
    *_, last = run(make(), CHECKS, Settings(spec="test", budget="quick", seed=seed), reload=make)
    told = {r.id: (r.status, r.reason) for r in last.certificate.checks if r.status not in ("pass", "not_applicable")}
    assert not told


def test_each_refused_structure_has_at_most_one_larger_one_in_its_place() -> None:
    potential = Refusing(4.0, declares_it=False)
    structures = draw_structures(potential.capabilities, 24, 0)
    pool = evaluate_pool(Evaluator(potential, lambda: potential), structures)
    assert len(pool.samples) + len(pool.refused) == len(structures)
    assert not pool.failures
    assert [len(sample.structure) for sample in pool.samples] == sorted(len(s.structure) for s in pool.samples)
    for sample in pool.samples:
        assert not sample.structure.pbc.any() or widths(sample.structure).min() >= 8.0


def test_no_supercell_is_the_cell_itself_however_large_that_is() -> None:
    potential = smooth_pair()
    structure = build(Recipe("crystal", "sc", ("Cu",), (5, 5, 5), rattle=0.1, seed=1))
    pool = evaluate_pool(Evaluator(potential, lambda: potential), [structure])
    view = PoolView(pool.samples, potential.capabilities)
    check = next(check for check in all_checks() if check.id == "periodicity/supercell")
    rng = np.random.default_rng(0)
    for _ in range(20):
        matrix = np.asarray(check.draw(rng, view).parameters["matrix"])
        assert abs(round(np.linalg.det(matrix))) >= 2
