"""Jumps between points of a line are bounded tightly: smooth functions leave little, jumps leave what they are."""

import numpy as np
import pytest

from gnnp_bench.numerics.breaks import CERTAIN, kink_bounds, slope_bounds, step_bounds, step_left, surroundings
from gnnp_bench.potential import FloatArray

N = 65
T = np.linspace(1.7, 6.0, N)
QUIET = np.full(N, 1e-14)


def morse(t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a Morse potential and its slope."""
    x = np.exp(-4.0 * (t / 2.5 - 1.0))
    return x * x - 2.0 * x, (2.0 * x * x - 2.0 * x) * -1.6


ALL = np.arange(N - 1)
AROUND = surroundings(T, ALL)


def test_smooth_functions_leave_little() -> None:
    energy, slope = morse(T)
    assert slope_bounds(T, AROUND, energy, slope, QUIET, QUIET).jumps.max() < 1e-7
    assert step_bounds(T, AROUND, slope[:, None], QUIET).jumps.max() < 1e-4
    assert kink_bounds(T, AROUND, slope[:, None], QUIET).jumps.max() < 1e-2


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("k", [10, 30, 60])
def test_jumps_of_values_with_slopes_are_what_they_are(k: int, size: float) -> None:
    energy, slope = morse(T)
    found = slope_bounds(T, AROUND, energy + size * (np.arange(N) > k), slope, QUIET, QUIET)
    # Where one window is blind by accident, the interval beside it shows it.
    assert found.jumps[k - 1 : k + 2].max() > 0.3 * size
    if size > 1e-6:  # else the smooth part is as large
        assert found.jumps.max() < 3.0 * size
    assert found.jumps[:4].max() < 1e-3 * size + 1e-7


@pytest.mark.parametrize("k", [10, 30, 60])
def test_jumps_and_kinks_of_values_are_what_they_are(k: int) -> None:
    _, slope = morse(T)
    step = (np.arange(N) > k).astype(float)
    assert step_bounds(T, AROUND, (slope + step)[:, None], QUIET).jumps[k] == pytest.approx(1.0, rel=0.02)
    middle = 0.5 * (T[k] + T[k + 1])
    found = kink_bounds(T, AROUND, (slope + np.maximum(T - middle, 0.0))[:, None], QUIET)
    assert found.jumps[k] == pytest.approx(1.0, rel=0.02)


def test_the_length_of_vectors_counts() -> None:
    values = np.zeros((N, 2, 3))
    values[20:, 1] = [0.6, 0.0, -0.8]
    assert step_bounds(T, AROUND, values, QUIET).jumps[19] == pytest.approx(1.0)


def test_noise_is_propagated() -> None:
    rng = np.random.default_rng(0)
    scatter = np.full(N, 1e-3)
    over = []
    for _ in range(20):
        noise = 1e-3 * rng.normal(size=(2, N))
        bounds = (
            slope_bounds(T, AROUND, noise[0], noise[1], scatter, scatter),
            step_bounds(T, AROUND, noise[0][:, None], scatter),
            kink_bounds(T, AROUND, noise[0][:, None], scatter),
        )
        over += [found.jumps / found.noise for found in bounds]
    assert 0.3 < np.median(over) < 2.0
    assert np.max(over) < CERTAIN


def test_points_that_are_crowded_beside_an_interval_are_skipped() -> None:
    crowded = np.sort(np.concatenate([T, T[32] + 1e-7 * np.arange(1, 9)]))
    energy, slope = morse(crowded)
    quiet = np.full(len(crowded), 1e-14)
    which = np.arange(len(crowded) - 1)
    around = surroundings(crowded, which)
    found = slope_bounds(crowded, around, energy, slope, quiet, quiet)
    assert found.jumps.max() < 1e-7
    assert found.noise.max() < 1e-10


@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_few_points_bound_coarsely(n: int) -> None:
    t = np.linspace(2.0, 3.0, n)
    energy, slope = morse(t)
    around = surroundings(t, np.arange(n - 1))
    quiet = np.full(n, 1e-14)
    assert np.isfinite(slope_bounds(t, around, energy, slope, quiet, quiet).jumps).all()
    assert np.isfinite(step_bounds(t, around, energy[:, None], quiet).jumps).all()


SCALES: FloatArray = 1e-8 * 10.0 ** np.arange(3.0)


@pytest.mark.parametrize("power", [0.2, 0.5, 0.79, 1.0])
@pytest.mark.parametrize("jump", [0.0, 1e-3])
def test_what_shrinks_with_the_interval_is_taken_off_a_step(power: float, jump: float) -> None:
    left, right = 0.4 * SCALES, 0.9 * SCALES
    sizes = jump + 30.0 * (left**power + right**power)
    assert step_left(sizes, left, right) == pytest.approx(jump, abs=0.02 * sizes[0])


@pytest.mark.parametrize("sizes", [(1.0, 1.0, 1.0), (1.0, 2.0, 2.0), (1.0, 1.0, 2.0), (1.0, 2.0, 3.0), (2.0, 1.0, 3.0)])
def test_jumps_side_by_side_are_left(sizes: tuple[float, ...]) -> None:
    assert step_left(np.array(sizes), 0.5 * SCALES, 0.5 * SCALES) == sizes[0]
