"""The network as a whole: chunks, devices, training derivatives, files."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch._subclasses import FakeTensorMode
from torch.overrides import TorchFunctionMode

from gnnp_bench.potential import PotentialError
from reference_model.chunks import energies_and_gradient
from reference_model.derivatives import predict
from reference_model.files import KEY, digest, load_network, read_notes, save_network
from reference_model.forces import forces_and_virials
from reference_model.graph import Graph, collate, find_neighbours
from reference_model.model import Network
from reference_model.untrained import FORCE, root_mean_square, typical_structures, untrained
from reference_model.variants import VARIANTS, hyperparameters
from tests.reference_model.structures import SPECIES, every_kind


def network(variant: str = "lmax2", species: tuple[str, ...] = SPECIES, **changes: int) -> Network:
    hyper = hyperparameters(species, variant, **changes)
    made = Network(hyper, seed=1, mean_neighbours=30.0, energy_scale=0.5, reference_energies={"Na": -1.5})
    return made.double()


def graph(dtype: torch.dtype = torch.float64) -> Graph:
    return collate([find_neighbours(structure, 5.0) for structure in every_kind().values()], SPECIES, dtype)


@pytest.mark.parametrize("variant", VARIANTS)
def test_chunks_of_atoms_give_the_same(variant):
    whole = predict(network(variant), graph())
    pieces = predict(network(variant), graph(), chunk=5)
    for name in ("energies", "forces", "stresses", "features"):
        a, b = getattr(whole, name), getattr(pieces, name)
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_precisions_are_the_same_network(variant):
    double, single = predict(network(variant), graph()), predict(network(variant).float(), graph(torch.float32))
    assert single.energies.dtype == single.forces.dtype == torch.float64
    torch.testing.assert_close(single.energies, double.energies, rtol=3e-6, atol=3e-6)
    torch.testing.assert_close(single.forces, double.forces, rtol=3e-5, atol=3e-5)


class WithoutTheDevice(TorchFunctionMode):
    """Methods that look for the device first, by the operators that they stand for: the device need not exist."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.contiguous:
            return torch.clone(args[0], memory_format=torch.contiguous_format)
        if func is torch.Tensor.double:
            return torch.ops.aten._to_copy.default(args[0], dtype=torch.float64)
        if func is not torch.Tensor.__getitem__:
            return func(*args, **(kwargs or {}))
        found, keys = args
        keys = keys if isinstance(keys, tuple) else (keys,)
        given = sum(key is not None and key is not Ellipsis for key in keys)
        dimension = 0
        for key in keys:
            if key is Ellipsis:
                dimension += args[0].dim() - given
            elif isinstance(key, int):
                found = found.select(dimension, key)
            elif isinstance(key, torch.Tensor):
                found = torch.ops.aten.index.Tensor(found, [None] * dimension + [key])
                dimension += key.dim()
            else:
                new = found.unsqueeze(dimension) if key is None else None
                found = torch.ops.aten.slice.Tensor(found, dimension, key.start, key.stop) if new is None else new
                dimension += 1
        return found


@pytest.mark.parametrize(
    ("variant", "device"), [*((variant, "cuda") for variant in VARIANTS), ("lmax2", "cpu"), ("equivariant", "cpu")]
)
def test_the_network_stays_on_its_device_and_never_waits_for_it(variant, device):
    """Tensors without contents on a device that need not exist: a mixed device or a look at a value is an error."""
    real, batch = network(variant).float(), graph(torch.float32)
    names = ("vectors", "neighbours", "reverse", "species", "owner", "volumes")
    with FakeTensorMode():
        state, made = (
            {name: torch.empty(t.shape, dtype=t.dtype, device=device) for name, t in tensors.items()}
            for tensors in (tensors_of(real), {name: getattr(batch, name) for name in names})
        )
        fake = Graph(**made, sizes=batch.sizes, n_close=batch.n_close)
        with torch.no_grad(), WithoutTheDevice():
            atomic = torch.func.functional_call(real, state, (fake,))
        assert atomic.energies.device.type == device
        if device == "cpu":  # derivatives need a device that is there
            fake.vectors.requires_grad_()
            atomic = torch.func.functional_call(real, state, (fake,))
            (gradient,) = torch.autograd.grad(atomic.energies.sum(), fake.vectors)
            forces, _ = forces_and_virials(fake.vectors, gradient, fake.reverse)
            assert forces.shape == (len(batch.species), 3)


class InPieces(torch.nn.Module):
    """A network evaluated a few atoms at a time."""

    def __init__(self, made: Network) -> None:
        super().__init__()
        self.made = made

    def forward(self, batch: Graph) -> tuple[torch.Tensor, torch.Tensor]:
        atomic, gradient = energies_and_gradient(self.made, batch, 5)
        return atomic.energies, gradient


@pytest.mark.parametrize("variant", ["lmax2", "equivariant", "adaptive", "twobody", "direct"])
def test_pieces_of_a_large_system_are_never_waited_for(variant):
    real, batch = InPieces(network(variant).float().requires_grad_(False)), graph(torch.float32)
    names = ("vectors", "neighbours", "reverse", "species", "owner", "volumes")
    with FakeTensorMode():
        state = {name: torch.empty(t.shape, dtype=t.dtype) for name, t in tensors_of(real).items()}
        originals = {name: getattr(batch, name) for name in names}
        made = {name: torch.empty(t.shape, dtype=t.dtype) for name, t in originals.items()}
        fake = Graph(**made, sizes=batch.sizes, n_close=batch.n_close)
        energies, gradient = torch.func.functional_call(real, state, (fake,))
        assert (energies.shape, gradient.shape) == ((len(batch.species),), batch.vectors.shape)


def test_mixed_devices_and_a_look_at_a_value_would_be_seen():
    with FakeTensorMode():
        far = torch.ones(3, device="cuda")
        with pytest.raises(Exception, match="_local_scalar_dense"):
            bool(far.sum() > 1.0)
        with pytest.raises(Exception, match="same device"):
            far + torch.ones(3)


def tensors_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_is_trained_by_energies_forces_and_stresses(variant):
    trained = network(variant)
    outputs = predict(trained, graph(), training=True)
    stresses = outputs.stresses[torch.isfinite(outputs.stresses)]
    (outputs.energies.square().sum() + outputs.forces.square().sum() + stresses.square().sum()).backward()
    for name, parameter in trained.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0.0, name


def test_the_gradient_of_a_force_loss_is_its_derivative():
    trained = network(n_channels=4, n_hidden=4, n_messages=2)

    def loss() -> torch.Tensor:
        outputs = predict(trained, graph(), training=True)
        return outputs.forces.square().sum()

    loss().backward()
    weights = trained.get_parameter("layers.0.mixing")
    assert weights.grad is not None
    direction, h = torch.randn_like(weights), 1e-5
    expected = float((weights.grad * direction).sum())
    values = []
    for step in (h, -h):
        with torch.no_grad():
            weights.add_(step * direction)
        values.append(float(loss().detach()))
        with torch.no_grad():
            weights.sub_(step * direction)
    assert (values[0] - values[1]) / (2 * h) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_random_weights_make_forces_of_a_typical_size(variant):
    made = untrained(hyperparameters(("Na", "Cl"), variant))
    structures = [find_neighbours(structure, 5.0) for structure in typical_structures(("Na", "Cl"))]
    batch = collate(structures, ("Na", "Cl"), torch.float64)
    forces = predict(made, batch, direct=0.0).forces
    if variant == "direct":
        assert root_mean_square(predict(made, batch).forces) == pytest.approx(FORCE)
    with torch.no_grad():
        made.energy_scale.zero_()
    alone = forces - predict(made, batch, direct=0.0).forces
    assert root_mean_square(alone) == pytest.approx(FORCE)
    assert FORCE >= 0.5


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_network_comes_back_from_its_file(variant, tmp_path):
    path = tmp_path / "weights.safetensors"
    saved = network(variant).float()
    save_network(saved, path, {"recipe": {"epochs": 3}})
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]
    loaded = load_network(path)
    assert loaded.hyper == saved.hyper
    assert digest(loaded.float()) == digest(saved)
    assert read_notes(path) == {"recipe": {"epochs": 3}}
    before, after = predict(saved, graph(torch.float32)), predict(loaded, graph(torch.float32))
    assert torch.equal(before.energies, after.energies)


def damaged(name: str, path) -> None:
    good = network(n_channels=4)
    save_network(good, path)
    description = {"format": 1, "hyperparameters": {"species": ["Na"]}, "notes": {}}
    state = {key: tensor.detach().clone() for key, tensor in good.state_dict().items()}
    if name == "cut short":
        path.write_bytes(path.read_bytes()[:-40])
    elif name == "no safetensors":
        path.write_bytes(b"PK\x03\x04 a pickle, say")
    elif name == "another package's":
        save_file(state, path)
    elif name == "another shape":
        save_file(state, path, {KEY: json.dumps(description)})
    elif name == "a later format":
        save_file(state, path, {KEY: json.dumps(description | {"format": 2})})
    elif name == "not described":
        save_file(state, path, {KEY: json.dumps({"format": 1, "notes": {}})})
    elif name == "not JSON":
        save_file(state, path, {KEY: "{"})
    elif name == "impossible":
        wrong = {"hyperparameters": {"species": ["Na"], "l_max": 9}}
        save_file(state, path, {KEY: json.dumps(description | wrong)})
    elif name == "diverged":
        with torch.no_grad():
            good.get_parameter("layers.0.mixing").fill_(float("nan"))
        save_network(good, path)
    elif name == "missing":
        path.unlink()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cut short", "damaged"),
        ("no safetensors", "no safetensors file"),
        ("another package's", "not of a reference potential"),
        ("another shape", "does not fit its own description"),
        ("a later format", "format 2"),
        ("not described", "describes no reference potential"),
        ("not JSON", "describes no reference potential"),
        ("impossible", "l_max must be"),
        ("diverged", "not finite"),
        ("missing", "there is no file"),
    ],
)
def test_bad_files_are_refused_in_one_line(name, message, tmp_path):
    path = tmp_path / "weights.safetensors"
    damaged(name, path)
    with pytest.raises(PotentialError, match=message) as refusal:
        load_network(path)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_network(network(n_channels=4), path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save_network(network(n_channels=4), path, {"not JSON": object()})
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
