"""Small potentials that have nothing to do with the one that is judged, to be asked before it is loaded and after.

Their answers are words: what they say, in which precision, or how they fail.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Witness: TypeAlias = Callable[[], str]

ATOMS = ((0.0, 0.0, 0.0), (1.1, 0.1, 0.0), (0.2, 1.2, 0.3), (40.0, 0.0, 0.0))
"""Å. The last is so far away that Gaussian functions of its distances underflow, as they do in any large structure."""


def witnesses() -> dict[str, Witness]:
    """Return a potential in numpy and, where torch is imported, a network made now and one to be made when asked."""
    found: dict[str, Witness] = {"in numpy": _in_numpy}
    if "torch" in sys.modules:
        network = _network()
        found["in torch, made before"] = lambda: _in_torch(network)
        found["in torch, made afterwards"] = lambda: _in_torch(_network())
    return {name: _heard(witness) for name, witness in found.items()}


def _heard(witness: Witness) -> Witness:
    def words() -> str:
        try:
            return witness()
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"

    return words


def _in_numpy() -> str:
    """Return a Lennard-Jones pair potential beside a Gaussian one, eV and Å.

    An atom's distance to itself is divided by, as in many a potential that sets the result aside afterwards.
    """
    positions = np.array(ATOMS)
    distances = np.sqrt(((positions[:, None] - positions) ** 2).sum(axis=-1))
    with_itself = np.eye(len(positions), dtype=bool)
    inverse = np.where(with_itself, 0.0, 1.0 / distances)
    energies = 0.5 * (inverse**12 - inverse**6 + np.exp(-2.0 * distances**2)).sum(axis=-1)
    return f"{energies.dtype} {float(energies.sum())!r} eV"


def _network() -> Any:
    """Return weights of a layer, with whatever precision and device torch gives them now."""
    torch: Any = importlib.import_module("torch")
    return torch.nn.Parameter(torch.linspace(-1.0, 1.0, 12).reshape(3, 4))


def _in_torch(weights: Any) -> str:
    """Return a sum over atoms of tanh(x W), with its derivatives by positions."""
    torch: Any = importlib.import_module("torch")
    positions = torch.tensor(ATOMS[:3], requires_grad=True)
    energy = torch.tanh(positions @ weights).sum()
    (gradient,) = torch.autograd.grad(energy, positions)
    return f"{energy.dtype} on {energy.device}: {float(energy):.5g} eV, {float(gradient.abs().max()):.5g} eV/Å"
