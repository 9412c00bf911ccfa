"""Packages that extend gnnp-bench and are broken: each is named, and nothing else is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gnnp_bench.certificate.io import read

ROOT = Path(__file__).parents[2]
LAW = """
from gnnp_bench import Check, Component, Request, Residual

def draw(rng, view):
    return view.pick(rng).case({})

def measure(case):
    (found,) = yield Request([case.structure], frozenset({"energy"}))
    return Residual((Component("nothing", 0.0, 1e-3, "eV", bound=0.0),))

def law(id, **changed):
    return Check(**{**dict(id=id, law="0 = 0", category="mandatory", needs=frozenset({"energy"}), source="none",
                 tolerance="none", physics="Nothing.", draw=draw, measure=measure), **changed})
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory in which packages of others are installed, which is on the path of new processes."""
    (tmp_path / "potential.py").write_text(
        "from tests.analytic import smooth_pair\n\ndef make():\n    return smooth_pair()\n"
    )
    return tmp_path


def install(site: Path, package: str, entries: str, **modules: str) -> None:
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)
    info = site / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entries)


def gnnp_bench(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    return subprocess.run(
        [sys.executable, "-m", "gnnp_bench", *arguments],
        cwd=site,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("command", ["campaign", "env"])
def test_what_subcommands_are_for_is_not_cut_off(command: str, site: Path) -> None:
    told = gnnp_bench(site, command, "--help").stdout
    assert "..." not in told.partition("Commands:")[2]
    assert "Commands:" in told


def test_a_law_that_cannot_be_imported_is_named_and_costs_no_other(site: Path) -> None:
    install(site, "gone-laws", "[gnnp_bench.checks]\nfirst = gone_laws.nothere:LAWS\n", gone_laws="")
    install(
        site, "good-laws", "[gnnp_bench.checks]\ngood = good_laws:LAWS\n", good_laws=LAW + "LAWS = [law('good/one')]\n"
    )
    warning = (
        "gnnp-bench: warning: a law of the package gone-laws could not be loaded (entry point first ="
        " gone_laws.nothere:LAWS): ModuleNotFoundError: No module named 'gone_laws.nothere'; 'gone_laws' is not a"
        " package; mend or uninstall gone-laws\n"
    )
    done = gnnp_bench(site, "list")
    assert done.returncode == 0
    assert done.stderr == warning
    assert {"symmetry/rotation", "good/one", "not-loaded/gone-laws-first"} <= set(done.stdout.split())

    # A law that was installed and not judged is an error: a certificate must not be had by a broken import.
    asked = ("certify", "potential:make", "--species", "Cu", "--budget", "quick")
    only = ("--only", "*/one", "--only", "not-loaded/*", "--only", "symmetry/net-force")
    done = gnnp_bench(site, *asked, *only, "--json", "c.json")
    assert done.stderr == warning
    found = {result.id: result for result in read(site / "c.json").checks}
    assert (found["good/one"].status, found["symmetry/net-force"].status) == ("pass", "pass")
    missing = found["not-loaded/gone-laws-first"]
    assert (missing.status, missing.category) == ("error", "mandatory")
    assert missing.reason is not None
    assert missing.reason in warning
    assert done.returncode == 3
    assert "Traceback" not in done.stderr

    both = gnnp_bench(site, *asked, *only, "--json", "d.json", "--jobs", "2")
    assert both.returncode == 3
    assert [(r.id, r.status, r.reason) for r in read(site / "d.json").checks] == [
        (r.id, r.status, r.reason) for r in read(site / "c.json").checks
    ]
    assert gnnp_bench(site, "explain", "good/one").returncode == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAW + "LAWS = [law('dimer')]", "the check 'dimer': the id must read family/name"),
        (LAW + "LAWS = law('mine/one', category='physics')", "the check 'mine/one': the category must be one of"),
        (LAW + "LAWS = [law('mine/one'), 3]", "it holds 3, which is no Check"),
        (LAW + "LAWS = law", "it holds <function law at"),
        (LAW + "LAWS = [law('symmetry/rotation')]", "the id symmetry/rotation is taken by gnnp-bench"),
        ("raise SystemExit('no licence')", "SystemExit: no licence"),
        ("LAW = 3", "AttributeError: module 'mine' has no attribute 'LAWS'"),
        ("1 +", "SyntaxError: invalid syntax (mine.py, line 1)"),
    ],
)
def test_what_is_no_law_is_told_in_one_line(site: Path, text: str, reason: str) -> None:
    install(site, "mine", "[gnnp_bench.checks]\nall = mine:LAWS\n", mine=text)
    done = gnnp_bench(site, "list")
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert f"the package mine could not be loaded (entry point all = mine:LAWS): {reason}" in done.stderr
    assert "symmetry/rotation" in done.stdout
    assert ("mine/one" in done.stdout.split()) == ("law('mine/one'), 3" in text)


def test_a_potential_that_cannot_be_imported_costs_no_other(site: Path) -> None:
    entries = "[gnnp_bench.potentials]\nspringy = springy.nothere:create\nspringier = springy:create\n"
    install(site, "springy", entries, springy="def create(argument, options, species):\n    raise OSError('no file')\n")
    install(site, "twice", "[gnnp_bench.potentials]\nspringier = twice:create\n", twice="")
    done = gnnp_bench(site, "certify", "springy")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "gnnp-bench: springy of the package springy cannot be imported: ModuleNotFoundError: "
    )
    done = gnnp_bench(site, "certify", "springier")
    assert done.returncode == 2
    assert "the name 'springier' is registered twice, as springy:create and twice:create: uninstall one" in done.stderr
    done = gnnp_bench(site, "certify", "potential:make", "--only", "symmetry/net-force", "--budget", "quick")
    assert done.stderr == ""
    assert done.returncode == 3


def test_a_command_that_ends_the_program_is_told(site: Path) -> None:
    install(site, "sorry", "[gnnp_bench.commands]\nsorry = sorry:app\n", sorry="raise SystemExit('no licence')\n")
    done = gnnp_bench(site, "sorry")
    assert done.returncode == 2
    assert done.stderr == "gnnp-bench: command 'sorry' of sorry is broken: SystemExit: no licence\n"
    assert gnnp_bench(site, "list").stderr == ""
