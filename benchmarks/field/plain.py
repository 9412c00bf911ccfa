"""Findings of the field measured again with ASE and kimpy, one of each kind.

    python -m benchmarks.field.plain [GLOB]   # GLOB of laws

Structures are those of the counterexamples in the exported results; nothing that judges in `gnnp_bench` is used on
them. Each look replaces the line of its potential and law in benchmarks/field/looks.jsonl, which the page shows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatch

import numpy as np
from ase import Atoms, units
from ase.calculators.kim import KIM
from ase.md.verlet import VelocityVerlet
from ase.optimize import FIRE

from benchmarks.field.found import field
from benchmarks.field.looks import FOUND, Look, lines
from benchmarks.openkim_direct import through_refresh
from benchmarks.openkim_measures import calculator, energy_of, history, pair_jump
from gnnp_bench.certificate.io import replace_file
from gnnp_bench.certificate.result import Counterexample

NEAREST = 0.3
"""Å, down to which atoms are pressed together."""


def pair_falls(name: str, one: str, other: str, start: float = 3.5) -> str:
    """Return how deep the energy of two atoms falls as they meet, once it has risen."""
    calc = calculator(name)
    lengths = np.linspace(start, NEAREST, 321)
    energies = np.array([energy_of(calc, boxed([one, other], [[0.0, 0.0, 0.0], [x, 0.0, 0.0]])) for x in lengths])
    return f"ASE: energy of a pair {one}–{other}, {_fall(lengths, energies)}"


def triple_falls(name: str, one: str, other: str, third: str, scale: float, angle: float) -> str:
    """Return the same of two atoms of which the first has a third beside it, at `scale` times their radii."""
    from ase.data import atomic_numbers, covalent_radii

    calc = calculator(name)
    bond = scale * sum(covalent_radii[atomic_numbers[symbol]] for symbol in (one, third))
    turned = np.radians(angle)
    beside = [bond * np.cos(turned), bond * np.sin(turned), 0.0]
    lengths = np.linspace(3.5, NEAREST, 321)
    symbols = [one, other, third]
    energies = np.array([energy_of(calc, boxed(symbols, [[0, 0, 0], [x, 0, 0], beside])) for x in lengths])
    return f"ASE: energy of {one}–{other} with {third} at {bond:.2f} Å and {angle:g}°, {_fall(lengths, energies)}"


def _fall(lengths: np.ndarray, energies: np.ndarray) -> str:
    """Tell how far an energy falls behind the highest place to which it has risen; lengths become shorter."""
    found = (0.0, 0, 0, 0.0)
    for top in range(len(energies) - 1):
        barrier = float(energies[top] - energies[: top + 1].min())
        deepest = top + int(energies[top:].argmin())
        fall = float(energies[top] - energies[deepest])
        if energies[top] >= max(energies[max(top - 1, 0)], energies[top + 1]) and fall > found[0]:
            found = (fall, top, deepest, barrier)
    fall, top, deepest, barrier = found
    if not fall:
        return "it rises all the way"
    behind = f"behind {barrier:.2g} eV at" if barrier else "behind no barrier from"
    return f"{behind} {lengths[top]:.2f} Å it falls by {fall:.3g} eV to {lengths[deepest]:.2f} Å"


def crystal_falls(name: str, symbol: str, lattice: str, a: float) -> str:
    """Return how deep the energy of a crystal falls when it is pressed, eV/atom, once it has risen."""
    from ase.build import bulk

    calc = calculator(name)
    lengths = a * np.linspace(1.0, 0.4, 121)
    crystals = [bulk(symbol, lattice, a=length, cubic=True) for length in lengths]
    energies = np.array([energy_of(calc, atoms) / len(atoms) for atoms in crystals])
    return f"ASE: {lattice} {symbol}, eV for an atom and a for Å, {_fall(lengths, energies)}"


def boxed(symbols: list[str], positions: list[list[float]]) -> Atoms:
    """Return a molecule in a box that is far larger than it, as ASE's calculator wants it."""
    atoms = Atoms(symbols, positions, cell=[60.0, 60.0, 60.0], pbc=False)
    atoms.positions += 30.0
    return atoms


def reordered(name: str, found: Counterexample) -> str:
    """Return how much energy and forces of a supercell depend on the order of its atoms, with two kinds of lists."""
    atoms = _structure(found)
    atoms.wrap()
    atoms = atoms.repeat(np.diag(found.case["parameters"]["matrix"]))
    rng = np.random.default_rng(0)
    orders = [np.arange(len(atoms)), *(rng.permutation(len(atoms)) for _ in range(5))]
    told = []
    for skin in (0.0, 0.2):
        energies, forces = [], []
        for order in orders:
            one = atoms[order]
            one.calc = KIM(name, options={"neigh_skin_ratio": skin})
            energies.append(one.get_potential_energy())
            forces.append(one.get_forces()[np.argsort(order)])
        told.append(f"{np.ptp(energies):.2g} eV and {np.ptp(forces, axis=0).max():.2g} eV/Å")
    return (
        f"ASE: six orders of the {len(atoms)} atoms of the supercell differ by {told[0]} with lists of neighbours cut "
        f"off where the model says, by {told[1]} with lists of 20 % more"
    )


def _structure(found: Counterexample) -> Atoms:
    told = found.structure
    atoms = Atoms(told["numbers"], told["positions"], cell=told["cell"], pbc=told["pbc"])
    if not atoms.pbc.any():
        atoms.set_cell([60.0, 60.0, 60.0])
        atoms.center()
    return atoms


def moved(name: str, found: Counterexample, by: Sequence[float] = (0.0, 0.5, 0.0), rattle: float = 1e-3) -> str:
    """Return by how much forces differ when all atoms of the counterexample are moved by parts of the cell vectors."""
    atoms = _structure(found)
    atoms.positions += rattle * np.random.default_rng(0).normal(size=atoms.positions.shape)
    there = atoms.copy()
    there.positions += by @ there.cell.array
    missed = []
    for skin in (0.0, 0.2):
        asked = []
        for one in (atoms, there):
            one = one.copy()
            one.wrap()
            one.calc = KIM(name, options={"neigh_skin_ratio": skin})
            asked.append(one.get_forces())
        missed.append(float(np.abs(asked[1] - asked[0]).max()))
    return (
        f"ASE: forces of the crystal moved by {by} of its cell vectors and wrapped, calculators just made, differ by "
        f"{missed[0]:.2g} eV/Å; with lists of 20 % more {missed[1]:.2g} eV/Å"
    )


def goes_off(name: str, found: Counterexample) -> str:
    """Return by how much the total energy changes in the trajectory of the counterexample, in ever shorter steps."""
    atoms, asked = _structure(found), found.case["parameters"]
    atoms.calc = calculator(name)
    FIRE(atoms, logfile=None).run(fmax=0.3, steps=15)
    masses = atoms.get_masses()[:, None]
    seed = np.random.SeedSequence(asked["seed"]).generate_state(1)[0]
    momenta = np.random.default_rng(seed).normal(size=(len(atoms), 3)) * np.sqrt(masses * units.kB * 300.0)
    momenta -= masses * momenta.sum(axis=0) / masses.sum()
    told = []
    for finer in (4, 16, 64):
        one = atoms.copy()
        one.calc = calculator(name)
        one.set_momenta(momenta)
        dynamics = VelocityVerlet(one, asked["timestep"] / finer * units.fs)
        energies = [one.get_total_energy()]
        for _ in range(asked["steps"] * finer):
            dynamics.run(1)
            energies.append(one.get_total_energy())
        changes = 1e6 * np.diff(energies) / len(one)
        told.append(f"{changes.sum():.2g} in {len(changes):,} steps, at most {np.abs(changes).max():.2g} in one")
    length = asked["timestep"] * asked["steps"]
    return f"ASE: at 300 K the total energy changes within {length:g} fs by µeV/atom {'; '.join(told)}"


def shell_steps(name: str, symbol: str, a: float, cutoff: float) -> str:
    """Return by how much the energy of an fcc crystal steps as its cell grows and a shell of neighbours leaves."""
    from ase.build import bulk

    crystal = bulk(symbol, "fcc", a=a, cubic=True) * 4
    lengths = crystal.get_all_distances(mic=True)[0, 1:]
    shell = lengths[np.abs(lengths - cutoff).argmin()]
    energies = []
    for beyond in (-1e-7, 1e-7):
        atoms = crystal.copy()
        atoms.set_cell(atoms.cell.array * (cutoff / shell * (1.0 + beyond)), scale_atoms=True)
        energies.append(energy_of(calculator(name), atoms) / len(atoms))
    number = int((np.abs(lengths - shell) < 1e-6).sum())
    step = 1e6 * (energies[1] - energies[0])
    return f"ASE: fcc {symbol} steps by {step:.2g} µeV/atom where a shell of {number} neighbours crosses {cutoff:.3f} Å"


def net_force(spec: str, found: Counterexample) -> str:
    """Return what the forces of our potential without a gradient add up to, on atoms that are moved by 0.1 Å."""
    from reference_model.calculator import ReferenceCalculator
    from reference_model.potential import create

    atoms = _structure(found)
    atoms.rattle(0.1, seed=0)
    atoms.calc = ReferenceCalculator(create(spec.partition(":")[2], {}, None))
    total = np.abs(atoms.get_forces().sum(axis=0)).max()
    return f"ASE: the forces on {atoms.get_chemical_formula()} add up to {total:.2g} eV/Å"


def _words(told: tuple[float, str], unit: str) -> str:
    return f"{told[0]:.3g} {unit}: {told[1]}"


CUC, FE = (
    "MEAM_LAMMPS_AgrawalMirzaeifar_2021_CuC__MO_028979335952_000",
    "MEAM_LAMMPS_AsadiZaeemNouranian_2015_Fe__MO_492310898779_000",
)
SNAP = "SNAP_ZuoChenLi_2019quadratic_Cu__MO_265210066873_000"
TIN = "MEAM_LAMMPS_AlmyrasSangiovanniSarakinos_2019_NAlTi__MO_958395190627_000"
HE = "TT_Modified_HellmannBichVogel_2007_He__MO_126942667206_002"
EMT_AL = "EMT_Asap_Standard_JacobsenStoltzeNorskov_1996_Al__MO_623376124862_001"
CU_MG = "EMT_Asap_MetalGlass_BaileySchiotzJacobsen_2004_CuMg__MO_228059236215_001"
AUCD = "Morse_EIP_GuthikondaElliott_2011_AuCd__MO_703849496106_002"
ALU = "MEAM_LAMMPS_PascuetFernandez_2015_AlU__MO_596300673917_000"
WAGNER = "MEAM_LAMMPS_Wagner_2007_SiC__MO_430846853065_000"
ZHOU_MG = "EAM_Dynamo_ZhouJohnsonWadley_2004_Mg__MO_137404467969_005"
BH = "ThreeBodyCluster_BH_BiswasHamann_1987_Si__MO_019616213550_000"
LOOKED_AT: dict[tuple[str, str], Callable[[str, Counterexample], str]] = {
    (CUC, "dynamics/no-blow-up"): lambda name, found: pair_falls(name, "Cu", "C"),
    (HE, "dynamics/no-blow-up"): lambda name, found: pair_falls(name, "He", "He"),
    (EMT_AL, "dynamics/energy-conserved"): goes_off,
    (BH, "dynamics/energy-conserved"): goes_off,
    (AUCD, "robustness/noise-floor"): moved,
    (CU_MG, "robustness/processes"): lambda name, found: _words(history(name, "Cu,Mg"), "eV/atom"),
    (CUC, "physics/short-range"): lambda name, found: pair_falls(name, "C", "C"),
    (FE, "periodicity/supercell"): reordered,
    (TIN, "physics/short-range"): lambda name, found: triple_falls(name, "N", "N", "N", 1.0, 180.0),
    (TIN, "smoothness/continuity"): lambda name, found: _words(pair_jump(name, "TiN", 3.566427, "force"), "eV/Å"),
    (EMT_AL, "physics/short-range"): lambda name, found: crystal_falls(name, "Al", "fcc", 4.0),
    (AUCD, "symmetry/translation"): moved,
    (SNAP, "physics/short-range"): lambda name, found: crystal_falls(name, "Cu", "fcc", 3.6),
    (SNAP, "physics/equation-of-state"): lambda name, found: crystal_falls(name, "Cu", "fcc", 3.6),
    (CU_MG, "robustness/call-history"): lambda name, found: _words(history(name, "Cu,Mg"), "eV/atom"),
    (ALU, "dynamics/time-reversal"): lambda name, found: _words(
        through_refresh(name, "Al,U", "asked again"), "eV/atom"
    ),
    (WAGNER, "robustness/threads"): lambda name, found: _words(through_refresh(name, "Si,C", "asked again"), "eV/atom"),
    (ZHOU_MG, "dynamics/stress-in-motion"): lambda name, found: shell_steps(name, "Mg", 4.5, 7.147124),
    ("reference:direct", "dynamics/momentum"): net_force,
}
"""By name of the model, or spec of the potential, and law."""


def main(glob: str) -> None:
    """Look at what is listed, and keep what is seen."""
    kept = {(one.spec, one.law): one for one in lines()}
    found = {one.spec: {law.id: law.counterexample for law in one.of("fail")} for one in field().found}
    for (name, law), look in LOOKED_AT.items():
        spec = name if ":" in name else f"kim:{name}"
        counterexample = found.get(spec, {}).get(law)
        if fnmatch(law, glob) and counterexample is not None:
            kept[spec, law] = Look(spec, law, look(name, counterexample))
            print(kept[spec, law].seen, file=sys.stderr, flush=True)
            text = "".join(json.dumps(vars_of(one), ensure_ascii=False) + "\n" for one in kept.values())
            replace_file(FOUND, text.encode())


def vars_of(one: Look) -> dict[str, str]:
    """Return a look as a line of the file."""
    return {"spec": one.spec, "law": one.law, "seen": one.seen}


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "*")
