"""For what a potential is fit follows from statuses, kinds of structures and numbers: from the certificate alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gnnp_bench.certificate.fitness import fit_for
from gnnp_bench.certificate.io import decode, encode
from gnnp_bench.certificate.result import Certificate, CheckResult, ComponentResult, Fitness, NoiseRecord, Status
from gnnp_bench.certificate.uses import USES, laws_of
from gnnp_bench.checks.registry import BUILT_IN
from tests.certificate import examples

KINDS = ("bulk", "slab", "wire", "molecule", "large")
NO_USE = {"symmetry/far-translation"}
"""Told to whoever reads it; nobody shifts a structure by a thousand cells."""
QUIET = NoiseRecord(energy=1e-12, forces=1e-12, stress=1e-12)


def result(law: str, status: Status = "pass", **kinds: Status) -> CheckResult:
    """Return what a law found: on each kind of structure as told, on all others a pass."""
    found: dict[str, Status] = dict.fromkeys(KINDS, "pass")
    found |= {kind.replace("_", "-"): its_status for kind, its_status in kinds.items()}
    quantities = ("energy", "forces", "stress")
    ranked: tuple[Status, ...] = ("fail", "inconclusive")
    worst: Status = next((s for s in ranked if s in found.values()), status)
    components = tuple(
        ComponentResult(
            quantity=quantity,
            status=worst,
            grade=None,
            measured=1.0,
            bound=0.0,
            significance=0.5,
            unit="eV",
            kinds=found,
        )
        for quantity in quantities
    )
    return CheckResult(
        id=law,
        law="",
        category="mandatory",
        status=worst,
        grade="exact" if worst == "pass" else None,
        quantity="energy",
        components=components,
        cases=len(found),
        kinds=dict.fromkeys(found, 1),
    )


def certificate(*changed: CheckResult, without: tuple[str, ...] = ()) -> Certificate:
    """Return a certificate of which all laws hold but those that are given."""
    known = {law: result(law) for law in sorted(laws_of(USES)) if law not in without}
    known |= {found.id: found for found in changed}
    return examples.certificate(*known.values(), noise=QUIET)


def answers(*changed: CheckResult, **options: tuple[str, ...]) -> dict[str, Fitness]:
    """Return the answer for each use."""
    return {fitness.use: fitness for fitness in fit_for(certificate(*changed, **options))}


def uses(found: dict[str, Fitness], answer: str) -> set[str]:
    """Return the uses with an answer."""
    return {use for use, fitness in found.items() if fitness.answer == answer}


def test_where_every_law_holds_every_use_is_fit() -> None:
    found = answers()
    assert uses(found, "fit") == set(found) == {use.name for use in USES}
    assert not any(fitness.reason or fitness.because for fitness in found.values())


def test_each_law_that_binds_decides_a_use() -> None:
    binding = {check.id for check in BUILT_IN if check.category != "informational"}
    assert binding - NO_USE <= laws_of(USES)


@pytest.mark.parametrize("law", sorted({by.law for use in USES for by in use.decided_by}))
def test_a_violated_law_forbids_the_uses_that_it_decides_and_no_other(law: str) -> None:
    everywhere: dict[str, Status] = dict.fromkeys(KINDS, "fail")
    broken = result(law, **everywhere)
    expected = {use.name for use in USES if any(by.law == law for by in use.decided_by)}
    found = answers(broken)
    assert uses(found, "not fit") == expected
    for use in expected:
        assert found[use].because == (law,)
        assert law in found[use].reason


@pytest.mark.parametrize("law", sorted({by.law for use in USES for by in use.decided_by}))
def test_a_law_that_was_not_run_leaves_its_uses_open(law: str) -> None:
    expected = {use.name for use in USES if any(by.law == law for by in use.decided_by)}
    found = answers(without=(law,))
    assert uses(found, "not looked at") == expected
    assert uses(found, "not fit") == set()


def test_why_a_law_could_not_be_measured_is_told_of_the_law_alone() -> None:
    broken = replace(result("symmetry/rotation"), status="error", components=(), reason="a long story")
    assert answers(broken)["single energies"].reason == "symmetry/rotation: could not be measured"


def test_a_violation_counts_on_structures_of_the_kind_of_the_use() -> None:
    found = answers(result("conservation/force-gradient", slab="fail"))
    assert {"surfaces and slabs", "relaxation of atoms", "NVE dynamics"} <= uses(found, "not fit")
    assert found["relaxation of cells"].answer == found["molecules"].answer == "fit"
    assert "on a slab" in found["relaxation of atoms"].reason
    assert "on a slab" not in found["surfaces and slabs"].reason


def test_a_kind_that_a_law_did_not_see_is_not_looked_at() -> None:
    seen = result("conservation/path-work")
    components = tuple(replace(c, kinds={"bulk": "pass"}) for c in seen.components)
    found = answers(replace(seen, kinds={"bulk": 6}, components=components))
    assert uses(found, "not looked at") == {"surfaces and slabs", "molecules"}
    assert found["molecules"].reason == "conservation/path-work: saw no molecule"


def test_what_fails_on_few_atoms_fails_on_many() -> None:
    few = result("robustness/size", bulk="fail")
    components = tuple(replace(c, kinds={"bulk": "fail"}) for c in few.components)
    found = answers(replace(few, kinds={"bulk": 1}, components=components))
    assert uses(found, "not fit") == {"large systems"}
    held = result("robustness/size")
    components = tuple(replace(c, kinds={"bulk": "pass"}) for c in held.components)
    found = answers(replace(held, kinds={"bulk": 1}, components=components))
    assert found["large systems"].reason == "robustness/size: did not see more than 1,000 atoms"


def test_stress_alone_forbids_no_use_of_energies() -> None:
    broken = result("symmetry/rotation", bulk="fail")
    components = tuple(
        c if c.quantity == "stress" else replace(c, status="pass", kinds=dict.fromkeys(KINDS, "pass"))
        for c in broken.components
    )
    found = answers(replace(broken, components=components))
    assert uses(found, "not fit") == {"relaxation of cells", "NVT and NPT dynamics", "phonons and elasticity"}


def test_what_fails_in_left_handed_cells_only_is_a_matter_of_care() -> None:
    found = answers(result("periodicity/cell-choice", left_handed="fail"))
    assert uses(found, "not fit") == set()
    assert "keep cells right-handed" in found["relaxation of cells"].reason
    assert found["relaxation of cells"].answer == "fit with care"
    assert found["several threads and processes"].answer == "fit"


def test_no_conclusion_is_not_looked_at_and_a_violation_comes_first() -> None:
    undecided = result("conservation/closed-loop", bulk="inconclusive")
    found = answers(undecided, result("symmetry/net-force", bulk="fail"))
    assert found["free energies and paths"].answer == "not looked at"
    assert "led to no conclusion" in found["free energies and paths"].reason
    assert found["NVE dynamics"].answer == "not fit"


def test_a_law_that_does_not_apply_decides_nothing_where_nothing_can_be_wrong() -> None:
    apart = CheckResult(
        id="symmetry/net-torque", law="", category="mandatory", status="not_applicable", reason="periodic only"
    )
    assert answers(apart)["molecules"].answer == "fit"
    stress = replace(apart, id="conservation/stress-strain", reason="the potential has no stress")
    found = answers(stress)["relaxation of cells"]
    assert (found.answer, found.reason) == (
        "not looked at",
        "conservation/stress-strain: the potential has no stress",
    )


def test_a_waived_violation_is_a_matter_of_care() -> None:
    broken = result("robustness/threads", bulk="fail")
    waived = replace(broken, status="waived", components=tuple(replace(c, status="waived") for c in broken.components))
    assert answers(waived)["several threads and processes"].answer == "fit with care"


def test_rounding_bounds_relaxations_and_displacements() -> None:
    loud = replace(certificate(), noise=NoiseRecord(energy=1e-5, forces=1e-3, stress=1e-5))
    found = {fitness.use: fitness for fitness in fit_for(loud)}
    assert "below 0.01 eV/Å" in found["relaxation of atoms"].reason
    assert "displacements of 0.007 Å" in found["phonons and elasticity"].reason
    assert found["molecules"].answer == "fit"


def test_species_that_were_never_mixed_leave_mixtures_open() -> None:
    apart = certificate()
    apart = replace(apart, potential=replace(apart.potential, combinations=(("Si",), ("Cu",))))
    found = {fitness.use: fitness for fitness in fit_for(apart)}
    assert found["mixtures"].answer == "not looked at"
    assert "never trained on together" in found["mixtures"].reason


def test_earlier_certificates_leave_single_kinds_open() -> None:
    now = certificate()
    old = replace(
        now,
        checks=tuple(
            replace(r, kinds={}, components=tuple(replace(c, kinds={}) for c in r.components)) for r in now.checks
        ),
    )
    found = {fitness.use: fitness for fitness in fit_for(decode(encode(old)))}
    assert found["single energies"].answer == "fit"
    assert found["surfaces and slabs"].answer == found["large systems"].answer == "not looked at"
    assert "does not say on what" in found["surfaces and slabs"].reason


def test_answers_survive_the_file() -> None:
    written = replace(certificate(), uses=fit_for(certificate()))
    assert decode(encode(written)).uses == written.uses
