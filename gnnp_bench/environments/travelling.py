"""What travels to another Python, as text: the first lines that run there, and the modules that they import."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

MODULES = (
    "__init__",
    "answers",
    "binding",
    "case",
    "check",
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
    named = [name for name in adapters if "\ndef create(" in _source(f"adapters.{name}")]
    entry_points = "\n".join(f"{name} = gnnp_bench.adapters.{name}:create" for name in named)
    files = {
        "METADATA": "Metadata-Version: 2.1\nName: gnnp-bench\nVersion: 0\n",
        "entry_points.txt": f"[gnnp_bench.potentials]\n{entry_points}\n",
    }
    return {"sources": modules, "files": files}


def _dotted(name: str) -> str:
    return f"gnnp_bench.{name}".removesuffix("__init__").rstrip(".")


def _source(name: str) -> str:
    *folders, module = name.split(".")
    return resources.files("gnnp_bench").joinpath(*folders, f"{module}.py").read_text(encoding="utf-8")
