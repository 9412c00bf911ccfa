"""SevenNet [1]_ with the weights that its package ships; nothing is downloaded.

Structures go through the package's own neighbour search, graphs, collation, forward pass and derivatives, many at a
time. What SevenNet does with mirror images, with positions that are not numbers or with cells that its neighbour
search cannot take is left as it is: that is for the checks to find.

.. [1] Y. Park et al., J. Chem. Theory Comput. 20, 4857 (2024), doi:10.1021/acs.jctc.4c00190
"""

from __future__ import annotations

import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols

from gnnp_bench.adapters._batches import batches
from gnnp_bench.adapters._factory import one_line, suggestion
from gnnp_bench.adapters._tensors import to_numpy
from gnnp_bench.adapters._watched import split, watched
from gnnp_bench.features import Shown
from gnnp_bench.potential import (
    Capabilities,
    Claim,
    FloatArray,
    Identity,
    PotentialError,
    Prediction,
    Property,
    Unsupported,
)
from gnnp_bench.silence import silenced

with warnings.catch_warnings():
    # e3nn compiles by torch.jit, which torch calls deprecated at every import.
    warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
    from sevenn import _keys
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.nn.sequential import AtomGraphSequential
    from sevenn.train.dataload import unlabeled_atoms_to_graph
    from torch_geometric.data.batch import Batch

    from gnnp_bench.adapters._lean_products import make_lean
    from gnnp_bench.adapters._sevennet_weights import choices, find, opened

OPTIONS = ("device", "modal")

MAX_BATCH_EDGES = 1024
"""Time goes with the number of edges, not of atoms. On a CPU the time per edge falls until some hundred edges and not
beyond; memory keeps growing, by 0.2 MB for each."""

MAX_SHIFT = 1e9
"""Å. The neighbour search wraps atoms by one cell at a time: beyond, it takes seconds to minutes."""

SMOOTHNESS = {"XPLOR": 1}
"""Continuous derivatives of the cutoff functions; the polynomial one of exponent p has (r − r_c)³ at the cutoff [2]_,
whatever p is.

.. [2] J. Gasteiger, J. Groß and S. Günnemann, ICLR 2020, arXiv:2003.03123, equation 8
"""


@dataclass(frozen=True, slots=True)
class SevennetPotential:
    """SevenNet as a `Potential`. Make one with `create`.

    Attributes
    ----------
    model : AtomGraphSequential
        The network with the derivatives of its energy.
    energy_model : AtomGraphSequential
        The same modules without the derivatives.
    modal : str or None
        Which of its levels of theory a network that learned several answers for.
    """

    model: AtomGraphSequential
    energy_model: AtomGraphSequential
    modal: str | None
    name: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures in batches of up to `MAX_BATCH_EDGES` edges; see `Potential`.

        Raises
        ------
        Unsupported
            A structure holds a species that the weights do not know, its cell or positions are such that the
            neighbour search would not come back, or stress is asked for where no volume defines it.
        """
        if "stress" in properties:
            for structure in structures:
                _require_volume(structure)
        graphs = [self._graph(structure) for structure in structures]
        return [
            prediction
            for batch in batches(graphs, lambda graph: int(graph.num_edges), MAX_BATCH_EDGES)
            for prediction in self._predictions(batch, properties)
        ]

    def feature_gradients(self, structures: Sequence[Atoms]) -> list[Shown]:
        """Return the scalars of atoms after each gate, and ∂E/∂h; see `gnnp_bench.features`."""
        shown: list[Shown] = []
        gates: dict[str, Any] = {
            name: one for name, one in self.energy_model.named_children() if name.endswith("equivariant_gate")
        }
        scalars = [one.gate.irreps_out.count("0e") for one in gates.values()]
        graphs = [self._graph(structure) for structure in structures]
        for part in batches(graphs, lambda graph: int(graph.num_edges), MAX_BATCH_EDGES):
            batch: Any = Batch.from_data_list([*part]).to(self.capabilities.device)
            with watched(gates, lambda _, output: output[_keys.NODE_FEATURE]) as features:
                found = self.energy_model(batch)
                slopes = torch.autograd.grad(found[_keys.ATOMIC_ENERGY].sum(), list(features.values()))
            rescale: Any = self.energy_model.rescale_atomic_energy
            energies = found[_keys.SCALED_ATOMIC_ENERGY].ravel() * rescale.scale[found[_keys.ATOM_TYPE]]
            # Scalars come first in every layer.
            cut = {
                f"convolution {k + 1}": h[:, :n]
                for k, (h, n) in enumerate(zip(features.values(), scalars, strict=True))
            }
            gradients = [g[:, :n] for g, n in zip(slopes, scalars, strict=True)]
            shown += split(energies, cut, gradients, [graph.num_nodes for graph in part])
        return shown

    def _graph(self, structure: Atoms) -> AtomGraphData:
        if foreign := sorted({chemical_symbols[z] for z in structure.numbers} - set(self.capabilities.species)):
            raise Unsupported(f"{self.name} does not know {', '.join(foreign)}")
        if np.isinf(structure.cell.array).any() or (np.abs(structure.positions) > MAX_SHIFT).any():
            raise Unsupported("SevenNet's neighbour search does not come back from infinite cells or far-away atoms")
        graph = AtomGraphData.from_numpy_dict(unlabeled_atoms_to_graph(structure, self.model.cutoff))
        if self.modal is not None:
            graph[_keys.DATA_MODALITY] = self.modal
        return graph

    def _predictions(self, graphs: list[AtomGraphData], properties: frozenset[Property]) -> Iterator[Prediction]:
        differentiate = bool(properties & {"forces", "stress"})
        batch: Any = Batch.from_data_list([*graphs])
        with torch.set_grad_enabled(differentiate):
            found = (self.model if differentiate else self.energy_model)(batch.to(self.capabilities.device))
        sizes = [graph.num_nodes for graph in graphs]
        atomic = np.split(to_numpy(found[_keys.ATOMIC_ENERGY]).ravel(), np.cumsum(sizes)[:-1])
        totals = to_numpy(found[_keys.PRED_TOTAL_ENERGY])
        forces: list[FloatArray | None] = [None] * len(graphs)
        stresses: list[FloatArray | None] = [None] * len(graphs)
        if "forces" in properties:
            forces = list(np.split(to_numpy(found[_keys.PRED_FORCE]), np.cumsum(sizes)[:-1]))
        if "stress" in properties:
            # It comes compression-positive, in the order xx, yy, zz, xy, yz, zx.
            stresses = list(-to_numpy(found[_keys.PRED_STRESS])[:, ((0, 3, 5), (3, 1, 4), (5, 4, 2))])
        for energy, own, force, stress in zip(totals, atomic, forces, stresses, strict=True):
            yield Prediction(float(energy), force, stress, own)


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> SevennetPotential:
    """Build the potential of `sevennet[:name][?device=cpu&modal=PBE]`; the name may be the path of a checkpoint.

    Raises
    ------
    PotentialError
        The name, an option, the modal or the device is unknown or not available, or the weights are not at hand.
    """
    if strange := sorted(set(options) - set(OPTIONS)):
        raise PotentialError(
            f"sevennet has no option {strange[0]!r}{suggestion(strange[0], OPTIONS)}; {choices(OPTIONS)}"
        )
    name, path = find(argument)
    device = options.get("device", "cpu")
    with warnings.catch_warnings(), silenced():
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        checkpoint = opened(path)
        model = checkpoint.build_model()
    modal = _modal(name, model, options.get("modal"))
    try:
        model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise PotentialError(f"sevennet cannot use the device {device!r}: {one_line(error)}") from error
    model.eval().requires_grad_(False)  # of the weights: derivatives by the edges alone are asked for
    model.set_is_batch_data(True)
    make_lean(model)
    return SevennetPotential(
        model=model,
        energy_model=_without_derivatives(model),
        modal=modal,
        name=name if modal is None else f"{name}-{modal}",
        capabilities=_capabilities(checkpoint.config, model, device),
        identity=Identity(
            version=str(checkpoint.config.get("version")),
            weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            packages=("sevenn", "e3nn", "torch", "torch-geometric", "matscipy"),
        ),
    )


def _modal(name: str, model: AtomGraphSequential, wanted: str | None) -> str | None:
    """Return the level of theory to answer for, as the network calls it."""
    modals = list(model.modal_map or ())
    if not modals:
        if wanted is not None:
            raise PotentialError(f"{name} learned one level of theory only: leave out modal={wanted}")
        return None
    example = f"as in sevennet:{name}?modal={modals[0]}"
    if wanted is None:
        raise PotentialError(f"{name} learned several levels of theory: name a modal of {', '.join(modals)}, {example}")
    if wanted not in modals:
        raise PotentialError(
            f"{name} has no modal {wanted!r}{suggestion(wanted, modals)}; {choices(modals)}, {example}"
        )
    return wanted


def _without_derivatives(model: AtomGraphSequential) -> AtomGraphSequential:
    modules = OrderedDict((key, module) for key, module in model.named_children() if key != "force_output")
    return AtomGraphSequential(
        modules,
        cutoff=model.cutoff,
        type_map=model.type_map,
        modal_map=model.modal_map,
        eval_type_map=model.eval_type_map,
        eval_modal_map=model.eval_modal_map,
        data_key_atomic_numbers=model.key_atomic_numbers,
        data_key_node_feature=model.key_node_feature,
    ).eval()


def _capabilities(config: Mapping[str, Any], model: AtomGraphSequential, device: str) -> Capabilities:
    cutoff = float(model.cutoff)
    # Forces are derivatives by edge vectors, so net forces vanish; energies are sums over atoms of what at most
    # `num_convolution_layer` steps along edges carry to them, divided by constants.
    claims: set[Claim] = {"conservative", "permutation-invariant", "size-extensive", "strictly-local", "smooth"}
    if config[_keys.IS_PARITY]:
        claims.add("equivariant")
    # Otherwise features carry no parity and products such as a × b enter scalars: rotations keep the energy by
    # construction, but mirror images need not have the same.
    matmul = torch.get_float32_matmul_precision()
    return Capabilities(
        species=tuple(chemical_symbols[number] for number in sorted(config[_keys.TYPE_MAP])),
        cutoff=cutoff,
        receptive_field=int(config[_keys.NUM_CONVOLUTION]) * cutoff,
        dtype=_dtype(model),
        device=device,
        precision_mode=None if matmul == "highest" else f"float32 matmul precision: {matmul}",
        claims=frozenset(claims),
        smoothness=SMOOTHNESS.get(config[_keys.CUTOFF_FUNCTION][_keys.CUTOFF_FUNCTION_NAME], 2),
    )


def _dtype(model: AtomGraphSequential) -> Literal["float32", "float64"]:
    """Return the precision of the coarsest parameter, which rounds all that follows."""
    return "float64" if all(parameter.dtype == torch.float64 for parameter in model.parameters()) else "float32"


def _require_volume(structure: Atoms) -> None:
    # Its calculator divides by 1e-3 Å³ there. Written so that a cell of NaN goes through to the package.
    cell = structure.cell.array
    if not structure.pbc.any() or abs(np.linalg.det(cell)) <= 1e-12 * np.prod(np.linalg.norm(cell, axis=1)):
        raise Unsupported("stress needs a periodic direction and a cell of non-zero volume")
