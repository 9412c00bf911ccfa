"""What asv runs. It imports every module of its folder, so that nothing else of `benchmarks` is asked of a commit.

asv finds this folder as a top-level package; the kernels come from the package `benchmarks` that it lies in.
"""

import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


class _Benchmarks:
    """Finds the package `benchmarks` of this checkout, and nothing else: the commit under test is installed."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "benchmarks":
            return None
        return importlib.machinery.PathFinder.find_spec(name, [str(Path(__file__).parents[2])])


if "benchmarks" not in sys.modules:
    sys.meta_path.append(_Benchmarks)
