"""What networks show of their layers: the energy really moves so when the features do."""

from typing import Any

import numpy as np
import pytest
import torch
from ase.build import bulk

from gnnp_bench.adapters.registry import load
from gnnp_bench.features import showing

SPECS = {
    "reference:untrained?dtype=float64": ("Cu", "O"),
    "reference:untrained-direct?dtype=float64": ("Cu", "O"),
    "chgnet": None,
    "sevennet:7net-0": None,
}


def structures():
    crystal = bulk("CuO", "rocksalt", a=4.2)
    crystal.rattle(0.05, seed=0)
    metal = bulk("Cu", "fcc", a=3.6).repeat((2, 1, 1))
    metal.rattle(0.05, seed=1)
    return [crystal, metal]


def modules(potential):
    """Return the modules whose output, or input, is what a layer shows; and where in it the tensor is."""
    if hasattr(potential, "network"):
        return list(potential.network.readouts), "input"
    if hasattr(potential, "energy_model"):
        gates = [m for name, m in potential.energy_model.named_children() if name.endswith("equivariant_gate")]
        return gates, "x"
    return list(potential.model.atom_conv_layers), "output"


def moved(potential, structure, place, step):
    """Return the energy where the features of layer `place` are moved by a step, before they are used."""
    made, where = modules(potential)

    def change(tensor):
        with torch.no_grad():
            tensor[:, : step.shape[1]] += torch.as_tensor(step, dtype=tensor.dtype)

    def before(_module, inputs):
        change(inputs[0])

    def after(_module, _inputs, output):
        if where == "x":
            output["x"] = output["x"].clone()
            change(output["x"])
            return output
        output = output.clone()
        change(output)
        return output

    register = made[place].register_forward_pre_hook if where == "input" else made[place].register_forward_hook
    hook = register(before if where == "input" else after)
    try:
        return potential.evaluate([structure], frozenset({"energy"}))[0].energy
    finally:
        hook.remove()


@pytest.mark.parametrize("spec", SPECS)
def test_the_energy_moves_as_the_gradients_say(spec):
    potential: Any = load(spec, SPECS[spec]).potential
    assert showing(potential) is not None
    single = potential.capabilities.dtype == "float32"
    rng = np.random.default_rng(0)
    for structure, shown in zip(structures(), potential.feature_gradients(structures()), strict=True):
        for place, layer in enumerate(shown.layers.values()):
            assert layer.features.shape == layer.gradients.shape == (len(structure), layer.features.shape[1])
            direction = rng.normal(size=layer.features.shape) * layer.features.std()
            size = (3e-2 if single else 1e-5) / np.sqrt(layer.features.shape[1])
            forward, backward = (moved(potential, structure, place, sign * size * direction) for sign in (1, -1))
            expected = float((layer.gradients * direction).sum())
            assert (forward - backward) / (2 * size) == pytest.approx(
                expected, rel=3e-2 if single else 1e-5, abs=2e-3 if single else 1e-8
            )


@pytest.mark.parametrize("spec", SPECS)
def test_energies_are_those_that_are_told_without_what_a_species_has_alone(spec):
    potential: Any = load(spec, SPECS[spec]).potential
    every = structures()
    own = [one.energies for one in potential.evaluate(every, frozenset({"energy"}))]
    shown = [one.energies for one in potential.feature_gradients(every)]
    offsets = [a - b for a, b in zip(own, shown, strict=True)]
    # The same for every copper atom, wherever it is.
    copper = np.concatenate([o[one.numbers == 29] for o, one in zip(offsets, every, strict=True)])
    assert np.ptp(copper) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("spec", ["chgnet", "sevennet:7net-0"])
def test_asking_leaves_the_network_as_it_was(spec):
    potential: Any = load(spec, None).potential
    every = structures()
    before = [one.energy for one in potential.evaluate(every, frozenset({"energy"}))]
    first, second = (potential.feature_gradients(every) for _ in range(2))
    assert [one.energy for one in potential.evaluate(every, frozenset({"energy"}))] == before
    for a, b in zip(first, second, strict=True):
        assert all(np.array_equal(a.layers[name].gradients, b.layers[name].gradients) for name in a.layers)


def test_others_show_nothing():
    assert showing(load("ase:ase.calculators.emt:EMT", ("Cu",)).potential) is None
    assert showing(load("reference", ("Cu",)).potential) is not None
