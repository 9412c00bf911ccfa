"""`gnnp-bench gate` on a small repository made for the test: builds, measures, judges, reports, refuses."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from gnnp_bench.certificate import io
from gnnp_bench.certificate.result import Score
from gnnp_bench.cli import main
from tests.certificate.examples import certificate
from tests.commands.processes import refused

CODE = """
def work(n={n}):
    return sum(i * i for i in range(n))


def answer():
    return {answer}
"""
HARNESS = """
import helper
import small


def bench_squares():
    "A sum of squares."
    numbers = []

    def describe(result):
        numbers.append(result)
        return {"results": {"sum": result}, "counters": {"terms": helper.TERMS}}

    return small.work, describe


def bench_answer():
    "How far the answer is from the truth."
    return lambda: sum(range(20_000)), lambda result: {
        "results": {"answer": small.answer()}, "errors": {"distance": abs(small.answer() - 42.0)}
    }
"""
AUTHOR = {
    f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "n"), ("EMAIL", "e@e"))
}


def git(*arguments: str) -> str:
    environment = {**os.environ, **AUTHOR, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, env=environment)
    return done.stdout.strip()


def commit(message: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    git("add", "-A")
    git("commit", "-q", "-m", message)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, tagged `first`, which is the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    git("init", "-q")
    Path(".gitignore").write_text(".cache/\n__pycache__/\n*.json*\n*.md\n")
    files = {
        "small.py": CODE.format(n=30_000, answer=41.0),
        "benchmarks/gate.py": HARNESS.replace("import helper", "from benchmarks import helper"),
        "benchmarks/helper.py": "TERMS = 1\n",
        "benchmarks/__init__.py": "",
    }
    commit("first", files)
    git("tag", "first")
    return tmp_path


def gate(*arguments: str) -> int:
    return main(["gate", "--seconds", "0.02", *arguments])


def test_slower_larger_and_less_accurate_code_fails(repository, capsys):
    commit("slow", {"small.py": CODE.format(n=90_000, answer=40.0)})
    Path("h.jsonl").write_text('{"earlier": true}\n')
    files = ("--json", "g.json", "--markdown", "g.md", "--history", "h.jsonl")
    assert gate("--base", "first", "--head", "HEAD", "--quartets", "3", *files) == 1
    out, err = capsys.readouterr()
    assert "once more, because they look worse: squares" in err
    assert "WORSE: " in out
    assert "squares: processor time" in out
    assert "answer: error distance" in out
    found = json.loads((repository / "g.json").read_text())
    assert found["exit_status"] == 1
    assert found["head"]["commit"] == git("rev-parse", "HEAD")
    squares, answer = found["benchmarks"]
    assert squares["worse"] == ["time"]
    assert 2.0 < squares["comparisons"]["time"]["ratio"] < 4.5
    assert 2.0 < squares["again"]["time"]["ratio"] < 4.5
    assert answer["worse"] == ["errors/distance"]
    page = (repository / "g.md").read_text()
    assert page.startswith("**WORSE: ")
    assert "| 🔴 worse | squares |" in page
    assert "1 → 2 (worse)" in page
    earlier, line = (repository / "h.jsonl").read_text().splitlines()
    assert json.loads(earlier) == {"earlier": True}
    assert json.loads(line) == found
    # The user's repository is as it was.
    assert git("worktree", "list").count("\n") == 0
    assert git("status", "--porcelain") == ""


def test_the_same_code_passes_or_says_that_the_machine_is_too_noisy(repository, capsys):
    # The head's harness and its neighbours run on both: a counter that the harness alone changes is no change.
    Path("benchmarks/helper.py").write_text("TERMS = 2\n")
    assert gate("--base", "first", "--quartets", "2") in (0, 3)
    out = capsys.readouterr().out
    assert "head  the working tree" in out
    assert "counter" not in out


def test_a_certificate_that_got_worse_is_worse_whatever_the_benchmarks_say(repository, capsys):
    error = Score(kind="accuracy", subject="Si", name="forces, MAE", value=50.0, unit="meV/Å", better="lower")
    io.write(certificate(scores=(error,)), "old.json")
    io.write(certificate(scores=(replace(error, value=60.0),)), "new.json")
    options = ("--base", "first", "--quartets", "2", "--only", "answer", "--json", "g.json", "--markdown", "g.md")
    assert gate(*options, "--certificates", "old.json", "old.json") in (0, 3)
    assert gate(*options, "--certificates", "old.json", "new.json") == 1
    assert "forces, MAE (Si) was 50 and is 60 meV/Å" in capsys.readouterr().out
    found = json.loads(Path("g.json").read_text())
    assert (found["exit_status"], found["certificates"]["worse"]) == (1, True)
    assert "forces, MAE" in Path("g.md").read_text()


def test_new_benchmarks_and_broken_ones(repository, capsys):
    harness = Path("benchmarks/gate.py")
    sound = harness.read_text()
    harness.write_text(sound + "\n\ndef bench_later():\n    return small.later\n")
    Path("small.py").write_text(CODE.format(n=1000, answer=42.0) + "\n\ndef later():\n    return 1\n")
    assert gate("--base", "first", "--quartets", "2", "--only", "later") == 2
    out = capsys.readouterr().out
    assert "new          later" in out
    assert "on the base: AttributeError" in out
    assert "COULD NOT MEASURE: the revisions have no benchmark in common." in out
    harness.write_text(sound + "\n\ndef bench_broken():\n    raise ValueError('no luck')\n")
    assert gate("--base", "first", "--quartets", "2", "--only", "broken", "--markdown", "-") == 2
    assert "COULD NOT MEASURE: broken on the head: ValueError: no luck." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base", "second"), "there is no revision 'second'"),
        (("--base", "--all"), "there is no revision '--all'"),
        (("--base", "first", "--harness", "absent.py"), "there is no harness"),
        (("--base", "first", "--harness", "small.py"), "small.py holds no benchmark"),
        (("--base", "first", "--harness", "wrong.py"), "the harness fails on the working tree: ZeroDivisionError"),
        (("--base", "first", "--only", "cubes"), "--only 'cubes' matches no benchmark: choose from squares, answer"),
        (("--base", "first", "--minutes", "0"), "--minutes must be a positive number"),
        (("--base", "first", "--json", "-", "--markdown", "-"), "cannot both be standard output"),
        (("--base", "first", "--json", "x", "--history", "x"), "must be different files"),
        (("--base", "first", "--json", "absent/x"), "there is no directory absent"),
        (("--base", "first", "--repository", ".."), "is in no git repository"),
        (("--base", "first", "--environments", "mine"), "'mine' is not one of"),
        ((), "Missing option '--base'"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(arguments, message, repository, capsys):
    Path("wrong.py").write_text("1 / 0\n")
    assert message in refused(capsys, "gate", *arguments)


BACKEND = """
import zipfile


def build_wheel(directory, settings=None, metadata=None):
    name = "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        wheel.writestr("only_here.py", "TRUTH = 42.0")
        wheel.writestr("small-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: small\\nVersion: 1.0\\n")
        wheel.writestr("small-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\nRoot-Is-Purelib: true\\n")
        wheel.writestr("small-1.0.dist-info/RECORD", "")
    return name
"""


def test_an_environment_of_its_own_is_built_once(repository, capsys, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    harness = "import only_here\n\n\ndef bench_nothing():\n    return lambda: only_here.TRUTH\n"
    commit("project", {"pyproject.toml": project, "backend.py": BACKEND, "benchmarks/gate.py": harness})
    own = ("--base", "HEAD", "--quartets", "2", "--environments", "own")
    for building in (1, 0):
        assert gate(*own) in (0, 3)
        assert capsys.readouterr().err.count("building an environment for HEAD ...\n") == building
    Path("pyproject.toml").write_text(project.replace("[]", '["absent-build-backend"]', 1))
    assert gate("--base", "HEAD", "--quartets", "2") == 2
    *progress, last = capsys.readouterr().err.splitlines()
    assert progress == ["building an environment for the working tree ..."]
    assert last.startswith("gnnp-bench: no environment could be built for the working tree: ERROR: ")


def test_what_cannot_be_cached_is_one_line_and_could_not_be_measured(repository, tmp_path, capsys):
    (tmp_path / "occupied.json").write_text("{}")
    message = refused(capsys, "gate", "--base", "first", "--cache", "occupied.json")
    assert "the files of first cannot be written to" in message
    Path("outside").symlink_to("/etc/hostname")
    commit("a link that leads out", {})
    assert "see --cache" in refused(capsys, "gate", "--base", "HEAD")
    assert not list((tmp_path / ".cache").rglob(".*-*"))


def test_a_bug_is_no_noisy_machine(repository, monkeypatch, capsys):
    def broken(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr("gnnp_bench.perf.gate_run.gate", broken)
    assert gate("--base", "first") == 2
    assert "nothing was measured, because of a bug in gnnp-bench" in capsys.readouterr().err
