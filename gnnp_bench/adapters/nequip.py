"""NequIP [1]_ and Allegro [2]_, from a checkpoint, a package or a compiled file: `nequip:model.nequip.zip`.

Structures go through the package's own neighbour lists and forward pass, many at a time where the file allows it. What
it does with slabs, whose virial it divides by the volume of the cell as it is, is left as it is.

.. [1] S. Batzner et al., Nat. Commun. 13, 2453 (2022), doi:10.1038/s41467-022-29939-5
.. [2] A. Musaelian et al., Nat. Commun. 14, 579 (2023), doi:10.1038/s41467-023-36329-y
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gnnp_bench.adapters import _nequip_files
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
    Unsupported,
)
from gnnp_bench.silence import silenced

try:
    import torch
    from nequip.data import AtomicDataDict
    from nequip.integrations.utils import basic_transforms
except ModuleNotFoundError as missing:
    if missing.name != "nequip":
        raise
    raise PotentialError("nequip is not installed: pip install nequip, or --env auto") from missing

from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

MAX_BATCH_ATOMS = 128
"""On a CPU larger batches gain nothing, and memory grows in proportion."""
SMOOTHNESS = 2
"""Derivatives of the polynomial that ends the radial functions are continuous up to this order, whatever its power.
Allegro's splines have one more."""
OPTIONS = ("device", "layers", "model", "types")


@dataclass(frozen=True, slots=True)
class NequipPotential:
    """A model of the NequIP framework as a `Potential`. Make one with `create`."""

    file: _nequip_files.File
    transforms: tuple[Any, ...]
    name: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures in batches of up to `MAX_BATCH_ATOMS` atoms; see `Potential`.

        Raises
        ------
        Unsupported
            A structure holds an element that the model does not know, no atoms, or periodic directions without a cell.
        """
        graphs = [self._graph(structure) for structure in structures]
        predictions: list[Prediction] = []
        most = MAX_BATCH_ATOMS if self.file.batched else 0
        for batch in batches(graphs, AtomicDataDict.num_nodes, most):
            predictions.extend(self._forward(batch, properties))
        return predictions

    def _graph(self, structure: Atoms) -> Any:
        known = self.capabilities.species
        made_for = f": it was made for {', '.join(known)}"
        refuse_strangers(structure, known, made_for, "NequIP builds no graph without atoms")
        cell = structure.cell.array
        if structure.pbc.any() and not cell.any():
            raise Unsupported("NequIP refuses periodic structures without a cell")
        # As `from_ase` of the package does it, which however reads torch's default precision.
        graph = {
            AtomicDataDict.POSITIONS_KEY: torch.tensor(structure.positions, dtype=torch.float64),
            AtomicDataDict.CELL_KEY: torch.tensor(cell, dtype=torch.float64).reshape(1, 3, 3),
            AtomicDataDict.PBC_KEY: torch.tensor(structure.pbc).reshape(1, 3),
            AtomicDataDict.ATOMIC_NUMBERS_KEY: torch.tensor(structure.numbers, dtype=torch.long),
        }
        for transform in self.transforms:
            graph = transform(graph)
        return graph

    def _forward(self, graphs: list[Any], properties: frozenset[Property]) -> Iterator[Prediction]:
        data = AtomicDataDict.batched_from_list(graphs) if self.file.batched else dict(graphs[0])
        # A compiled file reads with the strides it was made for; of a single structure `batch` would have stride 0.
        data = {key: tensor.to(self.capabilities.device).contiguous() for key, tensor in data.items()}
        found = self.file.model(data)
        energy = to_numpy(found[AtomicDataDict.TOTAL_ENERGY_KEY]).reshape(-1)
        energies = to_numpy(found[AtomicDataDict.PER_ATOM_ENERGY_KEY]).reshape(-1)
        forces = to_numpy(found[AtomicDataDict.FORCE_KEY]) if "forces" in properties else None
        stress = to_numpy(found[AtomicDataDict.STRESS_KEY]).reshape(-1, 3, 3) if "stress" in properties else None
        ends = np.cumsum([0, *(AtomicDataDict.num_nodes(graph) for graph in graphs)])
        for k, (begin, end) in enumerate(pairwise(ends)):
            yield Prediction(
                float(energy[k]),
                None if forces is None else forces[begin:end],
                # Where a cell has no volume the package says NaN.
                stress[k] if stress is not None and _has_stress(graphs[k]) else None,
                energies[begin:end],
            )


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> NequipPotential:
    """Build the potential of `nequip:FILE[?device=cpu&model=sole_model&types=H:my_H,O:my_O&layers=4]`.

    Raises
    ------
    PotentialError
        The file, an option, the device or a model in the file is not there, or types of atoms are no elements.
    """
    if argument is None:
        raise PotentialError("nequip needs a file: nequip:model.nequip.zip, .ckpt or .nequip.pt2 (none is downloaded)")
    check_options("nequip", options, OPTIONS)
    path, device = Path(argument).expanduser(), options.get("device", "cpu")
    kind = _nequip_files.kind(argument, path)
    layers = _layers(kind, options.get("layers"))
    try:
        with silenced(), _undisturbed():
            file = _nequip_files.load(path, kind, device, options.get("model"))
            types = _types(file.type_names, options.get("types"))
            transforms = basic_transforms(
                file.metadata, file.cutoff, list(file.type_names), types, neighborlist_backend="matscipy"
            )
    except PotentialError:
        raise
    except Exception as error:  # of anything that a file may hold
        raise PotentialError(f"{path} cannot be loaded as a NequIP model on {device}: {one_line(error)}") from error
    return NequipPotential(
        file=file,
        transforms=tuple(transforms),
        name=f"{'allegro' if file.architecture == 'allegro' else 'nequip'}-{path.name.partition('.')[0]}",
        capabilities=_capabilities(file, types, device, layers),
        identity=Identity(
            version=importlib.metadata.version("nequip"),
            weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            parameters=file.parameters,
            packages=tuple(name for name in ("nequip", "nequip-allegro", "e3nn", "torch", "matscipy") if _has(name)),
        ),
    )


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Put back what the package sets for the whole process when it loads: torch's precision, and all random numbers."""
    from lightning.pytorch.utilities.seed import isolate_rng

    before = torch.get_default_dtype()
    try:
        with isolate_rng():
            yield
    finally:
        torch.set_default_dtype(before)


def _layers(kind: str, text: str | None) -> int | None:
    if text is None:
        return None
    if kind != "compiled":
        raise PotentialError("layers is for compiled files alone: this one tells its own")
    if not text.isdecimal() or int(text) < 1:
        raise PotentialError(f"layers is the number of NequIP's layers, or 1 for Allegro, not {text!r}")
    return int(text)


def _types(names: tuple[str, ...], wanted: str | None) -> dict[str, str]:
    """Return the model's type of atom for each element."""
    if wanted is None:
        if strange := [name for name in names if name not in chemical_symbols[1:]]:
            raise PotentialError(f"the model's type {strange[0]!r} is no element: say which, ?types=H:{strange[0]},…")
        return {name: name for name in names}
    found: dict[str, str] = {}
    for part in wanted.split(","):
        symbol, _, name = part.partition(":")
        if symbol not in chemical_symbols[1:]:
            raise PotentialError(f"types must read ?types=H:my_H,O:my_O, not {part!r}")
        if name not in names:
            raise PotentialError(f"the model has no type {name!r}{suggestion(name, names)}: it has {', '.join(names)}")
        found[symbol] = name
    return found


def _capabilities(file: _nequip_files.File, types: Mapping[str, str], device: str, layers: int | None) -> Capabilities:
    claims: set[Claim] = {"conservative"} if file.derivatives else set()
    steps = file.layers if layers is None else layers
    if steps is not None:
        # Energies are sums over atoms of invariants of what that many steps along edges carry to them; in Allegro, of
        # its own neighbours. Forces and virials are derivatives by positions and a symmetric strain.
        claims |= {"equivariant", "permutation-invariant", "size-extensive", "strictly-local", "smooth"}
    properties: tuple[Property, ...] = ("energy", "forces", "stress") if file.derivatives else ("energy",)
    matmul = torch.get_float32_matmul_precision()
    tf32 = "TF32" if file.tf32 and not device.startswith("cpu") else None
    dtype: Literal["float32", "float64"] | None = file.dtype
    return Capabilities(
        species=tuple(sorted(types, key=atomic_numbers.__getitem__)),
        properties=frozenset(properties),
        cutoff=file.cutoff,
        receptive_field=None if steps is None else steps * file.cutoff,
        dtype=dtype,
        device=device,
        precision_mode=tf32 if matmul == "highest" else f"float32 matmul precision: {matmul}",
        claims=frozenset(claims),
        smoothness=SMOOTHNESS if "smooth" in claims else None,
    )


def _has(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _has_stress(graph: Any) -> bool:
    return bool(graph[AtomicDataDict.PBC_KEY].any() and torch.linalg.det(graph[AtomicDataDict.CELL_KEY]) != 0)
