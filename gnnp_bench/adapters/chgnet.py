"""CHGNet [1]_ with the weights that its package ships; nothing is downloaded.

Structures go through the package's own graph conversion, forward pass and derivatives, many at a time. What CHGNet
does with left-handed cells, with positions that are not numbers or with elements that its training data lack is left
as it is: that is for the checks to find. `chgnet:0.2.0` is batched natively as well, although its bond layers have a
bias that acts as soon as one structure of a batch has an angle (issue 79 of the package), so that structures in a
batch change each other's energy.

.. [1] B. Deng et al., Nature Machine Intelligence 5, 1031 (2023), doi:10.1038/s42256-023-00716-3
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import is_ as _is
from pathlib import Path
from typing import Any

import chgnet
import numpy as np
import torch
from ase import Atoms, units
from ase.data import chemical_symbols
from chgnet import PredTask
from chgnet.graph.crystalgraph import CrystalGraph
from chgnet.model.model import CHGNet
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from torch.overrides import TorchFunctionMode

from gnnp_bench.adapters._batches import batches
from gnnp_bench.adapters._factory import one_line, suggestion
from gnnp_bench.adapters._watched import split, watched
from gnnp_bench.features import Shown
from gnnp_bench.potential import (
    Capabilities,
    Claim,
    Identity,
    PotentialError,
    Prediction,
    Property,
    Unsupported,
    periodicity_of,
)
from gnnp_bench.silence import silenced

VERSIONS = ("0.3.0", "0.2.0", "r2scan")

MAX_BATCH_ATOMS = 64
"""On a CPU the time per atom falls until about 32 to 64 atoms and not beyond; memory keeps growing in proportion."""

MAX_IMAGES = 1_000_000
"""pymatgen's neighbour search holds every image of every atom in the box around all atoms, up to 1 kB for each: one
atom 1000 Å outside a small cell takes gigabytes."""

MAX_CELLS = 1e9
"""The same search does not return where atoms are more than about 2e9 cells away from the origin."""

SCALAR = "Converting a tensor with requires_grad=True to a scalar"
"""What torch warns of in CHGNet's batches, of volumes."""

UNTRAINED = frozenset({"Po", "At", "Rn", "Fr", "Ra"})
"""Elements up to Pu that MPtrj does not hold: CHGNet has an embedding for them, but it was never trained."""


@dataclass(frozen=True, slots=True)
class ChgnetPotential:
    """CHGNet as a `Potential`. Make one with `create`."""

    model: CHGNet
    name: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures in batches of up to `MAX_BATCH_ATOMS` atoms; see `Potential`.

        Raises
        ------
        Unsupported
            A structure is not fully periodic, holds an element beyond Pu, or has atoms so far outside its cell that
            the neighbour search would not come back.
        """
        task: PredTask = "efs" if "stress" in properties else "ef" if "forces" in properties else "e"
        predictions: list[Prediction] = []
        for batch in batches(structures, len, MAX_BATCH_ATOMS):
            graphs = [self._graph(structure) for structure in batch]
            predictions.extend(self._prediction(values) for values in self._forward(graphs, task))
        return predictions

    def feature_gradients(self, structures: Sequence[Atoms]) -> list[Shown]:
        """Return the features of atoms after each atom convolution, and ∂E/∂h; see `gnnp_bench.features`."""
        shown: list[Shown] = []
        composition: Any = self.model.composition_model
        convolutions = {f"convolution {k + 1}": one for k, one in enumerate(self.model.atom_conv_layers)}
        for batch in batches(structures, len, MAX_BATCH_ATOMS):
            graphs = [self._graph(structure) for structure in batch]
            with warnings.catch_warnings(), watched(convolutions, lambda _, output: output) as features:
                warnings.filterwarnings("ignore", SCALAR, UserWarning)
                found = self.model(graphs, task="e", return_site_energies=True)
                energies = torch.cat(list(found["site_energies"]))
                slopes = torch.autograd.grad(energies.sum(), list(features.values()))
            references = composition.get_site_energies(graphs)
            energies = energies - torch.cat(list(references))
            shown += split(energies, features, slopes, [len(structure) for structure in batch])
        return shown

    def _graph(self, structure: Atoms) -> CrystalGraph:
        crystal = _crystal(structure)
        try:
            graph: CrystalGraph = self.model.graph_converter(crystal)
        except RuntimeError as error:
            # The converter's message points to a file that it was kept from writing; its cause says what happened.
            cause = error.__cause__ or error
            raise RuntimeError(f"CHGNet could not build the graph of a structure: {one_line(cause)}") from error
        return graph

    def _forward(self, graphs: list[CrystalGraph], task: PredTask) -> list[dict[str, Any]]:
        with warnings.catch_warnings(), torch.set_grad_enabled(task != "e"), _FirstOrder():
            warnings.filterwarnings("ignore", SCALAR, UserWarning)
            found = self.model.predict_graph(graphs, task=task, return_site_energies=True, batch_size=len(graphs))
        return found if isinstance(found, list) else [found]

    def _prediction(self, values: dict[str, Any]) -> Prediction:
        # The network's energies are per atom; its stress is in GPa and symmetric but for rounding.
        energies = np.array(values["site_energies"], np.float64)
        energy = float(values["e"]) * (len(energies) if self.model.is_intensive else 1)
        forces = np.array(values["f"], np.float64) if "f" in values else None
        stress = np.array(values["s"], np.float64) * units.GPa if "s" in values else None
        return Prediction(energy, forces, None if stress is None else (stress + stress.T) / 2, energies)


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> ChgnetPotential:
    """Build the potential of `chgnet[:version][?device=cpu]`.

    Raises
    ------
    PotentialError
        The version, an option or the device is unknown or not available.
    """
    version = argument or VERSIONS[0]
    if version not in VERSIONS:
        raise PotentialError(f"CHGNet has no version {version!r}{suggestion(version, VERSIONS)}; {_choices(VERSIONS)}")
    if strange := sorted(set(options) - {"device"}):
        raise PotentialError(f"chgnet has no option {strange[0]!r}; {_choices(('device',))}")
    device = options.get("device", "cpu")
    try:
        with silenced():
            model = CHGNet.load(model_name=version, use_device=device, verbose=False)
    except ValueError as error:
        raise PotentialError(
            f"chgnet {chgnet.__version__} ships no version {version!r}: pip install --upgrade chgnet"
        ) from error
    except (RuntimeError, AssertionError) as error:
        raise PotentialError(f"chgnet cannot use the device {device!r}: {one_line(error)}") from error
    model.eval()
    model.graph_converter.set_isolated_atom_response("ignore")
    return ChgnetPotential(
        model=model,
        name=f"chgnet-{version}",
        capabilities=_capabilities(model, version, device),
        identity=Identity(
            version=version,
            weights_sha256=_sha256(version),
            parameters=int(model.n_params),
            packages=("chgnet", "pymatgen", "torch"),
        ),
    )


class _FirstOrder(TorchFunctionMode):
    """Derives CHGNet's energy once, and keeps it from recording the derivatives for being derived once more.

    Its forward pass goes back through the network for the forces and again for the stress, each time recording what it
    does, for the sake of training. That takes three times the memory. Positions and strains of one pass have the same
    derivatives as those of two.
    """

    def __init__(self) -> None:
        super().__init__()
        self._strains: list[torch.Tensor] = []
        self._derivatives: list[torch.Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if func is torch.autograd.grad:
            return self._derived(args[0], list(args[1]), options)
        made = func(*args, **options)
        if func is torch.Tensor.new_zeros and options.get("requires_grad"):
            self._strains.append(made)
        return made

    def _derived(
        self, energy: torch.Tensor, inputs: list[torch.Tensor], options: dict[str, Any]
    ) -> tuple[torch.Tensor, ...]:
        if self._derivatives and len(inputs) == len(self._strains) and all(map(_is, inputs, self._strains)):
            return tuple(self._derivatives)
        found = torch.autograd.grad(energy, [*inputs, *self._strains], **{**options, "create_graph": False})
        self._derivatives = list(found[len(inputs) :])
        return tuple(found[: len(inputs)])


class _Crystal(Structure):
    """A pymatgen structure that writes no files: CHGNet's converter would leave one behind when it fails."""

    def to(self, *args: Any, **kwargs: Any) -> str:
        return ""


def _crystal(structure: Atoms) -> _Crystal:
    if periodicity_of(structure) != "periodic":
        raise Unsupported("CHGNet is run on periodic structures only: put molecules and slabs in a periodic cell")
    if beyond := sorted({chemical_symbols[z] for z in structure.numbers if not 1 <= z <= 94}):
        raise Unsupported(f"CHGNet has no embedding for {', '.join(beyond)}: it knows H to Pu")
    crystal = _Crystal(
        Lattice(structure.cell.array), structure.get_chemical_symbols(), structure.positions, coords_are_cartesian=True
    )
    scaled = crystal.frac_coords
    with np.errstate(invalid="ignore"):
        # Comparisons with NaN are false: positions that are not numbers go on to CHGNet.
        images = len(structure) * np.prod(np.ptp(scaled, axis=0) + 1) if len(structure) else 0
        if images > MAX_IMAGES or (np.abs(scaled) > MAX_CELLS).any():
            raise Unsupported("CHGNet's neighbour search does not handle atoms this far outside the cell: wrap them")
    return crystal


def _capabilities(model: CHGNet, version: str, device: str) -> Capabilities:
    cutoff = float(model.graph_converter.atom_graph_cutoff)
    # An atom convolution carries features over one edge of the atom graph. A bond convolution carries them over one
    # edge of the bond graph, which is shorter, to a bond that the next atom convolution reads at its own centre: it
    # reaches 3 Å where the atom convolution beside it reaches a full cutoff. So the atom convolutions alone count.
    reach = model.n_conv * max(cutoff, float(model.graph_converter.bond_graph_cutoff))
    claims: frozenset[Claim] = frozenset({"conservative", "equivariant", "permutation-invariant"})
    if version != "0.2.0":  # whose bond layers notice whether there is any angle anywhere
        claims |= {"size-extensive", "strictly-local"}
    matmul = torch.get_float32_matmul_precision()
    return Capabilities(
        species=_species(model),
        periodicity=frozenset({"periodic"}),
        cutoff=cutoff,
        receptive_field=reach,
        dtype="float32",
        device=device,
        precision_mode=None if matmul == "highest" else f"float32 matmul precision: {matmul}",
        claims=claims,
    )


def _species(model: CHGNet) -> tuple[str, ...]:
    """Return the elements that the weights were trained on.

    Elements that the r2SCAN data lack have a reference energy of zero, to rounding, in its composition model. That of
    MPtrj holds arbitrary numbers for the elements MPtrj lacks, so those are named.
    """
    references = model.state_dict()["composition_model.fc.weight"].cpu().numpy().ravel()
    symbols = chemical_symbols[1 : len(references) + 1]
    return tuple(s for s, e in zip(symbols, references, strict=True) if abs(e) > 1e-6 and s not in UNTRAINED)


def _sha256(version: str) -> str | None:
    files = list((Path(chgnet.__file__).parent / "pretrained" / version).glob("*.pth.tar"))
    return hashlib.sha256(files[0].read_bytes()).hexdigest() if len(files) == 1 else None


def _choices(values: Sequence[str]) -> str:
    return f"choose from {', '.join(values)}"
