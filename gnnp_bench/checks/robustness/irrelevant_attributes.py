"""robustness/irrelevant-attributes: what is not position, cell or species does not matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms, FixCartesian

from gnnp_bench.check import Case, Check, Measurement, PoolView, Request, Residual, base_prediction, with_parameters
from gnnp_bench.checks.common import LADDER, difference, on_simpler_structures
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY

ATTRIBUTES = ("masses", "momenta", "tags", "constraints", "cell displacement", "info")


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return _near(rng, view.pick(rng).case({}))


def _near(rng: np.random.Generator, case: Case) -> Case:
    chosen = [name for name in ATTRIBUTES if rng.random() < 0.5] or [ATTRIBUTES[int(rng.integers(len(ATTRIBUTES)))]]
    return with_parameters(case, attributes=chosen, seed=int(rng.integers(2**31)))


def _simpler(case: Case) -> Iterator[Case]:
    attributes = case.parameters["attributes"]
    if len(attributes) > 1:
        for name in attributes:
            yield with_parameters(case, attributes=[name])
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    dressed = _dressed(case.structure, case.parameters["attributes"], int(case.parameters["seed"]))
    before = yield from base_prediction(case)
    (after,) = yield Request([dressed], ALL_PROPERTIES)
    return Residual(difference(before, after, case.nu, len(dressed)))


def _dressed(structure: Atoms, attributes: list[str], seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    dressed: Atoms = structure.copy()
    n_atoms = len(dressed)
    if "masses" in attributes:
        dressed.set_masses(dressed.get_masses() * np.exp(rng.normal(size=n_atoms)))
    if "momenta" in attributes:
        dressed.set_momenta(10.0 * rng.normal(size=(n_atoms, 3)))
    if "tags" in attributes:
        dressed.set_tags(rng.integers(1, 9, size=n_atoms))
    if "constraints" in attributes:
        fixed = rng.permutation(n_atoms)[: max(1, n_atoms // 2)]
        # Codes that know one constraint may forget another.
        free = [atom for atom in range(n_atoms) if atom not in fixed]
        constraints = [FixAtoms(fixed.tolist())]
        dressed.set_constraint([*constraints, FixCartesian(free, (True, False, True))] if free else constraints)
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
