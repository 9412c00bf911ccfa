"""Certificates and results of every kind, put together by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gnnp_bench.certificate.result import (
    Certificate,
    CheckResult,
    ComponentResult,
    Counterexample,
    NoiseRecord,
    PotentialRecord,
)

POTENTIAL = PotentialRecord(
    spec="chgnet:0.3.0",
    name="CHGNet",
    version="0.3.0",
    weights_sha256="3f2a91bc0d12e87760aa51de9b0c3cf4b1b8ee7c2e5a0f5d0f86ff0a1a2b3c4d",
    dtype="float32",
    device="cpu",
    species=("Si", "Cu", "Au"),
    parameters=412525,
)

PASSED = CheckResult(
    id="symmetry/rotation",
    law="E(Rx) = E(x), F(Rx) = R F(x), σ(Rx) = R σ(x) Rᵀ",
    category="mandatory",
    status="pass",
    grade="exact",
    quantity="forces",
    measured=3.1234567890123e-6,
    bound=1.0e-5,
    significance=1.0e-3,
    unit="eV/Å",
    components=(
        ComponentResult(
            quantity="forces",
            status="pass",
            grade="exact",
            measured=3.1234567890123e-6,
            bound=1.0e-5,
            significance=1.0e-3,
            unit="eV/Å",
        ),
    ),
    cases=24,
    evaluations=48,
    elapsed_s=1.5,
)

COUNTEREXAMPLE = Counterexample(
    structure={
        "numbers": [14, 14],
        "positions": [[0.0, 0.0, 0.0], [1.3575, 1.3575, 1.3575]],
        "cell": [[0.0, 2.715, 2.715], [2.715, 0.0, 2.715], [2.715, 2.715, 0.0]],
        "pbc": [True, True, True],
    },
    case={
        "parameters": {"axis": [0.6, 0.8, 0.0], "angle": 1.2345678, "displacements": [[0.1, 0.2, 0.3]] * 20},
        "noise": {"energy": 4e-6, "forces": 2e-5, "stress": 4e-7},
        "quantity": "stress",
        "measured": 0.0301,
        "bound": 2.9e-5,
        "significance": 1e-4,
        "unit": "eV/Å³",
    },
    reproduce="gnnp-bench certify 'chgnet:0.3.0' --budget quick --seed 0 --only periodicity/left-handed-cell",
)

FAILED = CheckResult(
    id="periodicity/left-handed-cell",
    law="E, F and σ do not depend on the handedness of the cell vectors",
    category="mandatory",
    status="fail",
    grade="violated",
    quantity="stress",
    measured=0.031,
    bound=3.1e-5,
    significance=1e-4,
    unit="eV/Å³",
    components=(
        ComponentResult(
            quantity="energy",
            status="pass",
            grade="approximate",
            measured=2e-6,
            bound=1e-6,
            significance=1e-4,
            unit="eV/atom",
        ),
        ComponentResult(
            quantity="stress",
            status="fail",
            grade="violated",
            measured=0.031,
            bound=3.1e-5,
            significance=1e-4,
            unit="eV/Å³",
        ),
    ),
    cases=12,
    evaluations=40,
    elapsed_s=2.5,
    counterexample=COUNTEREXAMPLE,
)


def result(check_id: str, status: str = "pass", grade: str | None = "exact", **changed: Any) -> CheckResult:
    """Return a result of a given status, otherwise like the rotation's; without numbers where nothing was measured."""
    values: dict[str, Any] = {"id": check_id, "status": status, "grade": grade}
    if status in ("error", "not_applicable"):
        numbers = dict.fromkeys(("quantity", "measured", "bound", "significance", "unit"))
        values |= {"grade": None, "components": (), "cases": 0, "reason": "left out of the example", **numbers}
    return replace(PASSED, **(values | changed))


def certificate(*checks: CheckResult, **changed: Any) -> Certificate:
    """Return a certificate with these results; `changed` overrides any other field."""
    values: dict[str, Any] = {
        "verdict": "certified",
        "grade": "exact",
        "complete": True,
        "potential": POTENTIAL,
        "environment": {"python": "3.12.1", "versions": {"numpy": "2.0.0"}},
        "budget": "quick",
        "profile": "default",
        "seed": 0,
        "elapsed_s": 12.25,
        "potential_s": 11.5,
        "evaluations": 480,
        "structures": 8,
        "noise": NoiseRecord(energy=4e-6, forces=2e-5, stress=4e-7),
        "checks": checks or (PASSED,),
    }
    return Certificate(**(values | changed))
