"""Errors of a network on labelled structures: over all, by species, by config type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import units
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray
from reference_model.derivatives import predict
from reference_model.graph import collate
from reference_model.model import Network
from reference_model.train.data import Sample

Metrics = dict[str, Any]
ATOMS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Labels and predictions of n structures with N atoms in all.

    Attributes
    ----------
    energies : (2, n) array, eV/atom
        Labels first, then predictions. Reference energies are taken off both.
    forces : (2, N, 3) array, eV/Å
    stresses : (2, n, 3, 3) array, eV/Å³
        NaN where there is no label.
    config_types : (n,) array of str
    species : (N,) array of str
    owners : (N,) array of int
        Index of each atom's structure.
    """

    energies: FloatArray
    forces: FloatArray
    stresses: FloatArray
    config_types: NDArray[np.str_]
    species: NDArray[np.str_]
    owners: NDArray[np.int64]


def compare(network: Network, samples: Sequence[Sample]) -> Comparison:
    """Evaluate a network on labelled structures.

    Raises
    ------
    Unsupported
        A species is not among those of the network.
    """
    weight = next(network.parameters())
    references = dict(zip(network.hyper.species, network.reference_energies.tolist(), strict=True))
    energies, forces, stresses = [], [], []
    for batch in batches(samples):
        graph = collate([s.neighbourhood for s in batch], network.hyper.species, weight.dtype, weight.device)
        out = predict(network, graph)
        energies += out.energies.tolist()
        forces.append(out.forces.cpu().numpy())
        stresses.append(out.stresses.cpu().numpy())
    symbols = [sample.frame.structure.get_chemical_symbols() for sample in samples]
    offsets = np.array([sum(references[symbol] for symbol in one) for one in symbols])
    sizes = np.array([len(one) for one in symbols])
    both = np.array([[sample.frame.energy for sample in samples], energies])
    nothing = np.full((3, 3), np.nan)
    known = np.stack([nothing if s.frame.stress is None else s.frame.stress for s in samples])
    return Comparison(
        (both - offsets) / sizes,
        np.stack([np.concatenate([sample.frame.forces for sample in samples]), np.concatenate(forces)]),
        np.stack([known, np.where(np.isnan(known), np.nan, np.concatenate(stresses))]),
        np.array([sample.frame.config_type for sample in samples]),
        np.concatenate([np.array(one) for one in symbols]),
        np.repeat(np.arange(len(samples)), sizes),
    )


def metrics(found: Comparison) -> Metrics:
    """Return mean absolute and root mean square errors.

    Returns
    -------
    dict
        `energy_mae_mev_per_atom`, `energy_rmse_mev_per_atom`, `forces_mae_mev_per_ang`, `forces_rmse_mev_per_ang`
        (over components), `stress_mae_gpa`, `stress_rmse_gpa` (over the nine components; None without labels),
        `structures`, `atoms`; the same under `per_config_type`, and errors of forces under `per_species`.
    """
    kinds = sorted(set(found.config_types.tolist()))
    by_kind = {
        kind or "(none)": _errors(found, found.config_types == kind, (found.config_types == kind)[found.owners])
        for kind in kinds
    }
    by_species = {}
    for symbol in sorted(set(found.species.tolist())):
        residual = np.diff(found.forces[:, found.species == symbol], axis=0)
        by_species[symbol] = {"atoms": residual.shape[1], **_pair("forces", residual, 1e3, "mev_per_ang")}
    every = np.ones(len(found.config_types), bool)
    total = _errors(found, every, every[found.owners])
    return {**total, "per_config_type": by_kind, "per_species": by_species}


def summary(one: Metrics) -> str:
    """Return the mean absolute errors in one line, and that they are these."""
    stress = one["stress_mae_gpa"]
    parts = [f"MAE {one['energy_mae_mev_per_atom']:.2f} meV/atom", f"{one['forces_mae_mev_per_ang']:.1f} meV/Å"]
    return ", ".join(parts + ([] if stress is None else [f"{stress:.3f} GPa"]))


def _errors(found: Comparison, structures: NDArray[np.bool_], atoms: NDArray[np.bool_]) -> Metrics:
    stresses = np.diff(found.stresses[:, structures], axis=0)
    return {
        "structures": int(structures.sum()),
        "atoms": int(atoms.sum()),
        **_pair("energy", np.diff(found.energies[:, structures], axis=0), 1e3, "mev_per_atom"),
        **_pair("forces", np.diff(found.forces[:, atoms], axis=0), 1e3, "mev_per_ang"),
        **_pair("stress", stresses[np.isfinite(stresses)], 1.0 / units.GPa, "gpa"),
    }


def _pair(name: str, residual: FloatArray, factor: float, unit: str) -> dict[str, float | None]:
    if residual.size == 0:
        return {f"{name}_mae_{unit}": None, f"{name}_rmse_{unit}": None}
    return {
        f"{name}_mae_{unit}": float(np.abs(residual).mean()) * factor,
        f"{name}_rmse_{unit}": float(np.sqrt((residual**2).mean())) * factor,
    }


def batches(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Yield samples in order, about `ATOMS_AT_ONCE` atoms at a time."""
    batch: list[Sample] = []
    for sample in samples:
        if batch and sum(len(one.frame.structure) for one in [*batch, sample]) > ATOMS_AT_ONCE:
            yield batch
            batch = []
        batch.append(sample)
    if batch:
        yield batch
