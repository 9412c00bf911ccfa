"""Plain measurements of a model of OpenKIM with ASE's calculator: jumps, slopes, what was asked before.

Each returns a number and in words what it is of; `benchmarks/openkim_confirm.py` asks for them. No law of this project
is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.kim import KIM
from ase.stress import voigt_6_to_full_3x3_stress

from benchmarks.openkim_plain import contact, crystal

NEAR, NARROW = 1e-4, 1e-8
"""Å. How far from the place that a certificate tells a jump is looked for, and how narrow the interval is made."""
STEP = 2e-4
"""Å, or of a strain, for difference quotients; half of it has to give the same."""


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


def force_and_slope(name: str, species: str, seeds: int = 8, scale: float = 1.08) -> tuple[float, str]:
    """Return the largest difference, eV/Å, between −dE/ds of one atom moved and its force, where E is smooth."""
    calc, worst, rough = calculator(name), (0.0, ""), 0
    for seed in range(seeds):
        atoms = mixture(species, seed, scale)
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


def stress_and_slope(name: str, species: str, seeds: int = 8, scale: float = 1.08) -> tuple[float, str]:
    """Return the largest difference, eV/Å³, between dE/dε/V of an expansion and tr σ, where E is smooth."""
    calc, worst, rough = calculator(name), (0.0, ""), 0
    for seed in range(seeds):
        atoms = mixture(species, seed, scale)

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


def not_finite(name: str, symbol: str, edges: tuple[float, float, float]) -> tuple[float, str]:
    """Return how often the energy of one atom in a rectangular cell (Å), at forty places in it, is no number."""
    calc, places = calculator(name), np.random.default_rng(0).uniform(size=(40, 1, 3)) * edges
    energies = [energy_of(calc, Atoms(symbol, place, cell=edges, pbc=True)) for place in places]
    no_numbers = sum(not np.isfinite(energy) for energy in energies)
    return float(no_numbers), f"energies that are no numbers: one {symbol} atom at 40 places in a cell of {edges} Å"


def reordered(name: str, species: str, seeds: int = 8) -> tuple[float, str]:
    """Return how much forces depend on the order of atoms, of the largest force where that is more than 1 eV/Å."""
    calc, worst = calculator(name), (0.0, "the same in any order")
    for seed in range(seeds):
        atoms, order = mixture(species, seed), np.random.default_rng(seed).permutation(32)
        forces = forces_of(calc, atoms)
        size = float(np.abs(forces_of(calc, atoms[order]) - forces[order]).max() / max(1.0, np.abs(forces).max()))
        moved = atoms.copy()
        moved.positions += 1e-3
        same = float(np.abs(forces_of(calc, moved) - forces).max())
        words = (
            f"forces with atoms in another order, structure {seed}; moved by 0.001 Å in the same order {same:.1g} eV/Å"
        )
        worst = max(worst, (size, words))
    return worst


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


def hole(name: str, symbols: str, a: float, before: str) -> tuple[float, str]:
    """Return how far the energy of a CsCl crystal falls when it is pressed on, eV/atom, once it has risen.

    Asked after a crystal of another element, `before`, for that matters to some models.
    """
    calc = calculator(name)
    energy_of(calc, crystal(before))
    pressed = [bulk(symbols, "cesiumchloride", a=scale * a, cubic=True) for scale in np.linspace(1.0, 0.4, 61)]
    energies = np.array([energy_of(calc, atoms) / 2 for atoms in pressed])
    end = int((np.maximum.accumulate(energies) - energies).argmax())
    top = int(energies[: end + 1].argmax())
    barrier = float(energies[top] - energies[: top + 1].min())
    words = f"CsCl {symbols} after {before}, pressed from a = {a} to {0.4 * a:.2f} Å: behind {barrier:.1f} eV/atom"
    return float(energies[top] - energies[end]), words
