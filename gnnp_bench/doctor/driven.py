"""What an ASE calculator does when it is attached to a structure that changes, and which energies it tells."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.doctor.finding import Finding
from gnnp_bench.doctor.patient import Patient, same_energy, same_forces, told
from gnnp_bench.potential import Prediction


def examine_driven(patient: Patient) -> Iterator[Finding]:
    """Yield what goes wrong where programs drive the calculator; nothing for potentials of another kind."""
    if not patient.potential.capabilities.driven:
        return
    yield from _energies(patient)
    changing = list(_callers_atoms(patient))
    yield from changing
    if not changing:  # else what is compared next would not be the same structure
        yield from _changes(patient)


def _energies(patient: Patient) -> Iterator[Finding]:
    structure = patient.probe()
    found: Prediction = patient.ask([structure], patient.properties)[0]
    if found.reported_energy is None or same_energy(found.reported_energy, found.energy):
        return
    if patient.potential.capabilities.smearing is not None:
        return  # robustness/energies-agree knows how far they may lie apart
    gap = 1e3 * (found.reported_energy - found.energy) / len(structure)
    yield Finding(
        "energy-is-not-free-energy",
        f"the calculator's `energy` lies {abs(gap):.4g} meV/atom {'above' if gap > 0 else 'below'} its `free_energy`",
        "a term added to one of them only; or electrons are smeared, and both are right",
        "add the term to both; if electrons are smeared by WIDTH eV, say ?smearing=WIDTH in the spec",
    )


def _callers_atoms(patient: Patient) -> Iterator[Finding]:
    from ase.constraints import FixAtoms  # which imports half of scipy

    structure = patient.probe()
    if patient.periodic:
        structure.positions += 1.5 * structure.cell.array.sum(axis=0)
    structure.info["label"] = ["kept"]
    structure.set_constraint(FixAtoms([0]))
    before = _contents(structure)
    _driven(patient, structure)
    after = _contents(structure)
    names = sorted(before.keys() | after.keys())
    changed = [name for name in names if not _same(before.get(name), after.get(name))]
    if changed:
        yield Finding(
            "callers-atoms-changed",
            f"a calculator attached to a structure changes that structure: its {', '.join(changed)}",
            "atoms wrapped, or notes written, in the `atoms` that calculate is given, which are the caller's own",
            "work on self.atoms, the copy that Calculator.calculate makes, or on atoms.copy()",
        )


def _contents(structure: Atoms) -> dict[str, object]:
    contents: dict[str, object] = {name: array.copy() for name, array in structure.arrays.items()}
    contents |= {f"info[{key!r}]": copy.deepcopy(value) for key, value in structure.info.items()}
    contents |= {"cell": structure.cell.array.copy(), "periodicity": structure.pbc.copy(), "calculator": structure.calc}
    return contents | {"constraints": [repr(constraint) for constraint in structure.constraints]}


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return one is other or bool(np.all(one == other))


def _move(atoms: Atoms) -> None:
    atoms.positions += 0.1 * np.random.default_rng(3).uniform(-1.0, 1.0, size=(len(atoms), 3))


def _strain(atoms: Atoms) -> None:
    atoms.set_cell(atoms.cell.array @ np.diag([1.03, 1.02, 1.01]))


def _open(atoms: Atoms) -> None:
    atoms.pbc = (True, True, False)


def _exchange(atoms: Atoms) -> None:
    atoms.numbers = atoms.numbers[::-1].copy()


def _charge(atoms: Atoms) -> None:
    atoms.info["charge"] = atoms.info.get("charge", 0) + 2  # which leaves no electron alone


def _spin(atoms: Atoms) -> None:
    atoms.info["spin"] = atoms.info.get("spin", 1) + 2


def _initial_charges(atoms: Atoms) -> None:
    atoms.set_initial_charges(atoms.get_initial_charges() + 2.0 * (np.arange(len(atoms)) == 0))


def _moments(atoms: Atoms) -> None:
    atoms.set_initial_magnetic_moments(atoms.get_initial_magnetic_moments() + 2.0 * (np.arange(len(atoms)) == 0))


def _delete(atoms: Atoms) -> None:
    del atoms[-1]


CHANGES: tuple[tuple[str, Callable[[Atoms], None]], ...] = (
    ("positions", _move),
    ("cell", _strain),
    ("periodicity", _open),
    ("species", _exchange),
    ("info['charge']", _charge),
    ("info['spin']", _spin),
    ("initial charges", _initial_charges),
    ("initial magnetic moments", _moments),
    ("number of atoms", _delete),
)


def _changes(patient: Patient) -> Iterator[Finding]:
    has = patient.potential.capabilities.periodicity
    stale: list[str] = []
    for name, change in CHANGES:
        if (name == "cell" and not patient.periodic) or (name == "periodicity" and not {"periodic", "partial"} <= has):
            continue
        structure = patient.probe()
        changed = structure.copy()
        change(changed)
        properties = patient.properties if name != "periodicity" else patient.properties - {"stress"}
        try:
            expected = patient.ask([changed.copy()], properties)[0]
        except Exception:  # such structures are not for it, or other stages say so
            continue
        patient.ask([patient.probe(seed=5)])  # or the last that it remembers would be the changed one
        _driven(patient, structure)
        change(structure)
        try:
            found = _driven(patient, structure)
        except Exception as error:  # somebody else's code
            yield Finding(
                "breaks-when-changed",
                f"a structure whose {name} changed while the calculator was attached raised {told(error)}; a copy"
                " of it, asked from scratch, is answered",
                "arrays or lists kept from the structure before",
                "make anew what depends on the structure whenever `system_changes` is not empty",
            )
            continue
        if not same_energy(found.energy, expected.energy) or not _same_forces(found, expected):
            stale.append(name)
    if stale:
        what = " or ".join(f"{name}" for name in stale)
        notes = [name for name in stale if name.startswith("info")]
        yield Finding(
            "stale-when-driven",
            f"a structure whose {what} changed while the calculator was attached is answered as if it had not",
            "results kept by check_state, which compares positions, cell, numbers, pbc, initial charges and moments"
            " and no `info`"
            if notes == stale
            else "results kept by a check_state or a cache of its own that does not compare all that matters",
            "let check_state report every change that the energy depends on, or calculate anew each time",
        )


def _driven(patient: Patient, structure: Atoms) -> Prediction:
    properties = patient.properties if structure.pbc.all() else patient.properties - {"stress"}
    found: Prediction = patient.drive([structure], properties)[0]
    return found


def _same_forces(one: Prediction, other: Prediction) -> bool:
    return one.forces is None or other.forces is None or same_forces(one.forces, other.forces)
