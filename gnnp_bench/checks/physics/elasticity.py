"""physics/elasticity: stiffness by energies = by stresses, of the crystal's symmetry; stable crystals resist."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units

from gnnp_bench.check import Case, Check, Component, Json, Measurement, PoolView, Request, Residual, vacuous
from gnnp_bench.checks.physics.crystals import applies, drawn, rounder, tell
from gnnp_bench.checks.physics.studying import resting, where
from gnnp_bench.checks.physics.ways import FELT, rounded
from gnnp_bench.potential import ALL_PROPERTIES, Capabilities, FloatArray, Prediction
from gnnp_bench.properties.crystal import Crystal, Settings
from gnnp_bench.properties.elasticity import SHIFTS, STRAINS, Elasticity, amplification, elasticity
from gnnp_bench.properties.elasticity_told import independent
from gnnp_bench.properties.lattice import symmetry_of
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import Relaxed
from gnnp_bench.properties.tensors import unit_strain
from gnnp_bench.structures.radii import IntArray
from gnnp_bench.structures.transform import strain

LARGEST = 0.03
"""Strain of the energies: float32 leaves 1 GPa of noise there, and 10 GPa at 1 %."""
NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)
NODES, WEIGHTS = 0.5 * (NODES + 1.0), 0.5 * WEIGHTS
ODD, SMOOTH, PANELS = np.array([1, 3, 5]), np.array([0, 1, 2]), 4
"""Powers of what is integrated; where that has kinks, as many panels are integrated by themselves."""
DIRECTIONS, OPERATIONS = 2, 3
SYMMETRIC = 1e-3
"""Å, within which the space group is found."""
CHANGED = 0.1
"""An operation changes a strain of unit size by as much, or proves nothing."""
S_SHARE, S_LEAST = 0.01, 1.0
"""Of the largest component, and GPa: elastic constants are measured to about 1 %."""
S_STABLE = 0.1
"""GPa. The softest of the known crystals is potassium, with (C₁₁ − C₁₂)/2 = 0.28 GPa (references.toml)."""
FACTOR = 10.0


@dataclass(frozen=True, slots=True)
class Strained:
    """What a crystal strained along one direction shows, GPa.

    Attributes
    ----------
    by_energy, by_stress, error : float
        Curvature along the direction, and the error of the second.
    forbidden : float or None
        By how much stresses at equivalent strains differ, per strain; None where no operation changes the strain.
    """

    by_energy: float
    by_stress: float
    error: float
    forbidden: float | None


PLAIN = [unit_strain(component).tolist() for component in (0, 3)]


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    return drawn(
        view,
        strained=[_direction(rng) for _ in range(DIRECTIONS)],
        operations=np.round(rng.random(OPERATIONS), 3).tolist(),
    )


def _direction(rng: np.random.Generator) -> list[list[float]]:
    """Return a symmetric strain of unit size in which all components are mixed."""
    matrix = rng.normal(size=(3, 3))
    symmetric = matrix + matrix.T
    found: list[list[float]] = np.round(symmetric / np.linalg.norm(symmetric), 4).tolist()
    return found


def _simpler(case: Case) -> Iterator[Case]:
    strained, operations = case.parameters["strained"], case.parameters["operations"]
    plain: list[tuple[str, Json]] = [("strained", [one]) for one in (*PLAIN, *strained)]
    plain += [("operations", [one]) for one in operations]
    yield from rounder(
        case, [(name, value) for name, value in plain if len(case.parameters[name]) > 1 or value in PLAIN]
    )


def _measure(case: Case) -> Measurement:
    name, held = case.parameters["crystal"], case.parameters["held_stable"]
    end = yield from resting(case)
    structure = where(case.structure, end)
    found: Elasticity | str
    try:
        found = end if isinstance(end, str) else (yield from elasticity(_crystal(name, end), _settings(structure)))
    except NoValue as why:
        found = str(why)
    still: Prediction
    (still,) = (yield Request([structure], ALL_PROPERTIES)) if isinstance(end, str) else [end.prediction]
    strained = []
    for direction in case.parameters["strained"]:
        found_there = yield from _strained(structure, np.array(direction), still.energy, case)
        strained.append(found_there)
    one = max(strained, key=lambda one: abs(one.by_energy - one.by_stress))
    volume, n = float(structure.cell.volume), len(structure)
    scale = one.by_stress if isinstance(found, str) else float(np.abs(found.clamped).max()) / units.GPa
    significance = max(S_LEAST, S_SHARE * abs(scale))
    noise = 6**0.5 * n * case.nu.energy / (volume * LARGEST**2) + 3.0 * case.nu.stress / LARGEST
    if max(abs(each) for one in strained for each in (one.by_energy, one.by_stress)) <= FELT * noise / units.GPa:
        return vacuous(f"{name}: its atoms feel nothing of each other")
    missed, bound = abs(one.by_energy - one.by_stress), FELT * noise / units.GPa + FACTOR * one.error
    components = [Component("stiffness by energies", missed, significance, "GPa", bound=bound)]
    forbidden = [each.forbidden for each in strained if each.forbidden is not None]
    if forbidden:
        bound = FELT * 2.0**0.5 * case.nu.stress / LARGEST / units.GPa
        components.append(Component("symmetry", max(forbidden), significance, "GPa", bound=bound))
    if isinstance(found, str):
        if held:  # nobody knows: where there is no minimum at all, *equation-of-state* says so
            components.append(Component("negative stiffness", 0.0, S_STABLE, "GPa", bound=0.0, converged=False))
        return Residual(tuple(components), told={"crystal": name, "said": f"{name}: {found}"})
    lowest = float(found.eigenvalues[0]) / units.GPa
    if held:
        # Who shears away does so by any two of the three amplitudes; where they disagree, nobody knows.
        doubt = max(0.0, found.smallest - float(found.eigenvalues[0]))
        bound = (FELT * _rounding(found, case, volume) + doubt) / units.GPa
        components.append(Component("negative stiffness", max(0.0, -lowest), S_STABLE, "GPa", bound=bound))
    return Residual(tuple(components), told={"crystal": name, "said": _said(name, found, lowest)})


def _crystal(name: str, end: Relaxed) -> Crystal:
    return Crystal(name, end.structure, end.prediction, end.structure, end.left)


def _settings(structure: Atoms) -> Settings:
    """Return settings for `elasticity`, which needs no capabilities."""
    return Settings(Capabilities(tuple(dict.fromkeys(structure.symbols))))


def _strained(
    structure: Atoms, direction: FloatArray, still: float, case: Case
) -> Generator[Request, list[Prediction], Strained]:
    """Strain a crystal along a direction and its images.

    E(h) + E(−h) − 2 E(0) = ∫₀ʰ [W(t) − W(−t)] dt, W = dE/dt = V σ : η (1 + t η)⁻¹, divided by V₀ h². Exact at any
    strain and any stress; the integral is Gauss's, and its error is what an odd polynomial of three terms leaves. Where
    that is too much, four panels take its place.
    σ(R η Rᵀ) = R σ(η) Rᵀ is exact for a symmetry R of the crystal, however rough the potential.
    """
    factors = LARGEST * np.concatenate([NODES, -NODES, [1.0, -1.0]])
    turns = _operations(structure, direction, case.parameters["operations"])
    images = [strain(structure, LARGEST * turn @ direction @ turn.T) for turn in turns]
    answers = yield Request([*(strain(structure, t * direction) for t in factors), *images], ALL_PROPERTIES)
    volume, k = float(structure.cell.volume), len(NODES)
    works = np.array([_work(one, volume, t, direction) for t, one in zip(factors, answers, strict=False)])
    end = float(works[2 * k] - works[2 * k + 1])
    by_stress, error = _integral((works[:k] - works[k : 2 * k])[None], end, ODD)
    by_energy = answers[2 * k].energy + answers[2 * k + 1].energy - 2.0 * still
    unit = volume * LARGEST**2 * units.GPa
    if FACTOR * error > unit * max(S_LEAST, S_SHARE * abs(by_stress) / unit):  # stresses have kinks on the way
        inner = LARGEST * np.concatenate([(panel + NODES) / PANELS for panel in range(PANELS)])
        ways = np.concatenate([inner, -inner])
        found = yield Request([strain(structure, t * direction) for t in ways], ALL_PROPERTIES)
        finer = np.array([_work(one, volume, t, direction) for t, one in zip(ways, found, strict=True)])
        by_stress, error = _integral((finer[: len(inner)] - finer[len(inner) :]).reshape(PANELS, k), end, SMOOTH)
    here = _stress(answers[2 * k])
    missed = [np.abs(_stress(a) - r @ here @ r.T).max() for r, a in zip(turns, answers[len(factors) :], strict=True)]
    forbidden = float(max(missed)) / LARGEST / units.GPa if missed else None
    return Strained(by_energy / unit, by_stress / unit, error / unit, forbidden)


def _integral(values: FloatArray, end: float, powers: IntArray) -> tuple[float, float]:
    """Return ∫₀ʰ of a function by Gauss's rule in each of some panels, and what polynomials of few terms leave of it.

    A kink between the last point of a panel and the first of the next shows where the two polynomials do not meet.

    Parameters
    ----------
    values : (panels, nodes) array
    end : float
        The function at h.
    powers : (terms,) array of int
        Of the polynomial, over a panel from 0 to 1.
    """
    width = LARGEST / len(values)
    basis = NODES[:, None] ** powers
    terms = np.linalg.lstsq(basis, values.T, rcond=None)[0]
    whole = values @ WEIGHTS
    error = np.abs(whole - (1.0 / (powers + 1.0)) @ terms)
    error += np.sqrt(np.mean((basis @ terms - values.T) ** 2, axis=0)) / len(NODES)
    follows = np.append((0.0**powers) @ terms[:, 1:], end)
    error += 2.0 * NODES[0] * np.abs(terms.sum(axis=0) - follows)
    return width * float(whole.sum()), width * float(error.sum())


def _operations(structure: Atoms, direction: FloatArray, chosen: Sequence[float]) -> list[FloatArray]:
    """Return some symmetries of a crystal that change a strain."""
    every = symmetry_of(structure, SYMMETRIC).rotations
    changing = [turn for turn in every if np.abs(turn @ direction @ turn.T - direction).max() > CHANGED]
    # A part that was drawn just below 1 may have been rounded to it.
    return [changing[min(int(part * len(changing)), len(changing) - 1)] for part in chosen] if changing else []


def _stress(answer: Prediction) -> FloatArray:
    return np.asarray(answer.stress, dtype=float)


def _work(answer: Prediction, volume: float, t: float, direction: FloatArray) -> float:
    """Return dE/dt of a crystal whose cell is h₀ (1 + t η), eV."""
    cell = np.eye(3) + t * direction
    return float(volume * np.linalg.det(cell) * np.trace(_stress(answer) @ direction @ np.linalg.inv(cell)))


def _rounding(found: Elasticity, case: Case, volume: float) -> float:
    """Return what ν does to a component of the stiffness, eV/Å³: of stresses, and of forces on atoms that follow."""
    by_strain, by_shift = amplification(STRAINS), amplification(SHIFTS)
    forces = (3.0 * len(case.structure)) ** 0.5 * case.nu.forces / volume
    part: float = by_strain * case.nu.stress + (2.0 * by_strain + found.follow * by_shift) * found.follow * forces
    return part


def _said(name: str, found: Elasticity, lowest: float) -> str:
    names = independent(found.symmetry.number, found.symmetry.point_group)
    values = ", ".join(f"C{i}{j} {rounded(found.stiffness[i - 1, j - 1] / units.GPa)}" for i, j in names)
    return f"{name}: {values} GPa" + ("" if lowest > 0.0 else f", unstable (smallest eigenvalue {rounded(lowest)} GPa)")


ELASTICITY = Check(
    id="physics/elasticity",
    law="∂²E/∂ε² = ∂(Vσ)/∂ε; σ(RεRᵀ) = Rσ(ε)Rᵀ for each symmetry R of a crystal; C > 0 of one that is stable",
    category="mandatory",
    needs=ALL_PROPERTIES,
    source=(
        "Wu, Vanderbilt and Hamann, doi:10.1103/PhysRevB.72.035105 (stiffness with atoms at rest); Nye, Physical "
        "Properties of Crystals (1985), table 9 (symmetry); Mouhat and Coudert, doi:10.1103/PhysRevB.90.224104 "
        "(stability by eigenvalues)"
    ),
    tolerance=(
        "s = 1 % of the largest component, as elastic constants are measured, at least 1 GPa; of a negative eigenvalue "
        "0.1 GPa, less than that of the softest known crystal"
    ),
    physics=(
        "Strained a little, a crystal answers with a stress in proportion, and its energy grows with the square. Both "
        "tell one tensor: the second derivative of the energy along strains that mix all components must be the first "
        "derivative of the stress, at equal strain and with atoms that follow. With atoms at rest the tensor has the "
        "symmetry of the crystal: a cubic one has three constants, not four. And a crystal that is known to be stable "
        "resists every strain: all eigenvalues of its 6 × 6 stiffness are positive, otherwise it shears away by itself "
        "at the first run under constant pressure. The last binds for crystals for which the potential was made "
        "(`--stable Si:diamond`); of others it is told, as are the constants."
    ),
    applies=applies,
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    tell=tell,
    studied="rest",
    weight=5.0,
    cost=80,
    side_by_side=2,
)
