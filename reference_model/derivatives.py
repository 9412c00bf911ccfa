"""Energies, forces and stresses of a batch: the network's derivatives with respect to the vectors between atoms."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch

from reference_model.chunks import energies_and_gradient
from reference_model.compiling import Code
from reference_model.forces import forces_and_virials
from reference_model.graph import Graph
from reference_model.model import Network


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the potential says about a batch of n structures with N atoms in all; everything in float64.

    Attributes
    ----------
    energies : (n,) tensor, eV
    forces : (N, 3) tensor, eV/Å
    stresses : (n, 3, 3) tensor, eV/Å³
        Symmetric, tension-positive; NaN for structures without a volume.
    atomic_energies : (N,) tensor, eV
    features : (N, n_layers K) tensor
        In the dtype of the network.
    """

    energies: torch.Tensor
    forces: torch.Tensor
    stresses: torch.Tensor
    atomic_energies: torch.Tensor
    features: torch.Tensor


def predict(
    network: Network,
    graph: Graph,
    *,
    training: bool = False,
    chunk: int | None = None,
    direct: float | None = None,
    code: Code | None = None,
) -> Outputs:
    """Return energies, forces and stresses of a batch.

    With g = ∂E/∂r_ij for the vector from atom i to neighbour j, F_i = Σ_j g_ij − Σ_j g_ji, and the derivative with
    respect to a homogeneous strain is Σ r_ij ⊗ g_ij, whose symmetric part over the volume is the stress.

    Parameters
    ----------
    network : Network
    graph : Graph
    training : bool
        Keep what is needed to differentiate the outputs with respect to the network's parameters.
    chunk : int, optional
        Evaluate a larger batch that many atoms at a time; see `chunks`. Not in training.
    direct : float, optional
        For a network with direct heads: weight ε of what they say in −∇E + ε F. None takes the heads alone.
    code : Code, optional
        The network, compiled, which is asked in its place for the batch as a whole. Not in training.
    """
    vectors = graph.vectors.detach()
    with torch.enable_grad():
        if code is not None:
            atomic, forces, virials = code.derived(graph)
        else:
            if chunk is None or len(graph.species) <= chunk:
                vectors.requires_grad_()
                atomic = network(dataclasses.replace(graph, vectors=vectors))
                (gradient,) = torch.autograd.grad(atomic.energies.sum(), vectors, create_graph=training)
            else:
                atomic, gradient = energies_and_gradient(network, dataclasses.replace(graph, vectors=vectors), chunk)
            forces, virials = forces_and_virials(vectors, gradient, graph.reverse)
        if atomic.forces is not None and atomic.virials is not None:
            share = 0.0 if direct is None else 1.0
            weight = 1.0 if direct is None else direct
            forces = share * forces + weight * atomic.forces
            virials = share * virials + weight * atomic.virials
        energies = sum_by_structure(atomic.energies, graph)
        volumes = graph.volumes[:, None, None]
        # Not divided by NaN: what is learnt from other structures would have the gradient 0 · NaN.
        stresses = sum_by_structure(virials, graph) / volumes.nan_to_num(1.0)
        stresses = torch.where(volumes.isnan(), torch.nan, stresses)
    outputs = Outputs(energies, forces, stresses, atomic.energies, atomic.features)
    if training:
        return outputs
    return Outputs(*(getattr(outputs, field.name).detach() for field in dataclasses.fields(outputs)))


def feature_slopes(network: Network, graph: Graph) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
    """Return how the energy of a batch follows the scalars of each layer, the features of higher degree held.

    Returns
    -------
    energies : (N,) tensor, eV
    features : list of (N, K) tensors
        One for each layer.
    slopes : list of (N, K) tensors, eV
        ∂E/∂x: through the layer's readout, and through the messages that are made of it.
    """
    features: list[torch.Tensor] = []

    def keep(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        # The readout reads the very tensor that messages are made of afterwards.
        features.append(inputs[0].requires_grad_())

    hooks = [readout.register_forward_pre_hook(keep) for readout in getattr(network, "readouts", ())]
    try:
        with torch.enable_grad():
            energies = network(graph).energies
            slopes = list(torch.autograd.grad(energies.sum(), features)) if features else []
    finally:
        for hook in hooks:
            hook.remove()
    return energies.detach(), [one.detach() for one in features], slopes


def sum_by_structure(values: torch.Tensor, graph: Graph) -> torch.Tensor:
    """Return (n, ...) sums over the atoms of each structure of (N, ...) values."""
    total = values.new_zeros(len(graph.sizes), *values.shape[1:])
    return total.index_add(0, graph.owner, values)
