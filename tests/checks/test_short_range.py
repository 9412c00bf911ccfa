"""Holes between atoms are found where they are; walls of sound potentials hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.adapters.registry import load
from gnnp_bench.checks.physics.approach import RADII, apart, meeting, nearness, pressed, radii_sum
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Capabilities, Periodicity, Prediction, Property
from gnnp_bench.structures.prototypes import crystal
from tests.analytic import embedded_atom, smooth_pair, three_body
from tests.analytic.evaluation import AnalyticPotential
from tests.analytic.graph import DType
from tests.engine.judging import judged
from tests.mutants import plant

LAW = "physics/short-range"
METALS = ("Cu", "Au")
PERIODIC: frozenset[Periodicity] = frozenset({"periodic"})


@pytest.mark.parametrize(
    ("make", "dtype"), [(embedded_atom, "float32"), (smooth_pair, "float64"), (three_body, "float64")]
)
def test_sound_potentials_have_walls(make: Callable[..., AnalyticPotential], dtype: DType) -> None:
    found = judged(partial(make, species=METALS, dtype=dtype), LAW)
    assert (found.status, found.grade, found.measured) == ("pass", "exact", 0.0)
    assert "Cu–Au" in str(found.reason)
    assert "GPa" in str(found.reason)


def test_the_embedded_atoms_of_ase_have_walls() -> None:
    loaded = load("ase:ase.calculators.emt:EMT", METALS)
    assert judged(loaded.reload, LAW, seed=1).status == "pass"


@pytest.mark.parametrize(("seed", "periodic"), [(0, False), (1, True), (2, True)])
def test_a_hole_of_one_pair_is_found_and_named(seed: int, periodic: bool) -> None:
    sound = embedded_atom(species=("C", *METALS))
    if periodic:
        sound = replace(sound, capabilities=replace(sound.capabilities, periodicity=PERIODIC))
    found = judged(partial(plant, "hole-of-one-pair", sound), LAW, seed=seed)
    assert (found.status, found.quantity) == ("fail", "hole between atoms")
    assert "Cu–Au" in str(found.reason).partition("falls: ")[2]
    assert "Cu–Cu by" not in str(found.reason)


def test_a_hole_beside_a_third_atom_is_none_of_a_pair() -> None:
    found = judged(partial(plant, "hole-beside-a-third", embedded_atom(species=METALS)), LAW)
    assert found.status == "fail"
    falls = str(found.reason).partition("falls: ")[2]
    assert "beside" in falls or "GPa" in falls
    assert not any(f"{pair} by" in falls for pair in ("Cu–Cu", "Cu–Au", "Au–Au"))


def test_a_hole_in_crystals_is_none_of_atoms() -> None:
    found = judged(partial(plant, "hole-in-crystals", smooth_pair(species=METALS)), LAW)
    assert (found.status, found.quantity, found.unit) == ("fail", "hole under pressure", "eV/atom")
    assert {c.quantity: c.status for c in found.components}["hole between atoms"] == "pass"


def test_atoms_that_walk_through_each_other_are_told() -> None:
    found = judged(partial(plant, "soft-wall", smooth_pair(species=METALS)), LAW)
    assert {c.quantity: c.status for c in found.components}["wall between atoms too low"] == "fail"


def test_the_counterexample_is_the_simplest_and_replays() -> None:
    make = partial(plant, "hole-beside-a-third", embedded_atom(species=METALS))
    *_, last = run(make(), all_checks(), Settings(spec="x", budget="quick", only=(LAW,)), reload=make)
    (result,) = last.certificate.checks
    assert result.counterexample is not None
    assert result.counterexample.case["measured"] > 10 * result.counterexample.case["significance"]
    assert len(result.counterexample.structure["numbers"]) <= 3


@dataclass(frozen=True, slots=True)
class Stumbling:
    """A sound potential that gives up where atoms are close, as iterative methods do."""

    sound: AnalyticPotential
    from_ratio: float
    name: str = "stumbling"
    seen: list[int] = field(default_factory=list)

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if any(len(one) > 1 and nearness(one)[0] < self.from_ratio for one in structures):
            raise RuntimeError("no convergence")
        return self.sound.evaluate(structures, properties)


def test_who_gives_up_behind_the_wall_is_judged_by_what_is_in_front() -> None:
    sound = smooth_pair(species=METALS)
    behind = partial(Stumbling, sound, 0.5)
    assert judged(behind, LAW).status == "pass"
    in_front = partial(Stumbling, sound, 0.9)
    found = judged(in_front, LAW)
    assert found.status == "error"
    assert "no convergence" in str(found.reason)


def test_what_feels_nothing_proves_nothing() -> None:
    @dataclass(frozen=True, slots=True)
    class Gas:
        name: str = "gas"
        capabilities: Capabilities = field(default_factory=lambda: Capabilities(("Ar",)))

        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            return [Prediction(0.0, np.zeros((len(s), 3)), np.zeros((3, 3))) for s in structures]

    found = judged(Gas, LAW)
    assert found.status == "error"
    assert "feel nothing" in str(found.reason)


def test_radii_are_the_smaller_ones() -> None:
    assert radii_sum("V", "V") < 1.77 / 0.6  # the bond of V₂
    assert radii_sum("He", "He") == pytest.approx(0.56)
    assert RADII[29] == pytest.approx(1.276, abs=2e-3)


def test_ways_inwards() -> None:
    pair = meeting("Cu", "O", ["Cu", 1.1, 90.0], 7.0, free=False)
    assert pair.pbc.all()
    assert apart(pair, 7.0).get_distance(0, 1, mic=True) == pytest.approx(7.0)
    assert apart(pair, 7.0).get_distance(0, 2) == pytest.approx(1.1 * radii_sum("Cu", "Cu"))
    metal = crystal("fcc", ("Cu",))
    assert nearness(pressed(metal, 0.7, None)) == pytest.approx(tuple(0.7 * x for x in nearness(metal)))
    assert pressed(metal, 0.7, [0.0, 0.0, 1.0]).cell.volume == pytest.approx(0.7 * metal.cell.volume)
    molecule = Atoms("N2", positions=[[0, 0, 13.6], [0, 0, 0.6]], cell=[14] * 3, pbc=True)
    whole = pressed(molecule, 0.8, None)
    assert whole.get_distance(0, 1, mic=True) == pytest.approx(0.8)
    assert whole.cell.volume == pytest.approx(14.0**3)
