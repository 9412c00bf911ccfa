"""What an energy that jumps by less than matters does to the laws that divide its differences by small steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from gnnp_bench.case import Case, Noise
from gnnp_bench.check import Check
from gnnp_bench.checks.conservation.force_gradient import FORCE_GRADIENT
from gnnp_bench.checks.conservation.stress_strain import STRESS_STRAIN
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property
from tests.analytic.graph import graphs
from tests.analytic.kinks import kinked

A = 4.05
NOISE = Noise(1e-15, 1e-14, 1e-16)


@dataclass
class Jumping:
    """A sound potential of aluminium whose energy jumps by `jump` eV for each pair, a little beyond a shell of fcc.

    Attributes
    ----------
    jump : float
    wrong : float
        By which fraction forces and stress are too large.
    """

    jump: float
    wrong: float = 0.0
    place: float = A * (1.0 + 2e-5)
    sound: Potential = field(default_factory=lambda: kinked("quartic-bump", 6.0, species=("Al",)))
    name: str = "jumping"

    @property
    def capabilities(self) -> Capabilities:
        return self.sound.capabilities

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = []
        for structure, p in zip(structures, self.sound.evaluate(structures, properties), strict=True):
            (graph,) = graphs([structure], 6.0, "float64")
            near = float(np.count_nonzero(graph.distances < self.place)) / 2.0
            found.append(
                replace(
                    p,
                    energy=p.energy + self.jump * near,
                    energies=None,
                    forces=None if p.forces is None else p.forces * (1.0 + self.wrong),
                    stress=None if p.stress is None else p.stress * (1.0 + self.wrong),
                )
            )
        return found


def missed(check: Check, structure: Atoms, parameters: dict[str, object], potential: Potential) -> tuple[float, float]:
    """Return what a law misses on a structure, and what it may."""
    measurement = check.measure(Case(structure, NOISE, parameters))
    request = next(measurement)
    while True:
        try:
            request = measurement.send(potential.evaluate(request.structures, request.properties))
        except StopIteration as end:
            component = end.value.components[0]
            assert component.converged
            return component.residual, max(component.significance, 80.0 * component.noise + 10.0 * component.error)


CASES = [(0.0, 0.0, True), (1e-5, 0.0, True), (1e-5, 0.05, False), (1e-3, 0.0, False)]


@pytest.mark.parametrize(("jump", "wrong", "held"), CASES)
def test_stress_beside_a_jump(jump: float, wrong: float, held: bool) -> None:
    strain = np.diag([0.0, 1.0, 0.0]).tolist()
    found, allowed = missed(STRESS_STRAIN, bulk("Al", a=A), {"strain": strain}, Jumping(jump, wrong))
    assert (found <= allowed) == held, (found, allowed)


@pytest.mark.parametrize(("jump", "wrong", "held"), CASES)
def test_forces_beside_a_jump(jump: float, wrong: float, held: bool) -> None:
    pair = Atoms("Al2", [[0.0, 0.0, 0.0], [2.6, 0.0, 0.0]], cell=[20.0, 20.0, 20.0], pbc=True)
    direction = [[-(0.5**0.5), 0.0, 0.0], [0.5**0.5, 0.0, 0.0]]
    potential = Jumping(jump, wrong, place=2.6 + 2e-5)
    found, allowed = missed(FORCE_GRADIENT, pair, {"direction": direction}, potential)
    assert (found <= allowed) == held, (found, allowed)
