"""What a reported defect is, and the ways to plant one: another graph, other structures, other answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.engine.settings import Budget
from gnnp_bench.potential import Capabilities, FloatArray, Potential, Prediction, Property
from tests.analytic import smooth_pair
from tests.analytic.evaluation import AnalyticPotential, assemble
from tests.analytic.graph import DType, Graph, Real, dual_basis, graphs

METALS = ("Al", "Cu", "Au")
ORGANIC = ("H", "C", "O")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reported:
    """A defect that users met, planted into a sound potential.

    Attributes
    ----------
    name : str
    what : str
        The mechanism, in one or two sentences, with its size where the report tells one.
    package : str
        Where it was met.
    link : str
        The thread that tells of it.
    make : callable
        Returns a new potential with the defect.
    laws : frozenset of str
        Ids of the checks that a reader would look at; at least one of them has to fail. Empty where no law can tell.
    budget : "quick" or "standard"
        The smallest at which one of `laws` fails for every seed tried.
    why : str
        Why no law tells it, where none does.
    """

    name: str
    what: str
    package: str
    link: str
    make: Callable[[], Potential]
    laws: frozenset[str]
    budget: Budget = "quick"
    why: str = ""


@dataclass(frozen=True, slots=True)
class OnAnotherGraph:
    """A sound formula on the neighbours that a defective list gives it.

    Attributes
    ----------
    sound : AnalyticPotential
        Formula, cutoff and arithmetic.
    alter : callable
        Returns the graph that the defective list gives.
    read : callable
        Returns the structure as the defective program reads it.
    finish : callable or None
        Returns the predictions from the graph, its energies and their derivatives by the edge vectors, where the
        defect is in what follows from them.
    """

    sound: AnalyticPotential
    alter: Callable[[Graph], Graph] = lambda graph: graph
    read: Callable[[Atoms], Atoms] = lambda structure: structure
    finish: Callable[[Graph, Real, Real, list[Prediction]], list[Prediction]] | None = None
    name: str = "reported"

    @property
    def capabilities(self) -> Capabilities:
        """What a user's calculator declares: species, and no claims."""
        return Capabilities(species=self.sound.capabilities.species)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return predictions in order."""
        predictions: list[Prediction] = []
        for graph in graphs([self.read(one) for one in structures], self.sound.cutoff, self.sound.dtype):
            seen = self.alter(graph)
            energies, gradients = self.sound.kernel(seen)
            found = assemble(seen, energies, gradients, properties)
            predictions += found if self.finish is None else self.finish(seen, energies, gradients, found)
        return predictions


@dataclass(slots=True)
class Answering:
    """A sound potential whose answers to a batch are changed; it may remember what it likes.

    Attributes
    ----------
    change : callable
        Returns the predictions from the structures and what the sound potential says of them.
    """

    change: Callable[[Sequence[Atoms], list[Prediction]], list[Prediction]]
    sound: Potential
    name: str = "reported"
    dtype: DType | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What a user's calculator declares: species, maybe a precision, and no claims."""
        return Capabilities(species=self.sound.capabilities.species, dtype=self.dtype)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return predictions in order."""
        return self.change(structures, self.sound.evaluate(structures, properties))


def each(
    change: Callable[[Atoms, Prediction], Prediction], species: Sequence[str] = METALS, sound: Potential | None = None
) -> Callable[[], Potential]:
    """Return the maker of a potential whose predictions are changed one by one."""

    def all_of(structures: Sequence[Atoms], found: list[Prediction]) -> list[Prediction]:
        return [change(s, p) for s, p in zip(structures, found, strict=True)]

    return lambda: Answering(all_of, sound or smooth_pair(5.0, species=species))


def on_graph(
    alter: Callable[[Graph], Graph] = lambda graph: graph,
    *,
    sound: AnalyticPotential | None = None,
    read: Callable[[Atoms], Atoms] = lambda structure: structure,
    finish: Callable[[Graph, Real, Real, list[Prediction]], list[Prediction]] | None = None,
) -> Callable[[], Potential]:
    """Return the maker of a potential on the neighbours of a defective list."""
    return lambda: OnAnotherGraph(sound or smooth_pair(5.0, species=METALS), alter, read, finish)


def keep(graph: Graph, mask: Mask) -> Graph:
    """Return the graph with some of its edges."""
    return replace(
        graph,
        centres=graph.centres[mask],
        neighbours=graph.neighbours[mask],
        shifts=graph.shifts[mask],
        vectors=graph.vectors[mask],
        distances=graph.distances[mask],
    )


def keeping(which: Callable[[Graph], Mask]) -> Callable[[Graph], Graph]:
    """Return a function that keeps some of a graph's edges."""
    return lambda graph: keep(graph, which(graph))


def fractional(graph: Graph) -> FloatArray:
    """Return positions in units of the periodic cell vectors, (n_atoms, 3); 0 along the others."""
    duals = np.stack([dual_basis(np.asarray(s.cell.array, float), s.pbc) for s in graph.structures])
    found: FloatArray = np.einsum("ia,iab->ib", graph.positions, duals[graph.owner])
    return found


def by_structure(graph: Graph, of: Callable[[Atoms], bool]) -> Mask:
    """Return whether the structure of each edge has a property, (n_edges,)."""
    return np.array([of(s) for s in graph.structures], bool)[graph.owner[graph.centres]]


def heights(structure: Atoms) -> FloatArray:
    """Return the distances between the lattice planes of a cell, Å; infinity where not periodic."""
    dual = dual_basis(np.asarray(structure.cell.array, float), structure.pbc)
    lengths = np.linalg.norm(dual, axis=0)
    return np.where(lengths > 0.0, 1.0 / np.where(lengths > 0.0, lengths, 1.0), np.inf)


def with_stress(prediction: Prediction, change: Callable[[FloatArray], FloatArray]) -> Prediction:
    """Return the prediction with another stress, if it has one."""
    return prediction if prediction.stress is None else replace(prediction, stress=change(prediction.stress))


def github(repository: str, number: int, kind: str = "issues") -> str:
    """Return the address of a thread."""
    return f"https://github.com/{repository}/{kind}/{number}"


@dataclass(slots=True)
class Raising(Answering):
    """A potential that raises for some structures."""

    refuse: Callable[[Atoms], Exception | None] = lambda structure: None

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        for structure in structures:
            error = self.refuse(structure)
            if error is not None:
                raise error
        return self.sound.evaluate(structures, properties)


def raising(refuse: Callable[[Atoms], Exception | None]) -> Callable[[], Potential]:
    """Return the maker of a potential that raises for some structures."""
    return lambda: Raising(lambda s, p: p, smooth_pair(5.0, species=METALS), refuse=refuse)


def with_forces(graph: Graph, forces: Real, found: list[Prediction]) -> list[Prediction]:
    """Return the predictions with the forces of all atoms of a graph, where they have any."""
    return [
        p if p.forces is None else replace(p, forces=np.asarray(forces[begin:end], float))
        for p, begin, end in zip(found, graph.first[:-1], graph.first[1:], strict=True)
    ]
