"""A constant says nothing about arithmetic: energies of free atoms, round, huge or zero, bend neither ν nor dtype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.check import Noise
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.checks.robustness.energies_agree import ENERGIES_AGREE
from gnnp_bench.checks.robustness.noise_floor import NOISE_FLOOR
from gnnp_bench.checks.robustness.precision import PRECISION, PRECISION_B, PRECISION_S, relative_roughness
from gnnp_bench.engine.ended import Done
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.noise import measure_noise
from gnnp_bench.engine.pool import Pool, draw_structures, evaluate_pool
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.analytic import smooth_pair
from tests.analytic.references import HUGE, MIXED, ROUND, SMALL, STORED, with_references

SPECIES = ("Cu", "Au")
REFERENCES = (-2000.0, -500.5, -1024.0, 0.0, 1e6, 1e9)
"""eV: numbers of float32, all of them."""


def alone(periodic: bool = False) -> Atoms:
    return Atoms("Cu", positions=[[0.1, 0.2, 0.3]], cell=[20.0] * 3, pbc=periodic)


def apart() -> Atoms:
    """Two atoms that do not feel each other."""
    return Atoms("CuAu", positions=[[0.1, 0.2, 0.3], [15.1, 0.2, 0.3]])


def crystal() -> Atoms:
    structure = bulk("CuAu", "rocksalt", a=5.2)
    structure.rattle(0.1, seed=1)
    return structure


def ideal() -> Atoms:
    """Its forces vanish by symmetry."""
    return bulk("Cu", "fcc", a=3.6)


def noise_of(potential: Potential, structure: Atoms, *, single: bool = False) -> Noise:
    (outcome,) = Evaluator(potential, lambda: potential).drive([measure_noise(structure, single=single)])
    assert isinstance(outcome, Done)
    return outcome.value


def pool_of(potential: Potential, structures: Sequence[Atoms]) -> Pool:
    return evaluate_pool(Evaluator(potential, lambda: potential), structures)


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("structure", [alone(), alone(periodic=True), apart(), crystal(), ideal()])
def test_a_round_reference_in_float64_is_rounded_to_float64(reference: float, structure: Atoms) -> None:
    potential = with_references(smooth_pair(species=SPECIES), (reference,))
    plain = noise_of(potential.sound, structure)
    found = noise_of(potential, structure)
    # A real loss, in any sum with so large a number, and no more than that.
    assert plain.energy <= found.energy <= 10.0 * plain.energy + 10.0 * float(np.spacing(abs(reference)))
    if reference:
        assert found.energy >= float(np.spacing(abs(reference))) / len(structure)
    assert found.stress == plain.stress
    assert found.forces <= max(plain.forces, 1e-13)


@pytest.mark.parametrize("references", [ROUND, HUGE, MIXED, STORED])
def test_float32_beside_round_references_in_float64(references: tuple[float, ...]) -> None:
    potential = with_references(smooth_pair(species=SPECIES, dtype="float32"), references)
    pool = pool_of(potential, [alone(), apart(), crystal()])
    assert pool.single
    free, separate, bound = (sample.noise for sample in pool.samples)
    assert max(free.energy, separate.energy) <= float(np.spacing(max(map(abs, references))))
    assert max(free.forces, separate.forces) < 1e-15
    assert 1e-8 < bound.energy < 1e-4
    assert 1e-8 < bound.forces < 1e-3


def test_references_added_inside_float32_cost_what_they_cost() -> None:
    potential = with_references(smooth_pair(species=SPECIES, dtype="float32"), (-2000.0,), inside=True)
    pool = pool_of(potential, [alone(), crystal()])
    assert pool.samples[0].noise.energy == float(np.spacing(np.float32(2000.0)))
    assert pool.samples[1].noise.energy >= float(np.spacing(np.float32(2000.0)))


@dataclass(frozen=True, slots=True)
class Altered:
    """A potential that says another precision than it has, or rounds its outputs."""

    inside: Potential
    dtype: str | None
    rounds: bool = False
    energy_only: bool = False
    name: str = "altered"

    @property
    def capabilities(self) -> Capabilities:
        has = replace(self.inside.capabilities, dtype=self.dtype)  # type: ignore[arg-type]
        return replace(has, properties=frozenset({"energy"})) if self.energy_only else has

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return [self._altered(p) for p in self.inside.evaluate(structures, properties)]

    def _altered(self, p: Prediction) -> Prediction:
        if not self.rounds:
            return p
        forces = None if p.forces is None else p.forces.astype(np.float32).astype(float)
        return replace(p, energy=float(np.float32(p.energy)), forces=forces)


def test_several_different_numbers_of_float32_are_no_accident() -> None:
    """Outputs rounded to float32 show on the structure itself, whatever is declared."""
    found = noise_of(Altered(smooth_pair(species=SPECIES), None, rounds=True), crystal())
    assert found.energy > 1e-9
    assert found.forces > 1e-9


@pytest.mark.parametrize(("dtype", "expected"), [("float32", True), ("float64", False)])
def test_structures_without_neighbours_do_not_decide(dtype: str, expected: bool) -> None:
    """The smallest structures of the pool are constants; an undeclared precision is seen on the others."""
    inside = with_references(smooth_pair(species=SPECIES, dtype=dtype), ROUND)  # type: ignore[arg-type]
    lonely = [alone(), alone(periodic=True), apart(), apart(), apart()]
    for structures in (lonely, [*lonely, crystal()]):
        pool = pool_of(Altered(inside, None), structures)
        assert pool.single is (expected and len(structures) == len(lonely) + 1)
        assert max(sample.noise.energy for sample in pool.samples[: len(lonely)]) < 1e-11


@pytest.mark.parametrize("references", [ROUND, HUGE, MIXED, STORED, SMALL])
def test_float64_with_any_references_is_precise_and_float32_beside_them_is_not(references: tuple[float, ...]) -> None:
    roughness = {}
    for dtype in ("float64", "float32"):
        make = partial(with_references, smooth_pair(species=SPECIES, dtype=dtype), references)
        evaluator = Evaluator(make(), make)
        (outcome,) = evaluator.drive([relative_roughness(crystal(), 0)])
        assert isinstance(outcome, Done)
        roughness[dtype] = outcome.value
    assert max(roughness["float64"].values()) < PRECISION_B
    assert roughness["float32"]["forces"] > PRECISION_S
    if max(map(abs, references)) < 1e5:  # beyond, float64 itself rounds the energy as coarsely
        assert roughness["float32"]["energy"] > PRECISION_S


@pytest.mark.parametrize("dtype", ["float64", "float32", None])
@pytest.mark.parametrize("references", [ROUND, (-500.5,), MIXED, HUGE])
def test_sound_potentials_hold_both_laws_of_rounding(dtype: str | None, references: tuple[float, ...]) -> None:
    """At `standard`, where single atoms are among the structures."""
    sound = smooth_pair(species=SPECIES, dtype=dtype or "float64")  # type: ignore[arg-type]
    potential = Altered(with_references(sound, references), dtype)
    settings = Settings(spec="sound", budget="standard", only=(NOISE_FLOOR.id, PRECISION.id))
    assert any(len(s) == 1 and not s.pbc.any() for s in draw_structures(potential.capabilities, 24, 0))
    last = list(run(potential, all_checks(), settings, reload=lambda: potential))[-1].certificate
    for found in last.checks:
        assert (found.status, found.grade) == ("pass", "exact") or found.status == "not_applicable", found


@dataclass(frozen=True, slots=True)
class TellsTwo:
    """A potential that tells `energy` beside `free_energy`, kept in single precision, or with a defect of some eV."""

    inside: Potential
    rounds: bool = False
    lacks: float = 0.0
    name: str = "tells two"

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.inside.capabilities, energies=("energy", "free_energy"))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return [self._told(p) for p in self.inside.evaluate(structures, properties)]

    def _told(self, p: Prediction) -> Prediction:
        energy = p.energy + self.lacks
        return replace(p, reported_energy=float(np.float32(energy)) if self.rounds else energy)


@pytest.mark.parametrize("reference", REFERENCES)
def test_two_energies_that_are_the_same_agree_exactly(reference: float) -> None:
    """Were they excused by the spacing of float32, 0 would be held only as far as rounding lets one see."""
    potential = TellsTwo(with_references(smooth_pair(species=SPECIES), (reference,)))
    assert judgement(potential) == ("pass", "exact")


@pytest.mark.parametrize(
    ("reference", "rounds", "lacks", "expected"), [(-500.0, True, 0.0, "pass"), (-1e4, False, 0.02, "fail")]
)
def test_float32_excuses_only_what_float32_can_hold(
    reference: float, rounds: bool, lacks: float, expected: str
) -> None:
    """At −1e4 eV per atom float32 could not tell 1 meV per atom."""
    potential = TellsTwo(with_references(smooth_pair(species=SPECIES), (reference,)), rounds, lacks)
    assert judgement(potential)[0] == expected


def judgement(potential: Potential) -> tuple[str, str | None]:
    settings = Settings(spec="sound", only=(ENERGIES_AGREE.id,))
    certificate = list(run(potential, all_checks(), settings, reload=lambda: potential))[-1].certificate
    (found,) = (check for check in certificate.checks if check.id == ENERGIES_AGREE.id)
    return found.status, found.grade
