"""Going on from a trained network: its weights for the elements that are there now."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from gnnp_bench.accuracy.labels import DataError
from reference_model.files import digest, load_network
from reference_model.graph import collate
from reference_model.model import Network
from reference_model.shipped import find, shipped
from reference_model.train.data import Sample
from reference_model.train.metrics import batches
from reference_model.train.references import References, reference_energies, undetermined


@dataclass(frozen=True, slots=True)
class Origin:
    """A trained network.

    Attributes
    ----------
    network : Network
        In float64.
    name : str
    digest : str
        SHA-256 of its weights.
    """

    network: Network
    name: str
    digest: str


def read_origin(spec: str) -> Origin:
    """Return the network of a spec string, such as ``reference``, ``reference:silicon`` or the folder of a run.

    Raises
    ------
    DataError
        It means none.
    PotentialError
        The file is missing, damaged, or no network of this package.
    """
    from reference_model.committee.files import NAME

    kind, _, argument = spec.partition(":")
    wanted = (argument or None) if kind == "reference" else spec
    found = find(wanted)
    if found is None:
        known = ", ".join(f"reference:{name}" for name in shipped())
        raise DataError(f"--from {spec}: there is no such network; name reference, {known}, or the folder of a run")
    if not found[1].exists() and (found[1].parent / NAME).exists():
        raise DataError(f"--from {spec} is a committee: name one of its members, such as {spec}/member0")
    network = load_network(found[1])
    return Origin(network, found[0], digest(network))


def restricted(origin: Network, species: Sequence[str]) -> Network:
    """Return a network of other species, in float64, that says the same of those that both know.

    An element that the origin does not know begins as the mean of those that it knows: it has to be learned.

    Parameters
    ----------
    origin : Network
    species : sequence of str
        In order of atomic number.

    Raises
    ------
    DataError
        There are more species than the first layer can tell apart without drawing its weights anew.
    """
    old, kept = origin.hyper, origin.state_dict()
    places = [old.species.index(symbol) if symbol in old.species else None for symbol in species]
    hyper = dataclasses.replace(old, species=tuple(species))
    network = Network(hyper, mean_neighbours=float(origin.mean_neighbours), energy_scale=float(origin.energy_scale))
    state = network.double().state_dict()

    def rows(values: torch.Tensor) -> torch.Tensor:
        """Take the rows of the species; of one that is new, their mean."""
        return torch.stack([values.mean(0) if place is None else values[place] for place in places])

    offsets = {name for name in state if name.startswith("readouts.") and name.endswith(".offset")}
    for name in state:
        if name == "pair":
            state[name] = rows(rows(kept[name]).transpose(0, 1)).transpose(0, 1)
        elif name in ("reference_energies", "crowding_limits") or name in offsets:
            state[name] = rows(kept[name])
        elif name.endswith(".gain"):
            state[name] = rows(kept.get(name, torch.ones(1, state[name].shape[1], dtype=torch.float64)))
        elif name in kept and kept[name].shape == state[name].shape:
            state[name] = kept[name]
    if old.n_layers:
        _first_layer(state, kept, rows(kept["embedding"]), hyper.n_radial)
        if len(species) == 1:  # one element has no gain: it is in the weights that follow
            for name in [name for name in kept if name.endswith(".gain")]:
                products = name.removesuffix("gain") + "to_scalars"
                state[products] = rows(kept[name])[0][:, None] * kept[products]
    network.load_state_dict(state)
    return network


def _first_layer(
    state: dict[str, torch.Tensor], kept: dict[str, torch.Tensor], embedding: torch.Tensor, n_radial: int
) -> None:
    """Set what atoms first send, and how the first layer mixes it: their product is that of the origin."""
    name = "layers.0.mixing"
    n_species, n_sources = state["embedding"].shape
    if embedding.shape == state["embedding"].shape and n_species > 1:
        state["embedding"] = embedding
        return
    if n_sources < n_species:
        raise DataError(
            f"--from: its network tells {embedding.shape[1]} elements apart in its first layer, and there are"
            f" {n_species} in the data; train one from the start"
        )
    # A source for each element; the moments are (radial, source), as `aggregate` makes them.
    degrees, _, channels = kept[name].shape
    mixing = kept[name].reshape(degrees, n_radial, embedding.shape[1], channels)
    state["embedding"] = torch.eye(n_species, dtype=torch.float64)
    state[name] = torch.einsum("lbqk,zq->lbzk", mixing, embedding).flatten(1, 2)


def with_references(network: Network, samples: Sequence[Sample]) -> References:
    """Return the reference energies with which a network's energies are nearest to the labels.

    The same functional gives the references of the origin again. Another one differs most of all by an energy for each
    element, which then need not be unlearned.
    """
    binding: list[float] = []
    with torch.no_grad():
        for batch in batches(samples):
            graph = collate([one.neighbourhood for one in batch], network.hyper.species, torch.float64)
            found = network(graph).energies - network.reference_energies[graph.species]
            binding += [float(part.sum()) for part in torch.split(found, list(graph.sizes))]
    left = [
        dataclasses.replace(one, frame=dataclasses.replace(one.frame, energy=one.frame.energy - energy))
        for one, energy in zip(samples, binding, strict=True)
    ]
    return reference_energies(left, network.hyper.species)


def take_over(network: Network, references: Mapping[str, float], origin: Origin) -> torch.Tensor | None:
    """Set the reference energies of a network that goes on; return the crowding that it knows, if it looks at any.

    How crowded the atoms of a new element may be is told by the data alone.
    """
    energies = [references[symbol] for symbol in network.hyper.species]
    network.reference_energies.copy_(torch.tensor(energies, dtype=torch.float64))
    if not network.hyper.n_layers:
        return None
    known = network.crowding_limits.clone()
    known[[symbol not in origin.network.hyper.species for symbol in network.hyper.species]] = 0.0
    return known


def remarks_on(origin: Origin, species: Sequence[str], references: References) -> list[str]:
    """Return what is to be said of a training that goes on, a line each."""
    hyper = origin.network.hyper
    lines = [f"going on from {origin.name}: variant {hyper.variant}, cutoff {hyper.cutoff:g} Å"]
    if new := [symbol for symbol in species if symbol not in hyper.species]:
        lines.append(
            f"warning: {origin.name} does not know {', '.join(new)}: begun as the mean of the elements that it knows"
        )
    if lost := [symbol for symbol in hyper.species if symbol not in species]:
        lines.append(f"the new network will not know {', '.join(lost)}, which {origin.name} does: no data of these")
    told = ", ".join(f"{symbol} {energy:.3f}" for symbol, energy in references.energies.items())
    lines.append(f"reference energies, found anew beside what {origin.name} says of binding, eV per atom: {told}")
    return lines + undetermined(references)
