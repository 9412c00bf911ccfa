"""What docs/pytest.md and docs/strategies.md show works when it is copied."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gnnp_bench import strategies
from gnnp_bench.certificate import waivers
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.suite.asked import add_options
from tests.suite.foreign import Foreign

DOCS = Path(__file__).parents[2] / "docs"


def blocks(name: str, language: str) -> list[str]:
    """Return the blocks of code in one language."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)


def files(language: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of the files that docs/pytest.md shows."""
    for text in blocks("pytest.md", language):
        name = re.match(r"# (\S+)\n", text)
        assert name, f"no name in the first line of {text!r}"
        yield name.group(1), text


@pytest.mark.parametrize("block", blocks("strategies.md", "python"), ids=lambda block: block.split("def test_")[1][:12])
def test_examples_of_strategies_run(block: str) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(block, "strategies.md", "exec"), namespace)
    (test,) = (value for name, value in namespace.items() if name.startswith("test_"))
    test()


def test_every_strategy_is_in_the_table() -> None:
    table = re.findall(r"`(\w+)\(", "\n".join(re.findall(r"^\| `.*$", (DOCS / "strategies.md").read_text(), re.M)))
    assert set(table) == set(strategies.__all__) - {"SPECIES", "Loop"}


def test_the_project_that_is_shown_runs(foreign: Foreign) -> None:
    for name, text in (*files("python"), *files("toml")):
        target = foreign.path / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    arguments = ["-q", "-rs", "-k", "net-force or cell-choice", "test_physics.py", "test_waived.py"]
    skipped = foreign.pytest(*arguments)
    assert skipped.returncode == 0, skipped.stdout
    assert "2 skipped" in skipped.stdout
    assert "add --physics" in skipped.stdout
    done = foreign.pytest("--physics", *arguments[:-1])
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_the_waivers_that_are_shown_are_well_formed() -> None:
    (text,) = (text for name, text in files("toml") if name == "waivers.toml")
    waivers.check_ids(waivers.parse(text), [check.id for check in all_checks()])
    (settings,) = (text for name, text in files("toml") if name == "pyproject.toml")
    assert tomllib.loads(settings)["tool"]["pytest"]["ini_options"]["addopts"].startswith("--potential")


def test_every_option_is_in_the_table(pytestconfig: pytest.Config) -> None:
    parser = pytest.Parser(_ispytest=True)
    add_options(parser)
    options = {name for option in parser.getgroup("gnnp_bench").options for name in option.names()}
    assert options == set(re.findall(r"^\| `(--[\w-]+)", (DOCS / "pytest.md").read_text(), re.M))
