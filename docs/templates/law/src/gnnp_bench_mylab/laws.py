"""mylab/repulsion: two atoms that are pushed together push back. What each part of a law is for: docs/laws.md."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii

from gnnp_bench import Capabilities, Case, Check, Component, PoolView, Request, Residual
from gnnp_bench.check import Measurement, on_structure, vacuous

FORCES = frozenset({"forces"})
CLOSEST, FARTHEST = 0.4, 0.7
"""Distances, in sums of covalent radii. Even triple bonds are longer than 0.7, and hot atoms do not come below 0.4."""
BOX = 15.0
"""Å, for potentials that take periodic structures only."""


def pair(symbols: tuple[str, str], fraction: float, capabilities: Capabilities) -> Atoms:
    """Return two atoms at a fraction of the sum of their covalent radii."""
    one, other = (covalent_radii[atomic_numbers[symbol]] for symbol in symbols)
    structure = Atoms(list(symbols), [(0.0, 0.0, 0.0), (0.0, 0.0, fraction * (one + other))])
    if "isolated" not in capabilities.periodicity:
        structure.cell = [BOX, BOX, BOX]
        structure.pbc = True
    return structure


def draw(rng: np.random.Generator, view: PoolView) -> Case:
    """Return an input of the law's own making. Most laws take one of the pool: `view.pick(rng).case({…})`."""
    # Species that a potential has not seen together are not mixed.
    together = [sorted(group) for group in view.capabilities.combinations] or [sorted(view.capabilities.species)]
    group = together[int(rng.integers(len(together)))]
    one, other = (group[int(rng.integers(len(group)))] for _ in range(2))
    fraction = float(rng.uniform(CLOSEST, FARTHEST))
    # None: the engine measures the noise floor of this structure. What it knows of structures of the pool comes along.
    return Case(pair((one, other), fraction, view.capabilities), None, {"fraction": fraction})


def near(rng: np.random.Generator, case: Case) -> Case:
    """Return a neighbour of a case on which the law is missed: half of the search goes there."""
    fraction = float(np.clip(case.parameters["fraction"] + rng.normal(scale=0.03), CLOSEST, FARTHEST))
    return _at(case, fraction)


def simpler(case: Case) -> Iterator[Case]:
    """Yield simpler cases, the boldest first: the simplest on which the law still fails is reported."""
    for digits in (1, 2):
        fraction = round(case.parameters["fraction"], digits)
        if CLOSEST <= fraction <= FARTHEST:
            yield _at(case, fraction)


def measure(case: Case) -> Measurement:
    """Ask for forces, and return by how much the atoms attract each other.

    Only the structure, ν and the parameters of the case are used: it is measured again from a file.
    """
    (prediction,) = yield Request([case.structure], FORCES)
    bond = case.structure.positions[1] - case.structure.positions[0]
    apart = float((prediction.forces[1] - prediction.forces[0]) @ bond / np.linalg.norm(bond)) / 2.0
    if apart == 0.0:
        return vacuous("the two atoms do not feel each other")  # nothing is proved
    # Never negative: by how much the law is missed. Rounding misses it by the noise floor ν of a force.
    attraction = Component("attraction", max(0.0, -apart), 1e-3, "eV/Å", noise=case.nu.forces)
    return Residual((attraction,))


def applies(capabilities: Capabilities) -> str | None:
    """Return None where the law applies, else the reason why it does not."""
    if not capabilities.periodicity & {"isolated", "periodic"}:
        return "two atoms need a structure that is isolated or periodic"
    return None


def _at(case: Case, fraction: float) -> Case:
    moved = case.structure.copy()
    moved.positions[1] *= fraction / case.parameters["fraction"]
    return on_structure(case, moved, fraction=fraction)


REPULSION = Check(
    id="mylab/repulsion",
    law="F · r̂ > 0 between two atoms at 0.4 to 0.7 sums of their covalent radii",
    category="mandatory",
    needs=FORCES,
    source="Pauli repulsion; covalent radii: Cordero et al., doi:10.1039/b801115j",
    tolerance="s = 1 meV/Å of attraction",
    physics=(
        "Atoms whose cores overlap repel each other. Where a potential has learnt nothing of such distances it may have"
        " a hole there: hot atoms fall into it, fuse, and the energy that is set free blows the simulation up."
    ),
    draw=draw,
    near=near,
    simpler=simpler,
    measure=measure,
    applies=applies,
    # c per quantity, from sound potentials: docs/laws.md. Without it, c is 100.
    factors={"attraction": 10.0},
    without_pool=True,
)

LAWS = [REPULSION]
