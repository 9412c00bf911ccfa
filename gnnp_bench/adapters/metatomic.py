"""Models in metatomic's exported form [1]_, such as PET [2]_ of metatrain: `metatomic:model.pt`.

Structures go through the package's own ASE calculator, which takes many at a time: its neighbour lists, which it keeps
from one call to the next, its forward pass and derivatives. What the model in the file is made of nobody can tell from
outside, so that little is claimed for it.

.. [1] F. Bigi et al., arXiv:2508.15704
.. [2] S. Pozdnyakov and M. Ceriotti, NeurIPS 36 (2023), arXiv:2305.19302
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gnnp_bench.adapters._batches import batches
from gnnp_bench.adapters._factory import check_options, one_line
from gnnp_bench.adapters._refusals import refuse_strangers
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
    from metatomic_ase import MetatomicCalculator
except ModuleNotFoundError as missing:
    if missing.name != "metatomic_ase":
        raise
    raise PotentialError("metatomic is not installed: pip install metatomic-torch, or --env auto") from missing

from ase import Atoms
from ase.data import chemical_symbols

MAX_BATCH_ATOMS = 64
"""On a CPU the time per atom hardly falls beyond, and memory grows in proportion."""
OPTIONS = ("device", "extensions", "non_conservative", "variant")
DIRECT: Mapping[str, Literal["forces", "stress"] | bool] = {
    "false": False,
    "true": True,
    "forces": "forces",
    "stress": "stress",
}
"""What `?non_conservative=` may be, and how the package calls it."""
_ONE_AT_A_TIME = threading.Lock()
"""All calls share the calculator's lists of neighbours."""


@dataclass(frozen=True, slots=True)
class MetatomicPotential:
    """An exported model as a `Potential`. Make one with `create`."""

    calculator: Any
    of_atoms: bool
    name: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures in batches of up to `MAX_BATCH_ATOMS` atoms; see `Potential`.

        Crystals and others are not mixed, for a batch with one of the others comes without stress.

        Raises
        ------
        Unsupported
            A structure holds an element that the model does not know, or no atoms.
        """
        for structure in structures:
            self._refuse(structure)
        predictions: list[Prediction] = []
        for _, alike in groupby(structures, lambda structure: bool(structure.pbc.all())):
            for batch in batches(alike, len, MAX_BATCH_ATOMS):
                with _ONE_AT_A_TIME:
                    predictions.extend(self._forward(batch, properties))
        return predictions

    def _refuse(self, structure: Atoms) -> None:
        known = self.capabilities.species
        made_for = f": it was made for {', '.join(known)}"
        refuse_strangers(structure, known, made_for, "metatomic's calculator takes no structure without atoms")

    def _forward(self, batch: list[Atoms], properties: frozenset[Property]) -> Iterator[Prediction]:
        derived = bool(properties & {"forces", "stress"})
        found = self.calculator.compute_energy(batch, compute_forces_and_stresses=derived, per_atom=self.of_atoms)
        for k in range(len(batch)):
            stress = _array(found["stress"][k]) if "stress" in properties and "stress" in found else None
            yield Prediction(
                float(found["energy"][k]),
                _array(found["forces"][k]) if "forces" in properties else None,
                None if stress is None else (stress + stress.T) / 2,
                _array(found["energies"][k]) if self.of_atoms else None,
            )


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> MetatomicPotential:
    """Build the potential of `metatomic:FILE[?device=cpu&variant=NAME&non_conservative=true&extensions=FOLDER]`.

    Raises
    ------
    PotentialError
        The file, an option, the device or the variant is not there, or the model asks for more than a structure.
    """
    if argument is None:
        raise PotentialError("metatomic needs the file of an exported model: metatomic:model.pt")
    check_options("metatomic", options, OPTIONS)
    direct = options.get("non_conservative", "false").lower()
    if direct not in DIRECT:
        raise PotentialError(f"non_conservative is one of {', '.join(DIRECT)}, not {options['non_conservative']!r}")
    path, variant = Path(argument).expanduser(), options.get("variant")
    if not path.is_file():
        raise PotentialError(f"there is no file {path}: metatomic:FILE takes an exported model")
    try:
        with silenced():
            calculator = MetatomicCalculator(
                path,
                extensions_directory=options.get("extensions"),
                device=options.get("device", "cpu"),
                variants=None if variant is None else {"energy": variant},
                non_conservative=DIRECT[direct],
                uncertainty_threshold=None,  # a warning is all that it gives
            )
            model = calculator.model()
            wanted = sorted(model.requested_inputs(use_new_names=True))
    except Exception as error:  # files of anything, by any version; no such variant or device
        raise PotentialError(f"{path} cannot be loaded as a metatomic model: {one_line(error)}") from error
    if wanted:
        raise PotentialError(
            f"{path} asks for {', '.join(wanted)}, which metatomic's calculator does not hand on in batches: certify"
            " it through a function of yours that returns a MetatomicCalculator"
        )
    outputs = dict(model.capabilities().outputs)
    # As the package names them: `energy`, or `energy/VARIANT`.
    name = "energy" if variant is None else f"energy/{variant}"
    if name not in outputs:
        energies = sorted(key for key in outputs if key.partition("/")[0] == "energy")
        raise PotentialError(f"{path} has no output {name!r}: it has {', '.join(energies) or 'no energy'}")
    return MetatomicPotential(
        calculator=calculator,
        of_atoms=outputs[name].sample_kind == "atom",
        name=f"metatomic-{path.stem}" + (f"-{variant}" if variant else ""),
        capabilities=_capabilities(model, calculator, derived=not DIRECT[direct]),
        identity=Identity(
            version=importlib.metadata.version("metatomic-torch"),
            weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            packages=("metatomic-torch", "metatomic-ase", "metatensor-torch", "vesin", "torch"),
        ),
    )


def _capabilities(model: Any, calculator: Any, *, derived: bool) -> Capabilities:
    told = model.capabilities()
    reach = float(told.engine_interaction_range("angstrom"))
    cutoffs = [float(asked.engine_cutoff("angstrom")) for asked in model.requested_neighbor_lists()]
    claims: set[Claim] = {"conservative"} if derived else set()
    if np.isfinite(reach):
        claims.add("strictly-local")  # it is the model that says how far
    return Capabilities(
        species=tuple(chemical_symbols[number] for number in sorted(told.atomic_types)),
        cutoff=max(cutoffs, default=None),
        receptive_field=reach if np.isfinite(reach) else None,
        dtype="float64" if told.dtype == "float64" else "float32",
        device=str(calculator._device),
        claims=frozenset(claims),
    )


def _array(values: Any) -> Any:
    return np.array(values, np.float64)
