"""The template of a package of laws: built, installed in a fresh environment, found, certified with; and its copies."""

from __future__ import annotations

import shutil
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from gnnp_bench.certificate.io import read
from gnnp_bench.cli import main
from gnnp_bench.commands.new_law import IN_CLONE
from tests.templates.test_adapter import ROOT, gnnp_bench, python, run

POTENTIALS = """
from ase.calculators.emt import EMT

class Hole(EMT):
    def calculate(self, *arguments, **keywords):
        super().calculate(*arguments, **keywords)
        if len(self.atoms) == 2 and self.atoms.get_distance(0, 1) < 1.45:
            self.results["forces"] = -self.results["forces"]
"""


def write_new(name: str, *more: str) -> int:
    return main(["new-law", name, *more])


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a fresh environment, in which the template and a copy of it are installed and nothing else."""
    place = tmp_path_factory.mktemp("law")
    shutil.copytree(IN_CLONE, place / "package")
    assert write_new("hot-mylab", "--out", str(place / "copy")) == 0
    (place / "holes.py").write_text(POTENTIALS)
    venv.create(place / "venv", with_pip=True, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = place / "venv" / "lib" / version / "site-packages"
    (site / "beside.pth").write_text("\n".join([sysconfig.get_path("purelib"), str(ROOT)]))
    for command in (
        ("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", "dist", "./package", "./copy"),
        ("install", "--no-deps", "--no-index", "--find-links", "dist", "gnnp-bench-mylab", "gnnp-bench-hot-mylab"),
    ):
        done = run(place / "venv" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *command, cwd=place)
        assert done.returncode == 0, done.stderr
    assert (site / "gnnp_bench_mylab" / "laws.py").exists()
    return place


def test_the_laws_are_found_and_belong_to_every_certificate(workplace: Path) -> None:
    done = gnnp_bench(workplace, "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"mylab/repulsion", "hot-mylab/repulsion", "symmetry/rotation"} <= set(done.stdout.split())
    done = gnnp_bench(workplace, "explain", "hot-mylab/repulsion")
    assert "Atoms whose cores overlap repel each other." in " ".join(done.stdout.split())
    # Isolated structures only, to which half of the laws apply: a whole certificate is soon there.
    spec, asked = (
        "tests.analytic:smooth_pair?periodicity=isolated",
        ("--species", "Cu", "--budget", "quick", "--json", "c.json"),
    )
    done = gnnp_bench(workplace, "certify", spec, *asked)
    certificate = read(workplace / "c.json")
    found = {result.id: result for result in certificate.checks}
    for own in ("mylab/repulsion", "hot-mylab/repulsion"):
        assert (found[own].status, found[own].grade) == ("pass", "exact"), found[own].reason
    assert certificate.environment["versions"]["gnnp-bench-mylab"] == "0.1.0"
    assert (done.returncode, certificate.verdict) == (0, "certified"), done.stdout + done.stderr


def test_a_hole_is_found_and_reproduced(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--species", "Cu", "--budget", "quick", "--only", "mylab/*", "--json", "hole.json")
    done = gnnp_bench(workplace, "certify", "holes:Hole", *asked)
    assert done.returncode == 1, done.stdout + done.stderr
    (found,) = read(workplace / "hole.json").checks
    assert found.status == "fail"
    assert found.counterexample is not None
    assert found.counterexample.case["parameters"] == {"fraction": 0.4}
    done = gnnp_bench(workplace, "reproduce", "hole.json", "mylab/repulsion")
    assert done.returncode == 0, done.stdout + done.stderr
    # Without the package, as in this environment:
    assert main(["reproduce", str(workplace / "hole.json"), "mylab/repulsion"]) == 2
    assert "mylab/repulsion is a law of another package, which is not installed here" in capsys.readouterr().err


def test_its_own_tests_pass(workplace: Path) -> None:
    for package in ("package", "copy"):
        done = run(python(workplace), "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=workplace / package)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "2 passed" in done.stdout


def test_a_copy_is_the_template_under_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_new("dimers") == 0
    told = capsys.readouterr().out
    assert "pip install -e gnnp-bench-dimers" in told
    assert "gnnp-bench explain dimers/repulsion" in told
    copy = tmp_path / "gnnp-bench-dimers"
    assert (copy / "src" / "gnnp_bench_dimers" / "laws.py").exists()
    written = {path.relative_to(copy): path.read_text() for path in copy.rglob("*") if path.is_file()}
    template = {path for path in IN_CLONE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert len(written) == len(template)
    assert not [path for path, text in written.items() if "mylab" in text or "mylab" in str(path)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gnnp-bench-dimers"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["My Lab"], "NAME is lower case, letters, digits and single hyphens, such as my-lab, not 'My Lab'"),
        (["../up"], "NAME is lower case"),
        (["symmetry"], "symmetry is a family of gnnp-bench's own laws"),
        (["dimers"], "gnnp-bench-dimers exists: name another directory by --out, or remove it"),
        (["lab", "--out", "no/such/place"], "there is no directory no/such: create it first"),
        (["lab", "--out", "file/lab"], "there is no directory file: create it first"),
    ],
)
def test_a_wrong_request_writes_nothing(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gnnp-bench-dimers").mkdir()
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    assert main(["new-law", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert said in told
    assert sorted(tmp_path.rglob("*")) == before


def test_what_breaks_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of the template that is no text stands for a disk that fills up."""
    broken = tmp_path / "template"
    shutil.copytree(IN_CLONE, broken)
    (broken / "zzzz.txt").write_bytes(b"\xff\xfe\x00mylab")
    monkeypatch.setattr("gnnp_bench.commands.new_law.IN_CLONE", broken)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["new-law", "dimers"]) != 0
    assert sorted(tmp_path.rglob("*")) == before
    assert "cannot write gnnp-bench-dimers" in capsys.readouterr().err
