"""What tests of potentials say again and again."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES, FloatArray, Prediction, Property


def forces_of(prediction: Prediction) -> FloatArray:
    """Return forces that must be there."""
    assert prediction.forces is not None
    return prediction.forces


def stress_of(prediction: Prediction) -> FloatArray:
    """Return a stress that must be there."""
    assert prediction.stress is not None
    return prediction.stress


def available(structure: Atoms) -> frozenset[Property]:
    """Return what an analytic potential can say about a structure: stress needs a volume."""
    return ALL_PROPERTIES if abs(np.linalg.det(structure.cell.array)) > 0.0 else ENERGY_FORCES


def assert_close(actual: FloatArray, expected: FloatArray, tolerance: float) -> None:
    """Assert that all elements agree within tolerance × max(1, largest expected element)."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * max(1.0, float(np.abs(expected).max())))


def random_rotation(rng: np.random.Generator) -> FloatArray:
    """Return a (3, 3) proper rotation, uniform over the group: QR of a Gaussian matrix (doi:10.1137/0717034)."""
    orthogonal, triangular = np.linalg.qr(rng.normal(size=(3, 3)))
    orthogonal *= np.sign(np.diagonal(triangular))
    rotation: FloatArray = orthogonal * np.sign(np.linalg.det(orthogonal))
    return rotation
