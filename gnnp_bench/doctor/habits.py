"""What a potential does beside computing: changes its input, remembers, mixes up a batch, listens to attributes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from gnnp_bench.doctor.correction import Correction
from gnnp_bench.doctor.finding import Finding
from gnnp_bench.doctor.patient import FORCE_TOLERANCE, Patient, same_energy, same_forces, told
from gnnp_bench.potential import ENERGY, Prediction

STRANGE = 12345.678
"""eV and eV/Å. Numbers that no potential comes to by itself."""


def examine_habits(patient: Patient) -> Iterator[Finding]:
    """Yield bad habits. They disturb whatever is measured afterwards."""
    structure = patient.probe()
    base = _prediction(patient, structure)
    yield from _input(patient)
    irreproducible = list(_repeated(patient, structure, base))
    yield from irreproducible
    if irreproducible:
        return  # whatever is compared next would differ as well
    yield from _attributes(patient, structure, base)
    yield from _asked_for(patient, structure, base)
    yield from _memory(patient, structure, base)
    yield from _batch(patient)


def _prediction(patient: Patient, structure: Atoms) -> Prediction:
    found: Prediction = patient.ask([structure.copy()], patient.properties)[0]
    return found


def _snapshot(structure: Atoms) -> dict[str, Any]:
    return {
        "positions": structure.positions.copy(),
        "cell": structure.cell.array.copy(),
        "periodicity": structure.pbc.copy(),
        "names of arrays": sorted(structure.arrays),
        "atomic numbers": structure.numbers.copy(),
        "info": copy.deepcopy(structure.info),
        "calculator": structure.calc,
        "constraints": len(structure.constraints),
    }


def _input(patient: Patient) -> Iterator[Finding]:
    outside = patient.probe()
    outside.positions += 1.5 * outside.cell.array.sum(axis=0)  # whoever wraps atoms gives himself away
    outside.info["label"] = ["kept"]
    before = _snapshot(outside)
    given = [outside]
    patient.ask(given, patient.properties)
    after = _snapshot(outside)
    changed = [name for name in before if not _equal(before[name], after[name])]
    if given != [outside] or given[0] is not outside:
        changed.append("list of structures")
    if changed:
        yield Finding(
            "input-changed",
            f"after evaluate the structure given is another: its {', '.join(changed)} changed",
            "a calculator attached to the structure itself, or atoms wrapped in place"
            if {"calculator", "positions"} & set(changed)
            else "notes written into the structure given",
            "work on structure.copy()",
            Correction(way="copies"),
        )


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return one is other or bool(one == other)


def _repeated(patient: Patient, structure: Atoms, base: Prediction) -> Iterator[Finding]:
    kept = None if base.forces is None else base.forces.copy()
    again = [_prediction(patient, structure) for _ in range(3)]
    if not all(same_energy(p.energy, base.energy) for p in again) or not all(
        kept is None or same_forces(p.forces, kept) for p in again
    ):
        spread = np.ptp([p.energy for p in (base, *again)])
        yield Finding(
            "not-deterministic",
            f"four evaluations of one structure give energies that span {spread:.2g} eV",
            "dropout or another random layer left on, noise added for training, or memory not initialised",
            "switch to evaluation, model.eval(), and fix what is drawn at random when the potential is built",
        )
    patient.ask([patient.probe(seed=1)], patient.properties)
    if kept is not None and base.forces is not None and not np.array_equal(kept, base.forces):
        yield Finding(
            "arrays-reused",
            "the forces of an earlier prediction changed when another structure was evaluated",
            "one buffer that every evaluation writes into and hands out",
            "give each prediction arrays of its own: np.array(forces)",
            Correction(way="copied results"),
        )


def _attributes(patient: Patient, structure: Atoms, base: Prediction) -> Iterator[Finding]:
    from ase.constraints import FixAtoms  # which imports half of scipy

    held = structure.copy()
    held.set_constraint(FixAtoms([0]))
    found = patient.ask([held], patient.properties)[0]
    if base.forces is not None and not same_forces(found.forces, base.forces):
        zeroed = np.abs(found.forces[0]).max() <= FORCE_TOLERANCE < np.abs(base.forces[0]).max()
        yield Finding(
            "constraints-leak",
            f"with its first atom fixed the structure's forces change by {_largest(found.forces, base.forces):.2g} eV/Å"
            + (", and those on the fixed atom are zero" if zeroed else ""),
            "forces taken through Atoms.get_forces(), which applies constraints",
            "strip them: copy.set_constraint(), or get_forces(apply_constraint=False)",
        )
    labelled = structure.copy()
    labelled.calc = SinglePointCalculator(
        labelled, energy=STRANGE, free_energy=STRANGE, forces=np.full((len(labelled), 3), STRANGE)
    )
    found = patient.ask([labelled], patient.properties)[0]
    if not same_energy(found.energy, base.energy):
        yield Finding(
            "attached-results-read",
            f"a structure that carries results of another calculator gets the energy {found.energy:.6g} eV"
            f" instead of {base.energy:.6g} eV",
            "results of the calculator attached to the structure taken for one's own",
            "work on structure.copy(), which carries no calculator",
        )


def _asked_for(patient: Patient, structure: Atoms, base: Prediction) -> Iterator[Finding]:
    try:
        alone = patient.ask([structure.copy()], ENERGY)[0].energy
    except Exception as error:  # somebody else's code
        yield Finding(
            "energy-alone",
            f"evaluate for the energy alone raised {told(error)}",
            "forces expected in results that hold what was asked for only",
            "fill in forces and stress only where `properties` names them",
            Correction(way="everything asked"),
        )
        return
    if not same_energy(alone, base.energy):
        yield Finding(
            "energy-depends-on-request",
            f"the energy is {alone:.6g} eV asked for alone and {base.energy:.6g} eV with forces",
            "two energies, such as the one without and the one with electronic entropy, or two branches of code",
            "give the energy whose derivative the forces are, whatever is asked for",
            Correction(way="everything asked"),
        )
    if base.energies is not None and not same_energy(float(np.sum(base.energies)), base.energy):
        yield Finding(
            "energies-do-not-add-up",
            f"the per-atom energies add up to {np.sum(base.energies):.6g} eV, the energy is {base.energy:.6g} eV",
            "reference energies of isolated atoms added to one of them only",
            "give per-atom energies whose sum is the energy, or None",
        )


def _moved(structure: Atoms, base: Prediction) -> Atoms:
    moved: Atoms = structure.copy()
    forces = np.asarray(base.forces if base.forces is not None else np.eye(len(structure), 3), np.float64)
    size = np.abs(forces).max()
    moved.positions += 0.1 * (forces / size if size > 0 else np.eye(len(structure), 3))
    return moved


def _memory(patient: Patient, structure: Atoms, base: Prediction) -> Iterator[Finding]:
    strained, swapped = structure.copy(), structure.copy()
    strained.set_cell(structure.cell.array @ np.diag([1.03, 1.02, 1.01]))
    swapped.numbers = structure.numbers[::-1]
    others = {"positions": _moved(structure, base), "cell": strained, "species": swapped}
    if not patient.periodic:
        del others["cell"]
    stale: list[str] = []
    for name, other in others.items():
        patient.ask([structure.copy()], patient.properties)
        found = patient.ask([other.copy()], patient.properties)[0]
        fresh = _fresh(patient, other) or found
        if not same_energy(found.energy, fresh.energy) or not same_forces_if_any(found, fresh):
            stale.append(name)
        elif name == "positions" and found.energy == base.energy:
            yield Finding(
                "blind-to-positions",
                "atoms that move by up to 0.1 Å along their forces leave the energy as it is, to the last bit",
                "one result for all structures: a cache beyond the object, or input that does not reach the potential",
                "look at what becomes of structure.positions",
            )
    if stale:
        yield Finding(
            "cached-results",
            f"a structure that differs from the one before in its {' or its '.join(stale)} alone gets results other"
            " than those of a potential built anew",
            "results kept from the structure before: a cache that does not notice every change",
            "compute each structure from scratch; for an ASE calculator call calculator.reset() first",
            Correction(way="built anew"),
        )
    same_object = structure.copy()
    patient.ask([same_object], patient.properties)
    same_object.positions = others["positions"].positions
    found = patient.ask([same_object], patient.properties)[0]
    expected = patient.ask([others["positions"].copy()], patient.properties)[0]
    if not stale and not same_energy(found.energy, expected.energy):
        yield Finding(
            "cached-by-identity",
            "a structure changed in place between two evaluations keeps the energy that it had before",
            "results or graphs kept under the identity of the structure's object",
            "compute each structure from scratch, or compare positions, cell, numbers and periodicity",
            Correction(way="built anew"),
        )


def _fresh(patient: Patient, structure: Atoms) -> Prediction | None:
    if patient.reload is None:
        return None
    found: Prediction = patient.ask([structure.copy()], patient.properties, patient.reload())[0]
    return found


def same_forces_if_any(one: Prediction, other: Prediction) -> bool:
    """Return whether forces agree, or there are none."""
    return one.forces is None or other.forces is None or same_forces(one.forces, other.forces)


def _batch(patient: Patient) -> Iterator[Finding]:
    structures = [patient.probe(seed=k, n_atoms=n) for k, n in ((2, 3), (3, 4), (4, 2))]
    singles = [_prediction(patient, structure) for structure in structures]
    given = [structure.copy() for structure in structures]
    what = "three structures in one call"
    try:
        together = patient.ask(given, patient.properties)
    except Exception as error:  # somebody else's code
        yield Finding(
            "batch-fails",
            f"{what} raised {told(error)}; each alone is evaluated",
            "structures of different sizes stacked into one array, or one structure expected",
            "loop over the structures, or join their graphs with shifted indices",
            Correction(way="one by one"),
        )
        return
    if len(together) != len(structures):
        yield Finding(
            "batch-number",
            f"{what} get {len(together)} predictions",
            "a batch that is cut or flattened",
            "return as many predictions as there are structures, in their order",
        )
        return
    match = [[_alike(p, single) for single in singles] for p in together]
    if all(row[k] for k, row in enumerate(match)):
        return
    measured = f"{what} get other predictions than each alone"
    if all(row[0] for row in match):
        yield Finding(
            "batch-all-alike",
            f"{measured}: all get those of the first",
            "the first structure's results repeated, or an index into the batch that stands still",
            "take the k-th result for the k-th structure",
            Correction(way="one by one"),
        )
    elif all(any(row) for row in match):
        order = [row.index(True) + 1 for row in match]
        yield Finding(
            "batch-order",
            f"{measured}: the places hold those of structures {', '.join(map(str, order))}",
            "structures sorted, by size perhaps, and not put back",
            "return predictions in the order of the structures given",
            Correction(way="one by one"),
        )
    else:
        yield Finding(
            "batch-company",
            f"{measured}, by up to {_differ(together, singles):.2g} eV",
            "atoms of one structure that see those of another, padding that counts, or normalisation over the batch",
            "keep neighbours, sums and normalisations within each structure; atoms of a batch need offset indices",
            Correction(way="one by one"),
        )


def _alike(one: Prediction, other: Prediction) -> bool:
    return same_energy(one.energy, other.energy) and same_forces_if_any(one, other)


def _differ(found: list[Prediction], expected: list[Prediction]) -> float:
    return max(abs(one.energy - other.energy) for one, other in zip(found, expected, strict=True))


def _largest(one: Any, other: Any) -> float:
    return float(np.abs(np.asarray(one) - np.asarray(other)).max())
