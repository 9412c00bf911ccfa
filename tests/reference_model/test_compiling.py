"""Compiled code says what the network says, is made once and kept, and is not trusted blindly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch._inductor.cpp_builder import get_cpp_compiler
from torch._inductor.exc import InvalidCxxCompiler

from gnnp_bench.potential import ALL_PROPERTIES, PotentialError
from reference_model import compiling
from reference_model.compiling import Code, compiled, example, folder, inputs, name_of, traced
from reference_model.derivatives import predict
from reference_model.graph import Graph, collate, find_neighbours
from reference_model.model import Network
from reference_model.potential import create, from_network
from reference_model.variants import hyperparameters
from tests.reference_model.structures import SPECIES, every_kind, salt


def network(variant: str = "invariant", seed: int = 1) -> Network:
    hyper = hyperparameters(SPECIES, variant, n_channels=4)
    made = Network(hyper, seed=seed, mean_neighbours=30.0, energy_scale=0.5, reference_energies={"Na": -1.5})
    return made.double().eval().requires_grad_(False)


def never(*_: object, **__: object) -> None:
    raise AssertionError("this is not to be called")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep code in a folder of the module's own, where it is compiled by the first test that asks."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return cache


def has_compiler() -> bool:
    try:
        return bool(get_cpp_compiler())
    except InvalidCxxCompiler:
        return False


@pytest.fixture
def code(kept: Path) -> Code:
    if not has_compiler():
        pytest.skip("there is no C++ compiler on this machine")
    found = compiled(network(), torch.float64)
    assert found is not None
    assert kept in found.path.parents
    return found


def batches() -> list[Graph]:
    """Return batches of other sizes than the code was traced with: single atoms among them, and all together."""
    neighbourhoods = [find_neighbours(structure, 5.0) for structure in every_kind().values()]
    return [collate(some, SPECIES, torch.float64) for some in (*([one] for one in neighbourhoods), neighbourhoods)]


def agree(eager: Network, code: Code, direct: float | None = None) -> None:
    for graph in batches():
        here = predict(eager, graph, direct=direct)
        there = predict(eager, graph, direct=direct, code=code)
        for name in ("energies", "forces", "stresses", "atomic_energies", "features"):
            a, b = getattr(here, name), getattr(there, name)
            torch.testing.assert_close(b, a, rtol=1e-12, atol=1e-12, equal_nan=True)


def test_it_says_what_the_network_says(code):
    agree(network(), code)
    sizes = {(len(graph.species), graph.neighbours.shape[1], graph.n_close) for graph in batches()}
    assert len(sizes) > 5
    assert min(sizes)[0] == 1


@pytest.mark.parametrize("variant", ["adaptive", "direct", "equivariant", "lmax1", "ordered", "twobody"])
def test_what_is_compiled_of_other_variants_says_what_they_say(variant):
    eager = network(variant)
    code = Code(traced(eager, inputs(example(eager, torch.float64))), Path())
    agree(eager, code)
    if variant == "direct":
        agree(eager, code, direct=0.3)


def test_a_potential_is_asked_through_it(code, monkeypatch):
    potential = from_network(network(), "small", dtype="float64", compile=True)
    (expected,) = from_network(network(), "small", dtype="float64").evaluate([salt()], ALL_PROPERTIES)
    assert potential.code is not None
    monkeypatch.setattr(Network, "forward", never)
    (found,) = potential.evaluate([salt()], ALL_PROPERTIES)
    assert found.energy == pytest.approx(expected.energy, rel=1e-12)
    assert found.forces == pytest.approx(expected.forces, abs=1e-12)
    assert found.stress == pytest.approx(expected.stress, abs=1e-12)


def test_it_is_compiled_once(code, monkeypatch):
    monkeypatch.setattr(compiling, "_make", never)
    again = compiled(network(), torch.float64)
    assert again is not None
    assert again.path == code.path
    assert [path.name for path in folder().iterdir()] == [code.path.name]  # nothing half made


def test_other_weights_precisions_and_variants_have_code_of_their_own():
    names = {
        name_of(network(), torch.float64),
        name_of(network().float(), torch.float32),
        name_of(network(seed=2), torch.float64),
        name_of(network("ordered"), torch.float64),
    }
    assert len(names) == 4


def test_a_damaged_package_is_made_anew(code, tmp_path, monkeypatch):
    whole = code.path.read_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = folder() / code.path.name
    path.parent.mkdir(parents=True)
    path.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(compiling, "_make", lambda network, dtype, path: shutil.copy(code.path, path))
    found = compiled(network(), torch.float64)
    assert found is not None
    assert path.read_bytes() == whole


def test_without_a_compiler_it_is_evaluated_as_it_is_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with (
        torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)}),
        pytest.warns(RuntimeWarning, match="could not be compiled, and is evaluated as it is: .*compiler"),
    ):
        potential = from_network(network(), "small", dtype="float64", compile=True)
    assert potential.code is None
    assert not list(folder().iterdir())
    assert len(potential.evaluate([salt()], ALL_PROPERTIES)) == 1


def test_where_nothing_can_be_kept_it_says_so(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="could not be compiled.*Not a directory"):
        assert compiled(network(), torch.float64) is None


def test_code_that_says_something_else_is_refused(code, monkeypatch):
    def off(path: Path) -> Code:
        def run(*given: torch.Tensor) -> list[torch.Tensor]:
            forces, *rest = code.run(*given)
            return [forces * (1.0 + 1e-6), *rest]

        return Code(run, path)

    monkeypatch.setattr(compiling, "_loaded", off)
    with pytest.raises(PotentialError, match=r"is off the network by [0-9e-]+: remove it, or leave out compile=true"):
        compiled(network(), torch.float64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compile": "yes"}, "compile must be true or false, not 'yes'"),
        ({"compile": "true", "device": "meta"}, "compile=true makes code for the CPU: leave it out, or device=meta"),
    ],
)
def test_wrong_options_are_told(options, message):
    with pytest.raises(PotentialError, match=message):
        create("untrained", options, ("Cu",))


def test_examples_have_neighbours_in_all_slots_that_are_named():
    graph = example(network(), torch.float64)
    flat = graph.vectors.flatten(1)
    assert torch.equal(flat[:, graph.reverse.flatten()], torch.where(flat[:1] == 1e3, flat, -flat))
    assert torch.equal(graph.reverse.flatten()[graph.reverse.flatten()], torch.arange(flat.shape[1]))
