"""Labelled structures of a file one at a time, however many there are; those that cannot be used are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from gnnp_bench.accuracy.labels import (
    ENERGY_KEYS,
    FORCES_KEYS,
    DataError,
    each_structure,
    has_reference,
    label_of,
    named_label,
    named_stress,
    results_of,
    stress_of,
    symmetric,
    under,
)
from gnnp_bench.potential import FloatArray


@dataclass(frozen=True, slots=True)
class Keys:
    """Under which names labels stand, where they are not to be guessed.

    Attributes
    ----------
    energy, forces, stress, virial : str or None
        In `atoms.info`, `atoms.arrays` or among the results that ASE reads; None guesses, as `read_frames` does. Where
        a stress or a virial is named, only that is looked for.
    by : str
        Key of `atoms.info` that groups structures.
    distance : str or None
        Key of `atoms.info`, or of an array of atoms, that tells how far a structure is from the training set.
    """

    energy: str | None = None
    forces: str | None = None
    stress: str | None = None
    virial: str | None = None
    by: str = "config_type"
    distance: str | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """A structure and such labels as it has.

    Attributes
    ----------
    structure : Atoms
        Without calculator.
    energy : float or None, eV
    forces : (n_atoms, 3) array or None, eV/Å
    stress : (3, 3) array or None, eV/Å³
        Tension-positive.
    config_type, source : str
        As in `Frame`.
    distance : float or None
        From the training set, as the file says, in whatever unit.
    """

    structure: Atoms
    energy: float | None
    forces: FloatArray | None
    stress: FloatArray | None
    config_type: str
    source: str
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A structure that cannot be compared, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen on a first way through a file, by which each of its structures is then read alike.

    Attributes
    ----------
    path : str
    frames : int
    free : bool
        Every structure has a free energy.
    referenced : bool
        Some energy is named a reference.
    named : dict
        "energy", "forces", "stress" -> the names under which they stand -> in how many structures.
    """

    path: str
    frames: int
    free: bool
    referenced: bool
    named: Mapping[str, Mapping[str, int]]


def survey(path: str | Path, keys: Keys = Keys()) -> Survey:
    """Go through a file and see under which names its labels stand, one structure in memory at a time.

    Raises
    ------
    DataError
        It is missing, unreadable or empty; or a name of `keys` occurs nowhere.
    """
    frames, free, referenced, measured = 0, True, False, False
    named: dict[str, Counter[str]] = {"energy": Counter(), "forces": Counter(), "stress": Counter()}
    for atoms in each_structure(path):
        frames += 1
        free = free and "free_energy" in results_of(atoms)
        referenced = referenced or has_reference(atoms, ENERGY_KEYS)
        measured = measured or _distance(atoms, keys.distance) is not None
        for label, name in _names(atoms, keys).items():
            named[label][name] += 1
    if frames == 0:
        raise DataError(f"{path} holds no structure")
    for label, key in (("energy", keys.energy), ("forces", keys.forces), ("stress", keys.stress or keys.virial)):
        if key is not None and not named[label][key]:
            raise DataError(f"{path}: no structure has anything that is named {key!r}")
    if keys.distance is not None and not measured:
        raise DataError(f"{path}: no structure has a number that is named {keys.distance!r}")
    free = free and not referenced
    if free and keys.energy is None:
        named["energy"] = Counter({"free_energy": frames})
    return Survey(str(path), frames, free, referenced, named)


def stream(found: Survey, keys: Keys = Keys()) -> Iterator[Labelled | Skipped]:
    """Read the structures of a file in order, one in memory at a time; those without usable labels are told.

    Parameters
    ----------
    found : Survey
        Of this file.
    keys : Keys, optional
    """
    for index, atoms in enumerate(each_structure(found.path)):
        source = f"{found.path}: frame {index} ({atoms.get_chemical_formula()})"
        try:
            yield _labelled(atoms, source, found, keys)
        except DataError as error:
            yield Skipped(source, str(error).removeprefix(source).strip())


def _labelled(atoms: Atoms, source: str, found: Survey, keys: Keys) -> Labelled | Skipped:
    if not len(atoms):
        return Skipped(source, "has no atoms")
    if (atoms.numbers == 0).any():
        return Skipped(source, "has an atom of species X, which is no element")
    if keys.energy is None and found.referenced and not has_reference(atoms, ENERGY_KEYS):
        return Skipped(source, "has no energy that is named a reference, which others have")
    energy = (
        label_of(atoms, "free_energy" if found.free else "energy", ENERGY_KEYS, atoms.info)
        if keys.energy is None
        else under(atoms, keys.energy)
    )
    forces = label_of(atoms, "forces", FORCES_KEYS, atoms.arrays) if keys.forces is None else under(atoms, keys.forces)
    numbers = {} if energy is None else {"energy": np.asarray(energy, float)}
    if forces is not None:
        numbers["forces"] = np.asarray(forces, float)
    stress = stress_of(atoms, source) if keys.stress is None and keys.virial is None else _named_stress(atoms, keys)
    if stress is not None:
        numbers["stress"] = stress
    if not numbers:
        return Skipped(source, "has no label")
    if "energy" in numbers and numbers["energy"].size != 1:
        return Skipped(source, f"has an energy of shape {numbers['energy'].shape}")
    if "forces" in numbers and numbers["forces"].shape != (len(atoms), 3):
        return Skipped(source, f"has forces of shape {numbers['forces'].shape}")
    for name, array in {"positions": atoms.positions, "cell": atoms.cell.array, **numbers}.items():
        if not np.isfinite(array).all():
            return Skipped(source, f"holds {name} not finite")
    return Labelled(
        Atoms(atoms.numbers, atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc),
        numbers["energy"].item() if "energy" in numbers else None,
        numbers.get("forces"),
        stress,
        str(atoms.info.get(keys.by, "")),
        source,
        _distance(atoms, keys.distance),
    )


def _distance(atoms: Atoms, key: str | None) -> float | None:
    """Return how far a structure is from the training set: a number, or the largest of numbers of its atoms."""
    found = None if key is None else under(atoms, key)
    try:
        numbers = np.asarray([] if found is None else found, float)
    except (TypeError, ValueError):
        return None
    return float(numbers.max()) if numbers.size and np.isfinite(numbers).all() else None


def _names(atoms: Atoms, keys: Keys) -> dict[str, str]:
    """Return under which name each label of a structure stands."""
    guessed = {
        "energy": named_label(atoms, "energy", ENERGY_KEYS, atoms.info),
        "forces": named_label(atoms, "forces", FORCES_KEYS, atoms.arrays),
        "stress": named_stress(atoms),
    }
    names = {label: found[0] for label, found in guessed.items() if found is not None}
    wanted = {"energy": keys.energy, "forces": keys.forces, "stress": keys.stress or keys.virial}
    for label, key in wanted.items():
        if key is not None:
            names.pop(label, None)
            if under(atoms, key) is not None:
                names[label] = key
    return names


def _named_stress(atoms: Atoms, keys: Keys) -> FloatArray | None:
    """Return the stress that stands under the key asked for; None where the structure has no volume or no stress."""
    if not atoms.pbc.all() or not abs(atoms.cell.volume) > 0.0:
        return None
    key, factor = (keys.stress, 1.0) if keys.stress is not None else (keys.virial, -1.0 / abs(atoms.cell.volume))
    label = None if key is None else under(atoms, key)
    return None if label is None else symmetric(factor * np.asarray(label, float), "it")
