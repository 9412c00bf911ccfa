"""Mistakes that adapters are made with, planted into a sound potential."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from ase.units import Bohr, GPa, Hartree, Ry, kcal, mol

from gnnp_bench.potential import Capabilities, FloatArray, Potential, Prediction, Property, Unsupported
from tests.analytic import smooth_pair

SPECIES = ("Al", "Si", "Cu", "Au")
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
Change = Callable[[Prediction, Atoms], Any]


@dataclass(slots=True)
class Adapter:
    """A potential whose `evaluate` is given, under declarations of its own."""

    evaluation: Callable[[Sequence[Atoms], frozenset[Property]], Any]
    capabilities: Capabilities
    name: str = "planted"
    calculator: Any = None

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> Any:
        return self.evaluation(structures, properties)


def sound(species: Sequence[str] = SPECIES) -> Potential:
    return smooth_pair(species=species)


def changed(change: Change) -> Callable[[], Adapter]:
    """Return the maker of a potential whose every prediction is changed."""

    def make() -> Adapter:
        inner = sound()

        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> Any:
            found = inner.evaluate([s.copy() for s in structures], properties)
            return [change(p, s) for p, s in zip(found, structures, strict=True)]

        return Adapter(evaluation, inner.capabilities)

    return make


def energy(factor: float) -> Callable[[], Adapter]:
    return changed(lambda p, s: replace(p, energy=factor * p.energy, energies=None))


def forces(change: Callable[[FloatArray, Atoms], Any]) -> Callable[[], Adapter]:
    return changed(lambda p, s: p if p.forces is None else replace(p, forces=change(p.forces, s)))


def stress(change: Callable[[FloatArray, Atoms], Any]) -> Callable[[], Adapter]:
    return changed(lambda p, s: p if p.stress is None else replace(p, stress=change(p.stress, s)))


def reordered(order: Sequence[int]) -> Callable[[FloatArray, Atoms], FloatArray]:
    def change(tensor: FloatArray, structure: Atoms) -> FloatArray:
        found = np.zeros((3, 3))
        for k, (i, j) in enumerate(VOIGT):
            found[i, j] = found[j, i] = tensor[VOIGT[order[k]]]
        return found

    return change


def standard_frame(structure: Atoms) -> FloatArray:
    """Return the rotation that brings the first cell vector to x and the second into the plane of x and y."""
    q, r = np.linalg.qr(structure.cell.array.T)
    return q * np.sign(np.diag(r))


def around(
    wrap: Callable[[Potential, Sequence[Atoms], frozenset[Property]], Any],
    capabilities: Callable[[Capabilities], Capabilities] = lambda has: has,
    species: Sequence[str] = SPECIES,
) -> Callable[[], Adapter]:
    """Return the maker of a potential with a wrapper around its whole `evaluate`."""

    def make() -> Adapter:
        inner = sound(species)
        return Adapter(lambda structures, wanted: wrap(inner, structures, wanted), capabilities(inner.capabilities))

    return make


def _copies(structures: Sequence[Atoms]) -> list[Atoms]:
    return [s.copy() for s in structures]


def _attaching(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    found = inner.evaluate(structures, wanted)
    for structure in structures:
        structure.calc = object()
    return found


def _wrapping(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    for structure in structures:
        structure.wrap()
    return inner.evaluate(structures, wanted)


def _noting(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    for structure in structures:
        structure.info["seen"] = True
    return inner.evaluate(structures, wanted)


def _emptying(inner: Potential, structures: Any, wanted: frozenset[Property]) -> list[Prediction]:
    found = inner.evaluate(structures, wanted)
    structures.clear()
    return found


def _energy_in_an_array(p: Prediction, s: Atoms) -> Prediction:
    wrong: Any = np.array([p.energy])
    return replace(p, energy=wrong)


def _constrained(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    found = inner.evaluate(_copies(structures), wanted)
    for prediction, structure in zip(found, structures, strict=True):
        if prediction.forces is not None:
            for constraint in structure.constraints:
                constraint.adjust_forces(structure, prediction.forces)
    return found


def _reading_labels(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    found = inner.evaluate(_copies(structures), wanted)
    return [
        p if s.calc is None else replace(p, energy=s.get_potential_energy())
        for p, s in zip(found, structures, strict=True)
    ]


def _remembering(key: Callable[[Atoms], Any]) -> Callable[[], Adapter]:
    def make() -> Adapter:
        inner, kept = sound(), dict[Any, Prediction]()

        def evaluation(structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
            found = inner.evaluate(_copies(structures), wanted)
            return [kept.setdefault((key(s), wanted), p) for p, s in zip(found, structures, strict=True)]

        return Adapter(evaluation, inner.capabilities)

    return make


ALL_OF_THEM: dict[Any, Prediction] = {}


def _remembering_for_ever(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> Any:
    found = inner.evaluate(_copies(structures), wanted)
    return [ALL_OF_THEM.setdefault((str(s.symbols), wanted), p) for p, s in zip(found, structures, strict=True)]


def _by_identity() -> Adapter:
    inner, kept, objects = sound(), dict[Any, Prediction](), list[Atoms]()

    def evaluation(structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
        objects.extend(structures)  # so that no identity is given twice
        found = inner.evaluate(_copies(structures), wanted)
        return [kept.setdefault((id(s), wanted), p) for p, s in zip(found, structures, strict=True)]

    return Adapter(evaluation, inner.capabilities)


def _one_buffer() -> Adapter:
    inner, buffers = sound(), dict[int, FloatArray]()

    def evaluation(structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
        found = []
        for p in inner.evaluate(_copies(structures), wanted):
            if p.forces is not None and len(structures) == 1:
                buffer = buffers.setdefault(len(p.forces), np.zeros_like(p.forces))
                buffer[:] = p.forces
                p = replace(p, forces=buffer)
            found.append(p)
        return found

    return Adapter(evaluation, inner.capabilities)


def _noisy() -> Adapter:
    inner, rng = sound(), np.random.default_rng(0)

    def evaluation(structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
        return [replace(p, energy=p.energy + 0.01 * rng.normal()) for p in inner.evaluate(structures, wanted)]

    return Adapter(evaluation, inner.capabilities)


def _leaking(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    found = inner.evaluate(structures, wanted)
    return [replace(p, energy=p.energy + 0.1 * (len(found) - 1)) for p in found]


def _sorting(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    return inner.evaluate(sorted(structures, key=len), wanted)


def _repeating(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    return [inner.evaluate(structures, wanted)[0]] * len(structures)


def _single_only(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    (structure,) = structures
    return inner.evaluate([structure], wanted)


def _two_energies(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    found = inner.evaluate(structures, wanted)
    return found if "forces" in wanted else [replace(p, energy=p.energy - 0.2) for p in found]


def _transposing(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    read = _copies(structures)
    for structure in read:
        structure.set_cell(structure.cell.array.T)
    return inner.evaluate(read, wanted)


def misnumbered(inner: Potential, by: int) -> Adapter:
    """Return a potential whose table of elements is read `by` places off."""

    def evaluation(structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
        read = _copies(structures)
        for structure in read:
            structure.numbers = structure.numbers + by
        return inner.evaluate(read, wanted)

    return Adapter(evaluation, inner.capabilities)


def _declared_one_too_low() -> Adapter:
    inner = sound(("Al", "Si", "Fe", "Co", "Ni", "Cu"))
    one_off = tuple(chemical_symbols[atomic_numbers[s] - 1] for s in inner.capabilities.species)
    return Adapter(inner.evaluate, replace(inner.capabilities, species=one_off))


class _Smeared:
    """Remembers results as ASE's calculators do."""

    def __init__(self) -> None:
        self.results: dict[str, float] = {}


def _extrapolated_energy() -> Adapter:
    inner, calculator = sound(), _Smeared()

    def evaluation(structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
        found = []
        for p in inner.evaluate(structures, wanted):
            calculator.results = {"free_energy": p.energy, "energy": p.energy + 0.05}
            found.append(replace(p, energy=p.energy + 0.05, energies=None))
        return found

    return Adapter(evaluation, inner.capabilities, calculator=calculator)


def _entropy(p: Prediction, s: Atoms) -> Prediction:
    """Return the prediction with an energy that lacks a term which depends on the positions."""
    return replace(p, energy=p.energy + 0.2 * float(np.sin(1.3 * s.positions).sum()), energies=None)


def _refusing_stress(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    if "stress" in wanted:
        raise Unsupported("there is no stress")
    return inner.evaluate(structures, wanted)


def _periodic_only(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    if any(not s.pbc.all() for s in structures):
        raise ValueError("cell has no volume")
    return inner.evaluate(structures, wanted)


def _broken(inner: Potential, structures: Sequence[Atoms], wanted: frozenset[Property]) -> list[Prediction]:
    raise KeyError("edge_index")


def _turned_forces(f: FloatArray, s: Atoms) -> FloatArray:
    return f @ standard_frame(s)


def _turned_stress(t: FloatArray, s: Atoms) -> FloatArray:
    turn = standard_frame(s)
    return turn.T @ t @ turn


def _wrong_side(t: FloatArray, s: Atoms) -> FloatArray:
    h = s.cell.array
    wrong = np.linalg.inv(h).T @ t @ h.T
    return (wrong + wrong.T) / 2


def _fixed_positions(p: Prediction, s: Atoms) -> Prediction:
    if p.stress is None or p.forces is None:
        return p
    virial = s.positions.T @ p.forces / s.get_volume()
    return replace(p, stress=p.stress + (virial + virial.T) / 2)


def _sorted_by_species(f: FloatArray, s: Atoms) -> FloatArray:
    return f[np.argsort(s.numbers, kind="stable")]


def _first_zero(f: FloatArray, s: Atoms) -> FloatArray:
    return np.concatenate([np.zeros((1, 3)), f[1:]])


PLANTED: dict[str, tuple[set[str], Callable[[], Any]]] = {
    "energy in kcal/mol": ({"energy-unit"}, energy(mol / kcal)),
    "energy in Hartree": ({"energy-unit"}, energy(1 / Hartree)),
    "energy scaled by an odd number": ({"energy-unit"}, energy(1.73)),
    "energy with the wrong sign": ({"energy-sign"}, energy(-1.0)),
    "energy per atom": (
        {"energy-per-atom"},
        changed(lambda p, s: replace(p, energy=p.energy / len(s), energies=None)),
    ),
    "forces in eV/Bohr": ({"forces-unit"}, forces(lambda f, s: f * Bohr)),
    "forces in Hartree/Bohr": ({"forces-unit"}, forces(lambda f, s: f * Bohr / Hartree)),
    "forces in Rydberg/Bohr": ({"forces-unit"}, forces(lambda f, s: f * Bohr / Ry)),
    "forces in kcal/mol/Å": ({"forces-unit"}, forces(lambda f, s: f * mol / kcal)),
    "forces are the gradient": ({"forces-sign"}, forces(lambda f, s: -f)),
    "gradient in Hartree/Bohr": ({"forces-sign", "forces-unit"}, forces(lambda f, s: -f * Bohr / Hartree)),
    "forces sorted by species": ({"forces-order"}, forces(_sorted_by_species)),
    "forces in reverse": ({"forces-order"}, forces(lambda f, s: f[::-1].copy())),
    "forces reshaped": ({"forces-reshaped"}, forces(lambda f, s: f.T.reshape(-1, 3))),
    "forces with axes exchanged": ({"forces-axes"}, forces(lambda f, s: f[:, [1, 0, 2]])),
    "forces in the frame of a standard cell": ({"forces-frame"}, forces(_turned_forces)),
    "force on the first atom zero": ({"forces-zeroed"}, forces(_first_zero)),
    "forces zero": ({"forces-zero"}, forces(lambda f, s: 0 * f)),
    "forces missing": ({"forces-missing"}, forces(lambda f, s: None)),
    "forces flat": ({"forces-shape"}, forces(lambda f, s: f.ravel())),
    "forces transposed": ({"forces-shape"}, forces(lambda f, s: f.T)),
    "forces as lists": ({"forces-type"}, forces(lambda f, s: f.tolist())),
    "forces of objects": ({"forces-type"}, forces(lambda f, s: f.astype(object))),
    "forces not finite": ({"not-finite"}, forces(lambda f, s: f * np.inf)),
    "forces of another energy": ({"forces-not-a-derivative", "stress-not-a-derivative"}, changed(_entropy)),
    "energy in steps": ({"energy-rough"}, changed(lambda p, s: replace(p, energy=round(p.energy, 1), energies=None))),
    "stress in GPa": ({"stress-unit"}, stress(lambda t, s: t / GPa)),
    "stress in kbar": ({"stress-unit"}, stress(lambda t, s: t / GPa * 10)),
    "stress in atomic units": ({"stress-unit"}, stress(lambda t, s: t / (Hartree / Bohr**3))),
    "stress with pressure positive": ({"stress-sign"}, stress(lambda t, s: -t)),
    "stress in kbar with pressure positive": ({"stress-sign", "stress-unit"}, stress(lambda t, s: -t / GPa * 10)),
    "stress not divided by the volume": ({"stress-virial"}, stress(lambda t, s: t * s.get_volume())),
    "stress in VASP's order": ({"stress-order"}, stress(reordered([0, 1, 2, 5, 3, 4]))),
    "stress in row order": ({"stress-order"}, stress(reordered([0, 5, 4, 1, 3, 2]))),
    "stress in VASP's order and kbar": (
        {"stress-order", "stress-unit"},
        stress(lambda t, s: 10 / GPa * reordered([0, 1, 2, 5, 3, 4])(t, s)),
    ),
    "stress of a transposed cell": ({"stress-transposed"}, stress(_wrong_side)),
    "stress at fixed positions": ({"stress-fixed-positions"}, changed(_fixed_positions)),
    "stress in the frame of a standard cell": ({"stress-frame"}, stress(_turned_stress)),
    "shear doubled": ({"stress-shear-doubled"}, stress(lambda t, s: t * (2 - np.eye(3)))),
    "shear halved": ({"stress-shear-halved"}, stress(lambda t, s: t * (1 + np.eye(3)) / 2)),
    "pressure alone": ({"stress-shear-missing"}, stress(lambda t, s: t * np.eye(3))),
    "stress as six numbers": ({"stress-shape"}, stress(lambda t, s: np.array([t[i] for i in VOIGT]))),
    "stress missing": ({"stress-missing"}, stress(lambda t, s: None)),
    "stress zero": ({"stress-zero"}, stress(lambda t, s: 0 * t)),
    "stress refused": ({"property-declared-but-refused"}, around(_refusing_stress)),
    "energy an array": ({"energy-type"}, changed(_energy_in_an_array)),
    "energy not a number": ({"not-finite"}, changed(lambda p, s: replace(p, energy=float("nan")))),
    "energies do not add up": (
        {"energies-do-not-add-up"},
        changed(lambda p, s: p if p.energies is None else replace(p, energies=p.energies + 1.0)),
    ),
    "dictionaries": ({"not-a-prediction"}, changed(lambda p, s: {"energy": p.energy})),
    "one prediction": ({"not-a-list"}, around(lambda inner, s, w: inner.evaluate(s, w)[0])),
    "a prediction per atom": ({"wrong-number-of-predictions"}, around(lambda inner, s, w: inner.evaluate(s, w) * 4)),
    "an exception": ({"does-not-evaluate"}, around(_broken)),
    "calculator attached": ({"input-changed"}, around(_attaching)),
    "atoms wrapped": ({"input-changed"}, around(_wrapping)),
    "notes in info": ({"input-changed"}, around(_noting)),
    "list emptied": ({"input-changed"}, around(_emptying)),
    "constraints applied": ({"constraints-leak"}, around(_constrained)),
    "labels read": ({"attached-results-read"}, around(_reading_labels)),
    "cache by species": ({"cached-results"}, _remembering(lambda s: str(s.symbols))),
    "cache by positions": ({"cached-results"}, _remembering(lambda s: (str(s.symbols), s.positions.tobytes()))),
    "cache blind to species": ({"cached-results"}, _remembering(lambda s: s.positions.tobytes() + s.cell.tobytes())),
    "cache of the module": ({"blind-to-positions"}, around(_remembering_for_ever)),
    "cache by identity": ({"cached-by-identity"}, _by_identity),
    "one buffer": ({"arrays-reused"}, _one_buffer),
    "noise": ({"not-deterministic"}, _noisy),
    "company counts": ({"batch-company"}, around(_leaking)),
    "batch sorted": ({"batch-order"}, around(_sorting)),
    "batch of the first": ({"batch-all-alike"}, around(_repeating)),
    "no batches": ({"batch-fails"}, around(_single_only)),
    "two energies": ({"energy-depends-on-request"}, around(_two_energies)),
    "energy at zero smearing": ({"not-force-consistent"}, _extrapolated_energy),
    "cell in columns": ({"cell-transposed"}, around(_transposing)),
    "species declared one too low": ({"species-off-by-one"}, _declared_one_too_low),
    "species declared that are not known": (
        {"species-declared-but-refused"},
        around(lambda inner, s, w: inner.evaluate(s, w), lambda has: replace(has, species=(*has.species, "Hg", "Tl"))),
    ),
    "only periodic": ({"periodicity-declared-but-refused"}, around(_periodic_only)),
}
"""What is planted, the findings that have to name it, and the maker of the potential."""
