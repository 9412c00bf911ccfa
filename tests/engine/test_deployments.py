"""Two deployments of one potential: what is the same is found the same, and each planted difference is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.units import Bohr, GPa, Hartree, kcal, mol

from gnnp_bench.engine.deployments import Deployments, common, compare
from gnnp_bench.potential import PotentialError, Prediction, Property, Unsupported
from tests.analytic import embedded_atom, smooth_pair, three_body
from tests.doctor import planted
from tests.doctor.planted import Adapter, reordered

Make = Callable[[], Any]


def compared(first: Make, second: Make, seed: int = 0) -> Deployments:
    return compare((first(), first), (second(), second), "quick", seed)


def changed(change: Callable[[Prediction, Atoms], Prediction]) -> Make:
    return planted.changed(change)


REFERENCES = {"Al": -3.0, "Si": 158.5, "Cu": 0.25, "Au": -1e-3}


def references(structure: Atoms) -> float:
    return sum(REFERENCES[symbol] for symbol in structure.get_chemical_symbols())


def all_times(energy: float, forces: float, stress: float) -> Make:
    def change(p: Prediction, s: Atoms) -> Prediction:
        return Prediction(
            energy * p.energy,
            None if p.forces is None else forces * p.forces,
            None if p.stress is None else stress * p.stress,
        )

    return changed(change)


def in_order_of(key: Callable[[Atoms], Any]) -> Make:
    return planted.forces(lambda f, s: f[key(s)])


PLANTED: dict[str, tuple[Make, set[str], str]] = {
    "GPa": (planted.stress(lambda v, s: v / GPa), {"stress-unit"}, "GPa in the second"),
    "stress sign": (planted.stress(lambda v, s: -v), {"stress-sign"}, "opposite sign"),
    "kbar, compression positive": (planted.stress(lambda v, s: -10 * v / GPa), {"stress-unit"}, "kbar in the second"),
    "Voigt order": (planted.stress(reordered([0, 1, 2, 5, 3, 4])), {"stress-order"}, "stand where ASE has"),
    "virial": (planted.stress(lambda v, s: v * s.get_volume()), {"stress-virial"}, "not divided by the volume"),
    "signed volume": (
        planted.stress(lambda v, s: v * np.sign(np.linalg.det(s.cell.array))),
        {"stress-handedness"},
        "left-handed",
    ),
    "force sign": (planted.forces(lambda f, s: -f), {"forces-sign"}, "opposite sign"),
    "eV/Bohr": (planted.forces(lambda f, s: f * Bohr), {"forces-unit"}, "eV/Bohr in the second"),
    "sorted": (in_order_of(lambda s: np.argsort(s.numbers, kind="stable")), {"forces-order"}, "atomic number"),
    "reversed": (in_order_of(lambda s: np.arange(len(s))[::-1]), {"forces-order"}, "reverse order"),
    "axes": (planted.forces(lambda f, s: f[:, [1, 2, 0]]), {"forces-axes"}, "hold y, z, x"),
    "reshaped": (planted.forces(lambda f, s: f.T.reshape(-1, 3)), {"forces-reshaped"}, "reshaped"),
    "kcal/mol": (
        all_times(mol / kcal, mol / kcal, mol / kcal),
        {"energy-unit", "forces-unit", "stress-unit"},
        "kcal/mol in the second",
    ),
    "Hartree": (
        all_times(1 / Hartree, Bohr / Hartree, Bohr**3 / Hartree),
        {"energy-unit", "forces-unit", "stress-unit"},
        "Hartree/Bohr in the second",
    ),
    "per atom": (
        changed(lambda p, s: replace(p, energy=p.energy / len(s))),
        {"energy-per-atom"},
        "divided by the number of atoms",
    ),
    "energy sign": (planted.energy(-1.0), {"energy-sign"}, "opposite sign"),
    "references": (
        changed(lambda p, s: replace(p, energy=p.energy + references(s))),
        {"energy-references"},
        "Si +158.5 eV",
    ),
    "scaled a little": (all_times(1.0005, 1.0005, 1.0005), {"energy-unit", "forces-unit", "stress-unit"}, "1.0005"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_is_named_and_taken_back(name: str) -> None:
    make, names, words = PLANTED[name]
    found = compared(planted.sound, make)
    assert found.verdict == "different"
    assert {one.name for one in found.turned} == names
    assert words in "; ".join(one.measured for one in found.turned)
    if name not in ("Voigt order",):
        assert all(one.status == "pass" for one in found.mended)


def test_the_other_way_round_the_unit_is_in_the_first() -> None:
    found = compared(PLANTED["GPa"][0], planted.sound)
    assert "GPa in the first" in found.turned[0].measured


@pytest.mark.parametrize("make", [smooth_pair, embedded_atom, three_body])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_potential_is_itself(make: Make, seed: int) -> None:
    found = compared(make, make, seed)
    assert found.verdict == "same"
    assert found.exact
    assert not found.turned
    assert {one.way for one in found.compared} > {"as drawn", "atoms outside the cell", "left-handed cell"}


def test_another_order_of_sums_is_rounding() -> None:
    def make() -> Adapter:
        inner = planted.sound()

        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            orders = [np.random.default_rng(0).permutation(len(s)) for s in structures]
            found = inner.evaluate([s[o] for s, o in zip(structures, orders, strict=True)], properties)
            return [
                replace(p, forces=None if p.forces is None else p.forces[np.argsort(o)], energies=None)
                for p, o in zip(found, orders, strict=True)
            ]

        return Adapter(evaluation, inner.capabilities)

    assert compared(planted.sound, make).exact


def test_what_does_not_matter_is_no_difference_but_is_not_rounding() -> None:
    found = compared(planted.sound, changed(lambda p, s: replace(p, energy=p.energy + 1e-6 * len(s))))
    assert found.verdict == "same"
    assert not found.exact


def test_another_potential_is_not_explained() -> None:
    found = compared(planted.sound, lambda: embedded_atom(species=planted.SPECIES))
    assert found.verdict == "different"
    assert not found.turned
    assert not found.mended


def test_neighbours_lost_outside_the_cell_are_told() -> None:
    def change(p: Prediction, s: Atoms) -> Prediction:
        scaled = s.cell.scaled_positions(s.positions)[:, s.pbc] if s.pbc.any() else np.zeros((1, 1))
        outside = bool((np.abs(scaled - 0.5) > 1.4).any())
        return replace(p, energy=p.energy + 1.0) if outside else p

    found = compared(planted.sound, changed(change))
    assert found.verdict == "different"
    assert any(text.startswith("atoms outside the cell") for text in found.only)


def test_a_refusal_is_told_and_a_breakdown_leaves_it_undecided() -> None:
    def raising(error: Exception) -> Make:
        def change(p: Prediction, s: Atoms) -> Prediction:
            if s.pbc.any() and not s.pbc.all():
                raise error
            return p

        return changed(change)

    refused = compared(planted.sound, raising(Unsupported("slabs are not supported")))
    assert refused.verdict == "same"
    assert any("slabs are not supported" in said for said in refused.refused)
    broke = compared(planted.sound, raising(RuntimeError("slabs break it")))
    assert broke.verdict == "undecided"
    assert any("slabs break it" in said for said in broke.broke)


def test_what_both_can_be_asked_for() -> None:
    one, two = smooth_pair(species=("Al", "Si")).capabilities, smooth_pair(species=("Si", "Cu")).capabilities
    shared = common(one, replace(two, periodicity=frozenset({"periodic"})))
    assert shared.species == ("Si",)
    assert shared.periodicity == {"periodic"}
    with pytest.raises(PotentialError, match="no species in common: Al, Si and Au"):
        common(one, smooth_pair(species=("Au",)).capabilities)
