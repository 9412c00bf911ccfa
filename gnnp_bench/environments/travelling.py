"""What travels to another Python, as text: the first lines that run there, and the modules that they import."""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.metadata import EntryPoint, entry_points
from typing import Any

MODULES = (
    "__init__",
    "answers",
    "binding",
    "case",
    "check",
    "features",
    "potential",
    "residual",
    "silence",
    "wellformed",
    "engine.__init__",
    "engine.surroundings",
    "engine.threads",
    "engine.witnesses",
    "environments.__init__",
    "environments.batches",
    "environments.child",
    "environments.frames",
    "environments.held",
    "environments.values",
)
"""Besides the adapters; of each holds that it needs the standard library, numpy and ASE alone when it is imported."""


GROUP = "gnnp_bench.potentials"


@cache
def bootstrap() -> str:
    """Return the code that the other Python begins with."""
    return _source("environments.bootstrap")


@cache
def sources() -> dict[str, Any]:
    """Return the first message: modules by name, each with whether it is a package; and what names the adapters."""
    folder = resources.files("gnnp_bench") / "adapters"
    adapters = sorted(file.name[:-3] for file in folder.iterdir() if file.name.endswith(".py"))
    names = [*MODULES, *(f"adapters.{name}" for name in adapters)]
    modules = {_dotted(name): [name.endswith("__init__"), _source(name)] for name in names}
    # Each adapter is named by its module, as pyproject.toml has it; whether it is installed here does not matter.
    named = {
        name: f"gnnp_bench.adapters.{name}:create"
        for name in adapters
        if "\ndef create(" in _source(f"adapters.{name}")
    }
    # Potentials that are installed beside this package by the same distribution, in case they are there as well.
    beside = {point.name: point.value for point in entry_points(group=GROUP) if _is_own(point)}
    listed = "\n".join(f"{name} = {value}" for name, value in {**beside, **named}.items())
    files = {
        "METADATA": "Metadata-Version: 2.1\nName: gnnp-bench\nVersion: 0\n",
        "entry_points.txt": f"[{GROUP}]\n{listed}\n",
    }
    return {"sources": modules, "files": files}


def _is_own(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == "gnnp-bench"


def _dotted(name: str) -> str:
    return f"gnnp_bench.{name}".removesuffix("__init__").rstrip(".")


def _source(name: str) -> str:
    *folders, module = name.split(".")
    return resources.files("gnnp_bench").joinpath(*folders, f"{module}.py").read_text(encoding="utf-8")
