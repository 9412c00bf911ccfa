"""Laws about the process around a potential look at the process where it lives; a certificate says where that was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gnnp_bench.adapters import registry
from gnnp_bench.certificate.io import comparable
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings

EMT = "ase:ase.calculators.emt:EMT"


def certificate(
    spec: str, *only: str, species: tuple[str, ...] | None = None, python: str | None = None
) -> Certificate:
    loaded = registry.load(spec if python is None else f"{spec}{'&' if '?' in spec else '?'}env={python}", species)
    settings = Settings(spec=spec, species=species or (), budget="quick", only=only)
    *_, last = run(loaded.potential, tuple(all_checks()), settings, reload=loaded.reload)
    return last.certificate


def statuses(found: Certificate) -> dict[str, str]:
    return {check.id: check.status for check in found.checks}


def test_emt_has_the_same_certificate_as_in_this_process(python: str):
    here = certificate(EMT, species=("Cu", "Au"))
    there = certificate(EMT, species=("Cu", "Au"), python=python)
    assert here.complete
    # What loading changes besides (filters of warnings) depends on the versions of packages.
    judged, expected = (
        {c.id: replace(c, reason=None) if c.id == "robustness/process-state" else c for c in comparable(made).checks}
        for made in (there, here)
    )
    assert judged == expected
    assert replace(comparable(there), checks=()) == replace(comparable(here), checks=())
    told = there.environment["potential"]
    assert told["env"] == "python"  # no path of whoever ran it
    assert told["packages"]["numpy"] == "2.2.6"
    assert len(told["sha256"]) == 64
    assert "potential" not in here.environment


@pytest.mark.parametrize(
    ("spec", "check"),
    [
        ("hoards", "robustness/memory-growth"),
        ("seeds", "robustness/process-state"),
        ("meddles", "robustness/input-intact"),
        ("charged", "robustness/processes"),
    ],
)
def test_a_defect_of_the_process_is_found_where_it_is(python: str, hazards: Path, spec: str, check: str):
    assert statuses(certificate(f"hazards:{spec}", check, python=python)) == {check: "fail"}


def test_work_space_that_threads_share_is_found_where_it_is(python: str, hazards: Path):
    # A call that gets another's answer has wrong numbers, or, if it meets one of another size, a wrong shape.
    assert statuses(certificate("hazards:shares", "robustness/threads", python=python))["robustness/threads"] in (
        "fail",
        "error",
    )


def test_the_same_laws_hold_for_a_sound_one(python: str, hazards: Path):
    kinds = ("memory-growth", "process-state", "threads", "input-intact", "processes")
    found = statuses(certificate("hazards:sound", *(f"robustness/{kind}" for kind in kinds), python=python))
    assert found == {f"robustness/{kind}": "pass" for kind in kinds}


def test_a_buffer_that_is_used_again_is_told_alike(python: str, hazards: Path):
    check = "robustness/batch"
    here, there = (certificate("hazards:reuses", check, python=where).checks[0] for where in (None, python))
    assert here.reason is not None
    assert "a buffer that it uses again" in here.reason
    assert (there.status, there.reason) == (here.status, here.reason)


def test_a_calculator_that_knows_its_structure_by_name_is_found(python: str, hazards: Path):
    check = "robustness/as-ase-drives-it"
    species = ("Cu", "Au")
    assert statuses(certificate("ase:hazards:Stale", check, species=species, python=python)) == {check: "fail"}
    honest = "ase:hazards:Stale?honest=true"
    assert statuses(certificate(honest, check, species=species, python=python)) == {check: "pass"}


def test_a_potential_that_dies_on_some_cases_is_judged_on_the_others(python: str, hazards: Path):
    """Gold ends its process: drawn structures without gold are there, and their laws hold."""
    found = certificate(
        "hazards:dies", "symmetry/translation", "symmetry/rotation", "robustness/process-state", python=python
    )
    assert found.complete
    assert set(statuses(found).values()) <= {"pass", "error", "fail"}
    assert found.structures > 0
