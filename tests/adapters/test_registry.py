"""Spec strings: what they load, and what they say when they cannot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from gnnp_bench.adapters import registry
from gnnp_bench.adapters.registry import load
from gnnp_bench.potential import ENERGY, ENERGY_FORCES, Periodicity, Potential, PotentialError

EMT_SPEC = "ase:ase.calculators.emt:EMT"

CALCULATORS = """
from ase.calculators.lj import LennardJones

built = []

def make_calculator(**options):
    print("a banner")
    built.append(options)
    return LennardJones(**{name: value for name, value in options.items() if name in ("sigma", "smooth")})

def lazy():
    from {sibling} import EPSILON
    return LennardJones(epsilon=EPSILON)

def broken():
    raise RuntimeError("weights are\\n  missing")

def quitting():
    raise SystemExit("no licence")

def nothing():
    pass

def a_class():
    return LennardJones

class Nested:
    @staticmethod
    def make():
        return LennardJones()

calculator = LennardJones()
"""

POTENTIALS = """
from dataclasses import dataclass, field, replace
import numpy as np
from gnnp_bench import Capabilities, Identity, Prediction

@dataclass
class Einstein:
    '''Every atom hangs on a spring at the origin.'''
    k: float = 1.0
    name: str = "einstein"
    capabilities: Capabilities = Capabilities(
        species=("C", "Si", "Cu"), combinations=(frozenset(("C", "Si")), frozenset(("Cu",))), cutoff=5.0
    )
    identity: Identity = Identity(version="7")

    def evaluate(self, structures, properties):
        return [Prediction(0.5 * self.k * float(np.sum(s.positions**2)), -self.k * s.positions) for s in structures]

    def on(self, device):
        return Einstein(10 * self.k, capabilities=replace(self.capabilities, device=device))

def make(k=1.0):
    return Einstein(k)

def with_name(name):
    return Einstein(name=name)

def without_capabilities():
    return Einstein(capabilities=None)

def without_identity():
    return Einstein(identity="7")

def uncallable():
    potential = Einstein()
    potential.evaluate = 3
    return potential

def with_capabilities(**changes):
    cases = {
        "species": {"species": ("C", "Xx")}, "empty": {"species": ()}, "string": {"species": "Cu"},
        "properties": {"properties": frozenset({"forces"})},
        "property": {"properties": frozenset({"energy", "dipole"})},
        "periodicity": {"periodicity": frozenset()}, "periodic": {"periodicity": frozenset({"3d"})},
        "claims": {"claims": frozenset({"perfect"})}, "cutoff": {"cutoff": -1.0}, "dtype": {"dtype": "bfloat16"},
        "combinations": {"combinations": (frozenset({"C"}),)},
        "stable": {"stable": ("diamond",)}, "stable-of": {"stable": ("Cu:fcc",)},
    }
    return Einstein(capabilities=Capabilities(**{"species": ("C", "Si"), **cases[changes["case"]]}))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty working directory, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.fixture
def calculators(home: Path) -> str:
    (home / "my_calculators.py").write_text(CALCULATORS.replace("{sibling}", "my_sibling"))
    (home / "my_sibling.py").write_text("EPSILON = 2.0\n")
    return "my_calculators"


@pytest.fixture
def potentials(home: Path) -> str:
    (home / "my_package").mkdir()
    (home / "my_package" / "__init__.py").write_text("")
    (home / "my_package" / "springs.py").write_text(POTENTIALS)
    return "my_package.springs"


def message(spec: str, species: tuple[str, ...] | None = ("Cu",)) -> str:
    """Return what `load` says, which must be one line."""
    with pytest.raises(PotentialError) as caught:
        load(spec, species)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_registered_name() -> None:
    loaded = load(EMT_SPEC, ["Cu", "Au"])
    copper = bulk("Cu", cubic=True)
    (prediction,) = loaded.potential.evaluate([copper], ENERGY)
    copper.calc = EMT()
    assert loaded.spec == EMT_SPEC
    assert loaded.potential.name == "EMT"
    assert prediction.energy == copper.get_potential_energy()


def test_known_names_hold_our_own() -> None:
    assert {"ase", "chgnet"} <= set(registry.known())


def test_species_are_sorted_and_counted_once() -> None:
    assert load(EMT_SPEC, ["Au", "Cu", "Au", "H"]).potential.capabilities.species == ("H", "Cu", "Au")


def test_factory_in_the_working_directory_gets_typed_options(
    calculators: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load(f"{calculators}:make_calculator?sigma=2.5&smooth=true&n=3&label=a=b", ("Ar",))
    (options,) = sys.modules[calculators].built
    assert options == {"sigma": 2.5, "smooth": True, "n": 3, "label": "a=b"}
    assert [type(value) for value in options.values()] == [float, bool, int, str]
    assert loaded.potential.name == "LennardJones"
    assert capsys.readouterr().out == ""


def test_factory_may_be_an_attribute_of_a_class(calculators: str) -> None:
    assert load(f"{calculators}:Nested.make", ("Ar",)).potential.name == "LennardJones"


@pytest.mark.parametrize("spec", [EMT_SPEC, "{calculators}:make_calculator", "{potentials}:make"])
def test_any_potential_can_be_restricted_to_a_periodicity(spec: str, calculators: str, potentials: str) -> None:
    spec = spec.format(calculators=calculators, potentials=potentials)
    whole = load(spec, ("Cu",)).potential.capabilities
    assert whole.periodicity == {"periodic", "partial", "isolated"}
    cases: tuple[tuple[str, set[Periodicity]], ...] = (
        ("isolated", {"isolated"}),
        ("partial,isolated", {"partial", "isolated"}),
    )
    for given, expected in cases:
        loaded = load(f"{spec}?periodicity={given}", ("Cu",))
        for potential in (loaded.potential, loaded.reload()):
            assert potential.capabilities == replace(whole, periodicity=frozenset(expected))
    if calculators in spec:
        assert all("periodicity" not in options for options in sys.modules[calculators].built)


def test_what_can_be_asked_for_is_said() -> None:
    said = message(f"{EMT_SPEC}?periodicity=isolate")
    assert said == (
        "periodicity is one of periodic, partial, isolated, or several, not 'isolate': did you mean 'isolated'?"
    )
    assert message("chgnet?periodicity=isolated", None) == (
        "chgnet?periodicity=isolated declares that it handles periodic, not isolated structures"
    )


def test_reload_builds_anew(calculators: str) -> None:
    loaded = load(f"{calculators}:make_calculator", ("Ar",))
    again, once_more = loaded.reload(), loaded.reload()
    assert len(sys.modules[calculators].built) == 3
    assert len({id(potential.calculator) for potential in (loaded.potential, again, once_more)}) == 3  # type: ignore[attr-defined]
    assert again.capabilities == loaded.potential.capabilities


def test_reload_finds_what_is_imported_late(calculators: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(f"{calculators}:Nested.make", ("Ar",))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert loaded.reload().name == "LennardJones"
    assert load(f"{calculators}:lazy", ("Ar",)).reload().name == "LennardJones"


def test_potential_of_ones_own(potentials: str) -> None:
    loaded = load(f"{potentials}:make?k=2")
    structure = bulk("Cu", cubic=True)
    (prediction,) = loaded.potential.evaluate([structure], ENERGY_FORCES)
    assert type(loaded.potential).__name__ == "Einstein"
    assert prediction.energy == pytest.approx(np.sum(structure.positions**2))


def test_restricted_potential_is_had_on_other_devices(potentials: str) -> None:
    part = load(f"{potentials}:make", ("Cu", "Si")).potential
    there = part.on("elsewhere")  # type: ignore[attr-defined]
    assert isinstance(there, Potential)
    assert there.capabilities == replace(part.capabilities, device="elsewhere")
    structure = bulk("Cu", cubic=True)
    (here,), (elsewhere,) = (p.evaluate([structure], ENERGY) for p in (part, there))
    assert elsewhere.energy == 10 * here.energy


def test_restriction_changes_the_species_and_nothing_else(potentials: str) -> None:
    whole = load(f"{potentials}:make").potential
    part = load(f"{potentials}:make", ("Cu", "Si")).potential
    structure = bulk("Cu", cubic=True)
    assert isinstance(part, Potential)
    assert part.capabilities.species == ("Si", "Cu")
    assert part.capabilities.combinations == (frozenset({"Si"}), frozenset({"Cu"}))
    assert part.capabilities.cutoff == whole.capabilities.cutoff
    assert part.name == whole.name
    assert part.identity == whole.identity  # type: ignore[attr-defined]
    assert part.evaluate([structure], ENERGY)[0].energy == whole.evaluate([structure], ENERGY)[0].energy
    assert load(f"{potentials}:make", ("Cu", "Si")).reload().capabilities == part.capabilities


def test_restriction_to_all_species_is_none(potentials: str) -> None:
    assert type(load(f"{potentials}:make", ("Cu", "Si", "C")).potential).__name__ == "Einstein"


def test_species_that_the_potential_lacks(potentials: str) -> None:
    text = message(f"{potentials}:make", ("Cu", "Au"))
    assert "does not support Au" in text
    assert "choose from C, Si, Cu" in text


@pytest.mark.parametrize(
    ("species", "expected"),
    [
        (("Cu", "au"), "'au' is no chemical symbol: did you mean 'Au'?"),
        (("X",), "'X' is no chemical symbol"),
        ((), "species must be a list of chemical symbols"),
        ("Cu", "species must be a list of chemical symbols"),
    ],
)
def test_species_that_are_none(species: tuple[str, ...], expected: str) -> None:
    assert expected in message(EMT_SPEC, species)


def test_species_are_needed(calculators: str) -> None:
    assert "--species Cu,Au" in message(EMT_SPEC, None)
    assert "--species Cu,Au" in message(f"{calculators}:make_calculator", None)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("chgnte", "unknown potential 'chgnte': did you mean 'chgnet'?; known: ase, chgnet"),
        ("", "unknown potential ''"),
        ("EMT", "unknown potential 'EMT': did you mean ase:ase.calculators.emt:EMT?"),
        ("quantum", "your own: package.module:factory"),
        ("chgnte:0.3.0", "did you mean 'chgnet'?"),
        ("no_such_module:make", "there is no module 'no_such_module', neither in the working directory"),
        ("ase.no_such:make", "there is no module 'ase.no_such'"),
        ("models/mine.py:make", "write a module and not a file name: did you mean models.mine:make?"),
        ("my_calculators:", "write package.module:factory"),
        ("my_calculators:make_calculater", "did you mean 'make_calculator'?"),
        ("my_calculator:make", "did you mean 'my_calculators'?"),
        ("my_calculators.py:make", "write a module and not a file name: did you mean my_calculators:make?"),
        ("my_calculators:calculator", "is an object of type LennardJones and cannot be called"),
        ("my_calculators:broken", "my_calculators:broken failed: RuntimeError: weights are missing"),
        ("my_calculators:quitting", "my_calculators:quitting failed: SystemExit: no licence"),
        ("my_calculators:nothing", "made an object of type NoneType: it must make an ASE calculator or a Potential"),
        ("my_calculators:a_class", "returned the class LennardJones: return an instance"),
        ("my_calculators:nothing?k=1", "my_calculators:nothing takes no keyword 'k'; it takes none"),
        ("my_calculators:make_calculator?sigma", "options must read ?key=value&key=value, not 'sigma'"),
        ("my_calculators:make_calculator?", "options must read ?key=value&key=value, not ''"),
        ("my_calculators:make_calculator?=1", "not '=1'"),
        ("my_calculators:make_calculator?a=1&a=2", "the option 'a' is given twice"),
        ("ase", "ase needs a calculator"),
        ("ase:", "nothing follows the colon"),
    ],
)
def test_error_says_how_to_mend_it(calculators: str, spec: str, expected: str) -> None:
    assert expected in message(spec)


def test_a_known_potential_is_suggested_only_where_nothing_closer_is_known(home: Path) -> None:
    (home / "mymace.py").write_text("def make_calculator():\n    ...\n")
    assert message("mymace:make_calc").endswith("has no attribute 'make_calc': did you mean 'make_calculator'?")


def test_a_path_is_taken_for_what_it_is_the_path_of(home: Path) -> None:
    (home / "potentials").mkdir()
    (home / "mine.py").write_text("class Pair:\n    ...\n\ndef make(rc=5):\n    ...\n\ndef _own():\n    ...\n")
    (home / "potentials" / "bare.py").write_text("syntax error\n")
    (home / "ge").mkdir()
    assert "unknown potential 'mine.py': did you mean mine:make?; known: " in message("mine.py")
    assert "unknown potential './mine.py': did you mean mine:make?" in message("./mine.py")
    assert "unknown potential 'mine': did you mean mine:make?" in message("mine")
    assert "did you mean potentials.bare:FUNCTION?" in message("potentials/bare.py")
    assert "unknown potential './ge': did you mean 'reference:./ge'?" in message("./ge")
    assert "did you mean" not in message("./absent/nowhere")


def test_module_that_cannot_be_imported(home: Path) -> None:
    (home / "my_broken.py").write_text("import no_such_dependency\n")
    (home / "my_untidy.py").write_text("raise SystemExit(3)\n")
    assert "importing my_broken failed: ModuleNotFoundError: No module named 'no_such" in message("my_broken:make")
    assert "importing my_untidy failed: SystemExit: 3" in message("my_untidy:make")


def test_working_directory_comes_first(calculators: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "site").mkdir()
    (home / "site" / f"{calculators}.py").write_text("")
    monkeypatch.syspath_prepend(str(home / "site"))
    assert load(f"{calculators}:Nested.make", ("Ar",)).potential.name == "LennardJones"
    assert sys.path[0] == str(home)


def test_module_hidden_by_another_of_its_name(home: Path) -> None:
    (home / "json.py").write_text("def make():\n    pass\n")
    text = message("json:make")
    assert "json.py in the working directory is hidden by" in text
    assert text.endswith("rename yours")


@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        ("with_name?name=3", "its name must be a string that is not empty, not 3"),
        ("without_capabilities", "its capabilities must be a gnnp_bench.Capabilities, not NoneType"),
        ("without_identity", "its identity must be a gnnp_bench.Identity or None, not str"),
        ("uncallable", "its evaluate cannot be called"),
        ("with_capabilities?case=species", "holds 'Xx', which is no chemical symbol"),
        ("with_capabilities?case=empty", "species must be a tuple of chemical symbols, not ()"),
        ("with_capabilities?case=string", "species must be a tuple of chemical symbols, not 'Cu'"),
        ("with_capabilities?case=properties", "properties must hold 'energy'"),
        ("with_capabilities?case=property", "properties holds 'dipole': choose from energy, forces, stress"),
        ("with_capabilities?case=periodicity", "periodicity is empty"),
        ("with_capabilities?case=periodic", "periodicity holds '3d': choose from isolated, partial, periodic"),
        ("with_capabilities?case=claims", "claims holds 'perfect'"),
        ("with_capabilities?case=cutoff", "cutoff must be a positive distance in Å or None, not -1.0"),
        ("with_capabilities?case=dtype", "dtype must be 'float32', 'float64' or None, not 'bfloat16'"),
        ("with_capabilities?case=stable", "stable holds 'diamond': name crystals such as 'Si:diamond'"),
        ("with_capabilities?case=stable-of", "stable holds 'Cu:fcc', but Cu is not among its species"),
        ("with_capabilities?case=combinations", "combinations must be empty, or hold each of its species"),
    ],
)
def test_invalid_potential(potentials: str, factory: str, expected: str) -> None:
    text = message(f"{potentials}:{factory}", None)
    assert "is not a valid potential" in text
    assert expected in text


def test_missing_packages_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gnnp_bench.adapters.chgnet", raising=False)
    monkeypatch.setitem(sys.modules, "chgnet", None)  # Python's own way to forbid an import
    assert message("chgnet") == "chgnet is not installed: pip install 'gnnp-bench[chgnet]'"


@pytest.fixture
def distribution(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the installed form of a third party's package `springs`, before it registers anything."""
    info = home / "site" / "springs-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: springs\nVersion: 1.0\nProvides-Extra: wood\n")
    (home / "site" / "springs.py").write_text(
        POTENTIALS
        + "def create(argument, options, species):\n    return Einstein(k=float(argument or options.get('k', 1)))\n"
        + "def wood(argument, options, species):\n    import no_such_dependency\n"
        + "def bad(argument, options, species):\n    return options['k']\n"
    )
    monkeypatch.syspath_prepend(str(home / "site"))
    return info / "entry_points.txt"


def test_potential_of_a_third_party(distribution: Path) -> None:
    distribution.write_text(
        "[gnnp_bench.potentials]\nsprings = springs:create\n"
        "wood = springs:wood\nbad = springs:bad\ngone = springs:gone\n"
    )
    assert load("springs").potential.k == 1.0  # type: ignore[attr-defined]
    assert load("springs:4").potential.k == 4.0  # type: ignore[attr-defined]
    assert load("springs?k=3").potential.k == 3.0  # type: ignore[attr-defined]
    assert message("wood") == "wood needs no_such_dependency, which is not installed: pip install 'springs[wood]'"
    assert message("bad") == "bad of the package springs failed: KeyError: 'k'"
    assert "gone of the package springs cannot be imported: AttributeError" in message("gone")
    named = message("sprigns").partition("known: ")[2].partition(";")[0].split(", ")
    assert named == sorted(named)
    assert {"ase", "bad", "chgnet", "gone", "springs", "wood"} <= set(named)


def test_name_registered_twice(distribution: Path) -> None:
    distribution.write_text("[gnnp_bench.potentials]\nase = springs:create\n")
    assert "the name 'ase' is registered twice" in message("ase")


def test_any_potential_may_be_held_to_crystals(calculators: str) -> None:
    spec = f"{EMT_SPEC}?stable=Cu:fcc,Au:fcc"
    assert load(spec, ("Cu", "Au", "Ag")).potential.capabilities.stable == ("Cu:fcc", "Au:fcc")
    assert load(f"{EMT_SPEC}?stable=Cu", ("Cu", "Au")).potential.capabilities.stable == ("Cu",)
    assert "stable names crystals" in message(f"{EMT_SPEC}?stable=Cu:", ("Cu",))
    assert message(spec, ("Cu",)) == f"{spec} is asked for Cu, of which there is no Au:fcc"
    assert "stable names crystals such as Si:diamond" in message(f"{EMT_SPEC}?stable=copper", ("Cu",))
