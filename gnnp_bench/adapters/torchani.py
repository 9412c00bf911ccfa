"""TorchANI [1]_ with the ANI-1x networks [2]_ that its package ships; nothing is downloaded.

Molecules go through the package's own descriptors and networks many at a time, padded as the package pads them;
structures in cells one at a time, for the package takes one cell.

.. [1] X. Gao et al., J. Chem. Inf. Model. 60, 3408 (2020), doi:10.1021/acs.jcim.0c00451
.. [2] J. S. Smith et al., J. Chem. Phys. 148, 241733 (2018), doi:10.1063/1.5023802
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnnp_bench.adapters._factory import check_options, one_line
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the CUDA extension, and about pkg_resources
        import torch
        import torchani
        from torchani import neurochem, utils
        from torchani.models import BuiltinEnsemble
except ModuleNotFoundError as missing:
    if missing.name != "torchani":
        raise
    raise PotentialError("torchani is not installed: pip install torchani, or --env auto") from missing

from ase import Atoms, units

MAX_BATCH_ATOMS = 256
"""Molecules are padded to the largest of a batch; beyond this the time per atom no longer falls."""
MAX_PAIRS = 10_000_000
"""The package holds all pairs of atoms and images at once, about 200 bytes each."""
SMOOTHNESS = 1
"""The cosine that ends the descriptors has one continuous derivative."""
MODELS = ("ani-1x",)
OPTIONS = ("device", "dtype")


@dataclass(frozen=True, slots=True)
class TorchaniPotential:
    """An ensemble of ANI networks as a `Potential`. Make one with `create`."""

    model: Any
    name: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures, molecules in batches of up to `MAX_BATCH_ATOMS` padded atoms; see `Potential`.

        Raises
        ------
        Unsupported
            A structure holds an element that the networks do not know, no atoms, or too many pairs.
        """
        for structure in structures:
            self._refuse(structure)
        predictions: list[Prediction] = []
        for batch in _batches(structures):
            if batch[0].pbc.any():
                predictions.append(self._in_cell(batch[0], properties))
            else:
                predictions.extend(self._molecules(batch, properties))
        return predictions

    def _refuse(self, structure: Atoms) -> None:
        known = self.capabilities.species
        if beyond := sorted(set(structure.get_chemical_symbols()) - set(known)):
            raise Unsupported(f"the networks do not know {', '.join(beyond)}: they were made for {', '.join(known)}")
        if not len(structure):
            raise Unsupported("TorchANI computes nothing without atoms")
        pairs = len(structure) ** 2 // 2
        if structure.pbc.any():
            heights = 1 / np.linalg.norm(np.linalg.inv(structure.cell.complete().array), axis=0)
            images = np.where(structure.pbc, 2 * np.ceil(self.model.aev_computer.Rcr / heights) + 1, 1)
            pairs = int(pairs * images.prod())
        if pairs > MAX_PAIRS:
            raise Unsupported(f"TorchANI holds all {pairs} pairs of atoms and images at once: that takes gigabytes")

    def _molecules(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> Iterator[Prediction]:
        most = max(len(structure) for structure in structures)
        species = torch.full((len(structures), most), -1, dtype=torch.long)
        positions = torch.zeros((len(structures), most, 3), dtype=self._dtype)
        for k, structure in enumerate(structures):
            species[k, : len(structure)] = self._species(structure)
            positions[k, : len(structure)] = torch.tensor(structure.positions, dtype=self._dtype)
        positions = positions.to(self.capabilities.device).requires_grad_("forces" in properties)
        energy, energies = self._energies(species.to(self.capabilities.device), positions)
        forces = to_numpy(-torch.autograd.grad(energy.sum(), positions)[0]) if "forces" in properties else None
        for k, structure in enumerate(structures):
            n = len(structure)
            # Without a cell there is no stress.
            yield Prediction(
                float(energy[k]), None if forces is None else forces[k, :n], None, to_numpy(energies[k])[:n]
            )

    def _in_cell(self, structure: Atoms, properties: frozenset[Property]) -> Prediction:
        device = self.capabilities.device
        cell = torch.tensor(structure.cell.complete().array, dtype=self._dtype, device=device)
        pbc = torch.tensor(structure.pbc, dtype=torch.bool, device=device)
        positions = torch.tensor(structure.positions, dtype=self._dtype, device=device)
        positions = utils.map2central(cell, positions, pbc).requires_grad_(bool(properties & {"forces", "stress"}))
        strain = torch.eye(3, dtype=self._dtype, device=device).requires_grad_("stress" in properties)
        species = self._species(structure).to(device)
        energy, energies = self._energies(species[None], (positions @ strain)[None], cell @ strain, pbc)
        wanted = [positions] * ("forces" in properties) + [strain] * ("stress" in properties)
        found = list(torch.autograd.grad(energy.sum(), wanted)) if wanted else []
        forces = -to_numpy(found.pop(0)) if "forces" in properties else None
        stress = to_numpy(found.pop()) / structure.cell.complete().volume if "stress" in properties else None
        return Prediction(
            float(energy[0]), forces, None if stress is None else (stress + stress.T) / 2, to_numpy(energies[0])
        )

    def _energies(self, species: Any, positions: Any, cell: Any = None, pbc: Any = None) -> tuple[Any, Any]:
        """Return energies of structures and of atoms, eV, by the steps of the package's own forward pass."""
        model = self.model
        described = model.aev_computer((species, positions), cell=cell, pbc=pbc)
        of_atoms = [network._atomic_energies(described) for network in model.neural_networks]
        mean = sum(energies.sum(dim=1) for energies in of_atoms) / len(of_atoms)
        energy = model.energy_shifter((species, mean)).energies * units.Hartree
        # The package's `atomic_energies` adds energies of isolated atoms in float32, which costs 0.1 meV.
        free = model.energy_shifter.self_energies[species].masked_fill(species < 0, 0.0)
        return energy, (sum(of_atoms).detach() / len(of_atoms) + free) * units.Hartree

    def _species(self, structure: Atoms) -> Any:
        known = {symbol: k for k, symbol in enumerate(self.model.species)}
        return torch.tensor([known[symbol] for symbol in structure.get_chemical_symbols()], dtype=torch.long)

    @property
    def _dtype(self) -> Any:
        return torch.float64 if self.capabilities.dtype == "float64" else torch.float32


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> TorchaniPotential:
    """Build the potential of `torchani[:ani-1x][?dtype=float32&device=cpu]`.

    Raises
    ------
    PotentialError
        The model, an option or the device is not there.
    """
    check_options("torchani", options, OPTIONS)
    named, device, dtype = (
        (argument or MODELS[0]).lower(),
        options.get("device", "cpu"),
        options.get("dtype", "float32"),
    )
    if named not in MODELS:
        raise PotentialError(f"torchani 2.2.4 ships the weights of {', '.join(MODELS)} alone, not of {argument!r}")
    if dtype not in ("float32", "float64"):
        raise PotentialError(f"dtype is float32 or float64, not {dtype!r}")
    folder = Path(torchani.__file__).parent / "resources" / f"{named}_8x"
    try:
        with silenced():
            model = _built(folder).to(device)
    except Exception as error:  # files missing, or other ones; torch's own for a device
        raise PotentialError(f"torchani's {named} cannot be built on {device}: {one_line(error)}") from error
    model = model.double() if dtype == "float64" else model
    return TorchaniPotential(
        model=model,
        name=f"torchani-{named}",
        capabilities=_capabilities(model, device),
        identity=Identity(
            version=importlib.metadata.version("torchani"),
            weights_sha256=_hash(folder),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            packages=("torchani", "torch"),
        ),
    )


def _built(folder: Path) -> Any:
    """Return the ensemble, built from the package's files: its own `ANI1x()` asks the network."""
    constants = neurochem.Constants(str(next(folder.glob("*.params"))))
    shifter, energies = neurochem.load_sae(str(folder / "sae_linfit.dat"), return_dict=True)
    networks = neurochem.load_model_ensemble(constants.species, str(folder / "train"), 8)
    model = BuiltinEnsemble(
        torchani.SpeciesConverter(constants.species),
        torchani.AEVComputer(**constants),
        networks,
        shifter,
        constants.species_to_tensor,
        constants,
        energies,
        True,
    )
    return model.requires_grad_(requires_grad=False).eval()


def _hash(folder: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(folder.glob("train*/networks/*.?param")):
        total.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return total.hexdigest()


def _capabilities(model: Any, device: str) -> Capabilities:
    doubles = all(parameter.dtype == torch.float64 for parameter in model.parameters())
    claims: frozenset[Claim] = frozenset(
        {"conservative", "equivariant", "permutation-invariant", "size-extensive", "strictly-local", "smooth"}
    )
    symbols = sorted(model.species, key=lambda symbol: utils.PERIODIC_TABLE.index(symbol))
    cutoff = float(model.aev_computer.Rcr)
    return Capabilities(
        species=tuple(symbols),
        # Energies of atoms are a linear fit to molecules.
        fitted_alone=tuple(symbols),
        cutoff=cutoff,
        receptive_field=cutoff,
        dtype="float64" if doubles else "float32",
        device=device,
        claims=claims,
        smoothness=SMOOTHNESS,
    )


def _batches(structures: Sequence[Atoms]) -> Iterator[list[Atoms]]:
    """Yield structures in order: each in a cell alone, molecules together."""
    batch: list[Atoms] = []
    for structure in structures:
        most = max([len(structure), *(len(one) for one in batch)])
        apart = bool(structure.pbc.any()) or bool(batch and batch[0].pbc.any())
        if batch and (apart or most * (len(batch) + 1) > MAX_BATCH_ATOMS):
            yield batch
            batch = []
        batch.append(structure)
    if batch:
        yield batch
