"""What turns the answers of one deployment of a potential into those of another: units, signs, orders, references.

All structures are looked at together: a mistake is one transformation and one constant for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from gnnp_bench.doctor.resemblance import wrong_stress
from gnnp_bench.doctor.units import ENERGIES, FORCES, STRESSES, betrayed
from gnnp_bench.potential import FloatArray, Prediction

EXPLAINS = 0.02
"""Relative. What a transformation may leave of what was given, and still be the one."""
BETTER = 0.1
"""Of what is left without it. A transformation that leaves more explains nothing."""
TELLING = 1e-3
"""Of the largest forces or stress: structures that have less say nothing about a constant."""


@dataclass(frozen=True, slots=True)
class Both:
    """What two deployments say of one structure."""

    structure: Atoms
    first: Prediction
    second: Prediction


@dataclass(frozen=True, slots=True)
class Turned:
    """What the second deployment does otherwise than the first, for all structures.

    Attributes
    ----------
    quantity : "energy", "forces" or "stress"
    name : str
        For programs, such as "stress-unit".
    measured : str
        In words.
    back : callable
        From a structure and the second's prediction to what it would be if it did as the first.
    """

    quantity: Literal["energy", "forces", "stress"]
    name: str
    measured: str
    back: Callable[[Atoms, Prediction], Prediction]


def turned(pairs: Sequence[Both]) -> tuple[Turned, ...]:
    """Return what explains the differences between two deployments; quantities that agree have none."""
    found = [_energy(pairs), _forces(pairs), _stress(pairs)]
    return tuple(one for one in found if one is not None)


def _energy(pairs: Sequence[Both]) -> Turned | None:
    """Return the simplest of sign, unit, division by atoms and references that explains the energies."""
    first, second = (np.array([getattr(p, side).energy for p in pairs]) for side in ("first", "second"))
    if len(pairs) < 3 or not np.ptp(first) or not np.ptp(second):
        return None
    sizes = np.array([len(p.structure) for p in pairs], float)
    species = sorted({int(z) for p in pairs for z in p.structure.numbers})
    counts = np.array([[np.count_nonzero(p.structure.numbers == z) for z in species] for p in pairs], float)
    several = np.unique(sizes).size > 1
    tried: list[tuple[str, FloatArray, FloatArray]] = [  # name, columns with free coefficients, what is fixed
        ("factor", first[:, None], np.zeros(len(pairs))),
        ("references", counts, first),
        ("factor and references", np.column_stack([first, counts]), np.zeros(len(pairs))),
    ]
    if several:
        tried.insert(1, ("per atom", (first / sizes)[:, None], np.zeros(len(pairs))))
    spread = float(np.sqrt(np.mean((second - second.mean()) ** 2)))
    without = float(np.sqrt(np.mean((second - first) ** 2)))
    best: tuple[float, str, Any] | None = None
    for name, columns, fixed in tried:
        if len(pairs) < columns.shape[1] + 2:
            continue
        values = np.linalg.lstsq(columns, second - fixed, rcond=None)[0]
        left = float(np.sqrt(np.mean((columns @ values + fixed - second) ** 2)))
        if left <= min(EXPLAINS * spread, BETTER * without) and (best is None or left < BETTER * best[0]):
            best = (left, name, values)
    if best is None:
        return None
    _, name, values = best
    symbols = [chemical_symbols[z] for z in species]
    references = dict(zip(species, values[-len(species) :], strict=True)) if "references" in name else {}
    factor = float(values[0]) if name != "references" else 1.0
    told = [] if name == "references" else [_factor("energies", "are", factor, ENERGIES)]
    if name == "per atom":
        told = ["energies are divided by the number of atoms" + ("" if abs(factor - 1) < EXPLAINS else f"; {told[0]}")]
    if references:
        shifts = ", ".join(f"{s} {references[z]:+.6g} eV" for s, z in zip(symbols, species, strict=True))
        told.append(f"each atom adds a constant: {shifts}")

    def back(structure: Atoms, prediction: Prediction) -> Prediction:
        energy = prediction.energy - sum(references.get(int(z), 0.0) for z in structure.numbers)
        return replace(prediction, energy=energy / factor * (len(structure) if name == "per atom" else 1))

    names = {"factor": "energy-sign" if abs(factor + 1) < EXPLAINS else "energy-unit", "per atom": "energy-per-atom"}
    return Turned("energy", names.get(name, "energy-references"), "; ".join(told), back)


def _forces(pairs: Sequence[Both]) -> Turned | None:
    """Return the order, axes and constant that explain the forces."""
    used = [p for p in pairs if p.first.forces is not None and p.second.forces is not None and len(p.structure) > 1]
    given = [np.asarray(p.second.forces) for p in used]
    right = [np.asarray(p.first.forces) for p in used]
    best = None
    for name, told, change, undo in _changes_of_forces():
        changed = [change(p.structure, values) for p, values in zip(used, right, strict=True)]
        fitted = _fit(given, changed)
        if fitted is None:
            return None
        factor, left = fitted
        if best is None or left < BETTER * best[0]:
            best = (left, name, told, factor, undo)
    if best is None or best[0] > EXPLAINS or not _improves(given, right, best[0]):
        return None
    _, name, told, factor, undo = best
    words = [told] if told else []
    if not told or abs(factor - 1) > EXPLAINS:
        words.append(_factor("forces", "are", factor, FORCES))

    def back(structure: Atoms, prediction: Prediction) -> Prediction:
        if prediction.forces is None:
            return prediction
        return replace(prediction, forces=undo(structure, prediction.forces) / factor)

    default = "sign" if abs(factor + 1) < EXPLAINS else "unit"
    return Turned("forces", f"forces-{name or default}", "; ".join(words), back)


_OnAtoms = Callable[[Atoms, FloatArray], FloatArray]


def _changes_of_forces() -> Iterator[tuple[str, str, _OnAtoms, _OnAtoms]]:
    """Yield name, words, change and its inverse, the commonest first."""

    def rows(order: Callable[[Atoms], Any]) -> tuple[_OnAtoms, _OnAtoms]:
        return lambda s, f: f[order(s)], lambda s, f: f[np.argsort(order(s))]

    def by_species(structure: Atoms) -> Any:
        return np.argsort(structure.numbers, kind="stable")

    def by_name(structure: Atoms) -> Any:
        return np.argsort(structure.get_chemical_symbols(), kind="stable")

    yield "", "", lambda s, f: f, lambda s, f: f
    for what, order in (("atomic number", by_species), ("symbol", by_name)):
        there, back = rows(order)
        yield "order", f"forces come in the order of atoms sorted by {what}", there, back
        yield "order", f"forces were sorted as if atoms had been sorted by {what}", back, there
    turn = rows(lambda s: np.arange(len(s))[::-1])
    yield "order", "forces come in the reverse order of atoms", *turn
    flat: tuple[_OnAtoms, _OnAtoms] = (lambda s, f: f.T.reshape(-1, 3), lambda s, f: f.reshape(3, -1).T)
    yield "reshaped", "forces are an array (3, n_atoms) reshaped to (n_atoms, 3)", *flat
    for axes in list(permutations(range(3)))[1:]:
        words = f"the columns of forces hold {', '.join('xyz'[axis] for axis in axes)}"
        there = _columns(list(axes))
        yield "axes", words, there, _columns(list(np.argsort(axes)))


def _columns(axes: list[int]) -> _OnAtoms:
    return lambda s, f: f[:, axes]


def _stress(pairs: Sequence[Both]) -> Turned | None:
    """Return the order of components and the constant that explain the stress."""
    used = [p for p in pairs if p.first.stress is not None and p.second.stress is not None]
    if not used:
        return None
    given = [np.asarray(p.second.stress) for p in used]
    right = [np.asarray(p.first.stress) for p in used]
    volumes = [p.structure.get_volume() for p in used]
    hands = [float(np.sign(np.linalg.det(p.structure.cell.array))) for p in used]
    candidates: list[tuple[str, str, list[FloatArray]]] = [
        ("", "", right),
        ("virial", "stress is not divided by the volume", [s * v for s, v in zip(right, volumes, strict=True)]),
    ]
    if -1.0 in hands and 1.0 in hands:
        signed = [s * h for s, h in zip(right, hands, strict=True)]
        candidates.append(("handedness", "stress changes its sign in left-handed cells", signed))
    zipped = zip(*(_changes_of_stress(p) for p in used), strict=True)
    for alike in zipped:
        name, detail, _ = alike[0]
        if name not in ("", "frame", "fixed-positions"):
            candidates.append((name, detail, [values for _, _, values in alike]))
    best = None
    for name, detail, changed in candidates:
        fitted = _fit(given, changed)
        if fitted is not None and (best is None or fitted[1] < BETTER * best[0]):
            best = (fitted[1], name, detail, fitted[0])
    if best is None or best[0] > EXPLAINS or not _improves(given, right, best[0]):
        return None
    _, name, detail, factor = best
    words = [f"stress: {name.replace('-', ' ')}" + (f" ({detail})" if detail else "")] if name else []
    if name in ("virial", "handedness"):
        words = [detail]
    if not name or abs(factor - 1) > EXPLAINS:
        words.append(_factor("stress", "is", factor, STRESSES))

    def back(structure: Atoms, prediction: Prediction) -> Prediction:
        if prediction.stress is None or name not in ("", "virial", "handedness"):
            return prediction
        stress = prediction.stress / factor
        if name == "virial":
            stress = stress / structure.get_volume()
        if name == "handedness":
            stress = stress * np.sign(np.linalg.det(structure.cell.array))
        return replace(prediction, stress=stress)

    default = "sign" if abs(factor + 1) < EXPLAINS else "unit"
    return Turned("stress", f"stress-{name or default}", "; ".join(words), back)


def _changes_of_stress(pair: Both) -> Iterator[tuple[str, str, FloatArray]]:
    assert pair.first.stress is not None
    virial = np.zeros((3, 3))
    return wrong_stress(np.asarray(pair.first.stress), np.eye(3), pair.structure.cell.complete().array, virial)


def _fit(given: Sequence[FloatArray], changed: Sequence[FloatArray]) -> tuple[float, float] | None:
    """Return the constant by which changed values become those given, and what it leaves of them, relatively.

    Each structure counts alike, so that one with enormous forces does not decide alone.
    """
    used = _telling(given, changed)
    if not used:
        return None
    factor = float(np.mean([np.vdot(a, b) / np.vdot(b, b) for a, b in used]))
    if factor == 0.0:
        return None
    return factor, _left([(a, factor * b) for a, b in used])


def _improves(given: Sequence[FloatArray], right: Sequence[FloatArray], left: float) -> bool:
    return left <= BETTER * _left(_telling(given, right))


def _telling(given: Sequence[FloatArray], right: Sequence[FloatArray]) -> list[tuple[FloatArray, FloatArray]]:
    """Return the pairs that are not nothing but rounding, as the forces of an ideal crystal are."""
    sizes = [float(np.linalg.norm(b)) for b in right]
    least = TELLING * max(sizes, default=0.0)
    return [(a, b) for a, b, size in zip(given, right, sizes, strict=True) if size > least]


def _left(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> float:
    """Return the root mean square of relative differences."""
    return float(np.sqrt(np.mean([(np.linalg.norm(a - b) / np.linalg.norm(b)) ** 2 for a, b in pairs])))


def _factor(what: str, verb: str, factor: float, units: dict[str, float]) -> str:
    """Return in words what a constant looks like."""
    if abs(factor + 1) < EXPLAINS:
        return f"{what} {verb} of the opposite sign"
    sign = "of the opposite sign, and " if factor < 0 else ""
    if unit := betrayed(factor, units):
        return f"{what} {verb} {sign}{abs(factor):.6g} times as large: {unit} in the second"
    if unit := betrayed(1 / factor, units):
        return f"{what} {verb} {sign}{abs(factor):.6g} times as large: {unit} in the first"
    return f"{what} {verb} {sign}{abs(factor):.8g} times as large"
