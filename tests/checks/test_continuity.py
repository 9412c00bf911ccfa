"""What jumps is told with size, place and cause; walls, switches and kinks are no jumps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT

from gnnp_bench.adapters.registry import load
from gnnp_bench.case import Case, Noise
from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.check import Residual
from gnnp_bench.checks.smoothness.continuity import CONTINUITY
from gnnp_bench.checks.smoothness.paths import two
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.analytic import embedded_atom, smooth_pair
from tests.analytic.graph import DType, Graph, Real, sum_by
from tests.analytic.kinks import kinked
from tests.engine.judging import judged
from tests.engine.test_noise import noise_of
from tests.mutants import MUTANTS, plant
from tests.mutants.base import Extra, add_term, forces_only
from tests.mutants.jumps import nearest
from tests.mutants.kinks import _angles

LAW = "smoothness/continuity"
SPECIES = ("Cu", "Au")
Shape = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Energy, eV, and its slope, eV/Å, of a pair at a distance."""


@dataclass(slots=True)
class WithPair:
    """A sound potential of isolated structures, with a pair energy of any shape."""

    shape: Shape
    dtype: DType = "float64"
    unlike: bool = False
    sound: Potential = field(init=False)
    name: str = "pair"

    def __post_init__(self) -> None:
        sound = smooth_pair(5.0, species=SPECIES, dtype=self.dtype)
        self.sound = replace(
            sound,
            capabilities=replace(
                sound.capabilities, claims=frozenset(), periodicity=frozenset({"isolated"}), smoothness=None
            ),
        )

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate(structures, properties)
        return [self._with(s, p) for s, p in zip(structures, found, strict=True)]

    def _with(self, structure: Atoms, prediction: Prediction) -> Prediction:
        positions = structure.positions.astype(self.dtype)
        vectors = positions[:, None] - positions[None]
        distances = np.sqrt((vectors**2).sum(axis=2)) + np.eye(len(structure), dtype=self.dtype) * 50
        energies, slopes = self.shape(distances)
        if self.unlike:
            counts = structure.numbers[:, None] != structure.numbers[None]
            energies, slopes = energies * counts, slopes * counts
        forces = -((slopes / distances)[..., None] * vectors).sum(axis=1)
        return replace(
            prediction,
            energy=float(np.asarray(prediction.energy + 0.5 * energies.sum(), self.dtype)),
            forces=None if prediction.forces is None else (prediction.forces + forces).astype(self.dtype).astype(float),
            energies=None,
        )


def energy_step(size: float, place: float) -> Shape:
    return lambda r: (size * (r < place), 0.0 * r)


def force_step(size: float, place: float) -> Shape:
    return lambda r: (size * np.minimum(r - place, 0.0), size * (r < place))


def measured(
    make: Callable[[], Potential], symbols: tuple[str, ...] = ("Cu", "Au"), seed: int = 0, *, single: bool = False
) -> Residual:
    """Return what the law measures on one pair that is pulled apart."""
    case = two(np.random.default_rng(seed), symbols, 5.5, boxed=False)
    potential = make()
    nu = noise_of(potential, case.structure, single=True) if single else Noise(1e-15, 1e-14, 1e-15)
    measurement = CONTINUITY.measure(Case(case.structure, nu, case.parameters))
    request = next(measurement)
    try:
        while True:
            request = measurement.send(potential.evaluate(request.structures, request.properties))
    except StopIteration as end:
        residual: Residual = end.value
        return residual


@pytest.mark.parametrize("size", [1.0, 1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("place", [2.345678, 3.9, 4.8213])
def test_steps_of_the_energy_have_size_place_and_cause(size: float, place: float) -> None:
    found = measured(lambda: WithPair(energy_step(size, place)))
    assert found.components[0].quantity == "energy"
    assert found.components[0].residual == pytest.approx(size, rel=0.1)
    told = re.search(r"the energy jumps by (\S+) eV where a pair Cu–Au is (\S+) Å long", str(found.note))
    assert told is not None, found.note
    assert float(told[1]) == pytest.approx(size, rel=0.1)
    assert float(told[2]) == pytest.approx(place, abs=1e-6)


@pytest.mark.parametrize("size", [1.0, 1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("place", [2.345678, 3.9, 4.8213])
def test_steps_of_forces_have_size_place_and_cause(size: float, place: float) -> None:
    found = measured(lambda: WithPair(force_step(size, place)))
    forces = next(c for c in found.components if c.quantity == "forces")
    assert forces.residual == pytest.approx(size, rel=0.1)
    told = re.search(r"forces jump by (\S+) eV/Å where a pair Cu–Au is (\S+) Å long", str(found.note))
    assert told is not None, found.note
    assert float(told[2]) == pytest.approx(place, abs=1e-6)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        *((size, energy_step) for size in (1.0, 1e-2, 1e-3, 1.5e-4)),
        *((size, force_step) for size in (1.0, 1e-2, 2e-3, 1.5e-3, 1e-3)),
    ],
)
@pytest.mark.parametrize("place", [2.7, 3.9, 4.8213])
@pytest.mark.parametrize("seed", [0, 1])
def test_steps_in_single_precision_have_size_place_and_cause(
    size: float, shape: Callable[[float, float], Shape], place: float, seed: int
) -> None:
    """Rounding is 1e-6 eV and 6e-6 eV/Å on these lines. Force steps of 1 to 2 meV/Å were once taken for it."""
    found = measured(lambda: WithPair(shape(size, place), "float32"), seed=seed, single=True)
    quantity, name = ("energy", "the energy jumps") if shape is energy_step else ("forces", "forces jump")
    component = next(c for c in found.components if c.quantity == quantity)
    assert component.residual == pytest.approx(size, rel=0.1)
    told = re.search(rf"{name} by (\S+) eV\S* where a pair Cu–Au is (\S+) Å long", str(found.note))
    assert told is not None, found.note
    assert float(told[1]) == pytest.approx(size, rel=0.1)
    assert float(told[2]) == pytest.approx(place, abs=1e-3)


def test_jumps_below_what_matters_are_told_and_not_failed() -> None:
    found = judged(lambda: WithPair(force_step(2e-4, 3.9)), LAW)
    assert (found.status, found.grade) == ("pass", "approximate")
    assert "3.900000 Å" in str(found.reason)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_jump_of_unlike_pairs_only_is_seen(dtype: DType, seed: int) -> None:
    found = judged(lambda: WithPair(energy_step(5e-3, 3.9), dtype, unlike=True), LAW, seed=seed)
    assert found.status == "fail"
    # In single precision a jump is placed too coarsely to tell one of many pairs.
    assert dtype == "float32" or re.search(r"pair (Cu–Au|Au–Cu) is 3\.900", str(found.reason)), found.reason


def wall(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a wall that reaches 1e4 eV/Å where pairs are closest."""
    energy = 400.0 * np.exp(-(r - 1.9) / 0.04)
    return energy, -energy / 0.04


def switch(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an energy that is switched off within 0.05 Å with three continuous derivatives."""
    x = np.clip((r - 3.2) / 0.05, 0.0, 1.0)
    inside = x**4 * (35.0 - 84.0 * x + 70.0 * x * x - 20.0 * x**3)
    return 0.1 * (1.0 - inside), -0.1 * 140.0 * (x * (1.0 - x)) ** 3 / 0.05


def window(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Tersoff's cosine window, whose second derivative jumps at both ends."""
    x = np.clip((r - 2.7) / 0.3, 0.0, 1.0)
    return 0.5 * (0.5 + 0.5 * np.cos(np.pi * x)), -0.25 * np.pi / 0.3 * np.sin(np.pi * x)


@pytest.mark.parametrize("shape", [wall, switch, window])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_walls_switches_and_kinks_are_no_jumps(shape: Shape, dtype: DType) -> None:
    found = judged(lambda: WithPair(shape, dtype), LAW)
    assert found.status == "pass", found
    assert found.grade in ("exact", "limited"), found


def cusp(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return continuous forces of infinite slope: 30 eV/Å times the root of the distance from 3 Å, in Å."""
    off = r - 3.0
    energy = 20.0 * np.abs(off) ** 1.5
    slope = 30.0 * np.sign(off) * np.sqrt(np.abs(off))
    fade = np.maximum(1.0 - off**2, 0.0)
    return energy * fade**4, slope * fade**4 - energy * 8.0 * off * fade**3


@pytest.mark.parametrize("seed", [0, 1])
def test_a_force_of_infinite_slope_is_no_jump(seed: int) -> None:
    found = measured(lambda: WithPair(cusp), seed=seed)
    forces = next(c for c in found.components if c.quantity == "forces")
    assert forces.residual < 3e-4  # across 1e-8 Å they change by 4e-3 eV/Å
    assert judged(lambda: WithPair(cusp), LAW, seed=seed).status == "pass"


@pytest.mark.parametrize("size", [3e-3, 0.1])
def test_a_jump_at_a_cusp_is_seen(size: float) -> None:
    def both(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (energy, slope), (more, steeper) = cusp(r), force_step(-size, 3.0)(r)
        return energy + more, slope + steeper

    forces = next(c for c in measured(lambda: WithPair(both)).components if c.quantity == "forces")
    assert forces.residual == pytest.approx(size, rel=0.3)


@pytest.mark.parametrize("name", ["pair-energy-jump", "unlike-force-jump", "twelve-nearest", "straight-lines"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_mutants_fail(name: str, dtype: DType) -> None:
    found = judged(lambda: plant(name, embedded_atom(6.0, species=SPECIES, dtype=dtype)), LAW, seed=1)
    assert found.status == "fail", found


@pytest.mark.parametrize("number", [12, 20, 120])
@pytest.mark.parametrize("seed", [0, 1, 3])
def test_caps_of_neighbours_are_named(number: int, seed: int) -> None:
    def capped() -> Potential:
        return add_term("capped", nearest(number, 0.3))(
            embedded_atom(6.0, species=SPECIES), 0.05 if number < 100 else 2.0
        )

    found: CheckResult = judged(capped, LAW, seed=seed)
    if number < 100 or seed != 1:  # the 120th is far away, and seldom matters
        assert found.status == "fail", found
    told = re.search(r"where (?:the|two of the) (\d+)\w\w (?:and|to) (\d+)\w\w neighbour", str(found.reason))
    assert told is not None, found.reason
    # An atom may pass several that are equally far: images of one.
    assert int(told[1]) <= number < int(told[2]), found.reason


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_angles_are_named(seed: int) -> None:
    def kinked(u: Real, v: Real) -> tuple[Real, Real]:
        beyond = np.maximum((u * v).sum(axis=1) + 0.3, 0.0)
        return beyond, (beyond > 0.0)[:, None] * v

    found = judged(
        lambda: add_term("kinked", lambda graph: _angles(graph, kinked))(embedded_atom(6.0, species=SPECIES), 0.3),
        LAW,
        seed=seed,
    )
    assert found.status == "fail", found
    named = re.search(r"an angle \S+ is 107\.4576°", str(found.reason))
    assert named if seed else "pair" not in str(found.reason), found.reason


def test_distances_are_told_where_any_may_be_the_cause() -> None:
    def steps(graph: Graph) -> Extra:
        inside = 0.5 * ((graph.distances < 3.3) & (graph.numbers[graph.centres] == graph.numbers[graph.neighbours]))
        zero = forces_only(graph, np.zeros((graph.n_atoms, 3)))
        return Extra(sum_by(graph.centres, inside, graph.n_atoms), zero.forces, zero.virial)

    found = judged(lambda: add_term("steps", steps)(embedded_atom(6.0, species=SPECIES), 0.005), LAW)
    assert found.status == "fail", found
    assert "3.300000" in str(found.reason), found.reason


def test_an_atom_that_crosses_a_line_is_named() -> None:
    """A cone at 180°, as of an angle itself and not of its cosine."""

    @dataclass(slots=True)
    class Cone(WithPair):
        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            found = self.sound.evaluate(structures, properties)
            return [_with_cone(s, p) for s, p in zip(structures, found, strict=True)]

    found = judged(lambda: Cone(switch), LAW)
    assert found.status == "fail", found
    assert "stand in line" in str(found.reason), found.reason


def _with_cone(structure: Atoms, prediction: Prediction) -> Prediction:
    """Add 0.1 eV times the sine of each angle times a weight that fades away with both bonds."""
    energy, forces = prediction.energy, np.array(prediction.forces)
    for j in range(len(structure)):
        for i in range(len(structure)):
            for k in range(i + 1, len(structure)):
                if j in (i, k):
                    continue
                a, b = structure.positions[i] - structure.positions[j], structure.positions[k] - structure.positions[j]
                r, s = float(np.linalg.norm(a)), float(np.linalg.norm(b))
                normal = np.cross(a, b)
                size = float(np.linalg.norm(normal)) + 1e-300
                fade = 0.1 * np.exp(-((r * r + s * s) / 8.0))
                by_a, by_b = np.cross(b, normal) / size, np.cross(normal, a) / size
                gradient_a, gradient_b = fade * (by_a - size * a / 4.0), fade * (by_b - size * b / 4.0)
                energy += fade * size
                forces[i] -= gradient_a
                forces[k] -= gradient_b
                forces[j] += gradient_a + gradient_b
    return replace(prediction, energy=energy, forces=forces, energies=None)


@pytest.mark.parametrize("name", ["pair-energy-jump"])
def test_replay_from_parameters(name: str) -> None:
    mutant = MUTANTS[name]
    found = measured(lambda: plant(mutant.name, embedded_atom(5.0)), ("Cu", "Cu"))
    again = measured(lambda: plant(mutant.name, embedded_atom(5.0)), ("Cu", "Cu"))
    assert found == again


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numbers_of_images_are_told_along_paths_of_the_cell(dtype: DType) -> None:
    found = judged(lambda: plant("image-count", embedded_atom(6.0, dtype=dtype)), "smoothness/continuity-cell")
    assert found.status == "fail", found
    assert re.search(r"a height of the cell is \S+ Å, 1/\d+ of the cutoff", str(found.reason)), found.reason


def test_jumps_of_stiffness_are_told_and_fail_nothing_but_who_claims_that_there_are_none() -> None:
    law = "smoothness/stiffness-continuous"
    told = judged(lambda: WithPair(window), law)
    assert (told.category, told.status, told.grade) == ("informational", "pass", "violated")
    place = re.search(r"the stiffness jumps by 27.4 eV/Å² where a pair \S+ is (\S+) Å long", str(told.reason))
    assert place is not None, told.reason
    assert min(abs(float(place[1]) - end) for end in (2.7, 3.0)) < 1e-6
    failed = judged(lambda: plant("stiffness-jump", embedded_atom(6.0, species=SPECIES)), law)
    assert (failed.category, failed.status) == ("mandatory", "fail")
    assert failed.measured == pytest.approx(40.0, rel=0.1)


@pytest.mark.parametrize(("envelope", "begins"), [("xplor", 4.0), ("late-cosine", 4.5)])
def test_both_ends_of_a_window_are_named(envelope: str, begins: float) -> None:
    found = judged(lambda: kinked(envelope, 5.0, species=("Cu", "Au")), "smoothness/stiffness-continuous")
    lengths = re.findall(r"a pair \S+ is (\S+) Å long", str(found.reason))
    assert sorted(map(float, lengths)) == pytest.approx([begins, 5.0], abs=1e-5), found.reason


SPACING = 0.005
KNOTS = np.arange(1.0, 7.0, SPACING)
SLOPES = np.interp(KNOTS, [1.0, 4.0, 6.0, 7.0], [1.0, 1.0, 0.0, 0.0]) * (
    np.sin(3.0 * KNOTS) + np.random.default_rng(3).normal(scale=4e-4, size=len(KNOTS))
)


def table(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an energy whose slope is read from a table by straight lines: the stiffness jumps at 1,200 knots."""
    clipped = np.clip(r, KNOTS[0], KNOTS[-1])
    k = np.minimum(np.searchsorted(KNOTS, clipped, side="right") - 1, len(KNOTS) - 2)
    t = (clipped - KNOTS[k]) / SPACING
    pieces = 0.5 * SPACING * (SLOPES[1:] + SLOPES[:-1])
    below = np.concatenate([[0.0], np.cumsum(pieces)])
    energy = below[k] - below[-1] + SPACING * (SLOPES[k] * t + 0.5 * (SLOPES[k + 1] - SLOPES[k]) * t * t)
    return energy, SLOPES[k] + (SLOPES[k + 1] - SLOPES[k]) * t


def test_kinks_at_the_knots_of_a_table_are_no_jumps() -> None:
    found = judged(lambda: WithPair(table), LAW)
    assert found.status == "pass", found


def test_the_jump_at_the_end_of_the_list_of_emt_is_told() -> None:
    """EMT of ASE, seen plainly: a pair just inside and just outside of the place that is told."""
    told = judged(lambda: load("ase:ase.calculators.emt:EMT", SPECIES).potential, LAW)
    assert (told.status, told.grade) == ("pass", "approximate")
    found = re.search(r"where a pair (\w+)–(\w+) is ([\d.]+) Å long", told.reason or "")
    assert found is not None, told.reason
    forces = []
    for length in (float(found[3]) - 1e-5, float(found[3]) + 1e-5):
        pair = Atoms(found[1] + found[2], [[0.0, 0.0, 0.0], [length, 0.0, 0.0]], calculator=EMT())
        forces.append(float(pair.get_forces()[0, 0]))
    assert abs(forces[0]) > 1e-4
    assert forces[1] == 0.0
    assert told.measured == pytest.approx(abs(forces[0]), rel=0.05)
