"""``gnnp-bench doctor`` as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnp_bench.cli import main
from tests.commands.processes import gnnp_bench, refused

MODULE = """
from ase.calculators.emt import EMT


class InGPa(EMT):
    def calculate(self, *arguments):
        print("computing")
        super().calculate(*arguments)
        if "stress" in self.results:
            self.results["stress"] = self.results["stress"] * -160.21766


def gigapascals():
    return InGPa()


class Leaving(EMT):
    def calculate(self, *arguments):
        raise SystemExit(0)


class ThreeOrNone(EMT):
    "Raises as kimpy does where some directions only are periodic."

    def calculate(self, atoms=None, *arguments):
        if atoms.pbc.any() and not atoms.pbc.all():
            raise RuntimeError("Calling 'kimpy.neighlist.build' function failed.")
        super().calculate(atoms, *arguments)


class Smeared(EMT):
    def calculate(self, *arguments):
        super().calculate(*arguments)
        self.results["free_energy"] = self.results["energy"] - 0.1


class NotForceConsistent:
    "Returns the energy beside the free one."

    name = "smeared"

    def __init__(self):
        from gnnp_bench.potential import Capabilities

        self.calculator = Smeared()
        self.capabilities = Capabilities(species=("Al", "Ni", "Cu", "Ag"), dtype="float64")

    def evaluate(self, structures, properties):
        from gnnp_bench.potential import Prediction

        found = []
        for structure in structures:
            atoms = structure.copy()
            atoms.set_constraint()
            atoms.calc = self.calculator
            stress = atoms.get_stress(voigt=False) if "stress" in properties else None
            forces = atoms.get_forces() if "forces" in properties else None
            found.append(Prediction(energy=atoms.get_potential_energy(), forces=forces, stress=stress))
        return found
"""


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "patients.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_findings_are_printed_in_plain_words(workplace: Path) -> None:
    done = gnnp_bench("doctor", "patients:gigapascals", "--species", "Cu")
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "1. stress-sign"
    assert "2. stress-unit" in lines
    assert "   looks like stress in GPa" in lines
    assert "   to mend it convert to eV/Å³: multiply by 0.0062415091" in lines
    assert lines[-1].startswith("InGPa: 2 findings (")
    assert "computing" not in done.stdout


def test_nothing_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "ase:ase.calculators.emt:EMT", "--species", "Cu"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("EMT: nothing found (")
    assert out.count("\n") == 1
    assert err == ""


def test_what_cannot_be_loaded_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown potential 'emt'" in refused(capsys, "doctor", "emt")
    assert "name them, --species Cu,Au" in refused(capsys, "doctor", "ase:ase.calculators.emt:EMT")
    assert "--species names no element" in refused(capsys, "doctor", "chgnet", "--species", ",")


def test_help_tells_what_it_does() -> None:
    done = gnnp_bench("doctor", "--help")
    assert done.returncode == 0
    assert "Exit status: 0 nothing found, 1 something found" in " ".join(done.stdout.split())


def test_a_potential_that_ends_the_program_does_not_decide_the_exit_status(workplace: Path) -> None:
    done = gnnp_bench("doctor", "patients:Leaving", "--species", "Cu")
    assert done.returncode == 1, done.stderr
    assert "SystemExit: 0" in done.stdout


@pytest.mark.parametrize("restricted", [(), ("--species", "Cu,Ag")])
def test_the_free_energy_is_found_whatever_the_species(restricted: tuple[str, ...], workplace: Path) -> None:
    done = gnnp_bench("doctor", "patients:NotForceConsistent", *restricted)
    assert done.returncode == 1, done.stderr
    assert "1. not-force-consistent" in done.stdout


def test_the_spec_for_what_a_calculator_can_do_is_printed_and_finds_nothing_more(workplace: Path) -> None:
    done = gnnp_bench("doctor", "patients:ThreeOrNone?asap_cutoff=true", "--species", "Cu")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("1. periodicity-declared-but-refused\n"), done.stdout
    assert "makes evaluate raise RuntimeError: Calling 'kimpy.neighlist.build' function failed" in done.stdout
    spec = "patients:ThreeOrNone?asap_cutoff=true&periodicity=periodic,isolated"
    assert f"or ask for the others alone: '{spec}'" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("ThreeOrNone: 1 finding (")
    assert gnnp_bench("doctor", spec, "--species", "Cu").returncode == 0
