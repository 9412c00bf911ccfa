"""Each mutant takes away the uses that its defect spoils, and no other: certificates of the laws that it may break."""

from __future__ import annotations

from functools import partial

import pytest

from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from tests.analytic import embedded_atom
from tests.engine.judging import certified
from tests.mutants import MUTANTS, plant

SPECIES = ("C", "Cu", "Au")
OF_STRESS = {"relaxation of cells", "NVT and NPT dynamics", "phonons and elasticity"}
OF_FORCES = OF_STRESS | {
    "relaxation of atoms",
    "NVE dynamics",
    "free energies and paths",
    "surfaces and slabs",
    "molecules",
}
SPOILT: dict[str, set[str]] = {
    "stress-sign": OF_STRESS,
    "cell-curl": OF_STRESS,
    "left-handed-stress": set(),
    "curl": OF_FORCES,
    "momentum-leak": OF_STRESS | {"relaxation of atoms", "NVE dynamics"},
    "mean-composition": {"mixtures", "molecules"},
    "thread-race": {"several threads and processes"},
}


def judged(name: str) -> Certificate:
    """Return the certificate of a mutant by all laws that it may break."""
    mutant = MUTANTS[name]
    make = partial(_mutant, name)
    return certified(make, *sorted((mutant.must_fail | mutant.may_fail) & {check.id for check in all_checks()}))


def _mutant(name: str):
    return plant(name, embedded_atom(6.0, species=SPECIES), 10.0 * MUTANTS[name].strength)


@pytest.mark.parametrize("name", SPOILT)
def test_a_mutant_spoils_these_uses_and_no_other(name: str) -> None:
    found = {fitness.use: fitness for fitness in judged(name).uses}
    assert {use for use, fitness in found.items() if fitness.answer == "not fit"} == SPOILT[name]
    for use in SPOILT[name]:
        assert set(found[use].because) <= MUTANTS[name].must_fail | MUTANTS[name].may_fail
