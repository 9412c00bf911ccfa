"""Findings about models of OpenKIM, seen again with ASE's calculator and without this project's laws.

    python -m benchmarks.openkim_confirm [--certificates FILE] [GLOB]

`benchmarks/openkim.py` says what a certificate found. Here each finding is measured anew by the plainest means: a pair
of atoms just inside and just outside of where something jumps, a difference quotient of the energy beside a force or a
stress, a structure before another one. Models that hold are asked the same. A line for each goes to
benchmarks/results/openkim_confirmed.jsonl: what the certificate says, what is seen here; those there already are left
out. A jump of the energy makes `conservation/*` fail as well, as a difference quotient or a path crosses it: then
forces are seen here to be the slope wherever the energy has one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.openkim import CONFIRMED, MODELS, RESULTS, verdict
from benchmarks.openkim_direct import their_sum, through_refresh
from benchmarks.openkim_enthalpy import enthalpy_drift
from benchmarks.openkim_looks import asymmetry
from benchmarks.openkim_measures import (
    crystal_jump,
    force_and_slope,
    history,
    hole,
    not_finite,
    other_symmetries,
    pair_jump,
    refuses,
    reordered,
    shell_jump,
    steepest,
    stress_and_slope,
    triangle_jump,
)
from benchmarks.openkim_motion import drift, two_constants
from benchmarks.openkim_refresh import LAWS as REFRESHED
from benchmarks.openkim_refresh import missed

ENERGY, FORCE, STRESS = 1e-4, 1e-3, 1e-4
"""eV, eV/Å and eV/Å³: what starts to matter."""
DRIFT = 0.02
"""meV/atom/ps"""
ASYMMETRY = 5e-4
"""λ of the Jacobian that starts to matter."""
MATTERS = {"conservation/path-work": FORCE, "smoothness/one-stiffness": FORCE, "robustness/precision": 1e-9}
"""Where it is no energy."""
SOUND = 10
"""Models that hold, which are asked as well."""

Finding = tuple[str, str, Callable[[str], tuple[float, str]], float]
"""How a model's name starts, a law, what measures it and in which words, and what starts to matter."""


def _of(start: str) -> str:
    """Return the one installed model whose name starts so."""
    found = [path.name for path in MODELS.iterdir() if path.name.startswith(start)]
    if len(found) != 1:
        raise ValueError(f"{start}: {found or 'not installed'}")
    return found[0]


AL = "EAM_Dynamo_ErcolessiAdams_1994_Al"
PPM = "ThreeBodyBondOrder_PPM_PurjaPunMishin_2017_Si"
KDS = "ThreeBodyBondOrder_KDS_KhorDasSarma_1988_Ge"
GONG = "ThreeBodyCluster_Gong_Gong_1993_Si"
SRS = "ThreeBodyCluster_SRS_StephensonRadnySmith_1996_Si"
PBSN = "MEAM_LAMMPS_EtesamiBaskesLaradji_2018_PbSn"
MX2 = "SW_MX2_WenShirodkarPlechac_2017_MoS"
ALNICO = "EAM_IMD_BrommerGaehler_2006A_AlNiCo"
NIST = "EAM_Dynamo_ZhouJohnsonWadley_2004NISTretabulation"
PTAU = "EAM_Dynamo_OBrienBarrPrice_2018_PtAu"
MARINICA = "EAM_Dynamo_Marinica_2011_Fe"
MAGNETIC = "EAM_MagneticCubic_MendelevHanSrolovitz_2003_Fe"
GLASS = "EMT_Asap_MetalGlass_PaduraruKenoufiBailey_2007_CuZr"
EMT = "EMT_Asap_Standard_JacobsenStoltzeNorskov_1996"
LJ_AR = "LennardJones_Ar"
UNIVERSAL = "LennardJones612_UniversalShifted"
MORSE = "Morse_Shifted_GirifalcoWeizer_1959"
GE = "SNAP_ZuoChenLi_2019quadratic_Ge"
HE = "TT_Modified_HellmannBichVogel_2007_He"
SW = "SW_StillingerWeber_1985_Si"
ALU = "MEAM_LAMMPS_PascuetFernandez_2015_AlU"

FINDINGS: tuple[Finding, ...] = (
    (AL, "smoothness/continuity", partial(pair_jump, symbols="Al2", place=5.558054, what="force"), FORCE),
    (AL, "smoothness/continuity-cell", partial(shell_jump, symbol="Al", cutoff=5.558054, lattice="fcc"), STRESS),
    (PPM, "smoothness/continuity", partial(pair_jump, symbols="Si2", place=2.543883, what="energy"), ENERGY),
    (PPM, "smoothness/continuity-cell", partial(crystal_jump, symbol="Si", place=1.081924), ENERGY),
    (PPM, "conservation/jacobian", partial(asymmetry, symbol="Si", a=3.6), ASYMMETRY),
    (PPM, "symmetry/permutation", partial(their_sum, symbol="Si", length=2.35), ENERGY),
    (KDS, "symmetry/permutation", partial(their_sum, symbol="Ge", length=2.45), ENERGY),
    (KDS, "robustness/finite-output", partial(not_finite, symbol="Ge", edges=(2.1, 2.1, 3.5)), 0.5),
    (GONG, "symmetry/permutation", partial(their_sum, symbol="Si", length=2.35), ENERGY),
    (SRS, "symmetry/permutation", partial(their_sum, symbol="Si", length=2.35), ENERGY),
    (PBSN, "robustness/precision", partial(reordered, species="Sn,Pb"), 1e-9),
    (MX2, "smoothness/continuity", partial(triangle_jump, symbols="S2Mo", bond=2.4, place=3.860950), ENERGY),
    (MX2, "smoothness/continuity-cell", partial(triangle_jump, symbols="Mo2S", bond=2.8, place=5.546600), ENERGY),
    (ALNICO, "conservation/force-gradient", partial(force_and_slope, species="Al,Co,Ni", scale=0.85), FORCE),
    (ALNICO, "conservation/stress-strain", partial(stress_and_slope, species="Al,Co,Ni", scale=0.85), STRESS),
    (f"{NIST}_Co", "conservation/stress-strain", partial(stress_and_slope, species="Co"), STRESS),
    (f"{NIST}_Co", "smoothness/continuity-cell", partial(crystal_jump, symbol="Co", place=1.06799), ENERGY),
    (f"{NIST}_Pt", "conservation/stress-strain", partial(stress_and_slope, species="Pt"), STRESS),
    (f"{NIST}_Pt", "smoothness/continuity-cell", partial(crystal_jump, symbol="Pt", place=1.000021), ENERGY),
    (PTAU, "robustness/finite-output", partial(refuses, symbol="Au", scale=0.7), 0.5),
    (MARINICA, "smoothness/continuity", partial(steepest, symbols="Fe2", start=1.9, end=2.1), FORCE),
    (MARINICA, "conservation/force-gradient", partial(refuses, symbol="Fe", scale=0.7), 0.5),
    (MAGNETIC, "smoothness/continuity", partial(pair_jump, symbols="Fe2", place=4.199404, what="force"), FORCE),
    (GLASS, "smoothness/continuity", partial(pair_jump, symbols="CuZr", place=6.299989, what="force"), FORCE),
    (GLASS, "robustness/determinism", partial(history, species="Cu,Zr"), ENERGY),
    (GLASS, "robustness/call-history", partial(history, species="Cu,Zr"), ENERGY),
    (f"{EMT}_AlAg", "smoothness/continuity", partial(pair_jump, symbols="AgAl", place=5.618764, what="force"), FORCE),
    (f"{EMT}_AlAg", "robustness/determinism", partial(history, species="Al,Cu,Ag"), ENERGY),
    (f"{EMT}_AlAg", "robustness/call-history", partial(history, species="Al,Cu,Ag"), ENERGY),
    (f"{EMT}_AlAg", "physics/short-range", partial(hole, symbols="AgAl", a=3.2, before="Al"), 0.1),
    (f"{EMT}_AlAg", "dynamics/stress-in-motion", partial(enthalpy_drift, symbols="Ag,Al", a=4.07), DRIFT),
    (f"{EMT}_Cu__", "smoothness/continuity", partial(pair_jump, symbols="Cu2", place=4.984086, what="force"), FORCE),
    (f"{EMT}_Pd__", "smoothness/continuity", partial(pair_jump, symbols="Pd2", place=5.357426, what="force"), FORCE),
    (LJ_AR, "smoothness/continuity", partial(pair_jump, symbols="Ar2", place=8.15, what="energy"), ENERGY),
    (LJ_AR, "physics/elasticity", partial(two_constants, symbol="Ar", a=5.1), 0.1),
    (LJ_AR, "dynamics/energy-conserved", partial(drift, symbol="Ar", a=5.3, kelvin=300.0, steps=(1.3, 0.65)), DRIFT),
    (LJ_AR, "dynamics/stress-in-motion", partial(enthalpy_drift, symbols="Ar", a=5.3), DRIFT),
    (SW, "dynamics/stress-in-motion", partial(enthalpy_drift, symbols="Si", a=4.6), DRIFT),
    (UNIVERSAL, "smoothness/continuity", partial(pair_jump, symbols="AuH", place=5.951205, what="force"), FORCE),
    (
        f"{MORSE}LowCutoff_K",
        "smoothness/continuity-cell",
        partial(shell_jump, symbol="K", cutoff=17.0102, lattice="fcc"),
        STRESS,
    ),
    (
        f"{MORSE}MedCutoff_Ca",
        "smoothness/continuity-cell",
        partial(shell_jump, symbol="Ca", cutoff=14.0067, lattice="fcc"),
        STRESS,
    ),
    (GE, "smoothness/continuity", partial(steepest, symbols="Ge2", start=1.2, end=5.2), FORCE),
    *(
        (ALU, law, partial(through_refresh, species="Al,U", change=change), ENERGY)
        for law, change in (
            ("symmetry/translation", "moved"),
            ("symmetry/rotation", "turned"),
            ("symmetry/inversion", "mirrored"),
            ("symmetry/permutation", "reordered"),
            ("robustness/determinism", "asked again"),
            ("robustness/batch", "asked again"),
            ("robustness/call-history", "asked again"),
            ("robustness/requested-properties", "asked again"),
            ("robustness/irrelevant-attributes", "asked again"),
        )
    ),
    *((ALU, law, partial(missed, species="Al,U", law=law), MATTERS.get(law, ENERGY)) for law in REFRESHED),
    (HE, "smoothness/continuity", partial(pair_jump, symbols="He2", place=8.0, what="energy"), ENERGY),
)


def asked(
    certificates: Mapping[str, Mapping[str, Any]], only: str, done: Collection[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """Yield a line for each finding, and for each law that a sound model is asked about, but for what is done."""
    for start, law, measure, matters in FINDINGS:
        if fnmatch(start, only) and (_of(start), law) not in done:
            yield _line(certificates, _of(start), law, measure, matters)
    holds = [name for name, line in certificates.items() if verdict(line) == "holds"]
    for name in holds[:: max(1, len(holds) // SOUND)][:SOUND]:
        if not fnmatch(name, only):
            continue
        species = ",".join(certificates[name]["species"])
        for law, measured, matters in (
            ("conservation/force-gradient", force_and_slope, FORCE),
            ("conservation/stress-strain", stress_and_slope, STRESS),
            ("robustness/call-history", history, ENERGY),
            ("symmetry/*", other_symmetries, ENERGY),
        ):
            if (name, law) not in done:
                yield _line(certificates, name, law, partial(measured, species=species), matters)


def _line(
    certificates: Mapping[str, Mapping[str, Any]], name: str, law: str, measure: Callable[..., Any], matters: float
) -> dict[str, Any]:
    told = [one for one in certificates.get(name, {}).get("told", []) if one["id"] == law]
    try:
        size, words = measure(name)
    except Exception as error:  # a model's own refusal
        size, words = float("nan"), f"{type(error).__name__}: {str(error)[:120]}"
    return {
        "name": name,
        "law": law,
        "status": told[0]["status"] if told else "pass",
        "certificate": told[0]["measured"] if told else None,
        "plain": size,
        "matters": matters,
        "violated": bool(size > matters),
        "how": words,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--certificates", type=Path, default=RESULTS)
    parser.add_argument("only", nargs="?", default="*", help="names, as a glob")
    given = parser.parse_args()
    texts = given.certificates.read_text().splitlines() if given.certificates.exists() else []
    certificates = {line["name"]: line for line in map(json.loads, texts)}
    before = CONFIRMED.read_text().splitlines() if CONFIRMED.exists() else []
    kept = {(line["name"], line["law"]): line for line in map(json.loads, before)}
    for line in asked(certificates, given.only, tuple(kept)):
        kept[line["name"], line["law"]] = line
        CONFIRMED.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in kept.values()))
        print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
