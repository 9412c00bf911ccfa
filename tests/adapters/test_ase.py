"""Real ASE calculators, and two small ones of our own for habits that ASE's lack, as potentials."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import (
    CalculationFailed,
    Calculator,
    CalculatorSetupError,
    EnvironmentError,
    InputError,
    PropertyNotImplementedError,
    all_changes,
    all_properties,
)
from ase.calculators.eam import EAM
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.nwchem import NWChem
from ase.calculators.tip3p import TIP3P
from ase.constraints import FixAtoms
from ase.units import _e, _eps0

from gnnp_bench.adapters._factory import suggestion
from gnnp_bench.adapters._keywords import check
from gnnp_bench.adapters.ase import create, from_calculator, is_calculator
from gnnp_bench.adapters.registry import load
from gnnp_bench.check import InvalidPrediction, MissingPrediction
from gnnp_bench.engine.contract import validated
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Potential, PotentialError, Unsupported


class Coulomb(Calculator):
    """Point charges and classical moments: E = k Σ qᵢqⱼ/r − Σ mᵢmⱼ/r³ over pairs, E(0) = E − 1 eV."""

    implemented_properties = ["energy", "free_energy"]  # noqa: RUF012  # ASE's own form

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        assert atoms is not None
        distances = atoms.get_all_distances()
        i, j = np.triu_indices(len(atoms), 1)
        charges, moments = atoms.get_initial_charges(), atoms.get_initial_magnetic_moments()
        k = _e / (4e-10 * np.pi * _eps0)
        free = np.sum(k * charges[i] * charges[j] / distances[i, j] - moments[i] * moments[j] / distances[i, j] ** 3)
        self.results = {"free_energy": free, "energy": free - 1.0}


class Careless(LennardJones):
    """A calculator that prints, changes what it is given, and cannot handle constraints."""

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        assert atoms is not None
        assert not atoms.constraints
        print("SCF cycle 1")
        super().calculate(atoms, properties, system_changes)
        atoms.positions += 1.0
        atoms.info["seen"].append("here")


def rattled(seed: int = 0) -> Atoms:
    atoms: Atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.symbols[3] = "Au"
    atoms.rattle(0.1, seed=seed)
    return atoms


def test_predictions_are_those_of_the_calculator() -> None:
    structures = [rattled(1), rattled(2)]
    predictions = from_calculator(EMT(), ("Cu", "Au")).evaluate(structures, ALL_PROPERTIES)
    for structure, prediction in zip(structures, predictions, strict=True):
        reference = structure.copy()
        reference.calc = EMT()
        assert prediction.energy == reference.get_potential_energy()
        assert prediction.forces is not None
        assert prediction.stress is not None
        np.testing.assert_array_equal(prediction.forces, reference.get_forces())
        np.testing.assert_array_equal(prediction.stress, reference.get_stress(voigt=False))
        assert prediction.stress.shape == (3, 3)


def test_only_what_is_asked_for_is_returned() -> None:
    (prediction,) = from_calculator(EMT(), ("Cu", "Au")).evaluate([rattled()], ENERGY)
    assert prediction.forces is None
    assert prediction.stress is None


def test_cache_of_the_calculator_is_defeated() -> None:
    calculator, structure = EMT(), rattled()
    potential = from_calculator(calculator, ("Cu", "Au"))
    (first,) = potential.evaluate([structure], ENERGY_FORCES)
    calculator.results["energy"] = calculator.results["free_energy"] = 123.0
    (second,) = potential.evaluate([structure], ENERGY_FORCES)
    assert second.energy == first.energy


def test_constraints_do_not_reach_the_forces() -> None:
    free, held = rattled(), rattled()
    held.set_constraint(FixAtoms(range(len(held))))
    first, second = from_calculator(EMT(), ("Cu", "Au")).evaluate([free, held], ENERGY_FORCES)
    assert first.forces is not None
    assert np.abs(first.forces).max() > 0.1
    np.testing.assert_array_equal(first.forces, second.forces)
    assert len(held.constraints) == 1


def test_careless_calculator_reaches_neither_the_input_nor_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    structure = Atoms("Ar2", [[0, 0, 0], [0, 0, 1.2]], info={"seen": []}, constraint=FixAtoms([0]))
    before = structure.copy()
    (prediction,) = from_calculator(Careless(), ("Ar",)).evaluate([structure], ENERGY_FORCES)
    (reference,) = from_calculator(LennardJones(), ("Ar",)).evaluate([structure], ENERGY_FORCES)
    assert prediction.energy == pytest.approx(reference.energy, rel=1e-12)
    assert structure == before
    assert len(structure.constraints) == 1
    assert structure.info == {"seen": []}
    assert capsys.readouterr().out == ""


class ListsEverything(EMT):
    """Lists what ASE knows and refuses what it lacks, as `MetatomicCalculator` does."""

    implemented_properties = list(all_properties)  # noqa: RUF012  # ASE's own form

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        if "free_energy" in properties:
            raise PropertyNotImplementedError("free_energy is not supported by this calculator")
        super().calculate(atoms, properties, system_changes)
        del self.results["free_energy"]


def test_a_free_energy_that_is_listed_and_refused_is_no_refusal() -> None:
    crystal = bulk("Cu", cubic=True)
    (found,) = from_calculator(ListsEverything(), ["Cu"]).evaluate([crystal], ALL_PROPERTIES)
    (sound,) = from_calculator(EMT(), ["Cu"]).evaluate([crystal], ALL_PROPERTIES)
    assert (found.energy, found.reported_energy) == (sound.energy, sound.reported_energy)


def test_energy_is_the_free_energy_where_there_is_one_and_charges_and_moments_arrive() -> None:
    pair = Atoms("NaCl", [[0, 0, 0], [0, 0, 2.0]], charges=[1, -1])
    magnetic = pair.copy()
    magnetic.set_initial_magnetic_moments([2.0, 4.0])
    plain, moments = from_calculator(Coulomb(), ("Na", "Cl")).evaluate([pair, magnetic], ENERGY)
    assert plain.energy == pytest.approx(-14.399645 / 2, abs=1e-5)  # e²/4πε₀ = 14.399645 eV Å
    assert moments.energy - plain.energy == pytest.approx(-1.0)


def test_stress_needs_a_periodic_structure_with_a_volume() -> None:
    potential = from_calculator(EMT(), ("Cu",))
    isolated, boxed, flat = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]]), bulk("Cu"), bulk("Cu")
    boxed.pbc = False
    flat.cell[2] = flat.cell[0] - flat.cell[1]
    for structure in (isolated, boxed):
        with pytest.raises(Unsupported, match="without periodic directions"):
            potential.evaluate([structure], ALL_PROPERTIES)
    with pytest.raises(Unsupported, match="non-zero volume"):
        potential.evaluate([flat], ALL_PROPERTIES)
    assert potential.evaluate([isolated], ENERGY_FORCES)[0].forces is not None


def test_slab_with_a_volume_has_a_stress() -> None:
    slab = fcc111("Cu", (1, 1, 3), vacuum=6)
    (prediction,) = from_calculator(EMT(), ("Cu",)).evaluate([slab], ALL_PROPERTIES)
    assert prediction.stress is not None
    assert abs(prediction.stress[0, 0]) > 1e-4


def test_properties_are_those_the_calculator_implements() -> None:
    potential = from_calculator(TIP3P(), ("H", "O"))
    assert potential.capabilities.properties == ENERGY_FORCES
    water = molecule("H2O", cell=[8, 8, 8], pbc=True)[[0, 1, 2]]
    with pytest.raises(Unsupported, match="TIP3P does not implement a property: stress"):
        potential.evaluate([water], ALL_PROPERTIES)


def test_what_the_calculator_raises_is_not_disguised() -> None:
    with pytest.raises(NotImplementedError, match="No EMT-potential for Fe"):
        from_calculator(EMT(), ("Fe",)).evaluate([bulk("Fe")], ENERGY)


@pytest.mark.parametrize("wrapped", [lambda e: np.array([e], np.float32), lambda e: torch.tensor([[e]]), np.float64])
def test_an_energy_may_be_an_array_of_one_number(wrapped: Any) -> None:
    class Network(LennardJones):
        def calculate(self, *arguments: Any, **options: Any) -> None:
            super().calculate(*arguments, **options)
            self.results["energy"] = self.results["free_energy"] = wrapped(self.results["energy"])

    (expected,) = from_calculator(LennardJones(), ("Cu", "Au")).evaluate([rattled()], ENERGY)
    (found,) = from_calculator(Network(), ("Cu", "Au")).evaluate([rattled()], ENERGY)
    assert found.energy == pytest.approx(expected.energy, rel=1e-6)


class Spoiled(LennardJones):
    """A calculator that replaces one of its results, or leaves it out."""

    def __init__(self, name: str, *value: Any) -> None:
        super().__init__()
        self.name_, self.value = name, value

    def calculate(self, *arguments: Any, **options: Any) -> None:
        super().calculate(*arguments, **options)
        del self.results[self.name_]
        for value in self.value:
            self.results[self.name_] = value
        if self.name_ == "energy":
            self.results["free_energy"] = self.results.get("energy")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("energy", np.full(4, -1.0)),
        ("energy", None),
        ("energy", -1.0 + 2.0j),
        ("forces", np.zeros((8, 3), complex)),
        ("forces", np.ma.masked_array(np.zeros((8, 3)), np.eye(8, 3, dtype=bool))),
        ("forces", np.full((8, 3), None)),
        ("forces", None),
        ("stress", np.zeros(9)),
        ("stress", np.zeros(6, complex)),
        ("stress", [[1.0], [2.0, 3.0]]),
    ],
)
def test_what_is_wrong_with_an_answer_is_handed_on_for_the_engine_to_tell(name: str, value: Any) -> None:
    (prediction,) = from_calculator(Spoiled(name, value), ("Cu", "Au")).evaluate([rattled()], ALL_PROPERTIES)
    found = getattr(prediction, name)
    assert type(found) is type(value)
    with pytest.raises(InvalidPrediction, match=f"{name} (is not|has)|returned no {name}"):
        validated(prediction, 8, ALL_PROPERTIES)


@pytest.mark.parametrize("name", ["energy", "forces", "stress"])
def test_what_a_calculator_declares_and_leaves_out_is_no_refusal(name: str) -> None:
    (prediction,) = from_calculator(Spoiled(name), ("Cu", "Au")).evaluate([rattled()], ALL_PROPERTIES)
    assert getattr(prediction, name) is None
    with pytest.raises(MissingPrediction, match=f"the potential returned no {name}"):
        validated(prediction, 8, ALL_PROPERTIES)


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (PropertyNotImplementedError("no stress of such cells"), True),
        (NotImplementedError("no such cells"), False),  # which is a refusal as it is
        (CalculatorSetupError("no such atoms"), True),
        (InputError("an odd number of electrons"), True),
        (EnvironmentError("the program is not installed"), False),
        (CalculationFailed("SCF not converged"), False),
        (KeyError("charge"), False),
    ],
)
def test_what_a_calculator_says_in_its_own_words(error: Exception, refused: bool) -> None:
    class Speaking(LennardJones):
        def calculate(self, *arguments: Any, **options: Any) -> None:
            raise error

    with pytest.raises(Unsupported if refused else type(error), match=str(error)):
        from_calculator(Speaking(), ("Cu", "Au")).evaluate([rattled()], ALL_PROPERTIES)


def test_nothing_is_claimed_and_the_origin_is_told() -> None:
    potential = from_calculator(EMT(), ("Cu", "Au"))
    version = importlib.metadata.version("ase")
    assert isinstance(potential, Potential)
    assert potential.name == "EMT"
    assert potential.capabilities.species == ("Cu", "Au")
    assert potential.capabilities.claims == frozenset()
    assert potential.identity.version == version
    assert potential.identity.packages == ("ase",)
    assert from_calculator(Coulomb(), ("Na",)).identity.weights_sha256 is None


def test_create_passes_typed_options() -> None:
    structure = Atoms("Ar2", [[0, 0, 0], [0, 0, 2.7]])
    argument = "ase.calculators.lj:LennardJones"
    potential = create(argument, {"sigma": "2.5", "rc": "4", "smooth": "true"}, ("Ar",))
    reference = from_calculator(LennardJones(sigma=2.5, rc=4, smooth=True), ("Ar",))
    assert potential.evaluate([structure], ENERGY) == reference.evaluate([structure], ENERGY)
    assert potential.evaluate([structure], ENERGY) != create(argument, {}, ("Ar",)).evaluate([structure], ENERGY)


def test_a_spec_string_builds_a_calculator_with_its_keywords() -> None:
    structure = Atoms("Ar2", [[0, 0, 0], [0, 0, 7.5]])
    loaded = load("ase:ase.calculators.lj:LennardJones?rc=8&smooth=true&sigma=3.4&epsilon=1.04e-2", ("Ar",))
    reference = from_calculator(LennardJones(rc=8, smooth=True, sigma=3.4, epsilon=1.04e-2), ("Ar",))
    (prediction,) = loaded.potential.evaluate([structure], ENERGY)
    assert prediction == reference.evaluate([structure], ENERGY)[0]
    assert prediction.energy != 0.0
    assert loaded.reload().evaluate([structure], ENERGY)[0] == prediction


def test_keywords_that_a_calculator_reads_without_a_default_are_passed_on() -> None:
    # EAM names `elements` nowhere but in its own source; a calculator that writes files passes on what it is given.
    check("eam", EAM, ["elements"], suggestion)
    check("nwchem", NWChem, ["anything"], suggestion)
    with pytest.raises(PotentialError, match="eam takes no keyword 'anything'; it takes form, skin, potential, header"):
        check("eam", EAM, ["anything"], suggestion)


@pytest.mark.parametrize(
    ("argument", "options", "message"),
    [
        (None, {}, "ase needs a calculator: ase:package.module:Class"),
        ("ase.calculators.emt:EMTT", {}, "has no attribute 'EMTT': did you mean 'EMT'?"),
        ("ase.calculators.emtt:EMT", {}, "there is no module 'ase.calculators.emtt'"),
        ("ase.calculators.emt", {}, "write package.module:factory"),
        ("ase.calculators.emt:parameters", {}, "is an object of type dict and cannot be called"),
        ("ase.calculators.tip3p:TIP3P", {"sigma": "2"}, "TIP3P takes no keyword 'sigma'; it takes rc, width"),
        (
            "ase.calculators.lj:LennardJones",
            {"rc": "8", "smoooth": "true"},
            "ase.calculators.lj:LennardJones takes no keyword 'smoooth': did you mean 'smooth'?;"
            " it takes epsilon, sigma, rc, ro, smooth",
        ),
        ("ase.calculators.lj:LennardJones", {"cutoff_radius": "8"}, "takes no keyword 'cutoff_radius'; it takes epsi"),
        ("ase.calculators.emt:EMT", {"asap_cut": "true"}, "takes no keyword 'asap_cut': did you mean 'asap_cutoff'?"),
        ("ase.calculators.lj:LennardJones", {"rc": "far"}, "LennardJones failed: TypeError: "),
        (
            "ase.calculators.harmonic:SpringCalculator",
            {},
            "needs ideal_positions, k: write ase.calculators.harmonic:SpringCalculator?ideal_positions=...&k=...",
        ),
        ("ase.atoms:Atoms", {}, "made an object of type Atoms, which is no ASE calculator"),
    ],
)
def test_create_says_what_is_wrong(argument: str | None, options: dict[str, str], message: str) -> None:
    with pytest.raises(PotentialError) as caught:
        create(argument, options, ("Cu",))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_species_must_be_given() -> None:
    with pytest.raises(PotentialError, match=r"EMT does not tell .* --species Cu,Au"):
        create("ase.calculators.emt:EMT", {}, None)


def test_a_calculator_is_told_from_other_things() -> None:
    assert is_calculator(EMT())
    assert not is_calculator(EMT)
    assert not is_calculator(bulk("Cu"))  # Atoms has methods of the same names
