"""DIEP [1]_ with the weights that its package ships, or from a folder that it has exported: `diep`, `diep:FOLDER`.

Structures are wrapped into their cells, as the package's own calculator does, and go through its graphs and forward
pass, many at a time. What it does with triplets whose bonds are equally long, or in one line, is left as it is: that
is for the checks to find.

.. [1] The package diep 2.0.0; its weights are trained on MatPES r2SCAN.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.metadata
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
    import torch
    from diep import config, pretrained
    from diep.ext.ase import Atoms2Graph
    from torch_geometric.data import Batch
except ModuleNotFoundError as missing:
    if missing.name != "diep":
        raise
    raise PotentialError("diep is not installed: pip install diep, or --env auto") from missing

from ase import Atoms, units

MAX_BATCH_ATOMS = 32
"""An atom of a crystal has hundreds of triplets with 121 grid points each: larger batches cost memory alone."""
SMOOTHNESS = 2
"""Derivatives of the polynomial that ends bonds and triplets are continuous up to this order."""
OPTIONS = ("device",)


@dataclass(frozen=True, slots=True)
class DiepPotential:
    """A DIEP model as a `Potential`. Make one with `create`."""

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
        # What is to be computed is written on the model: a shallow copy shares its weights and lets threads be.
        model = copy.copy(self.model)
        model.calc_forces, model.calc_stresses = "forces" in properties, "stress" in properties
        graphs = [self._graph(structure) for structure in structures]
        predictions: list[Prediction] = []
        for batch in batches(graphs, lambda part: int(part[0].num_nodes), MAX_BATCH_ATOMS):
            predictions.extend(self._forward(model, batch))
        return predictions

    def _graph(self, structure: Atoms) -> tuple[Any, Any]:
        refuse_strangers(structure, self.capabilities.species, "", "DIEP builds no graph without atoms")
        wrapped = structure.copy()
        wrapped.wrap()
        converter = Atoms2Graph(self.model.model.element_types, self.model.model.cutoff)
        graph, lattice, _ = converter.get_graph(wrapped)
        graph.is_crystal = bool(structure.pbc.any())
        return graph, lattice.reshape(3, 3)

    def _forward(self, model: Any, parts: list[tuple[Any, Any]]) -> Iterator[Prediction]:
        device = self.capabilities.device
        graph = Batch.from_data_list([graph for graph, _ in parts]).to(device)
        found = model(graph, torch.stack([lattice for _, lattice in parts]).to(device))
        energy = np.atleast_1d(to_numpy(found[0]))
        energies = self._of_atoms(graph)
        forces = to_numpy(found[1]) if model.calc_forces else None
        stress = to_numpy(found[2]).reshape(-1, 3, 3) * units.GPa if model.calc_stresses else None
        for k, (begin, end) in enumerate(pairwise(graph.ptr.tolist())):
            yield Prediction(
                float(energy[k]),
                None if forces is None else forces[begin:end],
                # Without a cell the package divides by 1 Å³.
                None if stress is None or not parts[k][0].is_crystal else (stress[k] + stress[k].T) / 2,
                None if energies is None else energies[begin:end],
            )

    def _of_atoms(self, graph: Any) -> Any:
        """Return the energies of atoms, eV, or None where their sum is not the energy."""
        if float(self.model.data_mean):
            return None
        energies = to_numpy(graph.atomic_properties).reshape(-1) * float(self.model.data_std)
        if self.model.element_refs is not None:
            energies = energies + to_numpy(self.model.element_refs.property_offset)[graph.node_type.cpu().numpy()]
        return energies


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> DiepPotential:
    """Build the potential of `diep[:FOLDER][?device=cpu]`; without a folder it is the package's diep_fold1.

    Raises
    ------
    PotentialError
        The folder, an option or the device is not there.
    """
    check_options("diep", options, OPTIONS)
    device = options.get("device", "cpu")
    folder = Path(argument).expanduser() if argument is not None else Path(pretrained.DEFAULT_MODEL_DIR)
    try:
        with silenced():
            model = pretrained.load_potential(folder, device=device)
    except Exception as error:  # of anything that a folder may hold
        raise PotentialError(f"{folder} cannot be loaded as a DIEP model on {device}: {one_line(error)}") from error
    if model.model.is_intensive:
        raise PotentialError(f"{folder} holds a model of an intensive property, which is no potential")
    return DiepPotential(
        model=model,
        name=f"diep-{folder.resolve().name.removeprefix('diep_')}",
        capabilities=_capabilities(model, device),
        identity=Identity(
            version=importlib.metadata.version("diep"),
            weights_sha256=hashlib.sha256((folder / "state.pt").read_bytes()).hexdigest(),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            packages=("diep", "torch", "torch-geometric", "pymatgen-core"),
        ),
    )


def _capabilities(model: Any, device: str) -> Capabilities:
    network = model.model
    cutoff = float(network.cutoff)
    # In one step an atom hears of its neighbours j, and of what lies within the cutoff of triplets around these.
    reach = max(cutoff, 2 * float(network.threebody_cutoff)) if network.use_triplets else cutoff
    claims: set[Claim] = {"conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local"}
    # With canonical triplets the longest edge is laid on an axis: the energy jumps where another becomes the longest.
    smooth = not network.use_triplets or network.diep_integrator.triplet_frame == "bond"
    return Capabilities(
        species=tuple(network.element_types),
        cutoff=cutoff,
        receptive_field=int(network.n_blocks) * reach,
        dtype="float64" if config.float_th == torch.float64 else "float32",
        device=device,
        claims=frozenset(claims | {"smooth"} if smooth else claims),
        smoothness=SMOOTHNESS if smooth else None,
    )
