"""How far a batch of predictions is from its labels, as one number to be made small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.nn.functional import huber_loss

from reference_model.derivatives import Outputs
from reference_model.graph import Graph
from reference_model.train.data import Sample, rms_force

Kind = Literal["mae", "rmse"]
STILL = 1e-3
"""eV/Å; RMS force below which structures are at rest, such as perfect crystals under strain."""
EMPTY = 4.0
"""Volume per atom over the median of the set, as which larger ones count."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of a batch of n structures with N atoms in all; float64 tensors.

    Attributes
    ----------
    energies : (n,) tensor, eV
    forces : (N, 3) tensor, eV/Å
    stresses : (n, 3, 3) tensor, eV/Å³
        NaN where there is none.
    """

    energies: torch.Tensor
    forces: torch.Tensor
    stresses: torch.Tensor


@dataclass(frozen=True, slots=True)
class Scales:
    """What makes residuals comparable.

    Attributes
    ----------
    force : float, eV/Å
        RMS force of the training set; times 1 Å it is the scale of energies as well.
    volume : float, Å³
        Mean volume per atom: a stress times it is an energy per atom.
    """

    force: float
    volume: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights λ of the terms, in units of the scales."""

    energy: float
    forces: float
    stress: float


def scales_of(samples: Sequence[Sample], references: Mapping[str, float]) -> Scales:
    """Return what makes residuals comparable: of the size of forces, or of energies where hardly a force acts."""
    frames = [sample.frame for sample in samples]
    above = [f.energy - sum(references[symbol] for symbol in f.structure.get_chemical_symbols()) for f in frames]
    per_atom = np.array(above) / [len(frame.structure) for frame in frames]
    force, energy = rms_force(frames), float(np.sqrt(np.mean(per_atom**2)))
    volumes = np.array([s.neighbourhood.volume / len(s.frame.structure) for s in samples if s.frame.stress is not None])
    # Molecules in large boxes would make stresses of crystals count for more than all else.
    volume = float(np.mean(np.minimum(volumes, EMPTY * np.median(volumes)))) if len(volumes) else 1.0
    return Scales(force if force > STILL else energy or 1.0, volume)


def labels_of(samples: Sequence[Sample], device: torch.device | str = "cpu") -> Labels:
    """Return the labels of a batch."""
    frames = [sample.frame for sample in samples]
    nothing = np.full((3, 3), np.nan)
    return Labels(
        torch.tensor([frame.energy for frame in frames], dtype=torch.float64, device=device),
        torch.from_numpy(np.concatenate([frame.forces for frame in frames])).to(device),
        torch.from_numpy(np.stack([nothing if f.stress is None else f.stress for f in frames])).to(device),
    )


def loss(out: Outputs, graph: Graph, labels: Labels, scales: Scales, weights: Weights, kind: Kind) -> torch.Tensor:
    """Return the weighted sum of the errors of energies per atom, forces and stresses.

    With `kind` "mae", the force term is the mean length of the error vectors, and energies and stresses have Huber
    losses: what the median structure gains from. With "rmse" all terms are squares: what the worst gain from.

    Parameters
    ----------
    out : Outputs
    graph : Graph
    labels : Labels
    scales : Scales
    weights : Weights
    kind : {"mae", "rmse"}
    """
    sizes = torch.tensor(graph.sizes, dtype=torch.float64, device=labels.energies.device)
    energy = (out.energies - labels.energies) / sizes / scales.force
    forces = (out.forces - labels.forces) / scales.force
    labelled = ~torch.isnan(labels.stresses)
    # NaN labels are replaced before the difference is taken: NaN times zero would spoil the gradient.
    known = torch.where(labelled, labels.stresses, 0.0)
    stress = torch.where(labelled, out.stresses, 0.0) - known
    stress = stress * (scales.volume / scales.force)
    share = labelled.double().mean().clamp(min=1e-12)
    if kind == "rmse":
        terms = ((energy**2).mean(), (forces**2).mean(), (stress**2).mean() / share)
    else:
        terms = (
            _huber(energy, 0.01).mean(),
            # Smooth at zero, where a length is not.
            ((forces**2).sum(1) + 1e-8).sqrt().mean(),
            _huber(stress, 0.01).mean() / share,
        )
    return weights.energy * terms[0] + weights.forces * terms[1] + weights.stress * terms[2]


def _huber(residual: torch.Tensor, delta: float) -> torch.Tensor:
    """Return |x| beyond δ and x²/(2δ) + δ/2, less that constant, within."""
    return huber_loss(residual, torch.zeros_like(residual), reduction="none", delta=delta) / delta
