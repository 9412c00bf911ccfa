"""Integrals over closed loops by the periodic trapezoid rule."""

from __future__ import annotations

import numpy as np

from gnnp_bench.potential import FloatArray


def angles(n_nodes: int, *, odd_only: bool = False) -> FloatArray:
    """Return the nodes 2πk/n of a loop; `odd_only` gives those that halving the spacing adds."""
    k = np.arange(1, n_nodes, 2) if odd_only else np.arange(n_nodes)
    nodes: FloatArray = 2.0 * np.pi * k / n_nodes
    return nodes


def interleaved_spread(values: FloatArray, t: FloatArray) -> FloatArray:
    """Return by how much four integrals over a loop differ, each from every fourth node.

    They are four independent witnesses of what a spacing four times as wide cannot resolve, where the estimates that
    successive doublings leave behind are two. A jump J between two nodes a distance h apart makes them differ by 3 h J
    at least, while the integral from all nodes is wrong by h J / 2 at most: a sixth.

    Parameters
    ----------
    values : (..., n) array
        The integrand; n a multiple of four.
    t : (n,) array
        Its nodes, equally spaced, in any order.

    Returns
    -------
    (...) array, in units of the integral over t
    """
    around = values[..., np.argsort(t)]
    quarters = 2.0 * np.pi * np.stack([around[..., k::4].mean(axis=-1) for k in range(4)])
    spread: FloatArray = quarters.max(axis=0) - quarters.min(axis=0)
    return spread


def jumps_around(values: FloatArray, t: FloatArray) -> FloatArray:
    """Return the error of an integral over a loop whose integrand may jump anywhere between two nodes.

    A jump J somewhere in a gap of width h is misplaced by h/2 at most, so the integral is wrong by J h/2 at most.
    Fourth differences tell jumps, which they triple, and kinks from slopes and curvatures, which they take out.

    Parameters
    ----------
    values : (..., n) array
    t : (n,) array
        Its nodes, equally spaced, in any order.

    Returns
    -------
    (...) array, in units of the integral over t
    """
    around = values[..., np.argsort(t)]
    closed = np.concatenate([around, around[..., :4]], axis=-1)
    largest: FloatArray = np.abs(np.diff(closed, n=4, axis=-1)).max(axis=-1) / 3.0
    return 0.5 * largest * 2.0 * np.pi / len(t)


def ellipse(u: FloatArray, v: FloatArray, radius: float, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return displacement r(u cos t + v sin t) and its derivative with respect to t, each (n_nodes, n_atoms, 3)."""
    cos, sin = np.cos(t)[:, None, None], np.sin(t)[:, None, None]
    return radius * (u * cos + v * sin), radius * (v * cos - u * sin)


def path_lengths(u: FloatArray, v: FloatArray, radius: float) -> FloatArray:
    """Return the length of the ellipse that each atom runs through, (n_atoms,), Å."""
    t = angles(128)
    _, velocity = ellipse(u, v, radius, t)
    lengths: FloatArray = np.linalg.norm(velocity, axis=2).mean(axis=0) * 2.0 * np.pi
    return lengths
