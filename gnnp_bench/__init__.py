"""A physics-validation suite and benchmark harness for machine-learned interatomic potentials."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnnp_bench.api import certify, load
    from gnnp_bench.check import Case, Check, Component, Noise, PoolView, Request, Residual
    from gnnp_bench.issued import Certificate
    from gnnp_bench.potential import (
        Capabilities,
        Carried,
        Identity,
        Potential,
        PotentialError,
        Prediction,
        Unsupported,
    )

__version__ = "0.2.0"

_HOMES = {
    "gnnp_bench.api": ("certify", "load"),
    "gnnp_bench.issued": ("Certificate",),
    "gnnp_bench.check": ("Case", "Check", "Component", "Noise", "PoolView", "Request", "Residual"),
    "gnnp_bench.potential": (
        "Capabilities",
        "Carried",
        "Identity",
        "Potential",
        "PotentialError",
        "Prediction",
        "Unsupported",
    ),
}

__all__ = [
    "Capabilities",
    "Carried",
    "Case",
    "Certificate",
    "Check",
    "Component",
    "Identity",
    "Noise",
    "PoolView",
    "Potential",
    "PotentialError",
    "Prediction",
    "Request",
    "Residual",
    "Unsupported",
    "certify",
    "load",
]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: the command line must set the number of threads before numpy is imported.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
