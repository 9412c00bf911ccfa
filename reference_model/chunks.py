"""Large systems, some atoms at a time: the derivative by hand from layer to layer, by torch within a layer.

Between layers, only what atoms know and send is kept for the whole system. The last layer is evaluated and
differentiated at once; the layers before it are evaluated for their messages first, and again when it is known what
the energy makes of these. Results are those of the whole system at once, to rounding.
"""

from __future__ import annotations

import torch

from reference_model.graph import Graph
from reference_model.model import Atomic, Network, Round


def energies_and_gradient(network: Network, graph: Graph, chunk: int) -> tuple[Atomic, torch.Tensor]:
    """Return what the network says, and the gradient of the total energy with respect to the vectors.

    Parameters
    ----------
    network : Network
    graph : Graph
    chunk : int
        Atoms at a time.

    Returns
    -------
    atomic : Atomic
    gradient : (3, N, M) tensor, eV/Å
    """
    n_layers, n_atoms = network.hyper.n_layers, len(graph.species)
    pieces = [slice(start, min(start + chunk, n_atoms)) for start in range(0, n_atoms, chunk)]
    gradient = torch.empty_like(graph.vectors)
    partners = network.partners(graph)
    energies = torch.cat([_pairs(network, graph, partners, piece, gradient) for piece in pieces])
    scalars, messages = _known(network, graph, pieces)
    # From the last layer to the first; what the energy makes of a layer's scalars and messages is known by then.
    slopes: tuple[torch.Tensor, torch.Tensor] | None = None
    layers: list[Round] = []
    for t in reversed(range(n_layers)):
        received = _leaf(messages[t])
        with torch.enable_grad():
            sources = network.sent(received, graph)
        of_scalars, of_sources, rounds = [], [], []
        for piece in pieces:
            vectors, before, sent = (
                _leaf(value) for value in (graph.vectors[:, piece], _of(scalars[t], piece), sources[piece])
            )
            species = graph.species[piece]
            assert vectors is not None
            assert sent is not None
            with torch.enable_grad():
                one = network.round(t, network.basis(vectors, species), sent, species, before)
            outputs, given = [one.energies], [torch.ones_like(one.energies)]
            if slopes is not None and one.messages is not None:
                outputs += [one.scalars, one.messages]
                given += [slopes[0][piece], slopes[1][piece]]
            leaves = [vectors] if before is None else [vectors, before, sent]
            of_vectors, *others = torch.autograd.grad(outputs, leaves, given)
            gradient[:, piece] += of_vectors
            of_scalars += others[:1]
            of_sources += others[1:]
            rounds.append(Round(*(None if value is None else value.detach() for value in one)))  # type: ignore[arg-type]
        layers.insert(0, _joined(rounds))
        if received is not None:
            (of_messages,) = torch.autograd.grad(sources, received, torch.cat(of_sources))
            slopes = torch.cat(of_scalars), of_messages
    for layer in layers:
        energies = energies + layer.energies
    if not layers:
        return Atomic(energies, graph.vectors.new_zeros(n_atoms, 0)), gradient
    latent = torch.cat([layer.scalars for layer in layers], dim=1)
    return Atomic(energies, latent, layers[-1].forces, layers[-1].virials), gradient


def _pairs(
    network: Network, graph: Graph, partners: torch.Tensor, piece: slice, gradient: torch.Tensor
) -> torch.Tensor:
    """Return the pair energies of some atoms, and set their part of the gradient."""
    vectors = graph.vectors[:, piece].detach().requires_grad_()
    with torch.enable_grad():
        energies = network.pair_energies(vectors, graph.species[piece], partners[piece], graph.n_close)
    if energies.requires_grad:
        gradient[:, piece] = torch.autograd.grad(energies.sum(), vectors)[0]
    else:  # nothing is near enough
        gradient[:, piece] = 0.0
    return energies.detach()


def _known(
    network: Network, graph: Graph, pieces: list[slice]
) -> tuple[list[torch.Tensor | None], list[torch.Tensor | None]]:
    """Return scalars and messages that each layer receives: None for the first."""
    scalars: list[torch.Tensor | None] = [None]
    messages: list[torch.Tensor | None] = [None]
    with torch.no_grad():
        for t in range(network.hyper.n_layers - 1):
            sources = network.sent(messages[t], graph)
            rounds = [
                network.round(
                    t,
                    network.basis(graph.vectors[:, piece], graph.species[piece]),
                    sources[piece],
                    graph.species[piece],
                    _of(scalars[t], piece),
                )
                for piece in pieces
            ]
            layer = _joined(rounds)
            scalars.append(layer.scalars)
            messages.append(layer.messages)
    return scalars, messages


def _leaf(value: torch.Tensor | None) -> torch.Tensor | None:
    return None if value is None else value.detach().requires_grad_()


def _of(value: torch.Tensor | None, piece: slice) -> torch.Tensor | None:
    return None if value is None else value[piece]


def _joined(rounds: list[Round]) -> Round:
    columns = zip(*rounds, strict=True)
    return Round(*(None if parts[0] is None else torch.cat(parts) for parts in columns))  # type: ignore[arg-type]
