"""smoothness/one-stiffness: a crystal has one stiffness, whatever the step it is measured with."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    NoSuitableStructure,
    PoolView,
    Request,
    Residual,
    Sample,
    base_prediction,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import EXTREME, FORCES_S, conclusive, converged, displaced, pressed, stands_out
from gnnp_bench.checks.simplifying import fewer_and_as_many, rows_on
from gnnp_bench.checks.smoothness.both_sides import (
    FINER,
    STEPS,
    forces_of,
    known_to_differ,
    lasting_jumps,
    lasting_kinks,
    sides_along,
    size_of,
)
from gnnp_bench.checks.smoothness.modes import RANDOM, SPECIAL, doubled, mode, normalised
from gnnp_bench.checks.smoothness.special import told
from gnnp_bench.numerics.lines import scatter
from gnnp_bench.numerics.stiffness import CAUTION, Limit, Sides, joined, jump, kink, response
from gnnp_bench.potential import ENERGY_FORCES, Capabilities, Prediction
from gnnp_bench.structures.ideal import KINDS, ideal
from gnnp_bench.structures.lines import interleaved, line

FEWER = 4
"""Steps of the modes after the first: all that a limit needs."""
STIFFNESS_S = 0.01
"""Of the largest stiffness that was seen in the structure."""
POOL = "pool"
TURNS = (*KINDS[:4], POOL, *KINDS[4:])
OFF = (0.0, 0.0, 1e-5)
"""Å, by how much atoms are off their ideal places: code for an angle of exactly 180° alone does not help beside it."""

RATTLED, HALF_LENGTH, LINES, LINE_POINTS = 0.05, 1e-4, 3, 6
"""Å and Å; lines along which rounding is measured once more."""
FEW_POINTS = 2.0
"""On a standard deviation from so few points: its upper 95 % confidence limit (engine/noise.py)."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    kind = view.next_of(TURNS)
    second = claims_stiffness(view.capabilities)
    if kind == POOL:
        try:
            sample = view.pick(rng, _is_ideal, "of at least two atoms on ideal places")
        except NoSuitableStructure:
            kind = KINDS[int(rng.integers(len(KINDS)))]
        else:
            return sample.case({"modes": _modes(rng, sample.structure), "second": second})
    structure = doubled(rng, ideal(rng, view.capabilities, kind))
    off = OFF[int(rng.integers(len(OFF)))]
    if off:
        structure = displaced(structure, off * rng.normal(size=(len(structure), 3)))
    return Case(structure, None, {"modes": _modes(rng, structure), "second": second})


def claims_stiffness(capabilities: Capabilities) -> bool:
    """Return whether second derivatives of the energy are claimed to be continuous."""
    return "smooth" in capabilities.claims and (capabilities.smoothness or 0) >= 2


def _is_ideal(sample: Sample) -> bool:
    recipe = sample.structure.info.get("recipe", {})
    ideal_places = recipe.get("rattle") == 0.0 and recipe.get("kind") != "liquid"
    return len(sample.structure) > 1 and bool(ideal_places) and not any(recipe.get("strain", (0.0,)))


def _modes(rng: np.random.Generator, structure: Atoms) -> list[list[list[float]]]:
    """Return a special displacement, and a random one, which feels the largest stiffness wherever that is."""
    special = SPECIAL[int(rng.integers(len(SPECIAL)))]
    return [mode(rng, structure, name).tolist() for name in (special, RANDOM)]


def _near(rng: np.random.Generator, case: Case) -> Case:
    """Return the same structure moved along other modes."""
    return with_parameters(case, modes=_modes(rng, case.structure))


def _simpler(case: Case) -> Iterator[Case]:
    structure, modes = case.structure, case.parameters["modes"]
    if len(modes) > 1:
        yield from (with_parameters(case, modes=[one]) for one in modes)
    fewer, as_many = fewer_and_as_many(structure)
    for simpler in fewer:
        if len(simpler) > 1:
            rows = [rows_on(structure, simpler, one) for one in modes]
            kept = [normalised(one).tolist() for one in rows if one is not None]
            yield on_structure(case, simpler, modes=kept or [_single(len(simpler), 0, 0)])
    largest = np.argsort(-np.abs(np.asarray(modes[0])).ravel())[:6]
    for index in largest:
        single = _single(len(structure), int(index) // 3, int(index) % 3)
        if modes != [single] and np.count_nonzero(modes[0]) > 1:
            yield with_parameters(case, modes=[single])
    yield from (on_structure(case, simpler) for simpler in as_many)


def _single(n_atoms: int, atom: int, axis: int) -> list[list[float]]:
    rows = np.zeros((n_atoms, 3))
    rows[atom, axis] = 1.0
    found: list[list[float]] = rows.tolist()
    return found


def _measure(case: Case) -> Measurement:
    base = yield from base_prediction(case)
    modes = [np.asarray(rows, dtype=float) for rows in case.parameters["modes"]]
    ladders = [STEPS[: len(STEPS) if index == 0 else FEWER] for index in range(len(modes))]
    measured = yield from sides_along(case.structure, base, modes, ladders)
    noise = case.nu.forces
    moved = max(float(np.abs(sides.plus - sides.centre).max(initial=0.0)) for sides in measured)
    if moved <= max(10.0 * noise, 1e-8):
        return vacuous("nothing pulls the atoms back")
    significance = FORCES_S * pressed(base)
    largest = max(response(sides, rows) for sides, rows in zip(measured, modes, strict=True))
    jumps = [jump(sides, noise) for sides in measured]
    if any(size_of(limit) > significance and not known_to_differ(limit, noise) for limit in jumps):
        noise = yield from _rounding(case.structure, noise)
        jumps = [jump(sides, noise) for sides in measured]
    components = [_jumped(jumps, noise, significance)]
    if components[0].residual > significance:
        jumps = yield from lasting_jumps(case.structure, jumps, modes, noise, significance)
        components = [_jumped(jumps, noise, significance)]
    second = case.parameters["second"]
    if components[0].residual <= significance:  # no side has a stiffness where the force jumps
        if not _settled(measured, noise, significance, STIFFNESS_S * largest if second else None):
            finer = yield from sides_along(case.structure, base, modes, [FINER] * len(modes))
            measured = [joined(*both) for both in zip(finer, measured, strict=True)]
            jumps = [jump(sides, noise) for sides in measured]
            # Smaller steps may acquit; they convict only what is there in the expanded structure as well.
            jumps = yield from lasting_jumps(case.structure, jumps, modes, noise, significance)
            components = [_jumped(jumps, noise, significance)]
        if second:
            legal = STIFFNESS_S * largest
            measured, bent = yield from lasting_kinks(case.structure, base, measured, modes, noise, legal)
            components.append(_component("one-sided stiffness", max(bent, key=size_of), noise, legal, "eV/Å²"))
    return Residual(tuple(components), note=told(case.structure, modes, measured, jumps, largest, noise))


def _rounding(structure: Atoms, noise: float) -> Generator[Request, list[Prediction], float]:
    """Return ν of the forces, eV/Å, as it is a little off the ideal places, if that is less.

    Next to them, where it was measured, a line passes edges and tips of the energy, whose jumps look like noise: a
    defect must not raise its own bound.
    """
    rng = np.random.default_rng(0)
    lines = [
        line(displaced(structure, RATTLED * rng.normal(size=(len(structure), 3))), HALF_LENGTH, LINE_POINTS, rng)
        for _ in range(LINES)
    ]
    found = yield Request(interleaved(lines), ENERGY_FORCES)
    forces = np.array([forces_of(prediction) for prediction in found])
    scattered = [float(scatter(forces[index::LINES]).max()) for index in range(LINES)]
    return min(noise, FEW_POINTS * float(np.median(scattered)))


def _jumped(jumps: Sequence[Limit], noise: float, significance: float) -> Component:
    return _component("force jump", max(jumps, key=size_of), noise, significance, "eV/Å")


def _settled(measured: Sequence[Sides], noise: float, of_forces: float, of_stiffness: float | None) -> bool:
    """Return whether all limits are known well enough to be judged."""
    limits = [(jump(sides, noise), of_forces) for sides in measured]
    if of_stiffness is not None:
        limits += [(kink(sides, noise), of_stiffness) for sides in measured]
    return all(_known(limit, noise, significance) for limit, significance in limits)


def _known(limit: Limit, noise: float, significance: float) -> bool:
    rounding = CAUTION * limit.noise * noise  # which is the least that the bound takes of it
    return converged(limit.error, rounding, significance) or conclusive(limit.error, significance)


def _component(quantity: str, limit: Limit, noise: float, significance: float, unit: str) -> Component:
    """Return a coefficient that should vanish; as far as rounding lets one see, where it exceeds what matters."""
    residual, rounding = size_of(limit), limit.noise * noise
    if not stands_out(residual, limit.error, rounding):
        residual = min(residual, significance)
    settled = _known(limit, noise, significance)
    return Component(quantity, residual, significance, unit, noise=rounding, error=limit.error, converged=settled)


ONE_STIFFNESS = Check(
    id="smoothness/one-stiffness",
    law="δ·k(δ) → 0 as δ → 0, k(δ) = −[F(x + δu) − F(x − δu)]·u/2δ; k₊ = k₋ where second derivatives are claimed",
    category="mandatory",
    needs=ENERGY_FORCES,
    source=(
        "force constants of the harmonic crystal: Born and Huang, Dynamical Theory of Crystal Lattices, section 23; "
        "finite displacements of 0.001 to 0.05 Å: Parlinski, Li and Kawazoe, doi:10.1103/PhysRevLett.78.4063"
    ),
    tolerance=(
        f"s = 1 meV/Å of a jump of the forces; {EXTREME}; where smoothness of order 2 or more is claimed, 1 % of the "
        "largest stiffness for the difference between both sides"
    ),
    physics=(
        "Pushed a little out of an ideal place, an atom is pulled back in proportion. Where angles are 0, 90 or 180 "
        "degrees, groups straight or flat, or distances equal, formulas divide by sines that vanish, take roots of "
        "what is zero or sort what is equal, and the energy has the tip of a cone: the force has a size however small "
        "the displacement. Phonons by finite displacements then depend on the step and turn imaginary, relaxations "
        "rattle about the tip, and dynamics lose energy each time that they pass it. A tip that is rounded off over a "
        "thousandth of a radian is no better: there the crystal is stiffer than any solid. Kinks of the forces, which "
        "are another stiffness on either side, are legal unless more is claimed, and are told."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    weight=8.0,
    base_points=3,
    cost=1 + 2 * (len(STEPS) + FEWER),
)
