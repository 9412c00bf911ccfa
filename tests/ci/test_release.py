"""The recipe of a release refuses what is not ready, before it builds anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = (".ci/release", "pyproject.toml", "gnnp_bench/__init__.py", "CITATION.cff", "changes/README.md")
VERSIONED = FILES[1:4]


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    who = {f"GIT_{role}_{what}": "n@n" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def commit(clone: Path) -> None:
    for command in (("git", "add", "-A"), ("git", "commit", "-q", "--allow-empty", "-m", "x")):
        assert run(*command, cwd=clone).returncode == 0


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository that is ready to be released as 9.8.7, but that nothing can be built in it."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    from gnnp_bench import __version__

    for name in VERSIONED:
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert __version__ in text
        (tmp_path / name).write_text(text.replace(__version__, "9.8.7"), encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 9.8.7 (2026-12-01)\n", encoding="utf-8")
    run("git", "init", "-q", cwd=tmp_path)
    commit(tmp_path)
    return tmp_path


def test_what_is_ready_is_built_and_what_cannot_be_built_is_not_tagged(clone: Path) -> None:
    done = run(".ci/release", "9.8.7", cwd=clone)
    assert "pip: No such file" in done.stderr
    assert done.returncode not in (0, 2)
    assert run("git", "tag", cwd=clone).stdout == ""


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("pyproject.toml", 'version = "9.8.7"', 'version = "9.8.6"', "pyproject.toml has another version"),
        ("gnnp_bench/__init__.py", "9.8.7", "9.8.6", "gnnp_bench/__init__.py has another version"),
        ("CITATION.cff", "version: 9.8.7", "version: 9.8.6", "CITATION.cff has another version"),
        ("CHANGELOG.md", "## 9.8.7", "## 9.8.6", "CHANGELOG.md has no section of 9.8.7"),
    ],
)
def test_a_version_that_stands_in_one_place_only_is_refused(clone: Path, name, old, new, told) -> None:
    text = (clone / name).read_text(encoding="utf-8")
    (clone / name).write_text(text.replace(old, new), encoding="utf-8")
    commit(clone)
    done = run(".ci/release", "9.8.7", cwd=clone)
    assert done.returncode == 2
    assert told in done.stderr


def test_changes_fragments_and_tags_are_refused(clone: Path) -> None:
    assert run(".ci/release", "9.8", cwd=clone).returncode == 2
    (clone / "changes" / "new.added.md").write_text("New.\n", encoding="utf-8")
    assert "the working tree has changes" in run(".ci/release", "9.8.7", cwd=clone).stderr
    commit(clone)
    assert "changes/ holds fragments" in run(".ci/release", "9.8.7", cwd=clone).stderr
    run("git", "tag", "v9.8.7", cwd=clone)
    assert "there is a tag v9.8.7 already" in run(".ci/release", "9.8.7", cwd=clone).stderr


def test_fragments_join_the_section_of_their_version(tmp_path: Path) -> None:
    pytest.importorskip("towncrier")
    for name in (".ci/changelog", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    below = "\n## 0.0.1 (2026-01-01)\n\n### Added\n\n- Older.\n"
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n<!-- towncrier release notes start -->\n{below}")
    (tmp_path / "gnnp_bench").mkdir()
    (tmp_path / "gnnp_bench" / "__init__.py").write_text('__version__ = "9.8.7"\n')
    for fragment, text in (
        ("b.added.md", "Bees.\n"),
        ("c.fixed.md", "Cats, [there](../docs/x.md).\n"),
        ("a.added.md", "Ants,\nin two lines.\n"),
    ):
        (tmp_path / "changes").mkdir(exist_ok=True)
        (tmp_path / "changes" / fragment).write_text(text)
        if fragment != "b.added.md":
            run(sys.executable, ".ci/changelog", "9.8.7", "2026-11-30", cwd=tmp_path)
    assert list((tmp_path / "changes").glob("*.md")) == []
    added = "### Added\n\n- Ants,\n  in two lines.\n- Bees.\n"
    section = f"## 9.8.7 (2026-11-30)\n\n{added}\n### Fixed\n\n- Cats, [there](docs/x.md).\n"
    assert (tmp_path / "CHANGELOG.md").read_text().partition("start -->\n\n")[2] == section + below
