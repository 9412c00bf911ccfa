"""robustness/energies-agree: the energy that users read is the one of the forces, and that of its atoms."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import numpy as np

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Request,
    Residual,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import SAME_INPUT, displaced, on_simpler_structures, pressed
from gnnp_bench.checks.common import energy as energy_component
from gnnp_bench.numerics.rounding import representable_in_float32
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Capabilities, Prediction

SINGLE = float(np.finfo(np.float32).eps)
"""Relative spacing of the numbers of float32, in which one of two equal energies may have been kept."""
MOST, LEAST = 4.9, -0.6
"""E₀ − F per atom, in widths σ. E₀ = F + TS/2, and a state that is half filled has TS = σ ln 2: 14 f states per atom
make 4.9 σ. The entropy of Methfessel and Paxton's first order goes below zero, by 0.06 σ per state at most, of which
two thirds count."""
STEP = 0.02
"""Å, along which forces are held against both energies."""


def _applies(capabilities: Capabilities) -> str | None:
    return None if len(capabilities.energies) > 1 else "the potential tells one energy only"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    has = view.capabilities
    return view.pick(rng).case({"smearing": has.smearing, "of_atoms": "energies" in has.energies and has.driven})


def _simpler(case: Case) -> Iterator[Case]:
    if case.parameters["of_atoms"]:
        yield with_parameters(case, of_atoms=False)
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    base = yield from base_prediction(case)
    n_atoms, smearing = len(case.structure), case.parameters["smearing"]
    components: list[Component] = []
    note = None
    if base.reported_energy is not None:
        gap = base.reported_energy - base.energy
        found = _component("energy − free energy", gap, (base.energy, base.reported_energy), case, base)
        if found.residual > (found.bound or 0.0):
            note = f"energy − free_energy = {1e3 * gap / n_atoms:.3g} meV/atom on {case.structure.symbols}: "
            note += (
                "no reason is known (?smearing=WIDTH in eV if electrons are smeared)"
                if smearing is None
                else f"electrons are smeared by {smearing:g} eV"
            )
            note += yield from _which_the_forces_follow(case, base)
            if smearing is not None:
                allowed = smearing * (MOST if gap > 0.0 else -LEAST)
                found = replace(found, significance=allowed, bound=allowed)
        components.append(found)
    if case.parameters["of_atoms"]:
        (told,) = yield Request([case.structure.copy()], ALL_PROPERTIES, driven=True)
        if told.energies is not None:
            total = float(told.energies.sum())
            either = (told.energy, told.energy if told.reported_energy is None else told.reported_energy)
            missing = min((total - energy for energy in either), key=abs)
            components.append(_component("sum of the energies of atoms", missing, (told.energies, *either), case, base))
    return Residual(tuple(components), note=note) if components else vacuous("one energy only was told")


def _component(
    quantity: str, gap: float, told: Sequence[float | np.ndarray], case: Case, base: Prediction
) -> Component:
    """Return how far what was told twice differs; float32 excuses only numbers that float32 can hold."""
    n_atoms = len(case.structure)
    found = energy_component(gap, case.nu, n_atoms, pressed(base))
    bound = SAME_INPUT * found.noise
    kept = [energies for energies in map(np.asarray, told) if representable_in_float32(energies)]
    if gap and kept:
        bound = max(bound, SINGLE * max(float(np.abs(energies).sum()) for energies in kept) / n_atoms)
    return replace(found, quantity=quantity, bound=bound)


def _which_the_forces_follow(case: Case, base: Prediction) -> Generator[Request, list[Prediction], str]:
    """Return which of both energies changes by the work that the forces do, in words; nothing where that is not clear.

    The work along a straight line of three points by Simpson's rule.
    """
    n_atoms = len(case.structure)
    if base.forces is None or n_atoms < 2:
        return ""
    direction = np.random.default_rng(n_atoms).normal(size=(n_atoms, 3))
    direction *= STEP / np.linalg.norm(direction)
    ends = [displaced(case.structure, sign * direction) for sign in (-1.0, 1.0)]
    before, after = yield Request(ends, ENERGY_FORCES)
    if before.forces is None or after.forces is None:
        return ""
    if before.reported_energy is None or after.reported_energy is None:
        return ""
    force = (before.forces + 4.0 * base.forces + after.forces) / 6.0
    work = 2.0 * float((force * direction).sum())
    free = after.energy - before.energy
    read = after.reported_energy - before.reported_energy
    doubt = SAME_INPUT * case.nu.energy * n_atoms + 1e-3 * abs(work)
    if abs(read - free) <= doubt:
        return "; forces follow both"
    return f"; forces follow {'free_energy' if abs(free + work) < abs(read + work) else 'energy'} alone"


ENERGIES_AGREE = Check(
    id="robustness/energies-agree",
    law="E that is read = E of the forces = Σ E of atoms",
    category="mandatory",
    needs=ENERGY,
    source=(
        "ASE documentation, Atoms.get_potential_energy(force_consistent); for the difference under smearing: "
        "M. J. Gillan, J. Phys.: Condens. Matter 1, 689 (1989); M. Methfessel and A. T. Paxton, Phys. Rev. B 40, 3616"
    ),
    tolerance="s = 0.1 meV/atom; with smeared electrons of width σ, E that is read lies up to 4.9 σ per atom above",
    physics=(
        "A calculator may tell three energies: `energy`, which users read, plot and log, `free_energy`, whose "
        "derivatives the forces are, and `energies` of atoms. They are one, except where electrons are smeared: there "
        "`energy` is extrapolated to zero width, above the free energy by half of what the entropy is worth. Where "
        "`energy` lacks a term for no such reason, barriers and formation energies are wrong while relaxations look "
        "right. The difference is told, and which of both the forces follow."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
)
