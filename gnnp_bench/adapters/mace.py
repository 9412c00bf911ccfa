"""MACE [1]_, from a file that holds a whole model; `mace:model.pt`.

Structures go through the package's own graphs and forward pass, many at a time. What the package does with slabs, whose
virial it divides by the volume of a cell of its own making, is left as it is: that is for the checks to find.

.. [1] I. Batatia et al., NeurIPS 35, 11423 (2022), arXiv:2206.07697
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from gnnp_bench.adapters._batches import batches
from gnnp_bench.adapters._factory import check_options, one_line, suggestion
from gnnp_bench.adapters._refusals import refuse_strangers
from gnnp_bench.adapters._tensors import to_numpy
from gnnp_bench.potential import (
    Capabilities,
    Claim,
    Identity,
    PotentialError,
    Prediction,
    Property,
)
from gnnp_bench.silence import silenced

# The package's own calculator sets it when it is imported: e3nn 0.4 reads a file that torch.load refuses otherwise.
os.environ.setdefault("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
try:
    import torch
    from mace import data as mace_data
    from mace.tools import AtomicNumberTable, torch_geometric, torch_tools
except ModuleNotFoundError as missing:
    if missing.name != "mace":
        raise
    raise PotentialError("mace is not installed: pip install mace-torch, or --env auto") from missing

from ase import Atoms
from ase.data import chemical_symbols

MAX_BATCH_ATOMS = 128
"""On a CPU larger batches gain nothing, and memory grows in proportion."""
SMOOTHNESS = 2
"""Derivatives of the polynomial that ends the radial functions are continuous up to this order, whatever its power."""
OPTIONS = ("device", "dtype", "head")
_ONE_AT_A_TIME = threading.Lock()
"""Graphs are built in torch's default dtype, which all threads share."""


@dataclass(frozen=True, slots=True)
class MacePotential:
    """A MACE model as a `Potential`. Make one with `create`."""

    model: Any
    name: str
    head: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures in batches of up to `MAX_BATCH_ATOMS` atoms; see `Potential`.

        Raises
        ------
        Unsupported
            A structure holds an element that the model does not know, or no atoms.
        """
        with _ONE_AT_A_TIME:
            graphs = [self._graph(structure) for structure in structures]
        predictions: list[Prediction] = []
        for batch in batches(graphs, lambda graph: int(graph.num_nodes), MAX_BATCH_ATOMS):
            predictions.extend(self._forward(batch, properties))
        return predictions

    def _graph(self, structure: Atoms) -> Any:
        known = self.capabilities.species
        made_for = f": it was made for {', '.join(sorted(known))}"
        refuse_strangers(structure, known, made_for, "MACE builds no graph without atoms")
        keys = mace_data.KeySpecification(info_keys={}, arrays_keys={})
        with torch_tools.default_dtype(self.capabilities.dtype):
            config = mace_data.config_from_atoms(structure, key_specification=keys, head_name=self.head)
            return mace_data.AtomicData.from_config(
                config,
                z_table=AtomicNumberTable([int(z) for z in self.model.atomic_numbers]),
                cutoff=float(self.model.r_max),
                heads=_heads(self.model),
            )

    def _forward(self, graphs: list[Any], properties: frozenset[Property]) -> Iterator[Prediction]:
        batch = torch_geometric.Batch.from_data_list(graphs).to(self.capabilities.device)
        found = self.model(batch.to_dict(), compute_force="forces" in properties, compute_stress="stress" in properties)
        ends = batch.ptr.tolist()
        energy, energies = to_numpy(found["energy"]), to_numpy(found["node_energy"])
        forces = to_numpy(found["forces"]) if "forces" in properties else None
        stress = to_numpy(found["stress"]) if "stress" in properties else None
        for k, (begin, end) in enumerate(pairwise(ends)):
            yield Prediction(
                float(energy[k]),
                None if forces is None else forces[begin:end],
                None if stress is None else (stress[k] + stress[k].T) / 2,
                energies[begin:end],
            )


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> MacePotential:
    """Build the potential of `mace:FILE[?device=cpu&dtype=float64&head=NAME]`.

    Raises
    ------
    PotentialError
        The file, an option, the device or the head is not there.
    """
    if argument is None:
        raise PotentialError("mace needs the file of a model: mace:model.pt (nothing is downloaded)")
    check_options("mace", options, OPTIONS)
    path, device, wanted = Path(argument).expanduser(), options.get("device", "cpu"), options.get("dtype")
    if wanted not in (None, "float32", "float64"):
        raise PotentialError(f"dtype is float32 or float64, not {wanted!r}")
    model = _loaded(path, device)
    if wanted is not None:
        model = model.double() if wanted == "float64" else model.float()
    for parameter in model.parameters():
        parameter.requires_grad = False
    version = importlib.metadata.version("mace-torch")
    return MacePotential(
        model=model,
        name=f"mace-{path.stem}",
        head=_head(model, options.get("head")),
        capabilities=_capabilities(model, device),
        identity=Identity(
            version=version,
            weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            packages=("mace-torch", "e3nn", "torch", "matscipy"),
        ),
    )


def _loaded(path: Path, device: str) -> Any:
    if not path.is_file():
        raise PotentialError(f"there is no file {path}: mace:FILE takes the file of a model")
    try:
        with silenced():
            # Files of MACE are pickles of whole models: whoever loads one runs its code.
            model = torch.load(path, map_location=device, weights_only=False)
            model = model.to(device).eval()
    except Exception as error:  # pickles of anything, by any version
        raise PotentialError(f"{path} cannot be loaded as a MACE model on {device}: {one_line(error)}") from error
    if lacks := [name for name in ("atomic_numbers", "r_max", "num_interactions") if not hasattr(model, name)]:
        raise PotentialError(f"{path} holds a {type(model).__name__}, which is no MACE model: it has no {lacks[0]}")
    return model


def _heads(model: Any) -> list[str]:
    return list(getattr(model, "heads", None) or ["Default"])


def _head(model: Any, wanted: str | None) -> str:
    heads = _heads(model)
    if wanted is None:
        if len(heads) > 1:
            raise PotentialError(f"the model has several heads: name one, ?head={heads[0]}, of {', '.join(heads)}")
        return heads[0]
    if wanted not in heads:
        raise PotentialError(f"the model has no head {wanted!r}{suggestion(wanted, heads)}: it has {', '.join(heads)}")
    return wanted


def _capabilities(model: Any, device: str) -> Capabilities:
    cutoff = float(model.r_max)
    doubles = all(p.dtype == torch.float64 for p in model.parameters())
    dtype: Literal["float32", "float64"] = "float64" if doubles else "float32"
    # Energies are sums over atoms of invariants of what at most `num_interactions` steps along edges carry to them;
    # forces and virials are derivatives by positions and a symmetric strain.
    claims: frozenset[Claim] = frozenset(
        {"conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local", "smooth"}
    )
    matmul = torch.get_float32_matmul_precision()
    return Capabilities(
        species=tuple(chemical_symbols[number] for number in sorted(int(z) for z in model.atomic_numbers)),
        cutoff=cutoff,
        receptive_field=int(model.num_interactions) * cutoff,
        dtype=dtype,
        device=device,
        precision_mode=None if matmul == "highest" else f"float32 matmul precision: {matmul}",
        claims=claims,
        smoothness=SMOOTHNESS,
    )
