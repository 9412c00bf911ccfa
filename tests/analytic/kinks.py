"""Sound potentials of pairs and densities whose forces have kinks where neighbours cross the cutoff, or nearly so.

E = Σ_i [Σ_j A_ij e^{−10(r/r₀−1)} f(r) − ξ_i (√(ρ_i + 0.1) − √0.1)], ρ_i = Σ_j s_j e^{−5(r/r₀−1)} f(r), as
`many_body.embedded_atom`, with the envelope f given. Neighbours are listed up to the cutoff and not beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from tests.analytic.evaluation import SPECIES, AnalyticPotential, Kernel, analytic
from tests.analytic.graph import REACH, DType, Graph, Real, sum_by
from tests.analytic.radial import along_edges, contact_distances, exponential, strengths

Envelope = Callable[[Real], tuple[Real, Real]]
"""f and df/dx of x = r/r_c below 1."""


def quartic_bump(x: Real) -> tuple[Real, Real]:
    """Return exp(1 − 1/(1 − x⁴)): all derivatives are continuous, and most of the change is close to the cutoff."""
    pole = 1.0 / np.maximum(1.0 - x**4, 1e-3)
    value = np.exp(1.0 - pole)
    return value, value * pole * pole * x**3 * -4.0


def cosine(x: Real) -> tuple[Real, Real]:
    """Return ½ (1 + cos πx): forces are continuous, their slopes are not."""
    return 0.5 + 0.5 * np.cos(np.pi * x), -0.5 * np.pi * np.sin(np.pi * x)


def late_cosine(x: Real) -> tuple[Real, Real]:
    """Return the window of Tersoff, doi:10.1103/PhysRevB.39.5566: it falls from 1 to 0 over the last tenth."""
    t = np.maximum((x - 0.9) / 0.1, 0.0)
    return 0.5 + 0.5 * np.cos(np.pi * t), -5.0 * np.pi * np.sin(np.pi * t)


def square(x: Real) -> tuple[Real, Real]:
    """Return (1 − x)², the density of Finnis and Sinclair, doi:10.1080/01418618408244210."""
    return (1.0 - x) ** 2, -2.0 * (1.0 - x)


def xplor(x: Real) -> tuple[Real, Real]:
    """Return the switching function of Brooks et al., doi:10.1002/jcc.540040211, from 0.8 to 1."""
    on = 0.8**2
    y = x * x
    width = (1.0 - on) ** 3
    value = np.where(y > on, (1.0 - y) ** 2 * (1.0 + 2.0 * y - 3.0 * on) / width, 1.0)
    slope = np.where(y > on, 12.0 * x * (1.0 - y) * (on - y) / width, 0.0)
    return value, slope


def truncated_slope(x: Real) -> tuple[Real, Real]:
    """Return 1 − x: the energy is continuous, forces jump."""
    return 1.0 - x, np.full_like(x, -1.0)


KNOTS = 1e-4
"""Of the cutoff, as in tables of embedded-atom potentials: ten thousand of them."""


def tabulated(x: Real) -> tuple[Real, Real]:
    """Return a quartic bump with what splines make of a noisy table: the second derivative jumps at every knot."""
    value, slope = quartic_bump(x)
    knot = np.floor(x.astype(np.float64) / KNOTS)
    u = x / KNOTS - knot
    turn = np.where(knot % 2 == 0, 20.0, -20.0)
    return value + turn * KNOTS**2 * u * (1.0 - u), slope + turn * KNOTS * (1.0 - 2.0 * u)


def stepped(x: Real) -> tuple[Real, Real]:
    """Return a quartic bump read from a table of twenty thousand knots, at each of which the slope jumps a little."""
    value, slope = quartic_bump(x)
    knot = np.floor(x.astype(np.float64) * 2e4)
    return value, slope + 1e-6 * (knot * 0.6180339887 % 1.0 - 0.5)


ENVELOPES = {
    "stepped": stepped,
    "tabulated": tabulated,
    "quartic-bump": quartic_bump,
    "cosine": cosine,
    "late-cosine": late_cosine,
    "square": square,
    "xplor": xplor,
    "slope": truncated_slope,
}


def _kernel(envelope: Envelope, cutoff: float) -> Kernel:
    def decay(graph: Graph, steepness: float) -> tuple[Real, Real]:
        value, slope = exponential(graph.distances, contact_distances(graph), steepness)
        x = graph.distances / cutoff
        cut, cut_slope = envelope(np.minimum(x, 1.0))
        cut, cut_slope = (np.where(x < 1.0, y, 0.0).astype(x.dtype) for y in (cut, cut_slope / cutoff))
        return value * cut, slope * cut + value * cut_slope

    def kernel(graph: Graph) -> tuple[Real, Real]:
        strength = strengths(graph)
        centre, neighbour = strength[graph.centres], strength[graph.neighbours]
        density, density_slope = decay(graph, 5.0)
        root = np.sqrt(sum_by(graph.centres, neighbour * density, graph.n_atoms) + 0.1)
        repulsion, repulsion_slope = decay(graph, 10.0)
        amplitude = 0.1 * np.sqrt(centre * neighbour)
        energies = sum_by(graph.centres, amplitude * repulsion, graph.n_atoms) - 1.2 * strength * (root - 0.1**0.5)
        embedding_slope = (-0.6 * strength / root)[graph.centres]
        return energies, along_edges(graph, amplitude * repulsion_slope + embedding_slope * neighbour * density_slope)

    return kernel


def kinked(
    envelope: str, cutoff: float = 3.3, *, species: Iterable[str] = SPECIES, dtype: DType = "float64"
) -> AnalyticPotential:
    """Return an embedded-atom potential that is cut off by one of `ENVELOPES`."""
    listed = cutoff / float(np.sqrt(REACH))
    potential = analytic(f"kinked-{envelope}", _kernel(ENVELOPES[envelope], cutoff), listed, species, dtype, 0.0)
    known = replace(potential.capabilities, cutoff=cutoff, receptive_field=cutoff, smoothness=1)
    return replace(potential, capabilities=known)
