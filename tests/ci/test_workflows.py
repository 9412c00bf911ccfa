"""The workflows that users copy: valid by the vendors' schemas, and their shell steps do what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
GITHUB, GITLAB = ROOT / "docs/ci/github.yml", ROOT / "docs/ci/gitlab.yml"
POTENTIAL = "tests.analytic:smooth_pair?periodicity=isolated"
"""To which half of the laws apply, so that a whole certificate is soon there."""
HARNESS = "def bench_sum():\n    return lambda: sum(range(20_000)), lambda result: {'counters': {'sum': result}}\n"


def read(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


@pytest.mark.parametrize(("path", "schema"), [(GITHUB, "vendor.github-workflows"), (GITLAB, "vendor.gitlab-ci")])
def test_the_vendors_schema_is_obeyed(path, schema, tmp_path):
    def check(file: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = check(path)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(path.read_text().replace("run: |", "runs: |").replace("script:", "script: {}\n  scripts:"))
    assert check(wrong).returncode == 1


def git(*arguments: str) -> str:
    who = {f"GIT_{role}_{what}": "n@n" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, env=environment)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A user's repository as a runner checks it out, which is the current directory; returns the runner's variables."""
    monkeypatch.chdir(tmp_path)
    Path("benchmarks").mkdir()
    Path("benchmarks/gate.py").write_text(HARNESS)
    Path("requirements.txt").write_text("numpy\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "base")
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    return {
        **os.environ,
        # The installed commands; nothing is fetched, for what is installed satisfies the requirements.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PIP_NO_INDEX": "1",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(tmp_path / ".cache"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "step-summary.md"),
        "GITHUB_BASE_REF": "main",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": git("rev-parse", "HEAD"),
    }


def variables(given: Mapping[str, Any], **changed: str) -> dict[str, str]:
    """Return the variables of a workflow, those that users set with other values; the package is the installed one."""
    assert set(changed) <= set(given)
    return {name: str(value) for name, value in given.items()} | {"GNNP_BENCH": "gnnp-bench"} | changed


def github_step(job: str, name: str) -> str:
    (script,) = [step["run"] for step in read(GITHUB)["jobs"][job]["steps"] if step.get("name") == name]
    return str(script)


def gitlab_script(job: str) -> str:
    return "\n".join(read(GITLAB)[job]["script"])


def shell(script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script as the runners do."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)


def test_github_certifies(project):
    own = variables(read(GITHUB)["env"], POTENTIAL=POTENTIAL, SPECIES="Cu", BUDGET="quick")
    assert shell(github_step("certify", "Install"), project | own).returncode == 0
    done = shell(github_step("certify", "Certify"), project | own)
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("certificate.json").read_text())["verdict"] == "certified"
    assert "<testsuite" in Path("certificate.xml").read_text()
    summary = Path(project["GITHUB_STEP_SUMMARY"]).read_text()
    assert summary.startswith("```\n")
    assert "CERTIFIED" in summary.upper()


def test_the_package_comes_from_where_it_is():
    for given in (read(GITHUB)["env"], read(GITLAB)["variables"]):
        assert given["GNNP_BENCH"].startswith("gnnp-bench @ git+https://")


def test_github_tells_a_potential_that_cannot_be_loaded(project):
    own = variables(read(GITHUB)["env"], POTENTIAL="absent:nothing")
    done = shell(github_step("certify", "Certify"), project | own)
    assert done.returncode == 2
    assert "there is no module 'absent'" in done.stderr


def test_github_gates(project):
    own = variables(read(GITHUB)["env"], GATE_MINUTES="0.01")
    done = shell(github_step("gate", "Gate"), project | own)
    assert done.returncode == 0, done.stderr
    assert "| sum |" in Path(project["GITHUB_STEP_SUMMARY"]).read_text()
    assert json.loads(Path("gate.json").read_text())["exit_status"] in (0, 3)
    worse = HARNESS.replace("result}}", "result + __import__('small').SIZE}}")
    Path("benchmarks/gate.py").write_text(worse)
    Path("small.py").write_text("SIZE = 1\n")
    git("add", "-A")
    git("commit", "-q", "-m", "small")
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    Path("small.py").write_text("SIZE = 2\n")
    done = shell(github_step("gate", "Gate"), project | own)
    assert done.returncode == 1
    assert "sum: counter sum" in done.stdout


def test_gitlab(project):
    given = read(GITLAB)["variables"]
    own = variables(given, POTENTIAL=POTENTIAL, SPECIES="Cu", BUDGET="quick", GATE_MINUTES="0.01")
    done = shell(gitlab_script("certify"), project | own)
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("certificate.json").read_text())["verdict"] == "certified"
    assert shell(gitlab_script("gate"), project | own).returncode in (
        0,
        *read(GITLAB)["gate"]["allow_failure"]["exit_codes"],
    )
    assert Path("gate.md").exists()
    assert shell(gitlab_script("gate"), project | own | {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "absent"}).returncode == 2
