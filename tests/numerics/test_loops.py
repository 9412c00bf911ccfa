"""Loops are closed, their lengths right, and gradients do no work around them."""

import numpy as np
import pytest

from gnnp_bench.numerics.loops import angles, ellipse, interleaved_spread, jumps_around, path_lengths


def test_doubling_adds_the_odd_nodes() -> None:
    both = np.sort(np.concatenate([angles(16), angles(32, odd_only=True)]))
    assert both == pytest.approx(angles(32))


def test_velocity_is_the_derivative_of_the_shift() -> None:
    u, v = np.random.default_rng(0).normal(size=(2, 3, 3))
    t, h = angles(16), 1e-6
    ahead, behind = ellipse(u, v, 0.7, t + h)[0], ellipse(u, v, 0.7, t - h)[0]
    assert (ahead - behind) / (2 * h) == pytest.approx(ellipse(u, v, 0.7, t)[1], abs=1e-9)


def test_length_of_a_circle_and_of_rest() -> None:
    u = np.array([[1.0, 0, 0], [0, 0, 0]])
    v = np.array([[0, 1.0, 0], [0, 0, 0]])
    assert path_lengths(u, v, 0.2) == pytest.approx([0.4 * np.pi, 0.0])


def test_work_of_a_gradient_vanishes_and_of_a_curl_is_the_area() -> None:
    rng = np.random.default_rng(3)
    u, v = rng.normal(size=(2, 1, 3))
    shift, velocity = ellipse(u, v, 0.3, angles(64))
    gradient = np.cos(shift) * np.exp(np.sin(shift).sum(axis=2, keepdims=True))
    assert abs((gradient * velocity).sum(axis=(1, 2)).mean()) < 1e-13
    curl = np.stack([-shift[..., 1], shift[..., 0], 0 * shift[..., 2]], axis=-1)
    area = np.pi * 0.3**2 * np.cross(u[0], v[0])[2]
    assert 2 * np.pi * (curl * velocity).sum(axis=(1, 2)).mean() == pytest.approx(2 * area)


@pytest.mark.parametrize("n_nodes", [16, 128])
@pytest.mark.parametrize("where", np.linspace(0.0, 0.7, 8))
def test_a_jump_wherever_it_is_is_covered(n_nodes: int, where: float) -> None:
    """A step of height 3 up at `where` and down 2 later, about a wave that integrates to nothing."""
    coarse, fine = angles(n_nodes // 2), angles(n_nodes, odd_only=True)
    t = np.concatenate([coarse, fine])
    values = np.cos(t) + 3.0 * ((t > where) & (t < where + 2.0))
    error = abs(2.0 * np.pi * values.mean() - 6.0)
    assert error <= 2.0 * float(jumps_around(values, t)) + 1e-12  # there are two jumps
    assert float(jumps_around(values, t)) <= 0.5 * 3.01 * 2.0 * np.pi / n_nodes


def test_one_jump_is_wrong_by_a_sixth_of_the_spread_at_most() -> None:
    """A saw tooth: it rises by 1 over the loop and falls back at once."""
    for n_nodes in (8, 32, 128):
        t = angles(n_nodes)
        for where in np.linspace(0.0, 2.0 * np.pi, 37, endpoint=False):
            values = ((t - where) % (2.0 * np.pi)) / (2.0 * np.pi)
            error = abs(2.0 * np.pi * values.mean() - np.pi)
            assert error <= float(interleaved_spread(values, t)) / 6.0 + 1e-12


def test_a_kink_is_covered_and_not_taken_for_a_jump() -> None:
    """A cutoff with one continuous derivative: the power rises with a kink and falls with one."""
    for n_nodes in (32, 128):
        t = angles(n_nodes)
        for where in np.linspace(0.0, 0.7, 12):
            values = np.sin(t) + np.maximum(0.0, 1.0 - np.abs(t - where - 2.0))
            error = abs(2.0 * np.pi * values.mean() - 1.0)
            assert error <= 2.0 * float(jumps_around(values, t)) + 1e-12
            assert float(jumps_around(values, t)) <= (2.0 * np.pi / n_nodes) ** 2


def test_smooth_loops_have_no_spread_and_no_jumps() -> None:
    t = angles(64)
    assert float(jumps_around(np.exp(np.sin(t)), t)) < 1e-4
    assert float(interleaved_spread(np.exp(np.sin(t)), t)) < 1e-9
    assert interleaved_spread(np.stack([np.sin(t), np.cos(t)]), t).shape == (2,)
