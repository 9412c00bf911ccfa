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

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.kim import KIM
from ase.stress import voigt_6_to_full_3x3_stress

from benchmarks.openkim import MODELS, RESULTS, verdict
from benchmarks.openkim_plain import contact, crystal

CONFIRMED = RESULTS.with_name("openkim_confirmed.jsonl")
ENERGY, FORCE, STRESS = 1e-4, 1e-3, 1e-4
"""eV, eV/Å and eV/Å³: what starts to matter."""
NEAR, NARROW = 1e-4, 1e-8
"""Å. How far from the place that a certificate tells a jump is looked for, and how narrow the interval is made."""
STEP = 2e-4
"""Å, or of a strain, for difference quotients; half of it has to give the same."""
SOUND = 10
"""Models that hold, which are asked as well."""

Finding = tuple[str, str, Callable[[str], tuple[float, str]], float]
"""How a model's name starts, a law, what measures it and in which words, and what starts to matter."""


def calculator(name: str) -> Any:
    """Return ASE's calculator; its list of neighbours is made anew for every structure."""
    return KIM(name, options={"neigh_skin_ratio": 0.0})


def energy_of(calc: Any, atoms: Atoms) -> float:
    """Return the energy, eV."""
    atoms = atoms.copy()
    atoms.wrap()
    atoms.calc = calc
    return float(atoms.get_potential_energy())


def forces_of(calc: Any, atoms: Atoms) -> np.ndarray:
    """Return the forces, eV/Å."""
    atoms = atoms.copy()
    atoms.wrap()
    atoms.calc = calc
    return np.array(atoms.get_forces())


def stress_of(calc: Any, atoms: Atoms) -> np.ndarray:
    """Return the stress, (3, 3), eV/Å³."""
    atoms = atoms.copy()
    atoms.wrap()
    atoms.calc = calc
    return np.array(voigt_6_to_full_3x3_stress(atoms.get_stress()))


def jump(value_at: Callable[[float], np.ndarray], place: float, near: float = NEAR) -> tuple[float, float]:
    """Return the largest jump near a place, and where: of halves of the interval, the one that differs more is kept."""
    low, high = place - near, place + near
    a, b = value_at(low), value_at(high)
    while high - low > NARROW:
        middle = 0.5 * (low + high)
        c = value_at(middle)
        if np.abs(c - a).max() >= np.abs(b - c).max():
            high, b = middle, c
        else:
            low, a = middle, c
    return float(np.abs(b - a).max()), 0.5 * (low + high)


def pair_jump(name: str, symbols: str, place: float, what: str) -> tuple[float, str]:
    """Return how much the energy (eV) or the force (eV/Å) of a pair jumps near a length, Å."""
    calc = calculator(name)

    def value(length: float) -> np.ndarray:
        pair = Atoms(symbols, [[0, 0, 0], [length, 0, 0]])
        return np.array([energy_of(calc, pair)]) if what == "energy" else forces_of(calc, pair)[:, 0]

    size, where = jump(value, place)
    return size, f"{what} of a pair {symbols}, {where:.6f} Å"


def triangle_jump(name: str, symbols: str, bond: float, place: float) -> tuple[float, str]:
    """Return how much the energy, eV, of three atoms jumps: two that are bound (Å) to the third, moved apart."""
    calc = calculator(name)

    def value(apart: float) -> np.ndarray:
        height = np.sqrt(bond**2 - apart**2 / 4)
        return np.array([energy_of(calc, Atoms(symbols, [[-apart / 2, 0, 0], [apart / 2, 0, 0], [0, height, 0]]))])

    size, where = jump(value, place)
    return size, f"energy of {symbols}, bonds of {bond} Å, the first two {where:.6f} Å apart"


def shell_jump(name: str, symbol: str, cutoff: float, lattice: str) -> tuple[float, str]:
    """Return how much the stress (eV/Å³) jumps as a shell of a crystal, expanded, crosses the cutoff (Å)."""
    calc = calculator(name)
    nearest = contact(symbol, symbol)
    unit = bulk(symbol, lattice, a=1.0, cubic=True)
    found = (0.0, "no shell")
    offsets = np.array(list(np.ndindex(41, 41, 41)), float) - 20
    points = (offsets[:, None] + unit.get_scaled_positions()[None]).reshape(-1, 3)
    lengths, counts = np.unique(np.linalg.norm(points, axis=1).round(9), return_counts=True)
    first = lengths[1]
    for length, count in zip(lengths, counts, strict=True):
        a = cutoff / length if length else np.inf
        if not nearest < a * first < 1.4 * nearest or count < 24:
            continue

        def value(a: float) -> np.ndarray:
            return stress_of(calc, bulk(symbol, lattice, a=a, cubic=True))

        try:
            size, where = jump(value, a, 1e-5)
        except Exception:  # the model's own refusal of so dense a crystal
            continue
        found = max(found, (size, f"stress of {lattice} {symbol}, a = {where:.6f} Å, {count} neighbours"))
    return found


def mixture(species: str, seed: int, scale: float = 1.08, amount: float = 0.15) -> Atoms:
    """Return an fcc crystal of 32 atoms, random species on its sites, displaced at random (Å)."""
    rng = np.random.default_rng(seed)
    symbols = species.split(",")
    largest = max(contact(one, one) for one in symbols)
    atoms = bulk("Cu", "fcc", a=np.sqrt(2) * scale * largest, cubic=True).repeat(2)
    atoms.symbols = [*symbols, *rng.choice(symbols, len(atoms) - len(symbols))]
    atoms.positions += amount * rng.normal(size=atoms.positions.shape)
    found: Atoms = atoms
    return found


def slope(energy_at: Callable[[float], float]) -> float | None:
    """Return dE/ds at 0 by a stencil of five points, or None where half the step gives another: it is not smooth."""

    def quotient(h: float) -> float:
        e = {k: energy_at(k * h) for k in (-2, -1, 1, 2)}
        return (8 * (e[1] - e[-1]) - (e[2] - e[-2])) / (12 * h)

    coarse, fine = quotient(STEP), quotient(STEP / 2)
    return fine if abs(coarse - fine) < 1e-5 + 1e-3 * abs(fine) else None


def force_and_slope(name: str, species: str, seeds: int = 8) -> tuple[float, str]:
    """Return the largest difference, eV/Å, between −dE/ds of one atom moved and its force, where E is smooth."""
    calc, worst, rough = calculator(name), (0.0, ""), 0
    for seed in range(seeds):
        atoms = mixture(species, seed)
        forces = forces_of(calc, atoms)
        for index in range(0, len(atoms), 8):

            def energy_at(s: float, atoms: Atoms = atoms, index: int = index) -> float:
                moved = atoms.copy()
                moved.positions[index, 0] += s
                return energy_of(calc, moved)

            found = slope(energy_at)
            if found is None:
                rough += 1
                continue
            worst = max(worst, (abs(found + forces[index, 0]), f"atom {index} of structure {seed}"))
    return worst[0], f"force beside −dE/dx: {worst[1]}; {rough} of {seeds * 4} slopes are not defined"


def stress_and_slope(name: str, species: str, seeds: int = 8) -> tuple[float, str]:
    """Return the largest difference, eV/Å³, between dE/dε/V of an expansion and tr σ, where E is smooth."""
    calc, worst, rough = calculator(name), (0.0, ""), 0
    for seed in range(seeds):
        atoms = mixture(species, seed)

        def energy_at(s: float, atoms: Atoms = atoms) -> float:
            wider = atoms.copy()
            wider.set_cell((1 + s) * atoms.cell.array, scale_atoms=True)
            return energy_of(calc, wider)

        found = slope(energy_at)
        if found is None:
            rough += 1
            continue
        size = abs(found / atoms.get_volume() - np.trace(stress_of(calc, atoms)))
        worst = max(worst, (float(size), f"structure {seed}"))
    return worst[0], f"tr σ beside dE/dε/V: {worst[1]}; {rough} of {seeds} slopes are not defined"


def crystal_jump(name: str, symbol: str, place: float) -> tuple[float, str]:
    """Return how much the energy of a crystal, eV/atom, jumps near where its lattice is scaled so."""
    calc, host = calculator(name), crystal(symbol)

    def value(x: float) -> np.ndarray:
        wider = host.copy()
        wider.set_cell(x * host.cell.array, scale_atoms=True)
        return np.array([energy_of(calc, wider) / len(host)])

    size, where = jump(value, place, 1e-5)
    return size, f"energy of an atom of {symbol}, lattice × {where:.6f}"


def history(name: str, species: str) -> tuple[float, str]:
    """Return how much an energy, eV/atom, depends on which structure was asked before."""
    worst = (0.0, "the same after every structure")
    crystals = {symbol: crystal(symbol) for symbol in species.split(",")}
    crystals["all"] = mixture(species, 0)
    fresh = {key: energy_of(calculator(name), atoms) / len(atoms) for key, atoms in crystals.items()}
    for first, before in crystals.items():
        for then, atoms in crystals.items():
            calc = calculator(name)
            energy_of(calc, before)
            size = abs(energy_of(calc, atoms) / len(atoms) - fresh[then])
            worst = max(worst, (size, f"energy of {then} after {first}, beside that of a calculator just made"))
    return worst


def steepest(name: str, symbols: str, start: float, end: float) -> tuple[float, str]:
    """Return the jump of the force, eV/Å, on a pair where it bends most between two lengths, Å: steepness is none."""
    calc = calculator(name)

    def value(length: float) -> np.ndarray:
        return forces_of(calc, Atoms(symbols, [[0, 0, 0], [length, 0, 0]]))[:, 0]

    places = np.linspace(start, end, 2001)
    steps = np.abs(np.diff([value(x) for x in places], n=3, axis=0)).max(axis=1)
    k = int(steps.argmax()) + 1
    size, where = jump(value, 0.5 * (places[k] + places[k + 1]), 2 * (places[1] - places[0]))
    return size, f"force of a pair {symbols}, {where:.6f} Å; largest third difference {steps.max():.2g} eV/Å"


def refuses(name: str, symbol: str, scale: float) -> tuple[float, str]:
    """Return 1 if a crystal of an element, its lattice scaled, is an error of the model."""
    atoms = crystal(symbol)
    atoms.set_cell(scale * atoms.cell.array, scale_atoms=True)
    try:
        return 0.0, f"energy {energy_of(calculator(name), atoms):.4g} eV: {symbol}, lattice × {scale}"
    except Exception as error:
        return 1.0, f"{type(error).__name__}: {symbol}, lattice × {scale}"


def other_symmetries(name: str, species: str) -> tuple[float, str]:
    """Return the largest change of the energy, eV/atom, of a crystal turned, with its atoms reordered, or doubled."""
    calc, atoms = calculator(name), mixture(species, 1)
    energy, worst = energy_of(calc, atoms), (0.0, "the same")
    turned, order = atoms.copy(), np.random.default_rng(0).permutation(len(atoms))
    turned.rotate(37.0, (1, 2, 3), rotate_cell=True)
    for words, other, times in (
        ("turned", turned, 1),
        ("reordered", atoms[order], 1),
        ("doubled", atoms.repeat((2, 1, 1)), 2),
    ):
        worst = max(worst, (abs(energy_of(calc, other) / times - energy) / len(atoms), words))
    return worst


def _of(start: str) -> str:
    """Return the one installed model whose name starts so."""
    found = [path.name for path in MODELS.iterdir() if path.name.startswith(start)]
    if len(found) != 1:
        raise ValueError(f"{start}: {found or 'not installed'}")
    return found[0]


AL = "EAM_Dynamo_ErcolessiAdams_1994_Al"
PPM = "ThreeBodyBondOrder_PPM_PurjaPunMishin_2017_Si"
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

FINDINGS: tuple[Finding, ...] = (
    (AL, "smoothness/continuity", partial(pair_jump, symbols="Al2", place=5.558054, what="force"), FORCE),
    (AL, "smoothness/continuity-cell", partial(shell_jump, symbol="Al", cutoff=5.558054, lattice="fcc"), STRESS),
    (PPM, "smoothness/continuity", partial(pair_jump, symbols="Si2", place=2.543883, what="energy"), ENERGY),
    (PPM, "conservation/force-gradient", partial(force_and_slope, species="Si"), FORCE),
    (MX2, "smoothness/continuity", partial(triangle_jump, symbols="S2Mo", bond=2.4, place=3.860950), ENERGY),
    (MX2, "smoothness/continuity-cell", partial(triangle_jump, symbols="Mo2S", bond=2.8, place=5.546600), ENERGY),
    (MX2, "conservation/force-gradient", partial(force_and_slope, species="Mo,S"), FORCE),
    (MX2, "conservation/stress-strain", partial(stress_and_slope, species="Mo,S"), STRESS),
    (ALNICO, "conservation/force-gradient", partial(force_and_slope, species="Al,Co,Ni"), FORCE),
    (ALNICO, "conservation/stress-strain", partial(stress_and_slope, species="Al,Co,Ni"), STRESS),
    (f"{NIST}_Co", "conservation/stress-strain", partial(stress_and_slope, species="Co"), STRESS),
    (f"{NIST}_Co", "conservation/path-work", partial(force_and_slope, species="Co"), FORCE),
    (f"{NIST}_Co", "smoothness/continuity-cell", partial(crystal_jump, symbol="Co", place=1.06799), ENERGY),
    (f"{NIST}_Pt", "conservation/stress-strain", partial(stress_and_slope, species="Pt"), STRESS),
    (f"{NIST}_Pt", "smoothness/continuity-cell", partial(crystal_jump, symbol="Pt", place=1.000021), ENERGY),
    (PTAU, "smoothness/continuity-cell", partial(steepest, symbols="PtAu", start=1.8, end=6.5), FORCE),
    (PTAU, "robustness/finite-output", partial(refuses, symbol="Au", scale=0.7), 0.5),
    (MARINICA, "smoothness/continuity", partial(steepest, symbols="Fe2", start=1.9, end=2.1), FORCE),
    (MARINICA, "conservation/force-gradient", partial(refuses, symbol="Fe", scale=0.7), 0.5),
    (MAGNETIC, "smoothness/continuity", partial(pair_jump, symbols="Fe2", place=4.199404, what="force"), FORCE),
    (GLASS, "smoothness/continuity", partial(pair_jump, symbols="CuZr", place=6.299989, what="force"), FORCE),
    (GLASS, "robustness/determinism", partial(history, species="Cu,Zr"), ENERGY),
    (GLASS, "robustness/call-history", partial(history, species="Cu,Zr"), ENERGY),
    (f"{EMT}_Al", "smoothness/continuity", partial(pair_jump, symbols="AgAl", place=5.618764, what="force"), FORCE),
    (f"{EMT}_Al", "robustness/determinism", partial(history, species="Al,Cu,Ag"), ENERGY),
    (f"{EMT}_Al", "robustness/call-history", partial(history, species="Al,Cu,Ag"), ENERGY),
    (f"{EMT}_Cu", "smoothness/continuity", partial(pair_jump, symbols="Cu2", place=4.984086, what="force"), FORCE),
    (f"{EMT}_Pd", "smoothness/continuity", partial(pair_jump, symbols="Pd2", place=5.357426, what="force"), FORCE),
    (LJ_AR, "smoothness/continuity", partial(pair_jump, symbols="Ar2", place=8.15, what="energy"), ENERGY),
    (LJ_AR, "conservation/force-gradient", partial(force_and_slope, species="Ar"), FORCE),
    (UNIVERSAL, "smoothness/continuity", partial(pair_jump, symbols="AuH", place=5.951205, what="force"), FORCE),
    (UNIVERSAL, "smoothness/continuity-cell", partial(pair_jump, symbols="Zr2", place=11.888, what="force"), FORCE),
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
