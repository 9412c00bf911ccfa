"""Networks with random weights: as sound as trained ones, and good for nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii

from reference_model.derivatives import predict
from reference_model.graph import collate, find_neighbours
from reference_model.model import Network
from reference_model.variants import Hyperparameters

SPECIES = ("H", "C", "N", "O", "Na", "Al", "Si", "Cl", "Cu", "Au")
"""What an untrained network is made for where nothing else is asked for."""
FORCE = 1.0
"""eV/Å; the RMS force of the network alone, without the repulsion of nuclei, on `typical_structures`."""

SHORTEST = 2.2
"""Å; the least distance of neighbours in `typical_structures`."""


def untrained(hyper: Hyperparameters, seed: int = 0) -> Network:
    """Return a network with random weights, in float64, whose own forces have a typical size.

    Parameters
    ----------
    hyper : Hyperparameters
    seed : int
    """
    network = Network(hyper, seed=seed).double()
    structures = typical_structures(hyper.species)
    neighbourhoods = [find_neighbours(structure, hyper.cutoff) for structure in structures]
    n_edges = sum(2 * len(one.first) for one in neighbourhoods)
    network.mean_neighbours.fill_(n_edges / sum(map(len, structures)))
    graph = collate(neighbourhoods, hyper.species, torch.float64)
    # Forces are linear in the scale, and what the repulsion adds does not depend on it.
    network.energy_scale.fill_(0.0)
    repulsion = predict(network, graph, direct=0.0).forces
    network.energy_scale.fill_(1.0)
    alone = predict(network, graph, direct=0.0).forces - repulsion
    network.energy_scale.fill_(FORCE / root_mean_square(alone))
    if hyper.direct:
        network.direct.rescale(FORCE / root_mean_square(predict(network, graph).forces))
    return network


def root_mean_square(values: torch.Tensor) -> float:
    """Return the root of the mean square of all entries."""
    return float(values.square().mean().sqrt())


def typical_structures(species: Sequence[str]) -> list[Atoms]:
    """Return shaken crystals: close-packed and diamond ones of each species, rock salt of species in turn.

    Neighbours touch, as their covalent radii tell, but none are nearer than `SHORTEST`: crystals of hydrogen atoms at
    the length of its bond would be far denser than anything solid.
    """
    structures = []
    for symbol in species:
        distance = _distance(symbol, symbol)
        structures.append(bulk(symbol, "fcc", a=2.0**0.5 * distance, cubic=True))
        structures.append(bulk(symbol, "diamond", a=4.0 / 3.0**0.5 * distance, cubic=True))
    for a, b in itertools.pairwise(species):
        structures.append(bulk(a + b, "rocksalt", a=2.0 * _distance(a, b), cubic=True))
    for seed, structure in enumerate(structures):
        structure.rattle(0.1, seed=seed)
    return structures


def _distance(first: str, second: str) -> float:
    touching = 1.1 * sum(covalent_radii[atomic_numbers[symbol]] for symbol in (first, second))
    return max(SHORTEST, float(touching))
