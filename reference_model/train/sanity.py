"""Are the labels what they should be? Units, signs and the order of stress components, before anything is learnt.

A small network is fitted to the forces alone, for seconds. Its energies and stresses then follow from the forces by
physics, and can be held against their labels: what differs is a factor, a sign or an order. Whether energies *and*
forces are in another unit is told from how stiff matter is, and from total energies that count all electrons.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from gnnp_bench.accuracy import stresses
from gnnp_bench.accuracy.correlation import ratio_among
from gnnp_bench.accuracy.frames import Frame, Group, group
from gnnp_bench.accuracy.scales import (
    ENERGY_UNITS,
    FORCE_UNITS,
    all_electron_unit,
    expected_stiffness,
)
from gnnp_bench.potential import FloatArray
from reference_model.derivatives import predict
from reference_model.graph import collate, find_neighbours
from reference_model.model import Network
from reference_model.train.data import Sample, drawn_in_turn, rms_force
from reference_model.train.loop import Trainer
from reference_model.train.loss import Scales
from reference_model.train.metrics import Comparison, compare
from reference_model.train.recipe import Recipe
from reference_model.variants import hyperparameters

ATOMS, ATOMS_PER_STEP, STEPS, STEPS_PER_SPECIES = 3000, 100, 100, 100
"""How much the small network is fitted to, and how long."""
JUDGED_ATOMS, JUDGED_EACH = 20_000, 20
"""How many atoms it then judges, in at most so many structures of each group."""
EXPLAINED = 0.7
"""Share of the variance of forces that it must explain before it may judge."""
SPREAD = 0.8
"""Standard deviation of ln(stiffness / expected)."""
PRECISION = 0.2
"""Standard deviation of ln(energy / what follows from forces)."""
RARITY = {"kJ/mol": 2.0, "hartree/Å": 8.0}
"""Squared deviations by which kJ/mol, too near to kcal/mol to be told from stiffness alone, must fit better; and
hartree/Å, which no program writes, and which ionic hydrides and soft model potentials would be taken for."""
STIFF = 30
"""Structures whose stiffness is measured."""
DECISIVE = 4.0
"""Difference of squared deviations from which another unit is believed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the small network found.

    Attributes
    ----------
    explained : float
        Share of the variance of forces that it explains.
    stiffness : float
        Curvature of the energy over what is expected of these elements.
    energy_ratio : float or None
        Labelled energies over those that follow from forces; None where they are not correlated.
    all_electron : str or None
        The unit in which total energies are those of all electrons.
    stress : dict of group to stresses.Evidence
        For each of the `group`s of structures to train on that have stresses.
    elsewhere : dict of group to stresses.Evidence
        For groups whose stresses are not trained on. What is trained on must not depend on them.
    """

    explained: float
    stiffness: float
    energy_ratio: float | None
    all_electron: str | None
    stress: Mapping[Group, stresses.Evidence]
    elsewhere: Mapping[Group, stresses.Evidence] = field(default_factory=dict)


def examine(
    samples: Sequence[Sample], species: Sequence[str], cutoff: float, seed: int, others: Sequence[Sample] = ()
) -> Evidence | None:
    """Fit forces, and compare energies and stresses with what follows; None where forces vanish.

    Parameters
    ----------
    samples : sequence of Sample
        The training set, of which some are used.
    species : sequence of str
    cutoff : float, Å
    seed : int
    others : sequence of Sample
        For validation and test: the stresses of groups that are not trained on are judged, and nothing else.
    """
    chosen = drawn_in_turn(samples, ATOMS, len(samples), seed)
    force = rms_force(sample.frame for sample in chosen)
    if force < 1e-3:
        return None
    sizes = [len(sample.frame.structure) for sample in chosen]
    batch = max(1, min(len(chosen), round(ATOMS_PER_STEP / float(np.mean(sizes)))))
    neighbours = sum(2 * len(sample.neighbourhood.first) for sample in chosen) / sum(sizes)
    hyper = hyperparameters(species, "lmax2", cutoff=cutoff, n_channels=16, n_layers=1)
    network = Network(hyper, seed=seed, mean_neighbours=max(1.0, neighbours), energy_scale=force).float()
    # The repulsion of nuclei is in eV, which the labels perhaps are not.
    network.repulsion.charge.zero_()
    recipe = Recipe(
        variant="lmax2", seed=seed, loss="rmse", learning_rate=0.02, energy_weight=0.0, stress_weight=0.0, batch=batch
    )
    trainer = Trainer(network, chosen, recipe, Scales(force, 1.0))
    epochs = max(2, round((STEPS + STEPS_PER_SPECIES * len(species)) / trainer.steps_per_epoch))
    for _ in range(epochs):
        for _ in trainer.run_epoch(epochs):
            pass
    judge = trainer.average
    judged = drawn_in_turn(samples, JUDGED_ATOMS, JUDGED_EACH, seed)
    found = compare(judge, judged)
    stress, elsewhere = _stresses(found, judged), {}
    trained_on = {group(sample.frame) for sample in samples if sample.frame.stress is not None}
    if strange := [s for s in others if s.frame.stress is not None and group(s.frame) not in trained_on]:
        strange = drawn_in_turn(strange, JUDGED_ATOMS, JUDGED_EACH, seed)
        elsewhere = _stresses(compare(judge, strange), strange)
    residual = found.forces[1] - found.forces[0]
    return Evidence(
        explained=1.0 - float((residual**2).mean() / (found.forces[0] ** 2).mean()),
        stiffness=_stiffness(judge, chosen[:STIFF], seed) / expected_stiffness(_symbols(chosen[:STIFF])),
        energy_ratio=_energy_ratio(found, judged),
        all_electron=all_electron_unit(sample.frame for sample in judged),
        stress=stress,
        elsewhere=elsewhere,
    )


def complaints(evidence: Evidence | None) -> list[str]:
    """Return what is wrong with energies and forces, a sentence for each defect; nothing where nothing can be told."""
    if evidence is None or evidence.explained < EXPLAINED:
        return []
    if evidence.stiffness < 0.0:
        return ["the forces have the wrong sign: they are gradients, +dE/dx, and have to be multiplied by −1"]

    def misfit(energy: str, force: str) -> float:
        total = (math.log(evidence.stiffness * FORCE_UNITS[force]) / SPREAD) ** 2
        total += RARITY.get(energy, 0.0) + RARITY.get(force, 0.0)
        if evidence.energy_ratio is not None:
            implied = evidence.energy_ratio * ENERGY_UNITS[energy] / FORCE_UNITS[force]
            total += min(50.0, (math.log(abs(implied)) / PRECISION) ** 2)
        if evidence.all_electron is not None:
            total += 20.0 * (energy != evidence.all_electron)
        return total

    names = list(itertools.product(ENERGY_UNITS, FORCE_UNITS))
    energy, force = min(names, key=lambda pair: misfit(*pair))
    if misfit("eV", "eV/Å") - misfit(energy, force) < DECISIVE:
        energy, force = "eV", "eV/Å"
    found = []
    if evidence.energy_ratio is not None and evidence.energy_ratio < 0.0:
        found.append("the energies have the wrong sign: they rise where forces say that they fall")
    # Stiffness alone does not tell these two apart.
    joules = (energy, force) == ("kcal/mol", "kcal/mol/Å") and (
        misfit("kJ/mol", "kJ/mol/Å") - RARITY["kJ/mol"] - misfit(energy, force) < DECISIVE
    )
    other = f" (if they are in kJ/mol, by {ENERGY_UNITS['kJ/mol']:.6g})" if joules else ""
    if energy != "eV":
        factor = f"{ENERGY_UNITS[energy]:.6g}{other}"
        found.append(f"the energies seem to be in {energy}, not in eV: multiply them by {factor}")
    if force != "eV/Å":
        factor = f"{FORCE_UNITS[force]:.6g}{other}"
        found.append(f"the forces seem to be in {force}, not in eV/Å: multiply them by {factor}")
    return found


def mended(frame: Frame, evidence: Evidence | None) -> tuple[Frame, str | None]:
    """Return a frame whose stress has the unit, sign and order that it should, and what was wrong with it.

    A group that was not judged is taken to be labelled as all others of its elements, if these are labelled alike. A
    frame of a group about which nothing can be told is returned as it is.
    """
    if frame.stress is None or evidence is None or evidence.explained < EXPLAINED:
        return frame, None
    here = group(frame)
    itself = evidence.stress.get(here, evidence.elsewhere.get(here))
    convention = stresses.convention_of(here, itself, evidence.stress)
    if convention is None:
        return frame, None
    stress, wrong = stresses.converted(frame.stress, convention)
    return (dataclasses.replace(frame, stress=stress), " and ".join(wrong)) if wrong else (frame, None)


def _stresses(found: Comparison, samples: Sequence[Sample]) -> dict[Group, stresses.Evidence]:
    return stresses.judged(found.stresses[0], found.stresses[1], [group(sample.frame) for sample in samples])


def _stiffness(network: Network, samples: Sequence[Sample], seed: int) -> float:
    """Return the mean curvature along one coordinate of one atom, eV/Å².

    For random signs u, the mean of −uᵀ[F(x + δu) − F(x − δu)] / 2δ over directions is the trace of the Hessian.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    delta, total, n = 1e-2, 0.0, 0
    for sample in samples:
        atoms = sample.frame.structure
        u: FloatArray = rng.choice([-1.0, 1.0], size=(len(atoms), 3))
        forces = []
        for sign in (1.0, -1.0):
            moved = atoms.copy()
            moved.positions += sign * delta * u
            graph = collate([find_neighbours(moved, network.hyper.cutoff)], network.hyper.species, torch.float32)
            forces.append(predict(network, graph).forces.numpy())
        total -= float((u * (forces[0] - forces[1])).sum()) / (2.0 * delta)
        n += u.size
    return total / n


def _symbols(samples: Sequence[Sample]) -> list[str]:
    return [symbol for sample in samples for symbol in sample.frame.structure.get_chemical_symbols()]


def _energy_ratio(found: Comparison, samples: Sequence[Sample]) -> float | None:
    """Return how much more labelled energies vary than predicted ones, among structures that are alike."""
    alike = []
    for sample in samples:
        atoms = sample.frame.structure
        volume = round(math.log(sample.neighbourhood.volume / len(atoms)) / 0.02) if atoms.pbc.all() else 0
        alike.append((atoms.get_chemical_formula(), sample.frame.config_type, volume))
    return ratio_among(found.energies[0], found.energies[1], alike)
