"""robustness/irrelevant-attributes: what is not position, cell or species does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Measurement,
    PoolView,
    Request,
    Residual,
    Sample,
    base_prediction,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, difference, forces_vanish, moves, on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY

ATTRIBUTES = ("masses", "momenta", "tags", "constraint", "cell displacement", "info")
OBLIQUE = (1.0, 2.0, 3.0)
CONSTRAINTS: Mapping[str, Callable[[list[int]], tuple[Any, ...]]] = {
    "FixAtoms": lambda atoms: (atoms,),
    "FixCartesian": lambda atoms: (atoms, (True, False, True)),
    "FixedPlane": lambda atoms: (atoms, OBLIQUE),
    "FixedLine": lambda atoms: (atoms, OBLIQUE),
    "FixBondLength": lambda atoms: tuple(atoms[:2]),
    "FixBondLengths": lambda atoms: (list(zip(atoms[::2], atoms[1::2], strict=False)),),
    "FixCom": lambda atoms: (),
}
"""Names of ASE's classes, with their arguments for some atoms, two or more. Codes that know one may forget another."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng)
    if not _loaded(sample):
        return _near(rng, sample.case({}))
    constraint = view.next_of(list(CONSTRAINTS))
    others = [name for name in ATTRIBUTES if name != "constraint" and rng.random() < 0.5]
    # The centre of mass of equal masses feels the net force only, which is zero.
    masses = ["masses"] if constraint == "FixCom" and "masses" not in others else []
    parameters = {"attributes": [*others, *masses, "constraint"], "constraint": constraint}
    return sample.case({**parameters, "seed": int(rng.integers(2**31))})


def _loaded(sample: Sample) -> bool:
    """Return whether there is a force that constraints could take away."""
    forces = sample.prediction.forces
    return moves(sample) and (forces is None or not forces_vanish(forces, sample.noise))


def _near(rng: np.random.Generator, case: Case) -> Case:
    chosen = [name for name in ATTRIBUTES if rng.random() < 0.5] or [ATTRIBUTES[int(rng.integers(len(ATTRIBUTES)))]]
    constraint = list(CONSTRAINTS)[int(rng.integers(len(CONSTRAINTS)))]
    return with_parameters(case, attributes=chosen, constraint=constraint, seed=int(rng.integers(2**31)))


def _simpler(case: Case) -> Iterator[Case]:
    attributes = case.parameters["attributes"]
    if len(attributes) > 1:
        for name in attributes:
            yield with_parameters(case, attributes=[name])
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    dressed = _dressed(case)
    before = yield from base_prediction(case)
    (after,) = yield Request([dressed], ALL_PROPERTIES)
    return Residual(difference(before, after, case.nu, len(dressed)))


def _dressed(case: Case) -> Atoms:
    from ase import constraints  # which imports half of scipy

    attributes = case.parameters["attributes"]
    rng = np.random.default_rng(int(case.parameters["seed"]))
    dressed: Atoms = case.structure.copy()
    n_atoms = len(dressed)
    if "masses" in attributes:
        dressed.set_masses(dressed.get_masses() * np.exp(rng.normal(size=n_atoms)))
    if "momenta" in attributes:
        dressed.set_momenta(10.0 * rng.normal(size=(n_atoms, 3)))
    if "tags" in attributes:
        dressed.set_tags(rng.integers(1, 9, size=n_atoms))
    if "constraint" in attributes:
        # One atom has no distance to fix.
        name = case.parameters["constraint"] if n_atoms > 1 else "FixAtoms"
        some = rng.permutation(n_atoms)[: max(2, n_atoms // 2)].tolist()
        dressed.set_constraint(getattr(constraints, name)(*CONSTRAINTS[name](some)))
    if "cell displacement" in attributes:
        dressed.set_celldisp(rng.normal(size=3))
    if "info" in attributes:
        dressed.info["comment"] = "irrelevant"
    return dressed


IRRELEVANT_ATTRIBUTES = Check(
    id="robustness/irrelevant-attributes",
    law="E, F and σ do not depend on masses, momenta, tags, constraints, cell displacement and notes",
    category="mandatory",
    needs=ENERGY,
    source="Born–Oppenheimer approximation: the energy is a function of the nuclei's charges and positions",
    tolerance=LADDER,
    physics=(
        "The potential energy knows where the nuclei are and what they are; not how heavy, how fast, how tagged or "
        "how constrained. Isotope effects, thermostats and constrained relaxations are wrong where it does: forces "
        "with constraints already applied hide that a fixed slab is under load."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
)
