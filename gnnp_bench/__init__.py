"""A physics-validation suite and benchmark harness for machine-learned interatomic potentials."""

from gnnp_bench.check import Case, Check, Component, Noise, PoolView, Request, Residual
from gnnp_bench.potential import Capabilities, Identity, Potential, PotentialError, Prediction, Unsupported

__version__ = "0.1.0"

__all__ = [
    "Capabilities",
    "Case",
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
]
