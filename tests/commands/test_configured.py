"""Settings in pyproject.toml: what they spare one to type, and that they are never applied to another potential."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnp_bench.certificate.io import read
from gnnp_bench.cli import main
from gnnp_bench.commands.configured import Configured, configured
from gnnp_bench.commands.exits import BadRequest
from tests.commands.processes import lay_out, refused

TABLE = """
[tool.gnnp-bench]
spec = "tempers:Drifting"
species = ["Cu", "Au"]
budget = "quick"
"""
ONE = ("--only", "symmetry/net-force")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a module of potentials, which is the current one."""
    return lay_out(tmp_path, monkeypatch)


def write(text: str) -> None:
    Path("pyproject.toml").write_text(text, encoding="utf-8")


def test_a_certificate_is_made_of_what_the_file_says(capsys):
    write(TABLE)
    assert main(["certify", *ONE, "--json", "c.json"]) == 1
    found = read("c.json")
    assert (found.potential.spec, found.potential.species, found.budget) == ("tempers:Drifting", ("Cu", "Au"), "quick")
    reproduce = found.checks[0].counterexample
    assert reproduce is not None
    assert "certify 'tempers:Drifting' --species Cu,Au --budget quick" in reproduce.reproduce
    capsys.readouterr()
    assert main(["show", "c.json"]) == 0
    shown = capsys.readouterr().out
    assert "FAILED symmetry/net-force" in shown
    assert "gnnp-bench reproduce c.json symmetry/net-force" in shown
    assert "Drifting FAILED: 1 of 1 law is violated: symmetry/net-force." in " ".join(shown.split())
    assert "gnnp-bench show" not in shown


def test_an_option_wins_over_the_file(capsys):
    write(TABLE)
    assert main(["certify", *ONE, "--species", "Cu", "--json", "c.json"]) == 1
    assert read("c.json").potential.species == ("Cu",)


def test_waivers_of_the_file_are_used():
    write(TABLE + 'waivers = "w.toml"\n')
    Path("w.toml").write_text(
        '[[waiver]]\npotential = "Drifting"\ncheck = "symmetry/net-force"\nmax = 1.3\nunit = "eV/Å"\n'
        'expires = 2999-12-31\nreason = "known"\n',
        encoding="utf-8",
    )
    assert main(["certify", *ONE, "--json", "c.json"]) == 3
    assert read("c.json").checks[0].status == "waived"


def test_the_file_says_nothing_of_another_potential():
    write(TABLE)
    assert configured("chgnet") == Configured(spec="chgnet")
    assert configured("tempers:Drifting").species == "Cu,Au"


def test_without_a_table_nothing_changes():
    assert configured("chgnet") == Configured(spec="chgnet")
    write("[tool.other]\nspec = 3\n")
    assert configured("chgnet") == Configured(spec="chgnet")
    with pytest.raises(BadRequest, match="name a potential"):
        configured(None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.gnnp-bench]\nbuget = 'quick'\n", "unknown key 'buget'; known are spec, species, budget, waivers"),
        ("[tool.gnnp-bench]\nbudget = 'quik'\n", "budget in [tool.gnnp-bench] of pyproject.toml must be one of quick"),
        ("[tool.gnnp-bench]\nspec = 3\n", "spec in [tool.gnnp-bench] of pyproject.toml must be text"),
        ("[tool.gnnp-bench]\nspecies = [3]\n", "must be text, or a list of it"),
        ("[tool]\ngnnp-bench = 3\n", "[tool.gnnp-bench] of pyproject.toml must be a table"),
        ("[tool", "pyproject.toml is no TOML"),
    ],
)
def test_a_table_that_is_wrong_is_refused_in_one_line(text, message, capsys):
    write(text)
    for command in ("certify", "doctor"):
        assert message in refused(capsys, command)
