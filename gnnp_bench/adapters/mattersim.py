"""MatterSim [1]_, from the file of a checkpoint: `mattersim:model.pth`.

Structures go through the graphs that the package's own ASE calculator builds, one structure at a time as there. With
`?batch=N` its own loader puts N of them together, as in `Potential.predict_properties`; with `?graph=direct` they go
through the graphs of `MatterSimCalculator(direct_graph=True)`, many at a time. What these do to cells, slabs and
companions is left as it is: that is for the checks to find.

.. [1] H. Yang et al., arXiv:2405.04967 (2024)
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
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
        import torch
        from mattersim.datasets.utils.build import build_dataloader
        from mattersim.forcefield import potential as package
except ModuleNotFoundError as missing:
    if missing.name != "mattersim":
        raise
    raise PotentialError("mattersim is not installed: pip install mattersim, or --env auto") from missing

from ase import Atoms, units
from ase.data import chemical_symbols

MAX_BATCH_ATOMS = 64
"""An atom of a dense crystal has thousands of triplets: on a CPU larger batches gain nothing."""
SMOOTHNESS = 2
"""Derivatives of the radial functions and of the polynomial that ends triplets are continuous up to this order."""
OPTIONS = ("batch", "device", "dtype", "graph")
GRAPHS = ("loader", "direct")


@dataclass(frozen=True, slots=True)
class MattersimPotential:
    """An M3GNet of MatterSim as a `Potential`. Make one with `create`.

    Attributes
    ----------
    model : mattersim.forcefield.Potential
    together : int or None
        Structures that the package's loader puts in one batch; None: its direct graphs.
    """

    model: Any
    name: str
    together: int | None
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures one at a time, or together as the options want it; see `Potential`.

        Raises
        ------
        Unsupported
            A structure holds an element that the model does not know, or no atoms.
        """
        for structure in structures:
            self._refuse(structure)
        return [found for part in self._parts(structures) for found in self._forward(part, properties)]

    def _parts(self, structures: Sequence[Atoms]) -> Iterator[list[Atoms]]:
        if self.together is not None:
            yield from batches(structures, lambda _: 1, self.together)
            return
        # The package makes a box around a molecule; else all directions must be the same ones in one batch.
        for _, alike in groupby(structures, lambda one: tuple(one.pbc) if one.pbc.any() else (True, True, True)):
            yield from batches(alike, len, MAX_BATCH_ATOMS)

    def _refuse(self, structure: Atoms) -> None:
        known = self.capabilities.species
        refuse_strangers(structure, known, f": it ends with {known[-1]}", "MatterSim builds no graph without atoms")

    def _forward(self, structures: list[Atoms], properties: frozenset[Property]) -> Iterator[Prediction]:
        graph = self._direct(structures) if self.together is None else self._loaded(structures)
        stress = "stress" in properties
        # The package computes stress with forces only.
        found = self.model(graph, include_forces=stress or "forces" in properties, include_stresses=stress)
        energy = to_numpy(found["total_energy"]).reshape(-1)
        ends = np.cumsum([0, *map(len, structures)])
        for k in range(len(structures)):
            tensor = to_numpy(found["stresses"])[k] * units.GPa if stress else None
            yield Prediction(
                float(energy[k]),
                to_numpy(found["forces"])[ends[k] : ends[k + 1]] if "forces" in properties else None,
                None if tensor is None else (tensor + tensor.T) / 2,
            )

    def _loaded(self, structures: list[Atoms]) -> dict[str, Any]:
        """Return what `MatterSimCalculator.calculate` and `Potential.predict_properties` hand to the network."""
        loader = build_dataloader(
            list(structures),
            model_type=self.model.model_name,
            batch_size=len(structures),
            only_inference=True,
            **self._cutoffs(),
        )
        graph: dict[str, Any] = package.batch_to_dict(next(iter(loader)), device=self.capabilities.device)
        if self.capabilities.dtype == "float32":
            return graph
        floating = {key for key, value in graph.items() if torch.is_tensor(value) and value.is_floating_point()}
        return {key: value.double() if key in floating else value for key, value in graph.items()}

    def _direct(self, structures: list[Atoms]) -> dict[str, Any]:
        """Return what `MatterSimCalculator._build_graph_direct` does, of several structures."""
        from mattersim.datasets.utils import converter  # not in 1.2.3, which `create` tells

        cutoffs = {f"{name}body_cutoff": self._cutoffs()[key] for name, key in _DIRECT.items()}
        wrapped = [converter._normalize_atoms(structure, *cutoffs.values()) for structure in structures]
        floats: dict[str, Any] = {"dtype": torch.float64 if self.capabilities.dtype == "float64" else torch.float32}
        device: dict[str, Any] = {"device": self.capabilities.device}
        graph: dict[str, Any] = converter.create_batch_graph_dict(
            torch.tensor(np.concatenate([one.positions for one in wrapped]), **floats, **device),
            torch.tensor(np.stack([one.cell.array for one in wrapped]), **floats, **device),
            torch.tensor(np.concatenate([one.numbers for one in wrapped]), dtype=torch.long, **device),
            torch.tensor([len(one) for one in wrapped], dtype=torch.long, **device),
            pbc=torch.tensor(np.stack([one.pbc for one in wrapped]), **device),
            **cutoffs,
        )
        return graph

    def _cutoffs(self) -> dict[str, float]:
        arguments = self.model.model.model_args
        return {name: float(arguments[name]) for name in ("cutoff", "threebody_cutoff")}


_DIRECT = {"two": "cutoff", "three": "threebody_cutoff"}


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> MattersimPotential:
    """Build the potential of `mattersim:FILE[?device=cpu&dtype=float32&batch=1&graph=loader]`.

    Raises
    ------
    PotentialError
        The file, an option or the device is not there.
    """
    if argument is None:
        raise PotentialError("mattersim needs the file of a checkpoint: mattersim:model.pth (nothing is downloaded)")
    check_options("mattersim", options, OPTIONS)
    path, device, dtype = Path(argument).expanduser(), options.get("device", "cpu"), options.get("dtype", "float32")
    version = importlib.metadata.version("mattersim")
    together = _together(options, version)
    if dtype not in ("float32", "float64"):
        raise PotentialError(f"dtype is float32 or float64, not {dtype!r}")
    if dtype == "float64" and "dtype" not in inspect.signature(package.MatterSimCalculator).parameters:
        raise PotentialError(f"mattersim {version} computes in float32 alone: dtype=float64 needs a newer one")
    model = _loaded(path, device)
    if dtype == "float64":
        model.model.double()
    return MattersimPotential(
        model=model,
        name=f"mattersim-{path.stem}",
        together=together,
        capabilities=_capabilities(model, device),
        identity=Identity(
            version=version,
            weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            parameters=sum(parameter.numel() for parameter in model.model.parameters()),
            packages=("mattersim", "torch", "torch-geometric", "pymatgen-core"),
        ),
    )


def _together(options: Mapping[str, str], version: str) -> int | None:
    graph, batch = options.get("graph", GRAPHS[0]), options.get("batch", "1")
    if graph not in GRAPHS:
        raise PotentialError(f"graph is loader or direct, not {graph!r}")
    if not batch.isdecimal() or int(batch) < 1:
        raise PotentialError(f"batch is a number of structures, 1 or more, not {batch!r}")
    if graph == "loader":
        return int(batch)
    if "batch" in options:
        raise PotentialError("batch is for graph=loader: direct graphs are put together by their atoms")
    if "direct_graph" not in inspect.signature(package.MatterSimCalculator).parameters:
        raise PotentialError(f"mattersim {version} has no direct graphs: they need a newer one")
    return None


def _loaded(path: Path, device: str) -> Any:
    if not path.is_file():
        raise PotentialError(f"there is no file {path}: mattersim:FILE takes the file of a checkpoint")
    try:
        with silenced():
            package.logger.remove()  # it tells each loading on standard error
            model = package.Potential.from_checkpoint(str(path.resolve()), device=device, load_training_state=False)
            held = torch.load(path, map_location="cpu")["model"]
    except Exception as error:  # of anything that a file may hold
        raise PotentialError(
            f"{path} cannot be loaded as a checkpoint of MatterSim on {device}: {one_line(error)}"
        ) from error
    # The package takes what it finds, and leaves the rest as it was drawn at random.
    if lacks := sorted(set(model.model.state_dict()) - set(held)):
        raise PotentialError(f"{path} lacks {len(lacks)} of the model's tensors: {lacks[0]} is the first")
    model.requires_grad_(requires_grad=False)
    return model.eval()


def _capabilities(model: Any, device: str) -> Capabilities:
    arguments = model.model.model_args
    cutoff = float(arguments["cutoff"])
    doubles = all(parameter.dtype == torch.float64 for parameter in model.model.parameters())
    # Energies are sums over atoms of functions of distances and angles; triplets lie within the cutoff of their centre.
    claims: frozenset[Claim] = frozenset(
        {"conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local", "smooth"}
    )
    return Capabilities(
        # The file does not tell which of them were trained on.
        species=tuple(chemical_symbols[1 : int(arguments["max_z"]) + 1]),
        cutoff=cutoff,
        receptive_field=int(arguments["num_blocks"]) * max(cutoff, float(arguments["threebody_cutoff"])),
        dtype="float64" if doubles else "float32",
        device=device,
        claims=claims,
        smoothness=SMOOTHNESS,
    )
