"""`gnnp-bench waivers`: what is drafted is refused until a human filled it in, and then accepted as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gnnp_bench.certificate.io import read, write
from gnnp_bench.certificate.result import Waiver
from gnnp_bench.certificate.waiver_draft import draft
from gnnp_bench.certificate.waivers import as_written, parse, waived
from gnnp_bench.cli import main
from tests.certificate.examples import FAILED, PASSED, POTENTIAL, certificate

DAY = date(2099, 1, 31)
PUSHED = """
from ase.calculators.emt import EMT


class Pushed(EMT):
    "Every atom is pushed along x, as by a field that nobody asked for."

    def calculate(self, *arguments, **keywords):
        super().calculate(*arguments, **keywords)
        self.results["forces"] = self.results["forces"] + [0.01, 0.0, 0.0]
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_draft_waives_what_failed_once_it_is_filled_in(workplace, capsys):
    (workplace / "pushed.py").write_text(PUSHED)
    asked = ["certify", "pushed:Pushed", "--species", "Cu", "--budget", "quick", "--only", "symmetry/net-force"]
    assert main([*asked, "--json", "c.json"]) == 1
    assert main(["waivers", "c.json", "--out", "w.toml"]) == 0
    assert main([*asked, "--waivers", "w.toml"]) == 2  # nobody said why, and until when
    capsys.readouterr()
    text = (workplace / "w.toml").read_text()
    assert "# expires = " in text
    text = text.replace("# expires = 2027-03-31", "expires = 2099-01-31").replace('reason = ""', 'reason = "a field"')
    (workplace / "w.toml").write_text(text)
    assert main([*asked, "--waivers", "w.toml", "--json", "d.json"]) == 3  # partial, because of --only
    assert "unused waiver" not in capsys.readouterr().out
    (result,) = [check for check in read("d.json").checks if check.id == "symmetry/net-force"]
    assert result.status == "waived"
    # What was waived is drafted as it was: the new file takes the place of the old one.
    assert main(["waivers", "d.json"]) == 0
    assert parse(capsys.readouterr().out) == result.waivers


def test_reason_and_date_may_be_given_at_once(capsys):
    write(certificate(PASSED, FAILED), "c.json")
    assert main(["waivers", "c.json", "--reason", 'say "known"', "--expires", "2099-01-31"]) == 0
    waivers = parse(capsys.readouterr().out)
    assert [(w.potential, w.check, w.unit, w.reason, w.expires) for w in waivers] == [
        (POTENTIAL.name, FAILED.id, "eV/Å³", 'say "known"', DAY)
    ]
    assert waived(FAILED, waivers, POTENTIAL).status == "waived"


def test_a_law_that_fails_in_two_units_gets_two():
    stress = next(c for c in FAILED.components if c.status == "fail")
    both = replace(FAILED, components=(stress, replace(stress, quantity="forces", unit="eV/Å", measured=2.0)))
    waivers = parse(draft(certificate(both), reason="x", expires=DAY))
    assert {w.unit: w.max for w in waivers}["eV/Å"] == 2.2
    assert waived(both, waivers, POTENTIAL).status == "waived"


def test_what_no_waiver_covers_is_named_and_not_drafted():
    stress = next(c for c in FAILED.components if c.status == "fail")
    wild = replace(FAILED, components=(replace(stress, measured=None),))
    for found in (wild, replace(FAILED, broken=3)):
        text = draft(certificate(found), reason="x", expires=DAY)
        assert parse(text) == ()
        assert f"# {FAILED.id} cannot be waived" in text


def test_nothing_fails():
    assert parse(draft(certificate(PASSED))) == ()
    assert "Nothing fails" in draft(certificate(PASSED))


def test_names_are_data():
    hostile = 'x"\n[[waiver]]\x7f\\ é'
    record = replace(certificate(FAILED), potential=replace(POTENTIAL, name=hostile))
    (waiver,) = parse(draft(record, reason=hostile, expires=DAY))
    assert (waiver.potential, waiver.reason) == (hostile, hostile)


def test_a_used_waiver_stays_as_it_is():
    old = Waiver(potential="CHGNet", check=FAILED.id, max=0.05, unit="eV/Å³", expires=DAY, reason="r")
    found = replace(FAILED, status="waived", waivers=(old,))
    assert parse(draft(certificate(found))) == (old,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.json"], "absent.json"),
        (["c.json", "--expires", "soon"], "--expires must be a date such as 2027-03-31, not 'soon'"),
        (["c.json", "--reason", " "], "--reason must say something"),
        (["c.json", "--out", "absent/w.toml"], "there is no directory absent"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(arguments, message, capsys):
    write(certificate(FAILED), "c.json")
    assert main(["waivers", *arguments]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert message in err


@pytest.mark.parametrize("unit", ["eV/A^3", "eV/Å^3", "eV/A³", "eV/Ang^3", "eV/\u212b³", " eV/Å³ "])
def test_units_may_be_typed_as_a_keyboard_has_them(unit):
    assert as_written(unit) == "eV/Å³"


@pytest.mark.parametrize("unit", ["meV/atom", "eV", "", "THz", "Atoms/Angle", "eV/atom/ps"])
def test_other_units_are_left_alone(unit):
    assert as_written(unit) == unit


def test_reasons_that_somebody_wrote_are_not_overwritten(workplace, capsys):
    write(certificate(PASSED, FAILED), "c.json")
    (workplace / "w.toml").write_text("mine")
    assert main(["waivers", "c.json", "--out", "w.toml"]) == 2
    assert "w.toml exists: name another file, or give --force" in capsys.readouterr().err
    assert (workplace / "w.toml").read_text() == "mine"
    assert main(["waivers", "c.json", "--out", "w.toml", "--force"]) == 0
    assert parse(
        (workplace / "w.toml").read_text().replace('reason = ""', 'reason = "a"').replace("# expires", "expires")
    )
