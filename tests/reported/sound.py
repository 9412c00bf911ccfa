"""What users reported and was no defect: sound variants that have to be certified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import voigt_6_to_full_3x3_stress
from ase.units import Hartree

from gnnp_bench.potential import FloatArray, Potential, Prediction
from tests.analytic import smooth_pair
from tests.analytic.graph import Graph, Real, sum_by
from tests.reported.base import METALS, ORGANIC, each, github, on_graph
from tests.reported.calculators import Sound, adapted
from tests.reported.histories import shifted
from tests.reported.surfaces import _switched_core


@dataclass(frozen=True, slots=True)
class NoDefect:
    """A report that was of no defect, as a sound potential.

    Attributes
    ----------
    name : str
    what : str
        What was reported, and why it is none.
    package, link : str
    make : callable
    """

    name: str
    what: str
    package: str
    link: str
    make: Callable[[], Potential]


def _other_reference(structure: Atoms, prediction: Prediction) -> Prediction:
    per_species = {6: -155.03, 1: -13.6, 8: -432.7}
    return shifted(prediction, float(sum(per_species[int(number)] for number in structure.numbers)))


class FullTensor(Sound):
    """Gives its stress as a matrix."""

    def answers(self, atoms: Atoms) -> dict[str, Any]:
        results = Sound.answers(self, atoms)
        if "stress" in results:
            results["stress"] = voigt_6_to_full_3x3_stress(results["stress"])
        return results


class NeverCaches(Sound):
    """Calculates anew whenever it is asked."""

    def calculation_required(self, atoms: Atoms, properties: Sequence[str]) -> bool:
        return True

    def get_property(self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True) -> Any:
        self.reset()
        return Calculator.get_property(self, name, atoms, allow_calculation)


class InHartree(Sound):
    """Works in Hartree inside, and converts the energy before forces are derived from it."""

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Any = all_changes
    ) -> None:
        Calculator.calculate(self, atoms, properties, system_changes)
        inside = {name: value / Hartree for name, value in self.answers(self.structure()).items()}
        self.results = {name: value * Hartree for name, value in inside.items()}


def _masked_list(graph: Graph) -> tuple[Real, Real]:
    """A list that goes on for 1 Å beyond the cutoff of the formula, which is zero there."""
    r = graph.distances
    t = np.clip((r - 3.5) / 1.5, 0.0, 1.0)
    cut, cut_slope = 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t * t), -20.0 * t**2 * (1.0 - t) ** 2
    decay = np.exp(-1.5 * (r - 2.7))
    value, slope = 0.3 * (decay * decay - 2.0 * decay), 0.9 * (decay - decay * decay)
    gradients: FloatArray = (0.5 * (slope * cut + value * cut_slope) / r)[:, None] * graph.vectors
    return sum_by(graph.centres, 0.5 * value * cut, graph.n_atoms), gradients


def _short_switch(graph: Graph) -> tuple[Real, Real]:
    """Switched off within the last half Å before the cutoff: steep, and smooth all the same."""
    r = graph.distances
    t = np.clip((r - 5.0) / 0.5, 0.0, 1.0)
    cut, cut_slope = 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t * t), -60.0 * t**2 * (1.0 - t) ** 2
    decay = np.exp(-1.5 * (r - 2.7))
    value, slope = 0.3 * (decay * decay - 2.0 * decay), 0.9 * (decay - decay * decay)
    gradients: FloatArray = (0.5 * (slope * cut + value * cut_slope) / r)[:, None] * graph.vectors
    return sum_by(graph.centres, 0.5 * value * cut, graph.n_atoms), gradients


def _float32(structure: Atoms, prediction: Prediction) -> Prediction:
    def rounded(values: FloatArray | None) -> FloatArray | None:
        return None if values is None else values.astype(np.float32).astype(float)

    return replace(prediction, forces=rounded(prediction.forces), stress=rounded(prediction.stress))


def _single() -> Potential:
    """Float32 throughout, and declared."""
    sound = smooth_pair(5.0, species=METALS, dtype="float32")
    return replace(sound, capabilities=replace(sound.capabilities, claims=frozenset()))


NO_DEFECTS = {
    one.name: one
    for one in (
        NoDefect(
            "another-reference",
            "Energies differ from a formation energy by electronvolts for each atom: another reference.",
            "CHGNet",
            github("CederGroupHub/chgnet", 92),
            each(_other_reference, ORGANIC),
        ),
        NoDefect(
            "stress-as-six-numbers",
            "Stress has six numbers, xx, yy, zz, yz, xz, xy: so do ASE's calculators.",
            "MACE",
            github("ACEsuit/mace", 259),
            adapted(Sound),
        ),
        NoDefect(
            "stress-as-a-matrix",
            "Stress is a matrix of nine numbers, which ASE takes as well.",
            "dftd4",
            github("dftd4/dftd4", 59),
            adapted(FullTensor),
        ),
        NoDefect(
            "nothing-cached",
            "Everything is calculated again whenever it is asked for: slow, and right.",
            "schnetpack",
            github("atomistic-machine-learning/schnetpack", 232),
            adapted(NeverCaches),
        ),
        NoDefect(
            "hartree-inside",
            "Forces seemed to lack a conversion from Hartree; the energy that they derive from has it.",
            "TorchANI",
            github("aiqm/torchani", 421, "pull"),
            adapted(InHartree),
        ),
        NoDefect(
            "longer-list-than-needed",
            "Two programs list different numbers of neighbours; those beyond the cutoff count for nothing.",
            "OpenMM, LAMMPS",
            github("openmm/openmm", 3074),
            on_graph(sound=replace(smooth_pair(6.0, species=METALS), kernel=_masked_list)),
        ),
        NoDefect(
            "steep-before-the-cutoff",
            "Forces look like steps where the switch spans half an Å: they are smooth on a finer scale.",
            "deepmd-kit, GPUMD",
            github("brucefan1983/GPUMD", 476),
            on_graph(sound=replace(smooth_pair(5.56, species=METALS), kernel=_short_switch)),
        ),
        NoDefect(
            "core-changes-the-minimum",
            "A repulsive core that reaches into the minimum moves it: another potential, and a consistent one.",
            "deepmd-kit",
            github("deepmodeling/deepmd-kit", 2647),
            on_graph(sound=replace(smooth_pair(5.0, species=METALS), kernel=_switched_core)),
        ),
        NoDefect(
            "energy-finer-than-forces",
            "Energies come in float64 and forces in float32, on purpose.",
            "fairchem",
            github("facebookresearch/fairchem", 1317),
            each(_float32),
        ),
        NoDefect(
            "single-precision",
            "Sums of terms in another order differ by rounding: stress is a small difference of large numbers.",
            "LAMMPS",
            github("lammps/lammps", 3157),
            _single,
        ),
    )
}
