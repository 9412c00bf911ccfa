"""Any model of torch-sim [1]_: `torchsim:MODULE:FACTORY`, where the factory, or the class, makes a `ModelInterface`.

Structures become one of its states, many systems at a time, and what the model answers is cut up again. Nothing else
is done to it. Models do not tell their species: --species.

.. [1] O. Cohen et al., TorchSim: An efficient atomistic simulation engine in PyTorch, arXiv:2508.06628 (2025).
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gnnp_bench.adapters import _factory, _keywords
from gnnp_bench.adapters._batches import batches
from gnnp_bench.adapters._tensors import to_numpy
from gnnp_bench.adapters._volume import volume_of
from gnnp_bench.potential import (
    Capabilities,
    Claim,
    Identity,
    Periodicity,
    PotentialError,
    Prediction,
    Property,
    Unsupported,
)
from gnnp_bench.silence import silenced

try:
    import torch
    import torch_sim as ts
    from torch_sim.models.interface import ModelInterface
except ModuleNotFoundError as missing:
    if missing.name != "torch_sim":
        raise
    raise PotentialError("torch_sim is not installed: pip install torch-sim-atomistic, or --env auto") from missing

from ase import Atoms

MAX_BATCH_ATOMS = 128
"""On a CPU larger batches gain nothing, and memory grows in proportion."""
PAIRS = ("LennardJonesModel", "MorseModel", "SoftSphereModel")
"""Models of torch-sim itself whose forces are said to be the gradient of a sum over pairs closer than `cutoff`."""


@dataclass(frozen=True, slots=True)
class TorchsimPotential:
    """A model of torch-sim as a `Potential`. Make one with `create`."""

    model: Any
    name: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures in batches of up to `MAX_BATCH_ATOMS` atoms; see `Potential`.

        Raises
        ------
        Unsupported
            A structure has no atoms, is periodic in one or two directions where the package knows three or none, or
            stress is asked for where no volume defines it.
        """
        for structure in structures:
            self._refuse(structure, properties)
        predictions: list[Prediction] = []
        # All systems of a state share one periodicity.
        for _, alike in itertools.groupby(structures, lambda structure: tuple(structure.pbc)):
            for batch in batches(alike, len, MAX_BATCH_ATOMS):
                predictions.extend(self._forward(batch, properties))
        return predictions

    def _refuse(self, structure: Atoms, properties: frozenset[Property]) -> None:
        if not len(structure):
            raise Unsupported("torch-sim builds no state without atoms")
        if structure.pbc.any() and not structure.pbc.all() and "partial" not in self.capabilities.periodicity:
            raise Unsupported("this version of torch-sim knows structures periodic in three directions or in none")
        if "stress" in properties and structure.pbc.any():
            volume_of(structure)

    def _forward(self, batch: list[Atoms], properties: frozenset[Property]) -> Iterator[Prediction]:
        found = self.model(_state(batch, self.model))
        energy = _array(found["energy"])
        if energy.shape != (len(batch),):
            raise RuntimeError(f"the model returned energies of shape {energy.shape} for {len(batch)} systems")
        energies = _array(found.get("energies"))
        forces = _array(found.get("forces")) if "forces" in properties else None
        stress = _array(found.get("stress")) if "stress" in properties else None
        ends = np.cumsum([0, *(len(structure) for structure in batch)])
        for k, (begin, end) in enumerate(itertools.pairwise(ends)):
            yield Prediction(
                float(energy[k]),
                None if forces is None else forces[begin:end],
                # Without a cell there is no stress.
                None if stress is None or not batch[k].pbc.any() else stress[k],
                None if energies is None else energies[begin:end],
            )


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> TorchsimPotential:
    """Build the potential of `torchsim:MODULE:FACTORY[?key=value]`; options are the factory's keywords.

    `dtype` and `device` reach it as torch's own.

    Raises
    ------
    PotentialError
        There is no such factory, it fails or makes something else, or no species are given.
    """
    if argument is None or ":" not in argument:
        raise PotentialError("torchsim needs what makes a model: torchsim:MODULE:FACTORY, for example my_models:make")
    if species is None:
        raise PotentialError("models of torch-sim do not tell which species they are for: name them, --species Ar")
    with silenced():
        factory = _factory.resolve(argument)
        model = _called(argument, factory, dict(options))
    if not isinstance(model, ModelInterface):
        raise PotentialError(f"{argument} made a {type(model).__name__}, which is no ModelInterface of torch-sim")
    return TorchsimPotential(
        model=model,
        name=f"torchsim-{type(model).__name__}",
        capabilities=_capabilities(model, species),
        identity=Identity(
            version=importlib.metadata.version("torch-sim-atomistic"),
            weights_sha256=_hash(model),
            parameters=sum(parameter.numel() for parameter in model.parameters()) or None,
            packages=("torch-sim-atomistic", "torch"),
        ),
    )


def _called(path: str, factory: Callable[..., object], options: dict[str, str]) -> Any:
    _keywords.check(path, factory, options, _factory.suggestion)
    given: dict[str, Any] = {}
    if "dtype" in options:
        name = options.pop("dtype")
        if name not in ("float32", "float64"):
            raise PotentialError(f"dtype is float32 or float64, not {name!r}")
        given["dtype"] = getattr(torch, name)
    if "device" in options:
        name = options.pop("device")
        try:
            given["device"] = torch.device(name)
        except RuntimeError as error:
            raise PotentialError(f"{name!r} is no device of torch: {_factory.one_line(error)}") from error
    return _factory.call(path, functools.partial(factory, **given) if given else factory, options)


def _capabilities(model: Any, species: tuple[str, ...]) -> Capabilities:
    properties: set[Property] = {"energy"}
    if model.compute_forces:
        properties.add("forces")
    if model.compute_stress:
        properties.add("stress")
    names: dict[Any, Literal["float32", "float64"]] = {torch.float32: "float32", torch.float64: "float64"}
    cutoff, smoothness = _cutoff(model), _smoothness(model)
    claims: set[Claim] = set()
    if _is_pair(model):
        claims |= {"conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local"}
    if smoothness is not None:
        claims.add("smooth")
    matmul = torch.get_float32_matmul_precision()
    return Capabilities(
        species=species,
        properties=frozenset(properties),
        periodicity=_periodicity(model),
        cutoff=cutoff,
        receptive_field=cutoff if _is_pair(model) else None,
        dtype=names.get(model.dtype),
        device=str(model.device),
        precision_mode=None if matmul == "highest" else f"float32 matmul precision: {matmul}",
        claims=frozenset(claims),
        smoothness=smoothness,
    )


def _is_pair(model: Any) -> bool:
    return type(model).__name__ in PAIRS and type(model).__module__.startswith("torch_sim.models.")


def _cutoff(model: Any) -> float | None:
    """Return the distance, Å, up to which a model says that it looks for neighbours."""
    for name in ("cutoff", "r_max"):
        try:
            value = float(getattr(model, name))
        except (AttributeError, TypeError, ValueError, RuntimeError):
            continue
        if 0 < value < math.inf:
            return value
    return None


def _smoothness(model: Any) -> int | None:
    """Return the order up to which derivatives are continuous: (1 - r/σ)^α/α ends at σ, the other pairs are cut off."""
    if not _is_pair(model) or type(model).__name__ != "SoftSphereModel" or float(model.cutoff) < float(model.sigma):
        return None
    return math.ceil(float(model.alpha)) - 1


def _periodicity(model: Any) -> frozenset[Periodicity]:
    """Return what a state can be: up to 0.3 it is periodic or not, and a slab would silently become a molecule."""
    slab = Atoms("H", cell=[9.0, 9.0, 9.0], pbc=[True, True, False])
    pbc = _state([slab], model).pbc
    whole: frozenset[Periodicity] = frozenset({"periodic", "isolated"})
    return whole if isinstance(pbc, bool) or pbc.reshape(-1).tolist() != slab.pbc.tolist() else whole | {"partial"}


def _state(batch: Sequence[Atoms], model: Any) -> Any:
    bare = [Atoms(one.numbers, one.positions, cell=one.cell, pbc=one.pbc) for one in batch]
    return ts.io.atoms_to_state(bare, model.device, model.dtype)


def _hash(model: Any) -> str | None:
    """Return a hash of all weights and buffers, with their names; None where there are none."""
    total, weights = hashlib.sha256(), model.state_dict()
    for name in sorted(weights):
        total.update(name.encode() + weights[name].detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest() if weights else None


def _array(tensor: Any) -> Any:
    return None if tensor is None else to_numpy(tensor)
