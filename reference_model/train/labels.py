"""Labels in a file: under which names they stand, what of them can be used, and what was left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import iread
from ase.stress import voigt_6_to_full_3x3_stress

from gnnp_bench.potential import FloatArray, PotentialError

ENERGY_KEYS = ("REF_energy", "ref_energy", "dft_energy", "DFT_energy", "energy", "Energy", "total_energy")
_REFERENCES = ("REF", "ref", "dft", "DFT")
FORCES_KEYS = (*(f"{r}_{word}" for word in ("forces", "force") for r in _REFERENCES), "forces", "Forces", "force")
STRESS_KEYS = (*(f"{r}_stress" for r in _REFERENCES), "stress")
VIRIAL_KEYS = (*(f"{r}_{word}" for word in ("virial", "virials") for r in _REFERENCES), "virial", "virials")
"""Where labels stand in files that keep them out of ASE's reach, so that no calculator takes them for its own."""

STATE_KEYS = ("charge", "total_charge", "spin", "multiplicity", "magmom")


class DataError(PotentialError):
    """Training data cannot be used. The message says why and how to mend it, in one line."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One labelled structure.

    Attributes
    ----------
    structure : Atoms
        Without calculator.
    energy : float, eV
    forces : (n_atoms, 3) array, eV/Å
    stress : (3, 3) array, eV/Å³, or None
        Tension-positive; None where there is no label, or no volume.
    config_type : str
        The group that it belongs to in reports; "" where the file names none.
    source : str
        Where it stands: the file, and its place in it, counted from zero.
    state : str
        What the file says of its electrons, such as "charge 1"; the reference potential does not read it.
    """

    structure: Atoms
    energy: float
    forces: FloatArray
    stress: FloatArray | None
    config_type: str
    source: str = ""
    state: str = ""


def read_frames(path: str | Path) -> tuple[list[Frame], list[str]]:
    """Read labelled structures from any file that ASE can read.

    Labels under names such as REF_energy, REF_forces, REF_stress come first, for what stands beside them is of some
    other calculator. Otherwise the energy is the free energy where every frame has one, for that is what forces are
    the derivative of.

    Returns
    -------
    frames : list of Frame
    remarks : list of str
        What was left out, and what was taken where there was a choice, one sentence each.

    Raises
    ------
    DataError
        The file is missing, unreadable or empty, a frame lacks energy or forces or holds an atom of no element, or
        nothing is left of it.
    """
    raw = _read(path)
    free = all("free_energy" in _results(atoms) for atoms in raw)
    # What fails in a reference calculation is often left in a file, with the energy of what made the structure.
    referenced = [_has_reference(atoms, ENERGY_KEYS) for atoms in raw]
    nameless: list[int] = []
    skipped: list[int] = []
    unstressed: list[int] = []
    frames: list[Frame] = []
    for index, atoms in enumerate(raw):
        where = f"{path}: frame {index} ({atoms.get_chemical_formula()})"
        if (atoms.numbers == 0).any():
            raise DataError(f"{where} has an atom of species X, which is no element: name it, or remove the frame")
        if any(referenced) and not referenced[index]:
            nameless.append(index)
            continue
        energy, forces = _energy_and_forces(atoms, where, free=free)
        numbers = (atoms.positions, atoms.cell.array, forces, energy)
        if not all(np.isfinite(array).all() for array in numbers):
            skipped.append(index)
            continue
        stress = _stress(atoms, where)
        if stress is not None and not np.isfinite(stress).all():
            unstressed.append(index)
            stress = None
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell.array, pbc=atoms.pbc)
        config_type = str(atoms.info.get("config_type", ""))
        source = f"{path}: frame {index}"
        frames.append(Frame(bare, energy.item(), forces, stress, config_type, source, _state(atoms)))
    if not frames:
        raise DataError(f"{path}: all frames ({len(raw)}) hold labels or positions that are not finite")
    remarks = []
    if nameless:
        remarks.append(f"{path}: {_counted(nameless)} skipped: others have an energy that is named a reference")
    if unnamed := sum(_plain_stress(atoms) for atoms in itertools.compress(raw, referenced)):
        counted = f"{unnamed} frame{'s' * (unnamed != 1)}"
        remarks.append(f"{path}: the stress of {counted} left out: it is not named a reference, the energy is")
    if skipped:
        remarks.append(f"{path}: {_counted(skipped)} skipped: labels or positions that are not finite")
    if unstressed:
        remarks.append(f"{path}: the stress of {_counted(unstressed)} left out: it is not finite")
    if not any(referenced):
        remarks += [f"{path}: {remark}" for remark in _which_energy(raw, free=free)]
    remarks += [f"{path}: {remark}" for remark in _how_many_stresses(frames)]
    return frames, remarks


def _energy_and_forces(atoms: Atoms, where: str, *, free: bool) -> tuple[FloatArray, FloatArray]:
    energy = _label(atoms, "free_energy" if free else "energy", ENERGY_KEYS, atoms.info)
    if energy is None:
        raise DataError(f"{where} has no energy; name it 'energy' (eV) in the file")
    forces = _label(atoms, "forces", FORCES_KEYS, atoms.arrays)
    if forces is None and len(atoms) == 1:
        forces = np.zeros((1, 3))
    if forces is None:
        raise DataError(f"{where} has no forces; name them 'forces' (eV/Å) in the file")
    energy, forces = np.asarray(energy, float), np.asarray(forces, float)
    if forces.shape != (len(atoms), 3) or energy.size != 1:
        raise DataError(f"{where} has forces of shape {forces.shape} and energies of shape {energy.shape}")
    return energy, forces


def _which_energy(raw: Sequence[Atoms], *, free: bool) -> list[str]:
    """Return which of two energies was taken, where a file holds both and they differ."""
    with_free = [atoms for atoms in raw if _is_label(_results(atoms).get("free_energy"))]
    both = [atoms for atoms in with_free if _is_label(_results(atoms).get("energy"))]
    apart = [abs(_results(a)["energy"] - _results(a)["free_energy"]) / len(a) for a in both]
    if not free and with_free:
        return [
            f"energies are those named 'energy', for {len(with_free)} of {len(raw)} frames alone have a free_energy"
        ]
    if max(apart, default=0.0) > 0.0:
        return [
            "energies are those named 'free_energy', which forces are the derivative of; what is named 'energy' beside"
            f" them differs by up to {1e3 * max(apart):.3g} meV/atom"
        ]
    return []


def _how_many_stresses(frames: Sequence[Frame]) -> list[str]:
    """Return how many stresses were read, where some periodic structures have one and some have none."""
    periodic = [frame for frame in frames if frame.structure.pbc.all()]
    stressed = sum(frame.stress is not None for frame in periodic)
    if stressed in (0, len(periodic)):
        return []
    return [f"{stressed} of {len(periodic)} periodic structures have a stress; the others are used without"]


def _state(atoms: Atoms) -> str:
    """Return what a frame says of its electrons, in words."""
    said = [f"{key} {atoms.info[key]}" for key in STATE_KEYS if key in atoms.info]
    return ", ".join(said)


def _read(path: str | Path) -> list[Atoms]:
    if not Path(path).is_file():
        raise DataError(f"{path} is a folder, not a file" if Path(path).is_dir() else f"there is no file {path}")
    try:
        frames = list(iread(path, ":", do_not_split_by_at_sign=True))
    except Exception as error:  # ASE's readers fail in any way
        reason = str(error) or type(error).__name__
        if Path(path).stat().st_size == 0:
            reason = "the file is empty"
        raise DataError(f"{path} could not be read by ASE: {reason}") from error
    frames = [atoms for atoms in frames if len(atoms)]
    if not frames:
        raise DataError(f"{path} holds no structure")
    return frames


def _results(atoms: Atoms) -> Mapping[str, Any]:
    return {} if atoms.calc is None else atoms.calc.results


def _label(atoms: Atoms, name: str | None, keys: Iterable[str], store: Mapping[str, Any]) -> Any:
    """Return what stands under a key that names a reference, else what ASE reads as a result, else under another."""
    present = [key for key in keys if key in store and _is_label(store[key])]
    explicit = next((key for key in present if _names_a_reference(key)), None)
    if explicit is None and name is not None and _is_label(_results(atoms).get(name)):
        return _results(atoms)[name]
    return store[explicit or present[0]] if present else None


def _names_a_reference(key: str) -> bool:
    return key.lower().startswith(("ref_", "dft_"))


def _has_reference(atoms: Atoms, keys: Iterable[str]) -> bool:
    """Return whether a label stands under one of these keys that names a reference."""
    return any(_names_a_reference(key) and _is_label(atoms.info.get(key)) for key in keys)


def _plain_stress(atoms: Atoms) -> bool:
    """Return whether there is a stress, but none that is named a reference."""
    keys = (*STRESS_KEYS, *VIRIAL_KEYS)
    plain = _is_label(_results(atoms).get("stress")) or any(_is_label(atoms.info.get(key)) for key in keys)
    return bool(atoms.pbc.all()) and plain and not _has_reference(atoms, keys)


def _is_label(value: Any) -> bool:
    """Return whether there are numbers: ASE reads a missing value back as True, and others write words for it."""
    try:
        array = np.asarray(value)
        return value is not None and array.dtype != bool and bool(np.asarray(array, float).size)
    except (TypeError, ValueError):
        return False


def _stress(atoms: Atoms, where: str) -> FloatArray | None:
    """Return the stress as a symmetric matrix; a virial, compression-positive, is divided by −V."""
    if not atoms.pbc.all() or not abs(atoms.cell.volume) > 0.0:
        return None
    named = _has_reference(atoms, (*ENERGY_KEYS, *STRESS_KEYS, *VIRIAL_KEYS))
    # Beside an energy that is named a reference, a stress that is not is of some other calculator.
    keys = [key for key in STRESS_KEYS if not named or _names_a_reference(key)]
    label, factor = _label(atoms, None if named else "stress", keys, atoms.info), 1.0
    if label is None:
        keys = [key for key in VIRIAL_KEYS if not named or _names_a_reference(key)]
        label, factor = _label(atoms, None, keys, atoms.info), -1.0 / abs(atoms.cell.volume)
    if label is None:
        return None
    array = factor * np.asarray(label, float)
    if array.size not in (6, 9):
        raise DataError(f"{where} has a stress of shape {array.shape}, not (6,) or (3, 3)")
    full: FloatArray = voigt_6_to_full_3x3_stress(array.ravel()) if array.size == 6 else array.reshape(3, 3)
    return 0.5 * (full + full.T)


def _counted(indices: Sequence[int]) -> str:
    shown = ", ".join(str(index) for index in indices[:10]) + (", …" if len(indices) > 10 else "")
    return f"{len(indices)} frame{'s' if len(indices) > 1 else ''} ({shown})"
