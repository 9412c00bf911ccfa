"""Potentials that read what structures carry: sound ones, and ones that read it wrongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Capabilities, Carried, FloatArray, Potential, Prediction, Property
from tests.analytic import smooth_pair
from tests.analytic.evaluation import assemble
from tests.analytic.graph import graphs, sum_by
from tests.analytic.radial import along_edges, contact_distances, envelope, exponential

SPECIES = ("C", "Cu", "Au")
CHARGE = Carried("charge", "charge", 0)
UNPAIRED = Carried("spin", "unpaired", 0)
MULTIPLICITY = Carried("spin", "multiplicity", 1)
CHARGES = Carried("initial_charges", "charges", 0.0)
MOMENTS = Carried("initial_magmoms", "moments", 0.0)
K, U = 0.3, 0.05
"""eV per e, eV per unpaired electron."""

Term = Callable[[Atoms], float]
Weights = Callable[[Atoms], FloatArray]


@dataclass(slots=True)
class Reader:
    """A sound potential with a term that depends on what the structure carries.

    Attributes
    ----------
    reads : tuple of Carried
        Declared.
    totals_add : bool
        Declared.
    term : callable
        Added to the energy, eV.
    weights : callable or None
        Numbers per atom: every pair within the cutoff has an energy in proportion to their product.
    """

    reads: tuple[Carried, ...] = ()
    totals_add: bool = False
    term: Term = lambda structure: 0.0
    weights: Weights | None = None
    sound: Potential = field(default_factory=partial(smooth_pair, species=SPECIES))
    name: str = "reader"

    @property
    def capabilities(self) -> Capabilities:
        return replace(self.sound.capabilities, reads=self.reads, totals_add=self.totals_add)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        found = self.sound.evaluate(structures, properties)
        return [self._with_terms(s, p, properties) for s, p in zip(structures, found, strict=True)]

    def _with_terms(self, structure: Atoms, found: Prediction, properties: frozenset[Property]) -> Prediction:
        found = replace(found, energy=found.energy + self.term(structure), energies=None)
        if self.weights is None:
            return found
        pairs = paired(structure, self.weights(structure), properties)
        return Prediction(
            found.energy + pairs.energy,
            None if found.forces is None else found.forces + pairs.forces,
            None if found.stress is None else found.stress + pairs.stress,
        )


def paired(structure: Atoms, weights: FloatArray, properties: frozenset[Property], *, selves: bool = True) -> Any:
    """Return the prediction of E = ½ Σ_ij w_i w_j φ(r_ij), with or without the images of an atom itself."""
    (graph,) = graphs([structure], 5.0, "float64")
    value, slope = exponential(graph.distances, contact_distances(graph), 1.0)
    cut, cut_slope = envelope(graph.distances, 5.0)
    both = weights[graph.centres] * weights[graph.neighbours]
    if not selves:
        both = both * (graph.centres != graph.neighbours)
    energies = sum_by(graph.centres, 0.5 * both * value * cut, len(structure))
    gradients = along_edges(graph, 0.5 * both * (slope * cut + value * cut_slope))
    (found,) = assemble(graph, energies, gradients, properties)
    return found


def total_charge(structure: Atoms) -> float:
    return K * structure.info.get("charge", 0)


def needed(structure: Atoms) -> float:
    return K * float(structure.info["charge"]) + U * float(structure.info["spin"])


def of_charge(structure: Atoms) -> FloatArray:
    """Return q/n for each atom, so that forces depend on the charge and the energy is no sum."""
    return np.full(len(structure), 0.5 + 2.0 * float(structure.info.get("charge", 0)) / len(structure))


def of_spin(structure: Atoms) -> FloatArray:
    return np.full(len(structure), 0.5 + 2.0 * (float(structure.info.get("spin", 1)) - 1.0) / len(structure))


SOUND: dict[str, Callable[[], Reader]] = {
    "an energy of the charge": lambda: Reader((CHARGE,), term=total_charge),
    "the same, which is a sum": lambda: Reader((CHARGE,), totals_add=True, term=total_charge),
    "q²/n": lambda: Reader((CHARGE,), term=lambda s: s.info["charge"] ** 2 / len(s)),
    "q²": lambda: Reader((CHARGE, MULTIPLICITY), term=lambda s: s.info["charge"] ** 2),
    "forces that depend on the charge": lambda: Reader((CHARGE, MULTIPLICITY), weights=of_charge),
    "forces that depend on the multiplicity": lambda: Reader((MULTIPLICITY,), weights=of_spin),
    "unpaired electrons": lambda: Reader((UNPAIRED,), term=lambda s: U * s.info["spin"] ** 2),
    "both, which it needs": lambda: Reader((CHARGE, UNPAIRED), totals_add=True, term=needed),
    "charges of atoms": lambda: Reader((CHARGES,), weights=lambda s: s.arrays["initial_charges"]),
    "moments of atoms": lambda: Reader((MOMENTS,), weights=Atoms.get_initial_magnetic_moments),
    "both, beside the totals": lambda: Reader(
        (CHARGE, MULTIPLICITY, CHARGES, MOMENTS),
        term=lambda s: K * s.info["charge"] + U * (s.info["spin"] - 1),
        weights=lambda s: s.arrays["initial_charges"] + 0.3 * s.arrays["initial_magmoms"],
    ),
    "nothing of what it declares": lambda: Reader((CHARGE, MULTIPLICITY, MOMENTS)),
    "a constant": lambda: Reader(
        (Carried("head", "constant", "omol"),), term=lambda s: 0.1 * len(s.info["head"]) * len(s)
    ),
}


class StaleCharge(Reader):
    """What it remembers of the last structure is taken for known while atoms and cell are the same."""

    def __init__(self) -> None:
        super().__init__((CHARGE,), term=total_charge)
        self.last: tuple[Any, Prediction] | None = None

    def _with_terms(self, structure: Atoms, found: Prediction, properties: frozenset[Property]) -> Prediction:
        key = [structure.positions.tolist(), structure.cell.tolist(), structure.numbers.tolist(), sorted(properties)]
        if self.last is None or self.last[0] != key:
            self.last = key, Reader._with_terms(self, structure, found, properties)
        return self.last[1]


class OfTheFirst(Reader):
    """All structures of a batch get the charge of the first."""

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        same = [structure.copy() for structure in structures]
        for structure in same:
            structure.info["charge"] = structures[0].info.get("charge", 0)
        return Reader.evaluate(self, same, properties)


class AllOrNone(Reader):
    """Where one structure of a batch does not say its spin, that of all is taken to be 1."""

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if all("spin" in structure.info for structure in structures):
            return Reader.evaluate(self, structures, properties)
        silent = [structure.copy() for structure in structures]
        for structure in silent:
            structure.info["spin"] = 1
        return Reader.evaluate(self, silent, properties)


class Writes(Reader):
    """It leaves the charge as a float in the caller's info."""

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        for structure in structures:
            structure.info["charge"] = float(structure.info["charge"])
        return Reader.evaluate(self, structures, properties)


class WithoutSelves(Reader):
    """Charges of an atom and its own images do not meet."""

    def _with_terms(self, structure: Atoms, found: Prediction, properties: frozenset[Property]) -> Prediction:
        pairs = paired(structure, structure.arrays["initial_charges"], properties, selves=False)
        return Prediction(
            found.energy + pairs.energy,
            None if found.forces is None else found.forces + pairs.forces,
            None if found.stress is None else found.stress + pairs.stress,
        )


def in_order_of_species(structure: Atoms) -> FloatArray:
    """Return charges as they come after sorting atoms by species, for atoms as they are listed."""
    charges: FloatArray = structure.arrays["initial_charges"][np.argsort(structure.numbers, kind="stable")]
    return charges


def first_digit(structure: Atoms) -> float:
    return K * int(str(structure.info["charge"])[0])


FAULTY: dict[str, tuple[Callable[[], Reader], str]] = {
    "a cache that misses the charge": (StaleCharge, "robustness/call-history"),
    "the charge of the first structure": (lambda: OfTheFirst((CHARGE,), term=total_charge), "robustness/batch"),
    "spins that are all there or none": (lambda: AllOrNone((MULTIPLICITY,), weights=of_spin), "robustness/batch"),
    "a charge times the number of atoms": (
        lambda: Reader((CHARGE,), totals_add=True, term=lambda s: K * s.info["charge"] * len(s)),
        "periodicity/supercell",
    ),
    "a multiplicity taken for a sum": (
        lambda: Reader((MULTIPLICITY,), totals_add=True, term=lambda s: U * s.info["spin"]),
        "periodicity/supercell",
    ),
    "charges in another order": (lambda: Reader((CHARGES,), weights=in_order_of_species), "symmetry/permutation"),
    "moments in another order": (
        lambda: Reader((MOMENTS,), weights=lambda s: s.arrays["initial_magmoms"] * np.linspace(1.0, 1.1, len(s))),
        "symmetry/permutation",
    ),
    "charges that do not meet their images": (lambda: WithoutSelves((CHARGES,)), "periodicity/supercell"),
    "a charge written back": (lambda: Writes((CHARGE,), term=total_charge), "robustness/input-intact"),
}
