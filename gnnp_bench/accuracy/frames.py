"""Structures to train on: all of a file in memory, each with energy and forces; what was left out is told."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from ase import Atoms

from gnnp_bench.accuracy.labels import (
    ENERGY_KEYS,
    FORCES_KEYS,
    STRESS_KEYS,
    VIRIAL_KEYS,
    DataError,
    each_structure,
    has_reference,
    is_label,
    label_of,
    results_of,
    stress_of,
)
from gnnp_bench.potential import FloatArray

STATE_KEYS = ("charge", "total_charge", "spin", "multiplicity", "magmom")


Group = tuple[str, frozenset[str]]
"""What structures share that were labelled alike: config type and species."""


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


class Grouped(Protocol):
    """What belongs to a group: a `Frame`, or a structure of `stream`."""

    @property
    def structure(self) -> Atoms:
        """Of which the species count."""

    @property
    def config_type(self) -> str:
        """As the file says."""


def group(one: Grouped) -> Group:
    """Return what structures share that were labelled alike: config type and species."""
    return one.config_type, frozenset(one.structure.get_chemical_symbols())


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
    free = all("free_energy" in results_of(atoms) for atoms in raw)
    # What fails in a reference calculation is often left in a file, with the energy of what made the structure.
    referenced = [has_reference(atoms, ENERGY_KEYS) for atoms in raw]
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
        stress = stress_of(atoms, where)
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
    energy = label_of(atoms, "free_energy" if free else "energy", ENERGY_KEYS, atoms.info)
    if energy is None:
        raise DataError(f"{where} has no energy; name it 'energy' (eV) in the file")
    forces = label_of(atoms, "forces", FORCES_KEYS, atoms.arrays)
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
    with_free = [atoms for atoms in raw if is_label(results_of(atoms).get("free_energy"))]
    both = [atoms for atoms in with_free if is_label(results_of(atoms).get("energy"))]
    apart = [abs(results_of(a)["energy"] - results_of(a)["free_energy"]) / len(a) for a in both]
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
    frames = [atoms for atoms in each_structure(path) if len(atoms)]
    if not frames:
        raise DataError(f"{path} holds no structure")
    return frames


def _plain_stress(atoms: Atoms) -> bool:
    """Return whether there is a stress, but none that is named a reference."""
    keys = (*STRESS_KEYS, *VIRIAL_KEYS)
    plain = is_label(results_of(atoms).get("stress")) or any(is_label(atoms.info.get(key)) for key in keys)
    return bool(atoms.pbc.all()) and plain and not has_reference(atoms, keys)


def _counted(indices: Sequence[int]) -> str:
    shown = ", ".join(str(index) for index in indices[:10]) + (", …" if len(indices) > 10 else "")
    return f"{len(indices)} frame{'s' if len(indices) > 1 else ''} ({shown})"
