"""Quaternions that survive JSON, and the matrices they stand for."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnp_bench.numerics.rotations import about, axis_angle, matrix, perturbed, pole, random_quaternion


@given(seed=st.integers(0, 2**31))
def test_random_rotations_are_proper_and_replay_from_json(seed: int) -> None:
    quaternion = random_quaternion(np.random.default_rng(seed))
    rotation = matrix(quaternion)
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-14)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert np.array_equal(matrix(json.loads(json.dumps(quaternion))), rotation)


def test_rotations_are_uniform() -> None:
    rng = np.random.default_rng(0)
    matrices = np.array([matrix(random_quaternion(rng)) for _ in range(3000)])
    assert np.abs(matrices.mean(axis=0)).max() < 0.05
    assert (matrices**2).mean(axis=0) == pytest.approx(np.full((3, 3), 1 / 3), abs=0.03)


def test_quarter_turns_are_exact() -> None:
    assert np.array_equal(matrix(about((0, 0, 1), 90)), [[0, -1, 0], [1, 0, 0], [0, 0, 1]])


def test_perturbed_is_near() -> None:
    rng = np.random.default_rng(0)
    start = random_quaternion(rng)
    turns = [matrix(perturbed(rng, start, 0.01)) @ matrix(start).T for _ in range(50)]
    assert max(np.arccos((np.trace(t) - 1) / 2) for t in turns) < 0.04


def test_axes_and_angles_are_those_of_the_rotation() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        axis, degrees = rng.normal(size=3), float(rng.uniform(1.0, 179.0))
        axis *= np.sign(axis[2]) / np.linalg.norm(axis)
        found, angle = axis_angle(about(list(axis), degrees))
        assert angle == pytest.approx(degrees)
        assert found == pytest.approx(axis)
        assert axis_angle(about(list(-axis), degrees))[0] == pytest.approx(axis)
    assert axis_angle([0.0, 0.0, 0.0, 1.0])[1] == 0.0


def test_the_projection_keeps_areas() -> None:
    assert pole(np.array([0.0, 0.0, 1.0])) == pytest.approx([0.0, 0.0])
    assert pole(np.array([0.6, 0.8, 0.0])) == pytest.approx([0.6, 0.8])
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(4000, 3))
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    places = np.array([pole(np.append(axis[:2], abs(axis[2]))) for axis in axes])
    assert np.mean((places**2).sum(axis=1) < 0.5) == pytest.approx(0.5, abs=0.03)  # half the disc, half the axes
