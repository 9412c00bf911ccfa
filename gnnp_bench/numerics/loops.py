"""Integrals over closed loops by the periodic trapezoid rule."""

from __future__ import annotations

import numpy as np

from gnnp_bench.numerics.convergence import jump_error
from gnnp_bench.potential import FloatArray


def angles(n_nodes: int, *, odd_only: bool = False) -> FloatArray:
    """Return the nodes 2πk/n of a loop; `odd_only` gives those that halving the spacing adds."""
    k = np.arange(1, n_nodes, 2) if odd_only else np.arange(n_nodes)
    nodes: FloatArray = 2.0 * np.pi * k / n_nodes
    return nodes


def jumps_around(values: FloatArray, t: FloatArray) -> FloatArray:
    """Return `convergence.jump_error` of an integrand around a loop, in units of the integral over t.

    Parameters
    ----------
    values : (..., n) array
    t : (n,) array
        Its nodes, equally spaced, in any order.
    """
    around = np.argsort(t)
    closed = np.concatenate([values[..., around], values[..., around[:1]]], axis=-1)
    return jump_error(closed, np.full(len(t), 2.0 * np.pi / len(t)))


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
