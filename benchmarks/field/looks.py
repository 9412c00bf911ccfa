"""What is said by hand of the field: which counterexamples teach most, and what plain scripts saw of each kind."""

from __future__ import annotations

import json
from dataclasses import dataclass

from benchmarks.sources import ROOT

FOUND = ROOT / "benchmarks" / "field" / "looks.jsonl"
"""What `benchmarks.field.plain` saw: a line for each look."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a script without this project saw of one finding."""

    spec: str
    law: str
    seen: str


def lines() -> list[Look]:
    """Return what was seen so far."""
    if not FOUND.exists():
        return []
    return [Look(**json.loads(line)) for line in FOUND.read_text().splitlines()]


TOLD: tuple[tuple[str, str, str], ...] = (
    (
        "kim:MEAM_LAMMPS_AlmyrasSangiovanniSarakinos_2019_NAlTi__MO_958395190627_000",
        "smoothness/continuity",
        "A force can be enormous in the middle of nowhere.",
    ),
    (
        "kim:SNAP_ZuoChenLi_2019quadratic_Cu__MO_265210066873_000",
        "physics/short-range",
        "A fit knows nothing of crystals that are pressed more than its data.",
    ),
    (
        "kim:MEAM_LAMMPS_AgrawalMirzaeifar_2021_CuC__MO_028979335952_000",
        "physics/short-range",
        "Atoms fall into each other behind a barrier that hot atoms climb.",
    ),
    (
        "kim:MEAM_LAMMPS_AsadiZaeemNouranian_2015_Fe__MO_492310898779_000",
        "periodicity/supercell",
        "Screening looks beyond the cutoff, so what is in the list of neighbours decides.",
    ),
    (
        "kim:EMT_Asap_MetalGlass_BaileySchiotzJacobsen_2004_CuMg__MO_228059236215_001",
        "robustness/call-history",
        "The answer depends on who was asked before.",
    ),
    (
        "kim:EMT_Asap_Standard_JacobsenStoltzeNorskov_1996_Al__MO_623376124862_001",
        "smoothness/continuity",
        "A cutoff that is not switched is a step on every path across it.",
    ),
    (
        "kim:Morse_EIP_GuthikondaElliott_2011_AuCd__MO_703849496106_002",
        "symmetry/translation",
        "Moving all atoms by the same vector can change everything.",
    ),
    ("chgnet:r2scan", "periodicity/cell-choice", "A left-handed cell turns the sign of the stress."),
    ("sevennet:7net-0", "symmetry/inversion", "A network without parity tells mirror images apart."),
    ("kim:LennardJones_Ar", "physics/elasticity", "A crystal whose energy jumps has two elastic constants."),
)
"""Spec, law, and the lesson in a sentence."""
