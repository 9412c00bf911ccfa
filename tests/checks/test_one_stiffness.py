"""Tips of cones are told where geometries are special; what is legal, steep or short-waved is not."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.adapters.registry import load_from
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from gnnp_bench.structures.ideal import KINDS, ideal
from tests.analytic import CALIBRATION, HELD_OUT, embedded_atom
from tests.analytic.graph import DType, Graph, Real, sum_by
from tests.analytic.radial import along_edges, contact_distances
from tests.engine.judging import certified, judged, statuses
from tests.mutants import plant
from tests.mutants.base import Extra, add_term, from_edges
from tests.mutants.kinks import _angles

SPECIES = ("C", "O", "Cu", "Au")
LAW = "smoothness/one-stiffness"
BOTH = (LAW, "smoothness/ripples")


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A potential that claims nothing."""

    of: Potential

    @property
    def name(self) -> str:
        return self.of.name

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.of.capabilities, claims=frozenset(), smoothness=None)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return self.of.evaluate(structures, properties)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("make", CALIBRATION + HELD_OUT)
def test_sound_potentials_have_one_stiffness_and_no_ripples(make: Callable[..., Potential], dtype: DType) -> None:
    found = certified(lambda: make(3.3, species=SPECIES, dtype=dtype), *BOTH, seed=11)
    assert statuses(found) == {"one-stiffness": "pass", "ripples": "pass"}, found.checks
    assert all(result.grade in ("exact", "limited") for result in found.checks)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["cone", "rounded-cone", "right-angle"])
def test_cones_are_told_with_their_place(name: str, dtype: DType) -> None:
    found = judged(lambda: Unclaimed(plant(name, embedded_atom(species=SPECIES, dtype=dtype))), LAW)
    assert found.status == "fail"
    assert found.quantity == "force jump"
    assert "angles of" in str(found.reason) or "moves" in str(found.reason)
    assert "eV/Å² at 0.001 Å" in str(found.reason)


def bent(u: Real, v: Real) -> tuple[Real, Real]:
    """Return max(0, cos θ)², whose derivative has a kink at 90°."""
    cosine = np.maximum((u * v).sum(axis=1), 0.0)
    return cosine**2, 2.0 * cosine[:, None] * v


def test_legal_kinks_fail_where_smoothness_is_claimed_and_are_told_elsewhere() -> None:
    def sound() -> Potential:
        return add_term("bent", lambda graph: _angles(graph, bent))(embedded_atom(species=SPECIES), 0.5)

    claimed = judged(sound, LAW)
    assert (claimed.status, claimed.quantity) == ("fail", "one-sided stiffness")
    told = judged(lambda: Unclaimed(sound()), LAW)
    assert told.status == "pass"


def bend(graph: Graph) -> Extra:
    """Return Σ c|r − r₀|³/12 within 0.6 Å of the distance r₀ at which atoms touch, c = 50 eV/Å³."""
    away = graph.distances - contact_distances(graph)
    fade = np.maximum(1.0 - (away / 0.6) ** 2, 0.0)
    value, slope = np.abs(away) ** 3 * (50.0 / 12.0), away * np.abs(away) * (50.0 / 4.0)
    slope = slope * fade**4 - value * 8.0 * fade**3 * away / 0.36
    energies = sum_by(graph.centres, 0.5 * value * fade**4, graph.n_atoms)
    return from_edges(graph, energies, along_edges(graph, 0.5 * slope))


@pytest.mark.parametrize("seed", [2, 7])
def test_a_stiffness_that_bends_where_atoms_touch_is_one(seed: int) -> None:
    found = judged(lambda: add_term("bend", bend)(embedded_atom(6.0, species=SPECIES[2:]), 1.0), LAW, seed=seed)
    assert (found.status, found.grade) == ("pass", "exact"), found


def test_switches_of_slopes_are_legal() -> None:
    """ASE's Lennard-Jones potential with a smooth end has one continuous derivative."""

    def calculator() -> object:
        from ase.calculators.lj import LennardJones

        return LennardJones(sigma=2.3, epsilon=0.4, rc=6.0, ro=4.0, smooth=True)

    found = certified(lambda: load_from(calculator, "smooth", SPECIES[2:]).potential, LAW)
    assert statuses(found) == {"one-stiffness": "pass"}


def test_ripples_are_told_with_amplitude_and_wavelength_and_fail_nothing() -> None:
    make = functools.partial(plant, "ripples", embedded_atom(species=SPECIES))
    found = certified(make, *BOTH)
    assert statuses(found) == {"one-stiffness": "pass", "ripples": "pass"}
    ripples = next(result for result in found.checks if result.id == "smoothness/ripples")
    assert ripples.grade == "violated"
    assert "Å long" in str(ripples.reason)


@pytest.mark.parametrize("periodicity", [{"periodic"}, {"isolated"}, {"partial"}, {"periodic", "partial", "isolated"}])
def test_every_kind_of_ideal_structure_can_be_drawn(periodicity: set[str]) -> None:
    capabilities = Capabilities(("Cu", "Au"), periodicity=frozenset(periodicity), cutoff=4.0)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    for kind in KINDS:
        structure = ideal(rng, capabilities, kind)
        assert len(structure) >= 1
        kinds = {3: "periodic", 0: "isolated"}.get(int(structure.pbc.sum()), "partial")
        assert kinds in periodicity
