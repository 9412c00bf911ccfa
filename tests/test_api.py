"""`gnnp_bench.certify`, `gnnp_bench.load`, and the certificate that prints itself."""

from __future__ import annotations

import builtins
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

import gnnp_bench
from gnnp_bench.certificate.io import comparable
from gnnp_bench.certificate.result import Certificate as Record
from gnnp_bench.certificate.result import Verdict
from gnnp_bench.subject import subject_from
from tests.analytic import smooth_pair
from tests.certificate.examples import COUNTEREXAMPLE, FAILED, PASSED, certificate

ROOT = Path(__file__).parents[1]
ONE: dict[str, Any] = {"species": ["Cu"], "only": "symmetry/net-force"}


class Pulled(EMT):
    """Every atom is pulled along x."""

    def calculate(self, *arguments: Any, **keywords: Any) -> None:
        super().calculate(*arguments, **keywords)
        self.results["forces"] = self.results["forces"] + np.array([0.01, 0.0, 0.0])


class Uncopied(EMT):
    def __deepcopy__(self, memo: object) -> None:
        raise RuntimeError("it holds a library")


def broken() -> object:
    return dict[str, object]()["k"]


def make_pulled() -> Pulled:
    return Pulled()


def test_a_class_is_certified_under_the_spec_of_the_command_line() -> None:
    found = gnnp_bench.certify(EMT, **ONE)
    assert found["symmetry/net-force"].status == "pass"
    assert (found.verdict, found.grade, len(found), list(found)) == ("partial", None, 1, ["symmetry/net-force"])
    assert found.record.potential.spec == "ase.calculators.emt:EMT"
    again = gnnp_bench.certify("ase.calculators.emt:EMT", **ONE)
    assert comparable(again.record) == comparable(found.record)


def test_an_instance_is_copied_and_never_asked() -> None:
    calculator = EMT()
    atoms = bulk("Cu")
    atoms.calc = calculator
    before = atoms.get_potential_energy()
    found = gnnp_bench.certify(calculator, **ONE)
    assert found["symmetry/net-force"].status == "pass"
    assert calculator.atoms == atoms
    assert calculator.results["energy"] == before
    assert found.record.potential.spec == "EMT"
    assert gnnp_bench.certify(smooth_pair(), **ONE)["symmetry/net-force"].status == "pass"


def test_a_failure_is_at_hand() -> None:
    found = gnnp_bench.certify(Pulled(), **ONE, name="mine")
    assert (found.verdict, bool(found)) == ("failed", False)
    (failure,) = found.failures
    assert failure is found["symmetry/net-force"]
    assert isinstance(found.structure("symmetry/net-force"), Atoms)
    assert failure.counterexample is not None
    call = "gnnp_bench.certify(mine, species=['Cu'], budget='quick', seed=0, only='symmetry/net-force')"
    assert failure.counterexample.reproduce == call
    again = eval(call, {"gnnp_bench": gnnp_bench, "mine": Pulled()})
    assert again["symmetry/net-force"].measured == failure.measured
    assert "FAILED" in str(found)
    assert "net-force: 0." in str(found)
    assert "sets the centre of mass in motion" in " ".join(found.report().split())


def test_the_command_line_finds_again_what_a_function_of_a_module_fails() -> None:
    found = gnnp_bench.certify(make_pulled, **ONE)["symmetry/net-force"]
    assert found.counterexample is not None
    assert found.counterexample.reproduce.startswith("gnnp-bench certify 'tests.test_api:make_pulled' --species Cu ")


def test_functions_of_a_program_without_a_guard_are_judged_in_processes(tmp_path: Path) -> None:
    """In a notebook, too, functions live in ``__main__``, and nobody writes a guard."""
    (tmp_path / "program.py").write_text(
        "import gnnp_bench\n"
        "from ase.calculators.emt import EMT\n"
        "def make():\n"
        "    return EMT()\n"
        "one, two = (gnnp_bench.certify(make, species='Cu', only='symmetry/net-force', jobs=jobs) for jobs in (1, 2))\n"
        "from gnnp_bench.certificate.io import comparable\n"
        "print(comparable(one.record) == comparable(two.record), one.record.potential.spec, len(one))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for how in (["program.py"], ["-c", (tmp_path / "program.py").read_text()]):
        done = subprocess.run(
            [sys.executable, *how], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.stdout == "True make 1\n", done.stderr
        assert done.stderr == ""


@pytest.mark.parametrize(
    ("potential", "changed", "said"),
    [
        (EMT, {"species": None}, 'does not tell which species it supports: name them, species=["Cu", "Au"]'),
        (EMT, {"species": ["Xx"]}, "'Xx' is no chemical symbol"),
        (EMT, {"species": []}, "species must name at least one"),
        (EMT, {"budget": "fast"}, "budget must be one of quick, standard, thorough, not 'fast'"),
        (EMT, {"profile": "mild"}, "profile must be one of strict, default, loose, not 'mild'"),
        (EMT, {"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        (EMT, {"jobs": 0}, "jobs must be a whole number of at least 1, not 0"),
        (EMT, {"timeout": 0}, "timeout must be a number of seconds above 0, not 0"),
        (EMT, {"only": "chemistry/*"}, "no check matches 'chemistry/*'"),
        (EMT, {"waivers": "no_such.toml"}, "cannot read no_such.toml"),
        ("nonsense", {}, "unknown potential 'nonsense'"),
        ("ase:ase.calculators.emt:EMT", {"name": "mine"}, "a spec is a name already"),
        (
            Uncopied(),
            {},
            "cannot be copied (RuntimeError: it holds a library), and laws need fresh ones: give",
        ),
        (lambda: 3, {}, "potential made an object of type int: it must make an ASE calculator or a Potential"),
        (broken, {}, "tests.test_api:broken failed: KeyError: 'k'"),
    ],
)
def test_a_wrong_request_is_one_line(potential: Any, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        gnnp_bench.certify(potential, **{**ONE, **changed})
    assert "\n" not in str(caught.value)
    assert "--" not in str(caught.value)


def test_what_is_no_potential_is_told() -> None:
    with pytest.raises(TypeError, match="an ASE calculator, or a class or function that makes one, not int"):
        gnnp_bench.certify(3)
    with pytest.raises(TypeError, match=r"not Atoms; give its calculator, atoms\.calc"):
        gnnp_bench.certify(bulk("Cu"))
    with pytest.raises(TypeError, match="load takes a spec such as 'chgnet', not EMT"):
        gnnp_bench.load(EMT())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r'name them, species=\["Cu", "Au"\]'):
        gnnp_bench.load("ase:ase.calculators.emt:EMT")


def test_what_a_factory_raised_stays_in_sight() -> None:
    with pytest.raises(ValueError, match="KeyError") as caught:
        gnnp_bench.certify(broken, **ONE)
    assert isinstance(caught.value.__cause__, KeyError)


def test_load_returns_a_potential() -> None:
    potential = gnnp_bench.load("ase:ase.calculators.emt:EMT", species="Cu,Au")
    (found,) = potential.evaluate([bulk("Cu")], frozenset({"energy", "forces"}))
    assert potential.capabilities.species == ("Cu", "Au")
    assert found.forces is not None
    assert found.energy == pytest.approx(-0.0057, abs=1e-4)


def test_progress_is_printed_or_handed_on(capsys: pytest.CaptureFixture[str]) -> None:
    gnnp_bench.certify(EMT, **ONE)
    assert capsys.readouterr().out == ""
    gnnp_bench.certify(EMT, **ONE, progress=True)
    assert "symmetry/net-force" in capsys.readouterr().out
    steps: list[Any] = []
    gnnp_bench.certify(EMT, **ONE, progress=steps.append)
    assert [step.done for step in steps] == [0, 1]
    assert capsys.readouterr().out == ""


def test_the_threads_of_the_program_are_left_as_they_were() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        gnnp_bench.certify(EMT, **ONE)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("potential", [EMT, EMT(), lambda: EMT(), "ase:ase.calculators.emt:EMT"])
def test_a_crystal_that_it_was_made_for_reaches_the_potential(potential: Any) -> None:
    subject = subject_from(potential, ["Cu"], None, ["Cu:fcc"])
    loaded = subject.load()
    assert loaded.potential.capabilities.stable == ("Cu:fcc",)
    assert loaded.reload().capabilities.stable == ("Cu:fcc",)
    assert ("stable=Cu:fcc" in subject.label) == subject.has_spec


def test_a_crystal_that_falls_apart_fails_where_it_was_promised() -> None:
    class Repulsive(EMT):
        def calculate(self, *arguments: Any, **keywords: Any) -> None:
            super().calculate(*arguments, **keywords)
            self.results = {name: -value for name, value in self.results.items() if name != "energies"}

    law = "physics/equation-of-state"
    promised = gnnp_bench.certify(Repulsive(), species=["Cu"], stable="Cu:fcc", only=law)
    assert promised[law].status == "fail"
    found = promised[law].counterexample
    assert found is not None
    assert "stable=['Cu:fcc']" in found.reproduce
    assert gnnp_bench.certify(Repulsive(), species=["Cu"], only=law)[law].status != "fail"


def test_a_crystal_that_nobody_holds_stable_is_refused() -> None:
    for potential in (EMT, EMT(), "ase:ase.calculators.emt:EMT"):
        with pytest.raises(ValueError, match=r'^stable=\["Cu:diamond"\]: it is not among') as error:
            gnnp_bench.certify(potential, species=["Cu"], stable="Cu:diamond")
        assert "--" not in str(error.value)
    with pytest.raises(ValueError, match="stable must name at least one"):
        gnnp_bench.certify(EMT, species=["Cu"], stable=[])


def test_a_certificate_is_kept_and_read(tmp_path: Path) -> None:
    found = gnnp_bench.Certificate(certificate(checks=(PASSED, FAILED)))
    found.save(tmp_path / "c.json")
    again = gnnp_bench.Certificate.from_file(tmp_path / "c.json")
    assert again == found
    assert repr(again) == str(found)
    with pytest.raises(ValueError, match="cannot write"):
        found.save(tmp_path / "nowhere" / "c.json")
    with pytest.raises(KeyError, match=f"holds no check 'rotation'; did you mean {PASSED.id}"):
        found["rotation"]
    with pytest.raises(ValueError, match="has no counterexample: its status is pass"):
        found.structure(PASSED.id)
    assert PASSED.id in found
    assert "rotation" not in found


def test_only_a_certified_one_is_true() -> None:
    verdicts: tuple[Verdict, ...] = ("certified", "failed", "partial")
    issued = [gnnp_bench.Certificate(replace(certificate(checks=(PASSED,)), verdict=verdict)) for verdict in verdicts]
    assert [bool(found) for found in issued] == [True, False, False]


class Reader(HTMLParser):
    """What a browser sees: elements that are closed as they were opened, their attributes, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(record: Record) -> Reader:
    reader = Reader()
    reader.feed(gnnp_bench.Certificate(record)._repr_html_())
    reader.close()
    assert reader.open == []
    assert reader.attributes <= {"style", "title", "open"}  # nothing that is fetched, nothing that runs
    return reader


def test_a_notebook_shows_verdict_laws_and_counterexamples() -> None:
    reader = shown(certificate(checks=(PASSED, replace(FAILED, counterexample=COUNTEREXAMPLE)), verdict="failed"))
    assert "FAILED" in reader.text
    assert PASSED.id in reader.text
    assert "pass exact" in reader.text
    assert "missed by" in reader.text
    assert COUNTEREXAMPLE.reproduce in reader.text
    assert "pre" in reader.seen


def test_in_a_notebook_text_is_written_and_not_displayed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class ZMQInteractiveShell:
        """By this name of the shell, programs tell that they are in a notebook."""

    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    found = gnnp_bench.certify(EMT, **ONE, progress=True)
    assert "symmetry/net-force" in capsys.readouterr().out
    for text in (str(found), found.report()):
        assert re.search("^exact +symmetry/net-force", text, re.MULTILINE)
    assert capsys.readouterr().out == ""


def test_what_others_wrote_is_escaped() -> None:
    evil = "<script>alert('&')</script>\x1b[31m"
    record = certificate(checks=(PASSED, replace(FAILED, counterexample=COUNTEREXAMPLE)), verdict="failed")
    wicked = replace(FAILED, law=evil, reason=evil, unit=evil, quantity=evil, counterexample=COUNTEREXAMPLE)
    told = replace(PASSED, reason=evil)
    potential = replace(record.potential, name=evil, version='"><img src=x>', spec=evil)
    reader = shown(replace(record, potential=potential, checks=(told, wicked)))
    assert not reader.seen & {"script", "img"}
    assert "<script>alert('&')</script>" in reader.text
    assert "\x1b" not in reader.text
