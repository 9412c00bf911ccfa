"""Sound potentials: closed formulas whose energy, forces and stress are exact and infinitely differentiable.

`CALIBRATION` sets the factors of the bounds; `HELD_OUT` has other functional forms and measures the false alarms.
"""

from tests.analytic.evaluation import AnalyticPotential
from tests.analytic.many_body import cluster_density, embedded_atom, three_body
from tests.analytic.pair import buckingham_zbl, long_range, smooth_pair

CALIBRATION = (smooth_pair, embedded_atom, three_body, long_range)
HELD_OUT = (cluster_density, buckingham_zbl)

__all__ = [
    "CALIBRATION",
    "HELD_OUT",
    "AnalyticPotential",
    "buckingham_zbl",
    "cluster_density",
    "embedded_atom",
    "long_range",
    "smooth_pair",
    "three_body",
]
