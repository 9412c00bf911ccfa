"""What the documentation points at is there: files that it links to, headings, modules and commands that it names."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from gnnp_bench.cli import main

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changes").glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MODULE = re.compile(r"python -m ((?:benchmarks|gnnp_bench|reference_model)(?:\.\w+)*)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
COMMAND = re.compile(r"gnnp-bench ([a-z][a-z-]*)\b")


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ +(.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text()):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_modules_and_commands_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = page.read_text()
    assert not [name for name in MODULE.findall(text) if importlib.util.find_spec(name) is None]
    unknown = []
    for name in sorted({name for code in CODE.findall(text) for name in COMMAND.findall(code)}):
        if main([name, "--help"]) != 0:
            unknown.append(name)
        capsys.readouterr()
    assert not unknown


SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
OPTION = re.compile(r"(?<= )--[a-z][a-z-]*")


@cache
def options(command: str) -> set[str]:
    """Return the options that a command says it has."""
    with contextlib.redirect_stdout(io.StringIO()) as told:
        assert main([*command.split(), "--help"]) == 0
    return set(re.findall(r"--[a-z][a-z-]*", told.getvalue()))


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_options_of_commands_exist(page: Path) -> None:
    unknown = []
    for block in SHELL.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|;|\|", line.partition(" #")[0]):
                found = re.search(r"gnnp-bench ((?:env |campaign )?[a-z][a-z-]*)(.*)", part)
                if found and (surplus := set(OPTION.findall(found[2])) - options(found[1])):
                    unknown.append((part, surplus))
    assert not unknown


def test_every_potential_that_plugs_in_is_in_the_index_and_so_is_every_page() -> None:
    folder = ROOT / "docs" / "potentials"
    index = (folder / "README.md").read_text()
    entries = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["gnnp_bench.potentials"]
    assert not [name for name in entries if not re.search(rf"^\| `{name}\b", index, re.MULTILINE)]
    assert not [page.name for page in folder.glob("*.md") if page.name != "README.md" and page.name not in index]
