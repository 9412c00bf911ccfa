"""Each planted mistake is named, and nothing is named in sound potentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gnnp_bench.adapters.registry import Loaded, load, load_from
from gnnp_bench.doctor import Finding, examine
from gnnp_bench.doctor.units import ENERGIES, FORCES, STRESSES, betrayed
from gnnp_bench.potential import Potential
from tests.adapters import attached
from tests.analytic import CALIBRATION, HELD_OUT
from tests.doctor.planted import PLANTED, Adapter, forces, misnumbered, sound
from tests.engine.unkept import KEPT, REFUSING, UNKEPT

UNIT = {
    "energy in kcal/mol": "kcal/mol",
    "energy in Hartree": "Hartree",
    "forces in eV/Bohr": "eV/Bohr",
    "forces in Hartree/Bohr": "Hartree/Bohr",
    "forces in Rydberg/Bohr": "Rydberg/Bohr",
    "forces in kcal/mol/Å": "kcal/mol/Å",
    "stress in GPa": "GPa",
    "stress in kbar": "kbar",
    "stress in atomic units": "Hartree/Bohr³",
    "stress in VASP's order and kbar": "kbar",
    "gradient in Hartree/Bohr": "Hartree/Bohr",
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_planted_mistake_is_named_and_nothing_else(mistake: str) -> None:
    expected, make = PLANTED[mistake]
    found = examine(make(), make).findings
    assert {finding.name for finding in found} == expected
    for finding in found:
        for text in (finding.measured, finding.looks_like, finding.mend):
            assert text
            assert "\n" not in text
    if mistake in UNIT:
        assert any(finding.looks_like.endswith(f"in {UNIT[mistake]}") for finding in found)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("make", [*CALIBRATION, *HELD_OUT])
def test_nothing_is_named_in_sound_potentials(make: Callable[..., Potential], dtype: str) -> None:
    examined = examine(make(dtype=dtype, offset=-100.0), lambda: make(dtype=dtype, offset=-100.0))
    assert examined.findings == ()
    assert examined.left_out == ()
    assert examined.evaluations > 100


@pytest.mark.parametrize(
    ("spec", "species"),
    [
        ("ase:ase.calculators.emt:EMT", ["Al", "Ni", "Cu", "Ag", "Pt"]),
        ("ase:ase.calculators.lj:LennardJones?smooth=true&rc=6&sigma=2.3", ["Cu"]),  # blind to species, which is sound
    ],
)
def test_nothing_is_named_in_calculators_of_ase(spec: str, species: list[str]) -> None:
    loaded = load(spec, species)
    assert examine(loaded.potential, loaded.reload).findings == ()


@pytest.fixture(scope="module")
def chgnet() -> Loaded:
    return load("chgnet", ["Li", "O", "Na", "Al", "K", "Ca", "Sc", "Fe", "Cu", "Sr", "Ba"])


def test_nothing_is_named_in_chgnet(chgnet: Loaded) -> None:
    assert examine(chgnet.potential, chgnet.reload).findings == ()


@pytest.mark.parametrize(("by", "mend"), [(1, "subtract one"), (-1, "add one")])
def test_elements_taken_for_their_neighbours_are_recognised_by_their_size(chgnet: Loaded, by: int, mend: str) -> None:
    (finding,) = examine(misnumbered(chgnet.potential, by)).findings
    assert finding.name == "atomic-number-off-by-one"
    assert finding.mend.startswith(mend)


def test_a_potential_for_molecules_alone_is_examined_as_such() -> None:
    def make(change: Callable[[Any, Any], Any]) -> Adapter:
        adapter = forces(change)()
        adapter.capabilities = replace(
            adapter.capabilities, periodicity=frozenset({"isolated"}), properties=frozenset({"energy", "forces"})
        )
        return adapter

    assert examine(make(lambda f, s: f)).findings == ()
    (finding,) = examine(make(lambda f, s: -f)).findings
    assert finding.name == "forces-sign"


def test_a_potential_of_energies_alone_is_examined_as_such() -> None:
    inner = sound()
    has = replace(inner.capabilities, properties=frozenset({"energy"}), species=("Cu",))
    assert examine(Adapter(inner.evaluate, has)).findings == ()


def test_what_is_disturbed_is_left_out_and_said_so() -> None:
    _, make = PLANTED["forces flat"]
    examined = examine(make(), make)
    assert examined.left_out == (
        "habits",
        "ways with a structure it is attached to",
        "energy, forces and stress",
        "what is declared",
    )
    _, make = PLANTED["constraints applied"]
    assert examine(make(), make).left_out == ()


def test_what_breaks_down_later_is_a_finding() -> None:
    inner = sound()

    def evaluation(structures: Any, properties: Any) -> Any:
        if len(structures) > 10:  # more than the habits are examined with
            raise MemoryError("no more")
        return inner.evaluate(structures, properties)

    (finding,) = examine(Adapter(evaluation, inner.capabilities)).findings
    assert isinstance(finding, Finding)
    assert finding.name == "breaks-down"
    assert "MemoryError: no more" in finding.measured
    assert "energy, forces and stress" in finding.measured


@pytest.mark.parametrize(
    ("fault", "name", "said"),
    [
        ("no forces of single atoms", "missing-somewhere", "of a single atom, the potential returned no forces"),
        ("no forces without neighbours", "missing-somewhere", "of two atoms out of each other's reach, the potential"),
        ("no energy of single atoms", "missing-somewhere", "of a single atom, the potential returned no energy"),
        ("infinite stress of slabs and wires", "not-finite-somewhere", "of a slab, stress has 9 values that are not"),
        ("nine numbers of stress of slabs", "wrong-form-somewhere", "of a wire, stress has shape (9,)"),
        ("text for an energy", "wrong-form-somewhere", "energy is not an array of numbers"),
        ("no stress of triclinic cells", "stress-missing", "stress was asked for and is declared"),
        ("complex forces", "forces-type", "complex128"),
        ("masked forces", "forces-type", "MaskedArray"),
        ("ends the program", "breaks-down", "SystemExit: box skew is too large"),
    ],
)
def test_what_is_declared_and_does_not_come_is_named(fault: str, name: str, said: str) -> None:
    loaded = load_from(UNKEPT[fault], "unkept", ["Cu", "Au"])
    found = examine(loaded.potential, loaded.reload).findings
    assert name in {finding.name for finding in found}
    assert any(said in finding.measured for finding in found if finding.name == name)


@pytest.mark.parametrize("kind", [*KEPT, *REFUSING])
def test_nothing_is_named_where_all_comes_or_is_refused_clearly(kind: str) -> None:
    loaded = load_from({**KEPT, **REFUSING}[kind], "kept", ["Cu", "Au"])
    assert examine(loaded.potential, loaded.reload).findings == ()


@pytest.mark.parametrize("units", [ENERGIES, FORCES, STRESSES])
def test_every_unit_is_told_from_every_other(units: dict[str, float]) -> None:
    for name, unit in units.items():
        assert betrayed(1 / unit, units) == name
        assert betrayed(-1.004 / unit, units) == name
    assert betrayed(1.0, units) is None
    assert betrayed(0.0, units) is None


DRIVEN = {
    attached.WrapsTheCallersAtoms: "callers-atoms-changed",
    attached.WritesIntoInfo: "callers-atoms-changed",
    attached.BlindToTheCell: "stale-when-driven",
    attached.BlindToSpecies: "stale-when-driven",
    attached.StaleCharge: "stale-when-driven",
    attached.StaleMoments: "stale-when-driven",
    attached.SizesOfTheStart: "breaks-when-changed",
    attached.EnergyLacksATerm: "energy-is-not-free-energy",
}


@pytest.mark.parametrize("make", DRIVEN, ids=lambda make: make.__name__)
def test_what_a_calculator_does_to_the_structure_it_is_attached_to_is_named(make: type[Any]) -> None:
    loaded = load_from(make, "planted", ["Cu", "Au"])
    assert [finding.name for finding in examine(loaded.potential, loaded.reload).findings] == [DRIVEN[make]]


@pytest.mark.parametrize("make", attached.SOUND, ids=lambda make: make.__name__)
def test_nothing_is_named_in_sound_calculators(make: Callable[[], object]) -> None:
    loaded = load_from(make, "sound", ["Cu", "Au"])
    assert examine(loaded.potential, loaded.reload).findings == ()
