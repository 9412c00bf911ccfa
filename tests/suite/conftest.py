"""Somebody else's project, anew for every test."""

from pathlib import Path

import pytest

from tests.suite.foreign import POTENTIALS, Foreign


@pytest.fixture
def foreign(tmp_path: Path) -> Foreign:
    """Return somebody else's project, with its potentials."""
    project = Foreign(tmp_path)
    project.write("potentials.py", POTENTIALS)
    return project
