"""smoothness/stiffness-continuous: the slope of forces does not jump where neighbours come and go."""

from __future__ import annotations

from gnnp_bench.binding import Binding
from gnnp_bench.check import Case, Check, Measurement
from gnnp_bench.checks.smoothness.along import judged_along
from gnnp_bench.checks.smoothness.continuity import simpler, track_of
from gnnp_bench.checks.smoothness.paths import drawn
from gnnp_bench.potential import ENERGY_FORCES, Capabilities

ORDER = 2
"""Derivatives of the energy up to which a potential has to claim continuity for stiffness to be continuous."""


def _claims(capabilities: Capabilities) -> bool:
    """Return whether the potential claims that stiffness is continuous."""
    return "smooth" in capabilities.claims and (capabilities.smoothness or 0) >= ORDER


def _measure(case: Case) -> Measurement:
    return (yield from judged_along(case, track_of(case, stiffness=True), "stiffness"))


STIFFNESS_CONTINUOUS = Check(
    id="smoothness/stiffness-continuous",
    law="∂F/∂x(t⁺) = ∂F/∂x(t⁻) wherever neighbours come, go or change places along a line",
    category="informational",
    binding=Binding("mandatory", _claims, "claims two continuous derivatives or more"),
    needs=ENERGY_FORCES,
    source=(
        "an energy with two continuous derivatives has a continuous Hessian; jumps of slopes from divided differences "
        "of all orders, de Boor, A Practical Guide to Splines, chapter I; a window with a jump of it: Tersoff, "
        "doi:10.1103/PhysRevB.37.6991"
    ),
    tolerance="s = 0.1 eV/Å²: 1 meV/Å over 0.01 Å, the displacement that is usual for phonons",
    physics=(
        "Where the stiffness jumps, phonons and elastic constants from displacements depend on their size and sign, "
        "integrators lose their order, and quadratures converge slowly. Cutoffs with one continuous derivative are "
        "legal all the same: for potentials that do not claim two, jumps are told with size and place and fail nothing."
    ),
    draw=drawn,
    simpler=simpler,
    measure=_measure,
    weight=6.0,
    cost=80,
    side_by_side=2,
)
