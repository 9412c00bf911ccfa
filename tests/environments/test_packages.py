"""Adapters against the real packages, each in the environment that it declares: DIEP, TorchANI and tblite.

Building takes minutes and up to 1.3 GB, so it is done where `GNNP_BENCH_TEST_ENVIRONMENTS` is set, or the environment
is there already.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from gnnp_bench.adapters import registry
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError, Unsupported
from tests.environments.conftest import environment


@pytest.fixture(scope="module")
def load() -> Any:
    """Return a function that loads a spec in the environment of its adapter, kept in the user's own cache."""
    with contextlib.ExitStack() as stack:

        def loaded(spec: str) -> Any:
            stack.enter_context(environment(spec.partition("?")[0].partition(":")[0]))
            return registry.load(f"{spec}{'&' if '?' in spec else '?'}env=auto").potential

        yield loaded


def water() -> Atoms:
    atoms = molecule("H2O")
    atoms.rattle(0.05, seed=1)
    return atoms


def diamond() -> Atoms:
    atoms = bulk("C", cubic=True)
    atoms.rattle(0.05, seed=2)
    return atoms


@pytest.mark.parametrize(
    ("spec", "n_species", "cutoff", "reach", "dtype"),
    [("diep", 89, 5.0, 24.0, "float32"), ("torchani?dtype=float64", 4, 5.2, 5.2, "float64")],
)
def test_it_tells_what_it_is(load: Any, spec: str, n_species: int, cutoff: float, reach: float, dtype: str):
    potential = load(spec)
    has = potential.capabilities
    assert (len(has.species), has.cutoff, has.receptive_field, has.dtype) == (n_species, cutoff, reach, dtype)
    assert len(potential.identity.weights_sha256) == 64


@pytest.mark.parametrize(("spec", "rounding"), [("diep", 2e-5), ("torchani", 2e-5), ("torchani?dtype=float64", 1e-9)])
def test_batches_are_what_single_structures_are(load: Any, spec: str, rounding: float):
    potential = load(spec)
    structures = [water(), diamond(), molecule("CH4"), Atoms("C"), water()]
    together = potential.evaluate(structures, ALL_PROPERTIES)
    for structure, found in zip(structures, together, strict=True):
        (alone,) = potential.evaluate([structure], ALL_PROPERTIES)
        assert found.energy == pytest.approx(alone.energy, abs=rounding * len(structure))
        assert found.energies.sum() == pytest.approx(found.energy, abs=rounding * len(structure))
        assert abs(found.forces - alone.forces).max() < 10 * rounding
        assert (found.stress is not None) == structure.pbc.all()


@pytest.mark.parametrize("spec", ["diep", "torchani"])
def test_it_refuses_what_it_does_not_know(load: Any, spec: str):
    with pytest.raises(Unsupported, match="not know Po"):
        load(spec).evaluate([Atoms("Po")], ALL_PROPERTIES)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("diep:nothing", "cannot be loaded as a DIEP model"),
        ("diep?devise=cpu", "did you mean 'device'"),
        ("torchani:ani-2x", "ships the weights of ani-1x alone"),
        ("torchani?dtype=float16", "float32 or float64"),
        ("tblite:GFN3-xTB", "did you mean"),
        ("tblite?accuracy=high", "a number above 0"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(load: Any, spec: str, told: str):
    with pytest.raises(PotentialError, match=told) as caught:
        load(spec)
    assert "\n" not in str(caught.value)


def test_tblite_gives_the_number_of_its_documentation(load: Any):
    potential = load("tblite")
    (found,) = potential.evaluate([molecule("H2O")], frozenset({"energy", "forces"}))
    assert found.energy == pytest.approx(-137.96777594361677, abs=1e-4)
    assert np.abs(found.forces.sum(axis=0)).max() < 1e-6


def test_tblite_reads_charges(load: Any):
    charged = molecule("H2O")
    charged.set_initial_charges([0, 0, -1])
    (found,) = load("tblite").evaluate([charged], frozenset({"energy"}))
    assert found.energy == pytest.approx(-131.50015843891816, abs=1e-4)
