"""The network as machine code: energies and forces in one piece, compiled once for batches of any size.

Where torch's eager operators each read and write all that belongs to edges, compiled code does whole chains of them at
once. The network is traced once with its derivative, for numbers of atoms and slots that are symbols. AOTInductor [1]_
makes a package of the graph, which is kept.

.. [1] J. Ansel et al., ASPLOS 2024, doi:10.1145/3620665.3640366
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gnnp_bench.potential import PotentialError
from reference_model.files import digest
from reference_model.forces import forces_and_virials
from reference_model.graph import PADDING, ROUNDED, Graph
from reference_model.model import Atomic, Network

LEAST = 2
"""Atoms, and slots for close neighbours: the compiler takes one or none for a special case."""
SETTINGS: Mapping[str, Any] = {"cpp.dynamic_threads": True}
"""As many threads as torch has when the code runs, not when it was compiled."""
AGREEMENT = {torch.float32: 1e-4, torch.float64: 1e-9}
"""Relative to the largest number: what is further off the network than that was compiled wrongly."""


@dataclass(frozen=True, slots=True)
class Code:
    """A network as compiled code.

    Attributes
    ----------
    run : callable
        From what `inputs` returns to forces, virials, and what the network says.
    path : Path
        The package that holds it.
    """

    run: Callable[..., Sequence[torch.Tensor]]
    path: Path

    def derived(self, graph: Graph) -> tuple[Atomic, torch.Tensor, torch.Tensor]:
        """Return what the network says, and −∂E/∂r.

        Returns
        -------
        atomic : Atomic
        forces : (N, 3) tensor of float64, eV/Å
        virials : (N, 3, 3) tensor of float64, eV
            Symmetric.
        """
        n_atoms = len(graph.species)
        forces, virials, *said = (one[:n_atoms] for one in self.run(*inputs(graph)))
        return Atomic(*said), forces, virials


def inputs(graph: Graph) -> tuple[torch.Tensor, ...]:
    """Return vectors, neighbours, reverse, species, and the neighbours in the slots that may be close.

    A single atom gets a companion that it does not see.
    """
    vectors, neighbours, reverse, species = graph.vectors, graph.neighbours, graph.reverse, graph.species
    n_atoms, n_slots = neighbours.shape
    if n_atoms < LEAST:
        empty = torch.zeros_like(vectors)
        empty[0] = PADDING
        vectors = torch.cat([vectors, empty], dim=1)
        neighbours = torch.cat([neighbours, torch.full_like(neighbours, n_atoms)])
        reverse = torch.cat([reverse, n_slots + torch.arange(n_slots)[None]])
        species = torch.cat([species, species])
    close = neighbours[:, : max(LEAST, graph.n_close)]
    return vectors.contiguous(), neighbours, reverse, species, close.contiguous()


def compiled(network: Network, dtype: torch.dtype) -> Code | None:
    """Return a network as code, from the folder where it is kept or made now, which takes a minute or two.

    Parameters
    ----------
    network : Network
        On the CPU, without trainable parameters.
    dtype : torch.dtype
        Of its parameters.

    Returns
    -------
    Code or None
        None where it cannot be made here: a warning says why, and the network is to be evaluated as it is.

    Raises
    ------
    PotentialError
        The code does not say what the network says.
    """
    path = folder() / f"{name_of(network, dtype)}.pt2"
    try:
        code = _kept(path)
        if code is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(network, dtype, path)
            code = _loaded(path)
    except Exception as error:  # of a compiler, or of the disk
        reason = " ".join(str(error).split())[:200]
        said = f"the reference potential could not be compiled, and is evaluated as it is: {reason}"
        warnings.warn(said, RuntimeWarning, stacklevel=3)
        return None
    _compare(network, code, dtype)
    return code


def folder() -> Path:
    """Return where compiled code is kept: ``gnnp-bench/compiled`` in ``$XDG_CACHE_HOME``, by default ``~/.cache``."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(named) if os.path.isabs(named) else Path.home() / ".cache"
    return cache / "gnnp-bench" / "compiled"


def name_of(network: Network, dtype: torch.dtype) -> str:
    """Return what decides about the code, hashed: weights, variant, precision, this package, torch and processor."""
    total = hashlib.sha256()
    for text in (digest(network), repr(network.hyper), str(dtype), torch.__version__, platform.machine(), _processor()):
        total.update(f"{text}\n".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        total.update(source.read_bytes())
    return total.hexdigest()[:32]


def _processor() -> str:
    """Return what the processor can do, for which code is compiled."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return platform.processor()


def _kept(path: Path) -> Code | None:
    """Return the code of a package; None where there is none, or it is damaged."""
    if path.is_file():
        with contextlib.suppress(Exception):  # whatever a damaged archive leads to
            return _loaded(path)
    return None


def _loaded(path: Path) -> Code:
    return Code(torch._inductor.aoti_load_package(str(path)), path)


def _make(network: Network, dtype: torch.dtype, path: Path) -> None:
    """Compile a network, and put the package in its place at once."""
    from torch._inductor import aoti_compile_and_package
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch.export import Dim, export

    get_cpp_compiler()  # raises where there is none, before a minute is spent on what it would compile
    given = inputs(example(network, dtype))
    atoms, slots, close = Dim("atoms", min=LEAST), Dim("slots", min=ROUNDED), Dim("close", min=LEAST)
    sizes = ({1: atoms, 2: slots}, {0: atoms, 1: slots}, {0: atoms, 1: slots}, {0: atoms}, {0: atoms, 1: close})
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as made, _quiet():
        exported = export(traced(network, given), given, dynamic_shapes=sizes)
        there = f"{made}/code.pt2"
        os.replace(aoti_compile_and_package(exported, package_path=there, inductor_configs=dict(SETTINGS)), path)


def traced(network: Network, given: Sequence[torch.Tensor]) -> torch.fx.GraphModule:
    """Return forces, virials and what the network says as one graph of operators, for batches of any size.

    Parameters
    ----------
    network : Network
    given : sequence of tensors
        `inputs`. Sizes that are equal would be taken for one, so no two are, nor are they 3.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    def function(
        vectors: torch.Tensor,
        neighbours: torch.Tensor,
        reverse: torch.Tensor,
        species: torch.Tensor,
        close: torch.Tensor,
    ) -> list[torch.Tensor]:
        vectors = vectors.detach().requires_grad_()
        with torch.enable_grad():
            said = network(Graph(vectors, neighbours, reverse, species, species, vectors, (), close.shape[1]))
            (gradient,) = torch.autograd.grad(said.energies.sum(), vectors)
        forces, virials = forces_and_virials(vectors.detach(), gradient, reverse)
        return [forces, virials, *(one.detach() for one in said if one is not None)]

    graph = make_fx(function, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*given)
    views = (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default)
    for node in graph.graph.nodes:
        if node.target in views:  # which may have to be a copy, for the compiler arranges memory in its own way
            node.target = torch.ops.aten.reshape.default
    graph.recompile()
    return graph


def example(network: Network, dtype: torch.dtype, n_atoms: int = 11, n_slots: int = 20, n_close: int = 5) -> Graph:
    """Return a batch of atoms of all species, with neighbours at all distances and empty slots.

    Parameters
    ----------
    network : Network
    dtype : torch.dtype
    n_atoms, n_slots, n_close : int
        Atoms are odd in number, and have a neighbour less each; slots are at least as many.
    """
    generator = torch.Generator().manual_seed(n_atoms)
    rows = torch.arange(n_atoms)
    vectors = torch.zeros(3, n_atoms, n_slots, dtype=torch.float64)
    vectors[0] = PADDING
    neighbours = rows[:, None].repeat(1, n_slots)
    reverse = torch.arange(n_atoms * n_slots).reshape(n_atoms, n_slots)
    for step in range(1, 1 + n_atoms // 2):
        there, slot = (rows + step) % n_atoms, 2 * (step - 1)
        between = torch.randn(3, n_atoms, generator=generator, dtype=torch.float64)
        between *= network.hyper.cutoff * (0.2 + 1.6 * step / n_atoms) / between.norm(dim=0)
        vectors[:, rows, slot], vectors[:, there, slot + 1] = between, -between
        neighbours[rows, slot], neighbours[there, slot + 1] = there, rows
        reverse[rows, slot], reverse[there, slot + 1] = there * n_slots + slot + 1, rows * n_slots + slot
    species = rows % len(network.hyper.species)
    volumes = torch.full((1,), torch.nan, dtype=torch.float64)
    owner = torch.zeros_like(species)
    return Graph(vectors.to(dtype), neighbours, reverse, species, owner, volumes, (n_atoms,), n_close)


def _compare(network: Network, code: Code, dtype: torch.dtype) -> None:
    """Refuse code that does not say what the network says, of a batch other than the one that it was traced with."""
    graph = example(network, dtype, 17, 28, 7)
    vectors = graph.vectors.detach().requires_grad_()
    with torch.enable_grad():
        said = network(replace(graph, vectors=vectors))
        (gradient,) = torch.autograd.grad(said.energies.sum(), vectors)
    expected = (*forces_and_virials(vectors.detach(), gradient, graph.reverse), *said)
    found, forces, virials = code.derived(graph)
    for here, there in zip(expected, (forces, virials, *found), strict=True):
        if here is not None and there is not None:
            off = float((here.detach() - there).abs().max() / here.detach().abs().max().clamp(min=1.0))
            if not off <= AGREEMENT[dtype]:
                raise PotentialError(
                    f"the compiled code {code.path} is off the network by {off:.1g}: remove it, or leave out "
                    "compile=true"
                )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the user what the compiler warns its authors of."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
