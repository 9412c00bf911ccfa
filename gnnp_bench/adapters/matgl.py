"""Potentials of MatGL [1]_ (TensorNet, M3GNet, CHGNet) from a folder that the package has saved: `matgl:FOLDER`.

Structures go through the graphs that the package's own ASE calculator builds and through its forward pass, many at a
time. What it does with slabs, or with neighbours at the cutoff, is left as it is: that is for the checks to find.

.. [1] T. W. Ko et al., npj Comput. Mater. 11, 253 (2025), doi:10.1038/s41524-025-01742-y
"""

from __future__ import annotations

import copy
import hashlib
import importlib.metadata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gnnp_bench.adapters._batches import batches
from gnnp_bench.adapters._factory import check_options, one_line
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

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import matgl
        import torch
        from matgl.ext.ase import Atoms2Graph
        from torch_geometric.data import Batch
except ModuleNotFoundError as missing:
    if missing.name != "matgl":
        raise
    raise PotentialError("matgl is not installed: pip install matgl, or --env auto") from missing

from ase import Atoms, units

MAX_BATCH_ATOMS = 64
"""On a CPU larger batches gain nothing, and triplets of dense crystals take memory."""
FILES = ("model.json", "model.pt", "state.pt")
"""What the package writes for each model."""
MODELS = ("CHGNet", "M3GNet", "TensorNet")
OPTIONS = ("device", "dtype")


@dataclass(frozen=True, slots=True)
class MatglPotential:
    """A potential of MatGL as a `Potential`. Make one with `create`."""

    model: Any
    name: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures in batches of up to `MAX_BATCH_ATOMS` atoms; see `Potential`.

        Raises
        ------
        Unsupported
            A structure holds an element that the model does not know, or no atoms.
        """
        # What is to be computed is written on the model, and features of each call too: a shallow copy of both shares
        # their weights and lets threads be. Stress is derived together with forces only.
        model = copy.copy(self.model)
        model._modules = {**model._modules, "model": copy.copy(self.model.model)}
        model.calc_stresses = "stress" in properties
        model.calc_forces = model.calc_stresses or "forces" in properties
        graphs = [self._graph(structure) for structure in structures]
        predictions: list[Prediction] = []
        for batch in batches(graphs, lambda part: int(part[0].num_nodes), MAX_BATCH_ATOMS):
            predictions.extend(self._forward(model, batch, properties))
        return predictions

    def _graph(self, structure: Atoms) -> tuple[Any, Any, bool]:
        known = self.capabilities.species
        made_for = f": it was made for {', '.join(known[:9])} …"
        refuse_strangers(structure, known, made_for, "MatGL builds no graph without atoms")
        network = self.model.model
        graph, lattice, _ = Atoms2Graph(network.element_types, network.cutoff).get_graph(structure)
        return graph, lattice.reshape(3, 3), bool(structure.pbc.any())

    def _forward(
        self, model: Any, parts: list[tuple[Any, Any, bool]], properties: frozenset[Property]
    ) -> Iterator[Prediction]:
        device = self.capabilities.device
        graph = Batch.from_data_list([graph for graph, _, _ in parts]).to(device)
        found = model(graph, torch.stack([lattice for _, lattice, _ in parts]).to(device))
        energy = np.atleast_1d(to_numpy(found[0]))
        forces = to_numpy(found[1]) if "forces" in properties else None
        stress = to_numpy(found[2]).reshape(-1, 3, 3) * units.GPa if model.calc_stresses else None
        for k, (begin, end) in enumerate(pairwise(graph.ptr.tolist())):
            yield Prediction(
                float(energy[k]),
                None if forces is None else forces[begin:end],
                # Without a cell the package divides by 1 Å³.
                None if stress is None or not parts[k][2] else (stress[k] + stress[k].T) / 2,
            )


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> MatglPotential:
    """Build the potential of `matgl:FOLDER[?device=cpu&dtype=float32]`.

    Raises
    ------
    PotentialError
        The folder, an option or the device is not there, or it holds no potential.
    """
    if argument is None:
        raise PotentialError("matgl needs the folder of a saved potential: matgl:FOLDER (nothing is downloaded)")
    check_options("matgl", options, OPTIONS)
    device, dtype = options.get("device", "cpu"), options.get("dtype", "float32")
    if dtype not in ("float32", "float64"):
        raise PotentialError(f"dtype is float32 or float64, not {dtype!r}")
    folder = _folder(Path(argument).expanduser())
    model = _loaded(folder, device)
    if dtype == "float64":
        model = model.double()
    return MatglPotential(
        model=model,
        name=f"matgl-{folder.resolve().name}",
        capabilities=_capabilities(model, device, dtype),
        identity=Identity(
            version=importlib.metadata.version("matgl"),
            weights_sha256=hashlib.sha256((folder / "state.pt").read_bytes()).hexdigest(),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            packages=("matgl", "torch", "torch-geometric", "pymatgen-core"),
        ),
    )


def _folder(path: Path) -> Path:
    """Return the folder of a saved model, of which one of its files may be named."""
    folder = path.parent if path.name in FILES else path
    # The package would look for a folder that is not there in the network.
    if lacks := [name for name in FILES if not (folder / name).is_file()]:
        raise PotentialError(f"there is no {folder / lacks[0]}: matgl:FOLDER takes a folder with {', '.join(FILES)}")
    return folder


def _loaded(folder: Path, device: str) -> Any:
    try:
        with silenced(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = matgl.load_model(folder)
            model = model.to(device).eval()
    except Exception as error:  # of anything that a folder may hold
        cause = error.__cause__ or error
        raise PotentialError(f"{folder} cannot be loaded as a model of MatGL on {device}: {one_line(cause)}") from error
    network: Any = getattr(model, "model", None)
    if type(model).__name__ != "Potential" or type(network).__name__ not in MODELS:
        held = type(model if network is None else network).__name__
        raise PotentialError(f"{folder} holds a {held}, not a Potential of {', '.join(MODELS)}")
    if network.is_intensive:
        raise PotentialError(f"{folder} holds a model of an intensive property, which is no potential")
    if getattr(network, "include_state", False) or getattr(network, "include_states", False) or model.calc_charge:
        raise PotentialError(f"{folder} holds a model that reads a state or a charge, which this adapter does not give")
    model.calc_hessian = False
    return model.requires_grad_(requires_grad=False)


def _capabilities(model: Any, device: str, dtype: Any) -> Capabilities:
    network = model.model
    claims: set[Claim] = {"conservative", "permutation-invariant", "size-extensive", "strictly-local"}
    # Tensors of TensorNet that may mix with their mirror images know left from right.
    if getattr(network, "equivariance_invariance_group", "O(3)") == "O(3)":
        claims.add("equivariant")
    smoothness = _smoothness(network)
    return Capabilities(
        species=tuple(sorted(network.element_types, key=lambda symbol: Atoms(symbol).numbers[0])),
        cutoff=float(network.cutoff),
        receptive_field=_reach(network),
        dtype=dtype,
        device=device,
        claims=frozenset(claims if smoothness is None else claims | {"smooth"}),
        smoothness=smoothness,
    )


def _smoothness(network: Any) -> int | None:
    """Return the order up to which derivatives are continuous, by the functions that end a neighbourhood."""
    if type(network).__name__ == "TensorNet":
        return 1  # a cosine
    if type(network).__name__ == "M3GNet":
        radial = network.bond_expansion
        return (
            2 if radial.smooth and radial.rbf_type == "SphericalBessel" else None
        )  # else a sine that ends at an angle
    # CHGNet hands the radial functions to the polynomial that is to end them, and not the distance.
    return None


def _reach(network: Any) -> float:
    """Return an upper limit of what an atom's energy feels, Å."""
    cutoff = float(network.cutoff)
    if type(network).__name__ == "TensorNet":
        return (len(network.layers) + 1) * cutoff  # the first tensors are sums over neighbours already
    if type(network).__name__ == "M3GNet":
        return int(network.n_blocks) * max(cutoff, float(network.threebody_cutoff))
    # A bond hears of the bonds at either end of it.
    return int(network.n_blocks) * (cutoff + float(network.three_body_cutoff))
