"""Orb v3 [1]_, from a file of its state: `orb:state.ckpt?architecture=orb_v3_conservative&max_num_neighbors=20`.

Structures go through the package's own graphs, many at a time. The sizes of the network are read from the shapes in
the file. What the package does with neighbours beyond the largest number, or in cells that are thin or skewed, is left
as it is: that is for the checks to find.

.. [1] B. Rhodes et al., arXiv:2504.06231 (2025)
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import re
import threading
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
    ALL_PROPERTIES,
    ENERGY_FORCES,
    Capabilities,
    Carried,
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
    from orb_models.forcefield import base, pretrained
    from orb_models.forcefield.atomic_system import SystemConfig, ase_atoms_to_atom_graphs
except ModuleNotFoundError as missing:
    if missing.name != "orb_models":
        raise
    raise PotentialError("orb_models is not installed: pip install orb-models, or --env auto") from missing

from ase import Atoms
from ase.data import chemical_symbols
from ase.stress import voigt_6_to_full_3x3_stress

MAX_BATCH_ATOMS = 128
"""On a CPU larger batches gain nothing, and memory grows in proportion."""
CUTOFF = 6.0
"""Å, of all architectures v3: written into the package's function that ends the edges."""
ARCHITECTURES = ("orb_v3_conservative", "orb_v3_direct")
PRECISIONS = ("float32-high", "float32-highest", "float64")
OPTIONS = ("architecture", "device", "max_num_neighbors", "precision")
_ONE_AT_A_TIME = threading.Lock()
"""The package computes in torch's default dtype, which all threads share."""


@dataclass(frozen=True, slots=True)
class OrbPotential:
    """A model of Orb as a `Potential`. Make one with `create`."""

    model: Any
    name: str
    precision: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures in batches of up to `MAX_BATCH_ATOMS` atoms; see `Potential`.

        Raises
        ------
        Unsupported
            A structure holds an element that the model does not know, or no atoms.
        """
        for structure in structures:
            self._refuse(structure)
        predictions: list[Prediction] = []
        for batch in batches(structures, len, MAX_BATCH_ATOMS):
            with _ONE_AT_A_TIME, _precision(self.precision):
                predictions.extend(self._forward(batch, properties))
        return predictions

    def _refuse(self, structure: Atoms) -> None:
        known = self.capabilities.species
        refuse_strangers(structure, known, f": it ends with {known[-1]}", "Orb builds no graph without atoms")
        if structure.pbc.any() and not structure.pbc.all():
            raise Unsupported("Orb takes three periodic directions or none")

    def _forward(self, structures: list[Atoms], properties: frozenset[Property]) -> Iterator[Prediction]:
        device = torch.device(self.capabilities.device)
        graphs = [ase_atoms_to_atom_graphs(one, self.model.system_config, device=device) for one in structures]
        batch = base.batch_graphs(graphs)
        found = self.model.predict(batch)
        # A conservative model names what it derives; a direct one has a head for each.
        prefix = "grad_" if hasattr(self.model, "grad_forces_name") else ""
        energy = to_numpy(found["energy"]).reshape(-1)
        ends = [0, *np.cumsum(batch.n_node.cpu().numpy()).tolist()]
        for k, (begin, end) in enumerate(pairwise(ends)):
            # Without a cell the package divides by zero.
            wanted = "stress" in properties and bool(structures[k].pbc.any())
            voigt = to_numpy(found[f"{prefix}stress"])[k] if wanted else None
            yield Prediction(
                float(energy[k]),
                to_numpy(found[f"{prefix}forces"])[begin:end] if "forces" in properties else None,
                None if voigt is None else np.array(voigt_6_to_full_3x3_stress(voigt)),
            )


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> OrbPotential:
    """Build the potential of `orb:FILE?architecture=NAME&max_num_neighbors=N[&precision=float32-high&device=cpu]`.

    Raises
    ------
    PotentialError
        The file, an option or the device is not there, or the file holds another architecture.
    """
    if argument is None:
        raise PotentialError(
            f"orb needs the file of a state: orb:state.ckpt?architecture={ARCHITECTURES[0]}&max_num_neighbors=20"
            " (nothing is downloaded)"
        )
    check_options("orb", options, OPTIONS)
    path, device = Path(argument).expanduser(), options.get("device", "cpu")
    architecture, precision = options.get("architecture"), options.get("precision", PRECISIONS[0])
    if architecture not in ARCHITECTURES:
        raise PotentialError(f"name the architecture, ?architecture={' or '.join(ARCHITECTURES)}, not {architecture!r}")
    if precision not in PRECISIONS:
        raise PotentialError(f"precision is {', '.join(PRECISIONS)}, not {precision!r}")
    wanted = options.get("max_num_neighbors", "")
    if not wanted.isdecimal() or int(wanted) < 1:
        raise PotentialError(
            f"say how many neighbours the model takes, ?max_num_neighbors=20 (published: 20, or 120 for inf): the file"
            f" does not tell, and {wanted!r} is no number"
        )
    model = _loaded(path, architecture, SystemConfig(CUTOFF, int(wanted)), precision, device)
    return OrbPotential(
        model=model,
        name=f"orb-{path.stem}",
        precision=precision,
        capabilities=_capabilities(model, precision, device),
        identity=Identity(
            version=importlib.metadata.version("orb-models"),
            weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            packages=("orb-models", "torch"),
        ),
    )


def _loaded(path: Path, architecture: str, config: Any, precision: str, device: str) -> Any:
    if not path.is_file():
        raise PotentialError(f"there is no file {path}: orb:FILE takes the file of a state")
    try:
        with silenced(), warnings.catch_warnings(), _precision(precision):
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
            held = ARCHITECTURES["heads.forces.mlp.NN-0.weight" in state]
            sizes = _sizes(state, held)
            build = getattr(pretrained, f"{held}_architecture")
            model = build(**sizes, device="cpu", system_config=config)
            model = pretrained.load_model(model, str(path.resolve()), device, precision, compile=False)
    except Exception as error:  # of anything that a file may hold
        raise PotentialError(f"{path} cannot be loaded as a state of Orb v3 on {device}: {one_line(error)}") from error
    if held != architecture:
        raise PotentialError(f"{path} holds the state of {held}, not of {architecture}")
    # The package lets a state without some of the heads pass, and leaves them as they were drawn at random.
    if lacks := sorted(set(model.state_dict()) - set(state)):
        raise PotentialError(f"{path} lacks {len(lacks)} of the model's tensors: {lacks[0]} is the first")
    return model


def _sizes(state: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """Return the arguments that build the network of a state, read from its shapes."""
    base_mlp, head_mlp = "model._encoder._node_fn.mlp.NN-", "heads.energy.mlp.NN-"
    steps = {name.split(".")[2] for name in state if name.startswith("model.gnn_stacks.")}
    direct = architecture == ARCHITECTURES[1]
    return {
        "latent_dim": state["model.atom_emb.embeddings.weight"].shape[1],
        "base_mlp_hidden_dim": state[f"{base_mlp}0.weight"].shape[0],
        "base_mlp_depth": _layers(state, base_mlp) - 1,
        "head_mlp_hidden_dim": state[f"{head_mlp}0.weight"].shape[0],
        "head_mlp_depth": _layers(state, head_mlp) - 1,
        "num_message_passing_steps": len(steps),
        "has_charge_spin_cond": any(name.startswith("model.conditioner.") for name in state),
        "has_stress": "heads.stress.mlp.NN-0.weight" in state or not (direct or _omol(state)),
    }


def _layers(state: Mapping[str, Any], prefix: str) -> int:
    return sum(re.fullmatch(re.escape(prefix) + r"\d+\.weight", name) is not None for name in state)


def _omol(state: Mapping[str, Any]) -> bool:
    """Return whether a conservative model is one for molecules, with charge and spin and without stress."""
    return any(name.startswith("model.conditioner.") for name in state)


def _capabilities(model: Any, precision: str, device: str) -> Capabilities:
    conservative = hasattr(model, "grad_forces_name")
    # Spherical harmonics enter a plain network, so rotations are learned. Of the neighbours only the nearest are taken:
    # which of several equally distant ones are left out depends on their order, and the energy jumps where they change.
    # The energy is a function of the mean over all atoms of their features, and not a sum over atoms: nothing is local.
    claims: frozenset[Claim] = frozenset({"conservative"} if conservative else ())
    conditioned = model.model.conditioner is not None
    return Capabilities(
        # The file does not tell which of them were trained on.
        species=tuple(chemical_symbols[1:118]),
        properties=ALL_PROPERTIES if model.has_stress else ENERGY_FORCES,
        periodicity=frozenset({"periodic", "isolated"}),
        cutoff=CUTOFF,
        dtype="float64" if precision == "float64" else "float32",
        device=device,
        precision_mode=None if precision != "float32-high" else "float32 matmul precision: high",
        claims=claims,
        reads=(Carried("charge", "charge", 0), Carried("spin", "multiplicity", 1)) if conditioned else (),
    )


@contextlib.contextmanager
def _precision(name: str) -> Iterator[None]:
    """Compute as the package does once it has loaded a model, and put back what it has set."""
    before = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    try:
        torch.set_default_dtype(torch.float64 if name == "float64" else torch.float32)
        if name != "float64":
            torch.set_float32_matmul_precision(name.removeprefix("float32-"))
        yield
    finally:
        torch.set_default_dtype(before[0])
        torch.set_float32_matmul_precision(before[1])
