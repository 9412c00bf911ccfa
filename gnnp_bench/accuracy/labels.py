"""Labels in a file: under which names they stand, and what counts as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress

from gnnp_bench.potential import FloatArray, PotentialError
from gnnp_bench.structures.reading import structures_in

ENERGY_KEYS = ("REF_energy", "ref_energy", "dft_energy", "DFT_energy", "energy", "Energy", "total_energy")
_REFERENCES = ("REF", "ref", "dft", "DFT")
FORCES_KEYS = (*(f"{r}_{word}" for word in ("forces", "force") for r in _REFERENCES), "forces", "Forces", "force")
STRESS_KEYS = (*(f"{r}_stress" for r in _REFERENCES), "stress")
VIRIAL_KEYS = (*(f"{r}_{word}" for word in ("virial", "virials") for r in _REFERENCES), "virial", "virials")
"""Where labels stand in files that keep them out of ASE's reach, so that no calculator takes them for its own."""


class DataError(PotentialError):
    """Labelled data cannot be used. The message says why and how to mend it, in one line."""


def each_structure(path: str | Path) -> Iterator[Atoms]:
    """Yield the structures of a file, which ASE reads one at a time where the format allows it."""
    if not Path(path).is_file():
        raise DataError(f"{path} is a folder, not a file" if Path(path).is_dir() else f"there is no file {path}")
    try:
        yield from structures_in(path)
    except Exception as error:  # ASE's readers fail in any way
        reason = str(error) or type(error).__name__
        if Path(path).stat().st_size == 0:
            reason = "the file is empty"
        raise DataError(f"{path} could not be read by ASE: {reason}") from error


def results_of(atoms: Atoms) -> Mapping[str, Any]:
    """Return what ASE read as results of a calculator."""
    return {} if atoms.calc is None else atoms.calc.results


def label_of(atoms: Atoms, name: str | None, keys: Iterable[str], store: Mapping[str, Any]) -> Any:
    """Return the label that `named_label` finds, or None."""
    found = named_label(atoms, name, keys, store)
    return None if found is None else found[1]


def named_label(
    atoms: Atoms, name: str | None, keys: Iterable[str], store: Mapping[str, Any]
) -> tuple[str, Any] | None:
    """Return what stands under a key that names a reference, else what ASE reads as a result, else under another.

    With it the name under which it stands.
    """
    present = [key for key in keys if key in store and is_label(store[key])]
    explicit = next((key for key in present if names_a_reference(key)), None)
    if explicit is None and name is not None and is_label(results_of(atoms).get(name)):
        return name, results_of(atoms)[name]
    key = explicit or next(iter(present), None)
    return None if key is None else (key, store[key])


def names_a_reference(key: str) -> bool:
    """Return whether a name says that a label is a reference."""
    return key.lower().startswith(("ref_", "dft_"))


def has_reference(atoms: Atoms, keys: Iterable[str]) -> bool:
    """Return whether a label stands under one of these keys that names a reference."""
    return any(names_a_reference(key) and is_label(atoms.info.get(key)) for key in keys)


def is_label(value: Any) -> bool:
    """Return whether there are numbers: ASE reads a missing value back as True, and others write words for it."""
    try:
        array = np.asarray(value)
        return value is not None and array.dtype != bool and bool(np.asarray(value, float).size)
    except (TypeError, ValueError):
        return False


def under(atoms: Atoms, key: str) -> Any:
    """Return what stands under a key, wherever a file may have put it; None where there are no numbers."""
    for store in (atoms.info, atoms.arrays, results_of(atoms)):
        if is_label(store.get(key)):
            return store[key]
    return None


def stress_of(atoms: Atoms, where: str) -> FloatArray | None:
    """Return the stress as a symmetric matrix; a virial, compression-positive, is divided by −V."""
    found = named_stress(atoms)
    return None if found is None else symmetric(found[1], where)


def named_stress(atoms: Atoms) -> tuple[str, FloatArray] | None:
    """Return the name under which a stress or virial stands, and the stress, in whatever shape."""
    if not atoms.pbc.all() or not abs(atoms.cell.volume) > 0.0:
        return None
    named = has_reference(atoms, (*ENERGY_KEYS, *STRESS_KEYS, *VIRIAL_KEYS))
    # Beside an energy that is named a reference, a stress that is not is of some other calculator.
    keys = [key for key in STRESS_KEYS if not named or names_a_reference(key)]
    found, factor = named_label(atoms, None if named else "stress", keys, atoms.info), 1.0
    if found is None:
        keys = [key for key in VIRIAL_KEYS if not named or names_a_reference(key)]
        found, factor = named_label(atoms, None, keys, atoms.info), -1.0 / abs(atoms.cell.volume)
    return None if found is None else (found[0], factor * np.asarray(found[1], float))


def symmetric(array: FloatArray, where: str) -> FloatArray:
    """Return a stress of six or nine components as a symmetric (3, 3) array.

    Raises
    ------
    DataError
        It has another number of components.
    """
    if array.size not in (6, 9):
        raise DataError(f"{where} has a stress of shape {array.shape}, not (6,) or (3, 3)")
    full: FloatArray = voigt_6_to_full_3x3_stress(array.ravel()) if array.size == 6 else array.reshape(3, 3)
    return 0.5 * (full + full.T)
