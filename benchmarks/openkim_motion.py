"""Plain dynamics and elastic constants of a model of OpenKIM with ASE: what energies that jump do to them."""

from __future__ import annotations

import numpy as np
from ase import units
from ase.build import bulk
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet

from benchmarks.openkim_measures import calculator, energy_of, stress_of

STRAINS = np.linspace(-0.03, 0.03, 25)
"""Of the length along x."""


def drift(name: str, symbol: str, a: float, kelvin: float, steps: tuple[float, ...]) -> tuple[float, str]:
    """Return the smallest rate at which the energy of an fcc crystal goes off within 1 ps, meV/atom/ps.

    The rate is that of a straight line through all energies. What is the same with shorter steps (fs) is no fault of
    theirs.
    """
    rates = []
    for step in steps:
        atoms = bulk(symbol, "fcc", a=a, cubic=True).repeat(2)
        MaxwellBoltzmannDistribution(atoms, temperature_K=kelvin, rng=np.random.default_rng(0))
        atoms.calc = calculator(name)
        dynamics = VelocityVerlet(atoms, step * units.fs)
        energies = []
        for _ in range(round(1000.0 / step / 10)):
            dynamics.run(10)
            energies.append(atoms.get_total_energy() / len(atoms))
        times = np.linspace(0.0, 1.0, len(energies))
        rates.append(1e3 * float(np.polyfit(times, energies, 1)[0]))
    told = ", ".join(f"{rate:.2g} at {step} fs" for rate, step in zip(rates, steps, strict=True))
    return min(abs(rate) for rate in rates), f"{symbol}, {len(atoms)} atoms, {kelvin:.0f} K: meV/atom/ps {told}"


def two_constants(name: str, symbol: str, a: float) -> tuple[float, str]:
    """Return by how much C₁₁ of an fcc crystal from energies differs from that of stresses, GPa."""
    calc, crystals = calculator(name), []
    for strain in STRAINS:
        atoms = bulk(symbol, "fcc", a=a, cubic=True)
        atoms.set_cell(atoms.cell.array * [1.0 + strain, 1.0, 1.0], scale_atoms=True)
        crystals.append(atoms)
    volume = a**3
    energies = [energy_of(calc, atoms) / volume for atoms in crystals]
    # dE = σ V dε/(1 + ε) and V = V₀ (1 + ε): the slope by the volume at rest is σ.
    slopes = [stress_of(calc, atoms)[0, 0] for atoms in crystals]
    by_energies = 2.0 * float(np.polyfit(STRAINS, energies, 5)[-3])
    by_stresses = float(np.polyfit(STRAINS, slopes, 4)[-2])
    one, other = by_energies / units.GPa, by_stresses / units.GPa
    return abs(one - other), f"fcc {symbol}, a = {a} Å: C11 {one:.2f} GPa by energies, {other:.2f} by stresses"
