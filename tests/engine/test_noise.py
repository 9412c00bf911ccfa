"""ν follows what rounding does, over many orders of magnitude, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.check import Noise
from gnnp_bench.engine.ended import Done
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.noise import looks_single, measure_noise
from gnnp_bench.engine.pool import draw_structures, evaluate_pool
from gnnp_bench.numerics.rotations import matrix, random_quaternion
from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, Potential, Prediction, Property
from gnnp_bench.structures.transform import rotate
from tests.analytic import embedded_atom, smooth_pair, three_body

SPECIES = ("Cu", "Au")


def noise_of(potential: Potential, structure: Atoms, *, single: bool) -> Noise:
    (outcome,) = Evaluator(potential, lambda: potential).drive([measure_noise(structure, single=single)])
    assert isinstance(outcome, Done)
    return outcome.value


def rattled() -> Atoms:
    structure = bulk("CuAu", "rocksalt", a=5.2) * (2, 1, 1)
    structure.rattle(0.1, seed=1)
    return structure


def rotation_residual(potential: Potential, structure: Atoms) -> tuple[float, float, float]:
    """Return the largest of 20 residuals of energy per atom, forces and stress under rotation."""
    rng = np.random.default_rng(0)
    turns = [matrix(random_quaternion(rng)) for _ in range(20)]
    before, *after = potential.evaluate([structure, *(rotate(structure, t) for t in turns)], ALL_PROPERTIES)
    assert before.forces is not None
    assert before.stress is not None
    energy = max(abs(p.energy - before.energy) for p in after) / len(structure)
    expected = np.array([before.forces @ t.T for t in turns])
    forces = np.abs(np.array([p.forces for p in after]) - expected).max()
    expected = np.array([t @ before.stress @ t.T for t in turns])
    stress = np.abs(np.array([p.stress for p in after]) - expected).max()
    return energy, float(forces), float(stress)


@pytest.mark.parametrize("make", [smooth_pair, embedded_atom, three_body])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("offset", [0.0, -1000.0])
def test_rotation_residuals_are_a_few_nu(make, dtype, offset) -> None:
    potential = make(species=SPECIES, dtype=dtype, offset=offset)
    nu = noise_of(potential, rattled(), single=dtype == "float32")
    for residual, floor in zip(rotation_residual(potential, rattled()), (nu.energy, nu.forces, nu.stress), strict=True):
        assert residual == 0.0 or 0.01 * floor < residual < 10.0 * floor


def test_a_float64_constant_on_a_float32_energy_does_not_hide_its_rounding() -> None:
    plain = noise_of(smooth_pair(species=SPECIES, dtype="float32"), rattled(), single=True)
    shifted = noise_of(smooth_pair(species=SPECIES, dtype="float32", offset=-1000.0), rattled(), single=True)
    assert 0.1 < shifted.energy / plain.energy < 3.0


@dataclass(frozen=True, slots=True)
class Kinked:
    """A sound potential with a kink in its energy, a jump of its forces, where atom 0 crosses a plane."""

    plane: float
    jump: float = 1e-2
    name: str = "kinked"
    sound: Potential = smooth_pair(species=SPECIES)  # noqa: RUF009  # a frozen value

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        predictions = self.sound.evaluate(structures, properties)
        beyond = [max(0.0, s.positions[0, 0] - self.plane) for s in structures]
        return [replace(p, energy=p.energy + self.jump * b) for p, b in zip(predictions, beyond, strict=True)]


def test_a_kink_on_one_line_does_not_raise_nu() -> None:
    """The plane lies exactly at the first base point, where it adds 1e-10 eV to the scatter along that line."""
    structure = rattled()
    sound = noise_of(smooth_pair(species=SPECIES), structure, single=False)
    from gnnp_bench.engine import noise
    from gnnp_bench.structures.lines import base_point

    rng = np.random.default_rng(noise._seed_of(structure))
    plane = float(base_point(structure, rng).positions[0, 0])
    kinked = Kinked(plane)
    assert noise_of(kinked, structure, single=False).energy < 3.0 * sound.energy


def test_nu_is_a_function_of_the_structure_alone() -> None:
    potential = smooth_pair(species=SPECIES)
    assert noise_of(potential, rattled(), single=False) == noise_of(potential, rattled(), single=False)


@dataclass(frozen=True, slots=True)
class Undeclared:
    """A potential that computes in float32 inside and says nothing about it."""

    inside: Potential
    name: str = "undeclared"

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.inside.capabilities, dtype=None)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        # Multiplied by 1.1 in float64: no output is representable in float32.
        return [
            Prediction(
                1.1 * p.energy,
                None if p.forces is None else 1.1 * p.forces,
                None if p.stress is None else 1.1 * p.stress,
            )
            for p in self.inside.evaluate(structures, properties)
        ]


@pytest.mark.parametrize(("dtype", "expected"), [("float32", True), ("float64", False)])
def test_float32_is_seen_where_nothing_is_declared(dtype, expected) -> None:
    potential = Undeclared(smooth_pair(species=SPECIES, dtype=dtype))
    evaluator = Evaluator(potential, lambda: potential)
    pool = evaluate_pool(evaluator, draw_structures(potential.capabilities, 8, 0))
    assert pool.single is expected
    assert (min(s.noise.energy for s in pool.samples) > 1e-9) is expected


def test_what_is_declared_is_believed() -> None:
    assert looks_single(Capabilities(species=SPECIES, dtype="float32"), [])
    assert not looks_single(Capabilities(species=SPECIES), [{"energy": 1e-13, "forces": 1e-12}])
    assert looks_single(Capabilities(species=SPECIES), [{"energy": 1e-13, "forces": 1e-7}])


def test_nothing_is_known_more_exactly_than_terms_of_order_one_cancel() -> None:
    """Where all is zero, one ulp of it would be a denormal number, and any other zero a violation of `exact`."""
    alone = Atoms("Cu", positions=[[0.1, 0.2, 0.3]])
    noise = noise_of(smooth_pair(species=SPECIES), alone, single=False)
    assert noise.forces == np.finfo(float).eps
