"""Write a small smooth potential for copper and gold in metatomic's exported form: run in the environment `metatomic`.

A repulsion of pairs and the square root of a density, E_i = Σ_j A exp(−r/ρ) w(r) − √(ε² + Σ_j B_j w(r)), with the
weight w(r) = (1 − r²/r_c²)⁴, which ends with three continuous derivatives.
"""

# The package compares the annotations with those of typing.
# ruff: noqa: UP006, UP035, UP045
import sys
from typing import Dict, List, Optional

import torch
from metatensor.torch import Labels, TensorBlock, TensorMap
from metatomic.torch import (
    AtomisticModel,
    ModelCapabilities,
    ModelMetadata,
    ModelOutput,
    NeighborListOptions,
    System,
)

CUTOFF = 4.0


class Embedded(torch.nn.Module):
    def __init__(self, inputs: List[str]) -> None:
        super().__init__()
        self.inputs: Dict[str, ModelOutput] = {name: ModelOutput(unit="e", sample_kind="system") for name in inputs}
        self.options = NeighborListOptions(cutoff=CUTOFF, full_list=True, strict=True)
        self.strength = torch.nn.Parameter(torch.tensor([0.9, 1.3], dtype=torch.float64))

    def requested_inputs(self) -> Dict[str, ModelOutput]:
        return self.inputs

    def requested_neighbor_lists(self) -> List[NeighborListOptions]:
        return [self.options]

    def forward(
        self,
        systems: List[System],
        outputs: Dict[str, ModelOutput],
        selected_atoms: Optional[Labels],
    ) -> Dict[str, TensorMap]:
        energies: List[torch.Tensor] = []
        samples: List[torch.Tensor] = []
        for k, system in enumerate(systems):
            pairs = system.get_neighbor_list(self.options)
            first = pairs.samples.column("first_atom").to(torch.long)
            second = pairs.samples.column("second_atom").to(torch.long)
            squares = (pairs.values[:, :, 0] ** 2).sum(1)
            weight = (1 - squares / 16.0) ** 4
            repulsion = 2.0e3 * torch.exp(-torch.sqrt(squares) / 0.3) * weight
            strength = self.strength[(system.types == 79).to(torch.long)]
            n = len(system)
            zero = torch.zeros(n, dtype=squares.dtype, device=squares.device)
            density = zero.index_add(0, first, strength[second] * weight)
            energy = zero.index_add(0, first, repulsion) - torch.sqrt(0.01 + density) + 0.1
            energies.append(energy)
            atoms = torch.arange(n, dtype=torch.int32)
            samples.append(torch.stack([torch.full_like(atoms, k), atoms], dim=1))
        found: Dict[str, TensorMap] = {}
        for name, output in outputs.items():
            if output.sample_kind == "atom":
                values = torch.cat(energies)
                labels = Labels(["system", "atom"], torch.cat(samples))
            else:
                values = torch.stack([energy.sum() for energy in energies])
                labels = Labels(["system"], torch.arange(len(systems), dtype=torch.int32).reshape(-1, 1))
            nothing: List[Labels] = []
            block = TensorBlock(values.reshape(-1, 1), labels, nothing, Labels(["energy"], torch.tensor([[0]])))
            found[name] = TensorMap(Labels(["_"], torch.tensor([[0]])), [block])
        return found


def main(path: str, *words: str) -> None:
    """Write a model with the variants that are named, which asks for what is named after a question mark."""
    variants = [word for word in words if not word.startswith("?")]
    model = Embedded([word[1:] for word in words if word.startswith("?")]).eval()
    energy = ModelOutput(unit="eV", sample_kind="atom")
    capabilities = ModelCapabilities(
        outputs={f"energy/{name}" if name else "energy": energy for name in variants or ("",)},
        atomic_types=[29, 79],
        interaction_range=CUTOFF,
        length_unit="angstrom",
        supported_devices=["cpu"],
        dtype="float64",
    )
    AtomisticModel(model, ModelMetadata(), capabilities).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
