"""The committed catalogue of checks is what the command prints today."""

from pathlib import Path

import pytest

from gnnp_bench.cli import main

CATALOGUE = Path(__file__).parent.parent / "docs" / "checks.md"


def test_the_catalogue_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--markdown"]) == 0
    assert capsys.readouterr().out == CATALOGUE.read_text(), "run: gnnp-bench list --markdown > docs/checks.md"
