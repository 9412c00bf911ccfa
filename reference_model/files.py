"""Networks on disk: one safetensors file with its JSON description inside; nothing in it can run.

The file's metadata holds under `gnnp_bench.reference` a JSON object {"format": 1, "hyperparameters": {…},
"notes": {…}}: the shape of the network, and whatever its maker wants to remember about it, such as how it was trained.
The tensors are the parameters and what was taken from structures: `mean_neighbours`, `energy_scale`,
`reference_energies` and `crowding_limits`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from gnnp_bench.potential import PotentialError
from reference_model.model import Network
from reference_model.variants import Hyperparameters, out_of_range

FORMAT = 1
KEY = "gnnp_bench.reference"


class _Description(msgspec.Struct):
    format: int
    hyperparameters: Hyperparameters
    notes: dict[str, Any]


def save_network(network: Network, path: str | Path, notes: Mapping[str, Any] | None = None) -> None:
    """Write a network; the file is there whole or not at all.

    Parameters
    ----------
    network : Network
    path : str or Path
        By custom it ends in `.safetensors`.
    notes : mapping, optional
        Anything that JSON can hold.
    """
    description = {"format": FORMAT, "hyperparameters": asdict(network.hyper), "notes": dict(notes or {})}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    content = save(tensors, {KEY: json.dumps(description, sort_keys=True)})
    target = Path(path)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        try:
            file.write(content)
            file.close()
            os.chmod(file.name, 0o644)
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise


def load_network(path: str | Path) -> Network:
    """Read a network, in float64 whatever the precision it was written in; convert it with `.to(dtype, device)`.

    Raises
    ------
    PotentialError
        The file is missing, damaged, or no network of this package.
    """
    description = _describe(path)
    network = Network(description.hyperparameters).double()
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise PotentialError(
                f"{path} does not fit its own description: {name} has the shape"
                f" {_shape(found.get(name))}, not {_shape(expected.get(name))}"
            )
    if bad := sorted(name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()):
        raise PotentialError(f"{path} holds numbers that are not finite, in {bad[0]}: the training diverged")
    network.load_state_dict(tensors)
    return network


def read_notes(path: str | Path) -> dict[str, Any]:
    """Return the notes that a network was saved with.

    Raises
    ------
    PotentialError
        As `load_network`.
    """
    return _describe(path).notes


def digest(network: Network) -> str:
    """Return the SHA-256 of names, shapes and values of all tensors, hexadecimal."""
    total = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        total.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        total.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


def _describe(path: str | Path) -> _Description:
    if not Path(path).is_file():
        raise PotentialError(f"there is no file {path}: name a network that was saved as safetensors")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise PotentialError(f"{path} is no safetensors file, or it is damaged: {error}") from error
    if KEY not in metadata:
        raise PotentialError(f"{path} is a safetensors file, but not of a reference potential (no {KEY!r} in it)")
    try:
        description = msgspec.json.decode(metadata[KEY], type=_Description)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise PotentialError(f"{path} describes no reference potential: {error}") from error
    if problem := out_of_range(description.hyperparameters):
        raise PotentialError(f"{path} describes no reference potential: {problem}")
    if description.format != FORMAT:
        raise PotentialError(
            f"{path} has format {description.format}, and this version of gnnp_bench reads format {FORMAT}"
        )
    return description


def _shape(shape: torch.Size | None) -> str:
    return "nothing" if shape is None else str(list(shape))
