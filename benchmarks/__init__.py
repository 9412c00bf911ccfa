"""Benchmarks and evidence. The sound potentials they work on come from the tests of the same checkout."""

import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


class _Tests:
    """Finds the package `tests` of this checkout, and nothing else.

    asv and the gate import this package alone: with the whole checkout on the path, it would hide the revision that is
    being measured, which is installed or lies elsewhere.
    """

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tests":
            return None
        return importlib.machinery.PathFinder.find_spec(name, [str(Path(__file__).parents[1])])


if "tests" not in sys.modules and not any(finder is _Tests for finder in sys.meta_path):
    sys.meta_path.insert(0, _Tests)
