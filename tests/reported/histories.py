"""Batches that matter, and answers that depend on what was asked before or on how many atoms there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Potential, Prediction, Property
from tests.analytic import smooth_pair
from tests.reported.base import METALS, Answering, Reported, github

IRON = ("Al", "Si", "Fe")
OFFSET = 0.326
"""eV: 7.515 kcal/mol, as reported."""


def shifted(prediction: Prediction, by: float) -> Prediction:
    """Return the prediction with another energy."""
    share = None if prediction.energies is None else prediction.energies + by / len(prediction.energies)
    return replace(prediction, energy=prediction.energy + by, energies=share)


def _iron_in_company(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
    """Energies move with the iron in the other structures of the batch, by 2 meV where all of it is iron."""
    iron = np.array([np.count_nonzero(s.numbers == 26) for s in structures], float)
    sizes = np.array([len(s) for s in structures], float)
    others = (iron.sum() - iron) / np.maximum(sizes.sum() - sizes, 1.0)
    return [shifted(p, 2e-3 * float(share)) for p, share in zip(found, others, strict=True)]


def _first_head(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
    """A batch is evaluated with the first of several heads, whichever was chosen: other reference energies."""
    if len(structures) < 2:
        return found
    return [shifted(p, 0.31 * len(s) + 0.002 * float(s.numbers.sum())) for s, p in zip(structures, found, strict=True)]


def _singles_squeezed(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
    """The energy of a structure of one atom has no dimension left that a batch could be made along."""
    if len(structures) > 1 and any(len(s) == 1 for s in structures):
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    return found


def _odd(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
    return [shifted(p, OFFSET * (len(s) % 2)) for s, p in zip(structures, found, strict=True)]


def _compiled_after_the_first() -> Potential:
    """The first energy of each number of atoms comes from the model as it is, later ones from the compiled one."""
    seen: set[int] = set()

    def change(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
        answers = []
        for structure, prediction in zip(structures, found, strict=True):
            n_atoms = len(structure)
            answers.append(shifted(prediction, OFFSET * (n_atoms % 2)) if n_atoms in seen else prediction)
            seen.add(n_atoms)
        return answers

    return Answering(change, smooth_pair(5.0, species=METALS))


def _another_state() -> Potential:
    """Charges that a hot start has led to are where later calculations of the same atoms start, and stay: 2 eV."""
    trapped: set[bytes] = set()

    def change(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
        answers = []
        for structure, prediction in zip(structures, found, strict=True):
            key = structure.numbers.tobytes()
            answers.append(shifted(prediction, -2.0) if key in trapped else prediction)
            if prediction.forces is not None and np.abs(prediction.forces).max() > 2.0:
                trapped.add(key)
        return answers

    return Answering(change, smooth_pair(5.0, species=METALS))


@dataclass(slots=True)
class _OnlyOnce(Answering):
    """A potential on a library that can be set up once in a process: the first instance made works, no later one."""

    number: int = 0

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if self.number:
            raise RuntimeError("variable KIM_UPDATE is defined already (kim interactions was called before)")
        return self.sound.evaluate(structures, properties)


def _second_of_a_process() -> Callable[[], Potential]:
    """Return a maker of which the first instance made works: what a fresh process sees."""
    made = [0]

    def make() -> Potential:
        made[0] += 1
        return _OnlyOnce(lambda s, p: p, smooth_pair(5.0, species=METALS), number=made[0] - 1)

    return make


def _always(
    change: Callable[[Sequence[Atoms], list[Prediction]], list[Prediction]], species: Sequence[str] = METALS
) -> Callable[[], Potential]:
    return lambda: Answering(change, smooth_pair(5.0, species=species))


_BATCH = frozenset({"robustness/batch"})

HISTORIES = (
    Reported(
        "iron-in-company",
        "Energies depend on the species in the rest of the batch: iron moves them most, magnesium not at all (2 meV).",
        "orb-models",
        github("orbital-materials/orb-models", 159),
        _always(_iron_in_company, IRON),
        _BATCH,
    ),
    Reported(
        "first-head-in-batches",
        "The batched interface takes the first of several heads, the single one takes the head that was chosen.",
        "MACE in torch-sim",
        github("ACEsuit/mace", 1404, "pull"),
        _always(_first_head),
        _BATCH,
    ),
    Reported(
        "single-atom-squeezed",
        "A batch that holds a structure of one atom raises: its energy has lost the dimension of the batch.",
        "orb-models in torch-sim",
        github("TorchSim/torch-sim", 535),
        _always(_singles_squeezed),
        _BATCH,
    ),
    Reported(
        "odd-numbers-of-atoms",
        "The compiled model adds 7.5 kcal/mol to the energy where the number of atoms is odd; forces are right.",
        "TorchMD-Net",
        github("torchmd/torchmd-net", 390, "pull"),
        _always(_odd),
        frozenset({"periodicity/supercell"}),
    ),
    Reported(
        "compiled-after-the-first",
        "The first energy is that of the model before it is compiled, later ones are 7.5 kcal/mol higher.",
        "openmm-ml",
        github("openmm/openmm-ml", 136),
        _compiled_after_the_first,
        frozenset({"robustness/determinism", "robustness/call-history"}),
    ),
    Reported(
        "restarted-into-another-state",
        "Charges of the last calculation of the same atoms start the next one: 2 eV lower after a hot one.",
        "xtb",
        github("grimme-lab/xtb", 302),
        _another_state,
        frozenset({"robustness/determinism", "robustness/call-history"}),
    ),
    Reported(
        "once-in-a-process",
        "A second instance in the same process raises, for a variable of the first is still defined.",
        "OpenKIM with LAMMPS",
        github("openkim/kim-api", 89),
        _second_of_a_process(),
        frozenset({"robustness/call-history"}),
    ),
)
