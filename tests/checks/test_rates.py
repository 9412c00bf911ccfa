"""How fast what far fragments feel falls off: as charges, moments and dispersion do, or as nothing in nature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.numerics.far import settled_power
from gnnp_bench.potential import Capabilities, Carried, FloatArray, Kind, Periodicity, Potential, Prediction, Property
from tests.analytic import embedded_atom
from tests.analytic.pair import COULOMB
from tests.engine.judging import judged

SPECIES = ("C", "Cu", "Au")
CHARGES = {6: 0.3, 29: -0.2, 79: 0.0}
"""e; gold is neutral."""
LAW = "locality/fragments-add-up"
Pair = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Energies of pairs at distances r with atomic numbers i and j, eV."""


@dataclass(slots=True)
class Free:
    """A sound potential of free structures with a term over all pairs, or over all atoms, without a cutoff."""

    pair: Pair | None = None
    whole: Callable[[Atoms], float] | None = None
    single: bool = False
    reads: tuple[Carried, ...] = ()
    sound: Potential = field(init=False)
    name: str = "free"

    def __post_init__(self) -> None:
        self.sound = embedded_atom(species=SPECIES, dtype="float32" if self.single else "float64")

    @property
    def capabilities(self) -> Capabilities:
        free: frozenset[Periodicity] = frozenset({"isolated"})
        known = replace(self.sound.capabilities, periodicity=free, cutoff=None, claims=frozenset(), reads=self.reads)
        # Forces on induced dipoles take more than these tests.
        return known if self.whole is None else replace(known, properties=frozenset({"energy"}))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate(structures, properties)
        return [self._with_term(s, p) for s, p in zip(structures, found, strict=True)]

    def _with_term(self, structure: Atoms, prediction: Prediction) -> Prediction:
        energy, forces = 0.0, np.zeros((len(structure), 3))
        if self.whole is not None:
            energy += self.whole(structure)
        if self.pair is not None and len(structure) > 1:
            i, j = np.triu_indices(len(structure), 1)
            vectors = structure.positions[i] - structure.positions[j]
            r = np.linalg.norm(vectors, axis=1)
            numbers = structure.numbers[i], structure.numbers[j]
            energy += float(self.pair(r, *numbers).sum())
            slope = (self.pair(r + 1e-4, *numbers) - self.pair(r - 1e-4, *numbers)) / 2e-4
            pulls = -(slope / r)[:, None] * vectors
            np.add.at(forces, i, pulls)
            np.add.at(forces, j, -pulls)
        total = prediction.energy + energy
        rounded = None if prediction.forces is None else prediction.forces + forces
        if self.single:
            total = float(np.float32(total))
            rounded = None if rounded is None else rounded.astype(np.float32).astype(float)
        return Prediction(total, rounded)


def _charges(numbers: np.ndarray) -> np.ndarray:
    return np.vectorize(CHARGES.get, otypes=[float])(numbers)


def _tail(power: float, strength: float = 1.0) -> Pair:
    return lambda r, i, j: strength / (r**2 + 4.0) ** (0.5 * power)


def coulomb(r: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Fixed charges, damped at short range by widths that differ from pair to pair."""
    return COULOMB * _charges(i) * _charges(j) / np.sqrt(r**2 + 1.0 + 0.01 * (i + j))


def screened(r: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    return coulomb(r, i, j) * np.exp(-r / 15.0)


def damped_and_shifted(r: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Energy and force of charges go to zero at 60 Å, which is not declared (Fennell and Gezelter, 2006)."""
    end = 60.0
    inside = 1.0 / np.sqrt(r**2 + 1.0) - 1.0 / np.hypot(end, 1.0) + (r - end) * end / np.hypot(end, 1.0) ** 3
    return COULOMB * _charges(i) * _charges(j) * np.where(r < end, inside, 0.0)


def dispersion(r: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    return -2.0 * np.sqrt(i * j) / (r**6 + 200.0)


def slow_exponential(r: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    return -0.5 * np.exp(-r / 20.0)


def induced(structure: Atoms) -> float:
    """Charges, and the dipoles that they induce in any other atom: -½ α |F|²/k_e, α about 3 Å³, damped."""
    charges, energy = _charges(structure.numbers), 0.0
    vectors = structure.positions[:, None] - structure.positions[None]
    r = np.sqrt((vectors**2).sum(axis=2) + 4.0)
    np.fill_diagonal(r, np.inf)
    energy = 0.5 * COULOMB * float((charges[:, None] * charges[None] / r).sum())
    fields = (charges[None, :, None] * vectors / r[..., None] ** 3).sum(axis=1)
    alpha = 1.0 + 0.05 * structure.numbers
    return energy - 0.5 * COULOMB * float((alpha * (fields**2).sum(axis=1)).sum())


def dipoles(structure: Atoms) -> float:
    """Charges that every molecule shares out with its neighbours, as fixed by bonds: none is charged in all."""
    vectors = structure.positions[:, None] - structure.positions[None]
    r = np.sqrt((vectors**2).sum(axis=2))
    bonds = np.exp(-((r / 2.5) ** 4)) * (1.0 - np.eye(len(structure)))
    electro = 0.02 * structure.numbers
    charges = (bonds * np.tanh(electro[:, None] - electro[None])).sum(axis=1)
    soft = 1.0 / np.sqrt(r**2 + 2.0) * (1.0 - np.eye(len(structure)))
    return 0.5 * COULOMB * float(charges @ soft @ charges)


SOUND: dict[str, Callable[[bool], Free]] = {
    "charges": lambda single: Free(coulomb, single=single),
    "screened charges": lambda single: Free(screened, single=single),
    "damped and shifted": lambda single: Free(damped_and_shifted, single=single),
    "dispersion": lambda single: Free(dispersion, single=single),
    "charges and dispersion": lambda single: Free(
        lambda r, i, j: coulomb(r, i, j) + dispersion(r, i, j), single=single
    ),
    "a slow exponential": lambda single: Free(slow_exponential, single=single),
    "induced dipoles": lambda single: Free(whole=induced, single=single),
    "dipoles of bonds": lambda single: Free(whole=dipoles, single=single),
}


def shared_evenly(structure: Atoms) -> float:
    """What charges are in all is shared out over all atoms, wherever they stand."""
    charges = _charges(structure.numbers)
    charges = charges - charges.mean()
    r = structure.get_all_distances() + np.diag(np.full(len(structure), np.inf))
    return 0.5 * COULOMB * float(charges @ (1.0 / np.sqrt(r**2 + 1.0)) @ charges)


BROKEN: dict[str, tuple[Callable[[bool], Free], str]] = {
    "slower than charges": (lambda single: Free(_tail(0.5), single=single), "R^-0.5, more slowly than charges do"),
    "one over a logarithm": (
        lambda single: Free(lambda r, i, j: 1.0 / np.log(r + 3.0), single=single),
        "more slowly than charges do",
    ),
    "a sum of charges": (
        lambda single: Free(lambda r, i, j: 0.1 * (i + j) / np.sqrt(r**2 + 1.0), single=single),
        "not as charges do",
    ),
    "like charges attract": (lambda single: Free(lambda r, i, j: -coulomb(r, i, j), single=single), "attracts"),
    "the square of the distance": (lambda single: Free(_tail(2.0, 5.0), single=single), "as nothing does between"),
    "dipoles of atoms": (lambda single: Free(_tail(3.0, 100.0), single=single), "as nothing does between"),
    "half a power": (lambda single: Free(_tail(1.5, 3.0), single=single), "as nothing does between"),
    "shared out evenly": (lambda single: Free(whole=shared_evenly, single=single), "far away, "),
    "charge without charges": (
        lambda single: Free(_tail(4.0, 2000.0), single=single),
        "as nothing does between single atoms",
    ),
}


@pytest.mark.parametrize("single", [False, True], ids=["float64", "float32"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", SOUND)
def test_what_nature_has_is_sound(name: str, seed: int, *, single: bool) -> None:
    """In float32 rounding may leave open what is left; it does not make it a violation."""
    found = judged(lambda: SOUND[name](single), LAW, seed=seed)
    assert found.status in ("pass", "inconclusive" if single else "pass"), found


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", BROKEN)
def test_what_nature_does_not_have_fails(name: str, seed: int) -> None:
    make, words = BROKEN[name]
    found = judged(lambda: make(False), LAW, seed=seed)
    assert found.status == "fail", found
    assert words in (found.reason or "")


@pytest.mark.parametrize("name", ["slower than charges", "a sum of charges", "the square of the distance"])
def test_numbers_of_seven_digits_tell_as_well(name: str) -> None:
    make, words = BROKEN[name]
    found = judged(lambda: make(True), LAW)
    assert found.status == "fail", found
    assert words in (found.reason or "")


def test_charges_are_told() -> None:
    found = judged(lambda: Free(coulomb), LAW)
    assert "as charges of" in (found.reason or "")
    assert "energy at a distance" in {component.quantity for component in found.components}


@pytest.mark.parametrize("kind", ["charge", "constant"])
def test_charges_that_are_given_are_the_only_ones(kind: Kind) -> None:
    """Fragments that are told to be neutral have no R⁻¹; what else a potential reads says nothing of charges."""
    found = judged(lambda: Free(coulomb, reads=(Carried("key", kind, 0),)), LAW)
    assert found.status == ("fail" if kind == "charge" else "pass"), found
    assert ("charges that are given" in (found.reason or "")) == (kind == "charge")


def test_potentials_of_finite_range_are_asked_nothing_more() -> None:
    asked: list[Atoms] = []

    class Counted(Free):
        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            asked.extend(structures)
            return Free.evaluate(self, structures, properties)

    assert judged(Counted, LAW).grade == "exact"
    few = len(asked)
    asked.clear()
    judged(lambda: Counted(coulomb), LAW)
    assert len(asked) > few


DISTANCES: FloatArray = np.array([10.0, 20.0, 40.0, 80.0, 160.0, 320.0])


@pytest.mark.parametrize("power", [0.5, 1.0, 2.5, 3.0])
def test_a_power_settles(power: float) -> None:
    found = settled_power(DISTANCES, 3.0 * DISTANCES**-power + 20.0 * DISTANCES ** -(power + 2.0), np.full(6, 1e-12))
    assert found is not None
    assert abs(found.value - power) <= found.doubt + 1e-3


@pytest.mark.parametrize(
    "found",
    [
        np.exp(-DISTANCES / 40.0),
        1.0 / DISTANCES + 64000.0 / DISTANCES**4,
        1.0 / DISTANCES - 2.0 * DISTANCES[2] / DISTANCES**2,
        1e-12 / DISTANCES,
    ],
    ids=["exponential", "one power after another", "opposite signs", "noise"],
)
def test_what_is_no_power_does_not_settle(found: np.ndarray) -> None:
    assert settled_power(DISTANCES[:5], found[:5], np.full(5, 1e-12)) is None
