"""The reference potential as gnnp_bench certifies it, trained or not; `create` knows its spec strings."""

from __future__ import annotations

import copy
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase import Atoms

from gnnp_bench.features import Layer, Shown
from gnnp_bench.potential import (
    Capabilities,
    Claim,
    Identity,
    PotentialError,
    Prediction,
    Property,
    Unsupported,
)
from reference_model.compiling import Code, compiled
from reference_model.derivatives import Outputs, feature_slopes, predict
from reference_model.files import digest, load_network, read_notes
from reference_model.graph import Neighbourhood, collate, find_neighbours
from reference_model.memory import keep_freed
from reference_model.model import Network
from reference_model.shipped import find, made_for, shipped
from reference_model.untrained import SPECIES, untrained
from reference_model.variants import DEFAULT, VARIANTS, hyperparameters

DTYPES = {"float32": torch.float32, "float64": torch.float64}
OPTIONS = ("dtype", "device", "seed", "epsilon", "compile")

MAX_BATCH_SLOTS = 32_768
"""Structures are put together until they have this many slots for neighbours; larger batches leave the cache."""
WIDTH_RATIO = 1.5
"""Structures share a batch while their largest numbers of neighbours differ by no more than this factor."""
CHUNK = 1024
"""Larger systems are evaluated this many atoms at a time."""
LARGEST_COMPILED = 4096
"""Atoms of a batch that compiled code is asked for: it takes all at once, and twice as many are faster in pieces."""


@dataclass(frozen=True, slots=True)
class ReferencePotential:
    """A network as a `Potential`. Make one with `from_network` or `create`.

    Attributes
    ----------
    network : Network
    name : str
    capabilities : Capabilities
    identity : Identity
    epsilon : float or None
        For a network with direct heads: forces are −∇E + ε times theirs; None takes theirs alone.
    code : Code or None
        The network as compiled code.
    """

    network: Network
    name: str
    capabilities: Capabilities
    identity: Identity
    epsilon: float | None = None
    code: Code | None = None

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures in batches of similar ones; see `Potential`.

        Raises
        ------
        Unsupported
            An element is not among the species, periodic cell vectors are linearly dependent, or stress is asked for
            where no volume defines it.
        ValueError
            A structure is empty, holds numbers that are not finite, or has two atoms in one place.
        """
        hyper = self.network.hyper
        neighbourhoods = [find_neighbours(structure, hyper.cutoff) for structure in structures]
        if "stress" in properties:
            for structure, one in zip(structures, neighbourhoods, strict=True):
                _require_volume(structure, one)
        predictions: list[Prediction | None] = [None] * len(structures)
        for batch in batches(neighbourhoods):
            outputs = self.outputs([neighbourhoods[index] for index in batch])
            for index, prediction in zip(batch, _split(outputs, [len(structures[i]) for i in batch]), strict=True):
                predictions[index] = _reduced(prediction, properties)
        return [prediction for prediction in predictions if prediction is not None]

    def on(self, device: str) -> ReferencePotential:
        """Return the same potential on another device."""
        network = copy.deepcopy(self.network)
        dtype = self.capabilities.dtype or "float32"
        return from_network(network, self.name, dtype=dtype, device=device, epsilon=self.epsilon)

    def features(self, structure: Atoms) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return the latent features of each atom: (n_atoms, n_layers K) array, invariant under all symmetries."""
        outputs = self.outputs([find_neighbours(structure, self.network.hyper.cutoff)])
        return outputs.features.double().cpu().numpy()

    def feature_gradients(self, structures: Sequence[Atoms]) -> list[Shown]:
        """Return the scalars of atoms after each layer, and ∂E/∂h; see `gnnp_bench.features`."""
        return [self._shown(find_neighbours(structure, self.network.hyper.cutoff)) for structure in structures]

    def _shown(self, neighbourhood: Neighbourhood) -> Shown:
        dtype = DTYPES[self.capabilities.dtype or "float32"]
        graph = collate([neighbourhood], self.network.hyper.species, dtype, self.capabilities.device)
        energies, features, slopes = feature_slopes(self.network, graph)
        references = self.network.reference_energies[graph.species]
        layers = {
            f"layer {t + 1}": Layer(h.double().cpu().numpy(), g.double().cpu().numpy())
            for t, (h, g) in enumerate(zip(features, slopes, strict=True))
        }
        return Shown((energies - references).cpu().numpy(), layers)

    def outputs(self, neighbourhoods: Sequence[Neighbourhood]) -> Outputs:
        """Return what the network says about one batch, as tensors."""
        dtype = DTYPES[self.capabilities.dtype or "float32"]
        graph = collate(neighbourhoods, self.network.hyper.species, dtype, self.capabilities.device)
        chunk = CHUNK if len(graph.species) > CHUNK else None
        code = self.code if len(graph.species) <= LARGEST_COMPILED else None
        return predict(self.network, graph, chunk=chunk, direct=self.epsilon, code=code)


def from_network(
    network: Network,
    name: str,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    epsilon: float | None = None,
    compile: bool = False,
    notes: Mapping[str, Any] | None = None,
    stable: tuple[str, ...] = (),
) -> ReferencePotential:
    """Wrap a network, which is converted to the precision and moved to the device, and compiled if that is asked for.

    `notes` are those of its file: on which species it was trained together, and how far its reference energies go.
    `stable` are the crystals that it was made for.

    Raises
    ------
    PotentialError
        The precision is unknown, the device is not available, or ε is given to a network without direct heads.
    """
    if dtype not in DTYPES:
        raise PotentialError(f"the reference potential computes in float32 or float64, not in {dtype!r}")
    if epsilon is not None and not network.hyper.direct:
        raise PotentialError("epsilon mixes direct forces into −∇E: only the variant 'direct' has any")
    try:
        where = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise PotentialError(f"the reference potential cannot use the device {device!r}: {reason}") from error
    keep_freed()
    network = network.to(where, DTYPES[dtype]).eval().requires_grad_(False)
    hyper = network.hyper
    if compile and where.type != "cpu":
        raise PotentialError(f"compile=true makes code for the CPU: leave it out, or device={device}")
    matmul = torch.get_float32_matmul_precision()
    return ReferencePotential(
        network=network,
        name=name,
        capabilities=Capabilities(
            species=hyper.species,
            combinations=tuple(map(frozenset, _noted(notes, "combinations", hyper.species))),
            fitted_alone=tuple(_noted(notes, "fitted_alone", hyper.species)),
            undetermined=tuple(_noted(notes, "undetermined", hyper.species)),
            cutoff=hyper.cutoff,
            receptive_field=max(1, hyper.n_layers) * hyper.cutoff,
            dtype="float64" if dtype == "float64" else "float32",
            device=str(where),
            other_devices=_others(where),
            precision_mode=None if matmul == "highest" else f"float32 matmul precision: {matmul}",
            claims=frozenset(_claims(network)),
            smoothness=2,
            stable=stable,
        ),
        identity=Identity(
            version=importlib.metadata.version("gnnp-bench"),
            weights_sha256=digest(network),
            parameters=sum(p.numel() for p in network.parameters()),
            packages=("gnnp-bench", "e3nn", "torch", "vesin"),
        ),
        epsilon=epsilon,
        code=compiled(network, DTYPES[dtype]) if compile else None,
    )


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> ReferencePotential:
    """Build the potential of `reference[:name]`, `reference:PATH` or `reference:untrained[-variant]`.

    Options are dtype (float32, float64), device (a name that torch knows), seed (of random weights), epsilon (the
    share of direct forces that is added to −∇E), and compile (true: as compiled code, see `compiling`).

    Raises
    ------
    PotentialError
        The argument names neither a variant nor a file, or an option is wrong.
    """
    if strange := sorted(set(options) - set(OPTIONS)):
        raise PotentialError(f"reference has no option {strange[0]!r}; choose from {', '.join(OPTIONS)}")
    dtype, device = options.get("dtype", "float32"), options.get("device", "cpu")
    epsilon = _number(options, "epsilon", float) if "epsilon" in options else None
    compile = _yes(options, "compile")
    notes: Mapping[str, Any] | None = None
    stable: tuple[str, ...] = ()
    if (found := find(argument)) is not None:
        label, path = found
        if "seed" in options:
            raise PotentialError("seed draws random weights: it means nothing beside a file of trained ones")
        network, name = load_network(path), "reference" if argument is None else f"reference-{label}"
        notes, stable = read_notes(path), made_for(path)
    else:
        variant = _variant(argument)
        seed = int(_number(options, "seed", int)) if "seed" in options else 0
        network, name = untrained(hyperparameters(species or SPECIES, variant), seed), f"reference-untrained-{variant}"
    return from_network(
        network, name, dtype=dtype, device=device, epsilon=epsilon, compile=compile, notes=notes, stable=stable
    )


def batches(neighbourhoods: Sequence[Neighbourhood]) -> Iterator[list[int]]:
    """Yield the indices of structures that are evaluated together.

    Rows are padded to the longest of a batch, so structures with similar numbers of neighbours go together.
    """
    widths = [_width(one) for one in neighbourhoods]
    batch: list[int] = []
    n_atoms = 0
    for index in sorted(range(len(widths)), key=widths.__getitem__):
        size, width = len(neighbourhoods[index].numbers), widths[index]
        full = (n_atoms + size) * width > MAX_BATCH_SLOTS
        if batch and (full or width > max(8.0, WIDTH_RATIO * widths[batch[0]])):
            yield batch
            batch, n_atoms = [], 0
        batch.append(index)
        n_atoms += size
    if batch:
        yield batch


def _width(one: Neighbourhood) -> int:
    return int(np.bincount(np.concatenate([one.first, one.second]), minlength=1).max())


def _split(outputs: Outputs, sizes: Sequence[int]) -> Iterator[Prediction]:
    """Yield a prediction per structure; atomic energies are summed here, in float64 and in a fixed order."""
    forces, stresses = outputs.forces.cpu().numpy(), outputs.stresses.cpu().numpy()
    energies = outputs.atomic_energies.cpu().numpy()
    starts = np.cumsum([0, *sizes[:-1]])
    for k, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        rows = slice(start, start + size)
        yield Prediction(float(energies[rows].sum()), forces[rows].copy(), stresses[k].copy(), energies[rows].copy())


def _reduced(prediction: Prediction, properties: frozenset[Property]) -> Prediction:
    return Prediction(
        prediction.energy,
        prediction.forces if "forces" in properties else None,
        prediction.stress if "stress" in properties else None,
        prediction.energies,
    )


def _require_volume(structure: Atoms, one: Neighbourhood) -> None:
    if not structure.pbc.any():
        raise Unsupported("stress has no meaning for a structure without periodic directions")
    lengths = np.linalg.norm(structure.cell.array, axis=1)
    if not one.volume > 1e-12 * float(np.prod(lengths)):
        raise Unsupported("stress needs a cell of non-zero volume")


def _claims(network: Network) -> Iterator[Claim]:
    hyper = network.hyper
    yield "equivariant"
    yield "strictly-local"
    if not hyper.direct:
        yield "conservative"
        yield "smooth"
    if not hyper.ordered:
        yield "permutation-invariant"
        yield "size-extensive"


def _others(device: torch.device) -> tuple[str, ...]:
    available = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    return tuple(kind for kind in available if kind != device.type)


def _noted(notes: Mapping[str, Any] | None, name: str, species: Sequence[str]) -> list[Any]:
    """Return species, or sets of them, that a network's notes name; none if they say nothing."""
    found: list[Any] = (notes or {}).get(name, [])
    sets = found if name == "combinations" else [found]
    if not isinstance(sets, list) or not all(isinstance(one, list) and set(one) <= set(species) for one in sets):
        raise PotentialError(f"the notes of the network name {name} of species that it does not have")
    return found


def _variant(argument: str | None) -> str:
    if argument is None or not (argument == "untrained" or argument.startswith("untrained-")):
        shown = "nothing" if argument is None else repr(argument)
        raise PotentialError(
            f"reference needs a trained network ({', '.join(shipped()) or 'none is shipped'}), the path of one, or"
            f" reference:untrained-VARIANT (VARIANT one of {', '.join(VARIANTS)}), not {shown}"
        )
    return argument.partition("-")[2] or DEFAULT


def _yes(options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "false").lower()
    if value not in ("true", "false"):
        raise PotentialError(f"{name} must be true or false, not {options[name]!r}")
    return value == "true"


def _number(options: Mapping[str, str], name: str, kind: type[int] | type[float]) -> int | float:
    try:
        value = kind(options[name])
    except ValueError:
        value = kind(-1)
    if not 0 <= value < 2**63:
        what = "a whole number" if kind is int else "a number"
        raise PotentialError(f"{name} must be {what} from 0, not {options[name]!r}")
    return value
