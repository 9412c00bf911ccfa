"""Answers that are infinite, doubled, sorted or rounded; species taken for others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Potential, Prediction, Property
from tests.analytic import smooth_pair
from tests.analytic.graph import DType
from tests.mutants import plant
from tests.reported.base import METALS, ORGANIC, Answering, Reported, each, github
from tests.reported.histories import shifted


def _nonsense(prediction: Prediction, energy: float) -> Prediction:
    forces = None if prediction.forces is None else np.full_like(prediction.forces, np.nan)
    return replace(prediction, energy=energy, forces=forces)


def _two_atoms(structure: Atoms, prediction: Prediction) -> Prediction:
    if len(structure) == 2 and not structure.pbc.any() and len(set(structure.numbers)) == 1:
        return _nonsense(prediction, -np.inf)
    return prediction


def _wide_box(structure: Atoms, prediction: Prediction) -> Prediction:
    wide = structure.cell.lengths()[structure.pbc].max(initial=0.0) > 200.0
    return _nonsense(prediction, np.nan) if wide else prediction


def _counted_from_both_ends(structure: Atoms, prediction: Prediction) -> Prediction:
    return replace(prediction, energy=2.0 * prediction.energy, energies=None)


def _single_from_a_table(structure: Atoms, prediction: Prediction) -> Prediction:
    """A single atom is looked up in a table of reference energies: half an eV from what the model tends to."""
    single = len(structure) == 1 and not structure.pbc.any()
    return shifted(prediction, -0.5) if single else prediction


def _sorted_energies(structure: Atoms, prediction: Prediction) -> Prediction:
    if prediction.energies is None:
        return prediction
    return replace(prediction, energies=prediction.energies[np.argsort(structure.numbers, kind="stable")])


def _energies_of_others(structure: Atoms, prediction: Prediction) -> Prediction:
    """Energies of the atoms lack what is tallied elsewhere; their sum is not the energy."""
    if prediction.energies is None:
        return prediction
    return replace(prediction, energies=prediction.energies * np.where(np.arange(len(structure)) % 2, 0.5, 1.0))


@dataclass(slots=True)
class _Reading(Answering):
    """A sound potential that reads other structures than it is given."""

    read: Callable[[Atoms], Atoms] = lambda structure: structure

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return self.change(structures, self.sound.evaluate([self.read(s) for s in structures], properties))


def reading(
    read: Callable[[Atoms], Atoms], species: Sequence[str] = METALS, dtype: DType | None = None
) -> Callable[[], Potential]:
    """Return the maker of a potential that reads other structures than it is given, and may declare its precision."""
    return lambda: _Reading(lambda s, p: p, smooth_pair(5.0, species=species), dtype=dtype, read=read)


def _sorted_species(structure: Atoms) -> Atoms:
    changed: Atoms = structure.copy()
    changed.numbers = np.sort(structure.numbers)
    return changed


def _exchanged(structure: Atoms) -> Atoms:
    changed: Atoms = structure.copy()
    changed.numbers = np.select([structure.numbers == 29, structure.numbers == 79], [79, 29], structure.numbers)
    return changed


def _positions_in_float32(structure: Atoms) -> Atoms:
    changed: Atoms = structure.copy()
    changed.positions = structure.positions.astype(np.float32)
    changed.set_cell(structure.cell.array.astype(np.float32))
    return changed


def _total_in_float32(structure: Atoms, prediction: Prediction) -> Prediction:
    """Self energies, −500 Ha for an atom of aluminium, are added in float32."""
    own = np.float32((-13_600.0 * structure.numbers / 13.0).sum())
    return replace(prediction, energy=float(np.float32(prediction.energy) + own), energies=None)


REFERENCES = {1: 0.4, 6: -1.3, 8: 2.2}
"""eV, how far reference energies are off once they are those of other species."""


def _references_of_others(structure: Atoms, prediction: Prediction) -> Prediction:
    return shifted(prediction, float(sum(REFERENCES[int(number)] for number in structure.numbers)))


def _charge_ignored(structure: Atoms) -> Atoms:
    return structure


def _lab_axes() -> Potential:
    """Dipoles are pairs of charges displaced along fixed axes, in structures without periodic directions."""
    sound = smooth_pair(5.0, species=ORGANIC)
    turned = plant("cubic-harmonic", sound, 2e-3)

    @dataclass(slots=True)
    class Turned(Answering):
        def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            by = [sound if s.pbc.any() else turned for s in structures]
            return [p.evaluate([s], properties)[0] for p, s in zip(by, structures, strict=True)]

    return Turned(lambda s, p: p, sound)


_NONE: frozenset[str] = frozenset()

OUTPUTS = (
    Reported(
        "two-atoms-minus-infinity",
        "An isolated molecule of two like atoms has an energy of −inf and forces that are NaN.",
        "AIMNet2",
        github("isayevlab/AIMNet2", 36),
        each(_two_atoms, ORGANIC),
        frozenset({"robustness/finite-output"}),
    ),
    Reported(
        "wide-box-nan",
        "A molecule in a periodic box of 264 Å has an energy and forces that are NaN.",
        "AIMNet2",
        github("isayevlab/AIMNet2", 47),
        each(_wide_box, ORGANIC),
        frozenset({"robustness/finite-output", "periodicity/partial"}),
    ),
    Reported(
        "counted-from-both-ends",
        "The energy counts each pair twice, forces and stress count it once.",
        "InteratomicPotentials.jl",
        github("cesmix-mit/InteratomicPotentials.jl", 21),
        each(_counted_from_both_ends),
        frozenset({"conservation/force-gradient", "conservation/path-work"}),
    ),
    Reported(
        "single-atom-from-a-table",
        "An isolated atom is not evaluated but looked up among energies of another calculation: 0.5 eV off.",
        "fairchem",
        github("facebookresearch/fairchem", 1388),
        each(_single_from_a_table),
        frozenset({"locality/detached-atom"}),
        why="No law compares an isolated atom with one that is far from all others.",
    ),
    Reported(
        "energies-of-atoms-sorted",
        "Energies of the atoms come in another order than the atoms.",
        "metatomic",
        github("metatensor/metatomic", 8),
        each(_sorted_energies),
        frozenset({"symmetry/permutation"}),
    ),
    Reported(
        "energies-of-atoms-too-small",
        "Energies of every other atom are too small: their sum is not the energy, which is right.",
        "LAMMPS GPU package",
        github("lammps/lammps", 3813),
        each(_energies_of_others),
        frozenset({"symmetry/permutation", "periodicity/supercell"}),
    ),
    Reported(
        "species-in-order",
        "Species are taken in ascending order, positions as they come.",
        "dpdata",
        github("deepmodeling/dpdata", 98),
        reading(_sorted_species),
        frozenset({"symmetry/permutation"}),
    ),
    Reported(
        "positions-in-float32",
        "Positions are wrapped in float32, and all the rest is done in float64.",
        "SevenNet in torch-sim",
        github("TorchSim/torch-sim", 437),
        reading(_positions_in_float32, dtype="float64"),
        frozenset({"robustness/precision"}),
    ),
    Reported(
        "self-energies-in-float32",
        "Self energies of hundreds of Hartree are added in float32: more than 1 kcal/mol is lost.",
        "TorchANI",
        github("aiqm/torchani", 199),
        each(_total_in_float32),
        frozenset({"conservation/force-gradient", "periodicity/supercell"}),
    ),
    Reported(
        "rotated-molecules",
        "Dipoles are charges displaced along fixed axes where nothing is periodic: rotating SO2 changes it by 2 meV.",
        "MACE-POLAR",
        github("ACEsuit/mace", 1719),
        _lab_axes,
        frozenset({"symmetry/rotation", "symmetry/net-torque"}),
    ),
    Reported(
        "references-in-another-order",
        "Reference energies of the species are sorted when data are loaded, and belong to others from then on.",
        "TorchANI",
        github("aiqm/torchani", 503),
        each(_references_of_others, ORGANIC),
        _NONE,
        why="A constant for each species obeys every law. It shows against reference energies, not against physics.",
    ),
    Reported(
        "copper-taken-for-gold",
        "Two species are exchanged, for the order of a file was taken for that of the model.",
        "NequIP in abICS",
        github("issp-center-dev/abICS", 85, "pull"),
        reading(_exchanged),
        _NONE,
        why="A potential that takes copper for gold everywhere is a sound potential of other elements. It shows against"
        " reference energies or lattice constants.",
    ),
    Reported(
        "charge-ignored",
        "The charge that was set never reaches the model: every charge has the same energy.",
        "AIMNet2",
        github("isayevlab/AIMNet2", 52),
        reading(_charge_ignored, ORGANIC),
        _NONE,
        why="A potential may well not know of charges. It shows against reference energies of ions.",
    ),
)
