"""Any ASE calculator as a potential.

Every structure is evaluated from scratch on a fresh copy without constraints, so that neither the calculator's cache
nor a constraint stands between a check and the calculator's own arithmetic. Charges and magnetic moments go along.
`driven` does without these precautions, as users do.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.metadata
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculatorSetupError, EnvironmentError, PropertyNotImplementedError

from gnnp_bench.adapters import _answers, _factory, _smearing
from gnnp_bench.adapters._volume import volume_of
from gnnp_bench.potential import (
    Capabilities,
    Identity,
    PotentialError,
    Prediction,
    Property,
    Unsupported,
)
from gnnp_bench.silence import silenced

ENERGIES = ("energy", "free_energy", "energies")
"""What ASE calls the energies of a calculator: the one that users read, the one of the forces, those of the atoms."""
_ONE_AT_A_TIME = threading.Lock()
"""A calculator holds one structure at a time, and all threads share one standard output."""


@dataclass(frozen=True, slots=True)
class AsePotential:
    """An ASE calculator as a `Potential`. Make one with `from_calculator`.

    Attributes
    ----------
    calculator : ASE calculator
    name : str
        The name of the calculator's class.
    capabilities : Capabilities
    identity : Identity
    free_energy : bool
        Whether the energy is the calculator's `free_energy`, the one that its forces are derivatives of where
        electrons are smeared.
    """

    calculator: Any
    name: str
    capabilities: Capabilities
    identity: Identity
    free_energy: bool

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures one after another; see `Potential`.

        Raises
        ------
        Unsupported
            The calculator says that it does not support the structure or a property, or stress is asked for where no
            volume defines it. A property that it declares and leaves out without a word is None.
        """
        # Calculators may print; what they print must not end up in a report on standard output.
        with _ONE_AT_A_TIME, silenced():
            return [self._evaluate_one(structure, properties) for structure in structures]

    def _evaluate_one(self, structure: Atoms, properties: frozenset[Property]) -> Prediction:
        atoms = structure.copy()
        atoms.info = copy.deepcopy(structure.info)  # which Atoms.copy shares
        atoms.set_constraint()
        if hasattr(self.calculator, "reset"):
            self.calculator.reset()
        found = self._read(atoms, properties)
        return replace(found, forces=_answers.array(found.forces))

    def driven(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures as ASE's programs do: with the calculator attached to the very structures.

        Nothing is copied, stripped or reset, and forces come as the calculator hands them out. Energies of atoms are
        read too, where the calculator has them and forces are asked for.

        Raises
        ------
        Unsupported
            As for `evaluate`.
        """
        with _ONE_AT_A_TIME, silenced():
            return [self._driven_one(structure, properties) for structure in structures]

    def _driven_one(self, structure: Atoms, properties: frozenset[Property]) -> Prediction:
        before = structure.calc
        structure.calc = self.calculator
        try:
            found = self._read(structure, properties)
            if "forces" in properties and "energies" in self.capabilities.energies:
                with contextlib.suppress(PropertyNotImplementedError):  # which it may lack for some structures
                    energies = np.array(self.calculator.get_potential_energies(structure), np.float64)
                    found = replace(found, energies=energies.reshape(-1))
            return found
        finally:
            if structure.calc is self.calculator:  # else the calculator has put another one there
                structure.calc = before

    def _read(self, atoms: Atoms, properties: frozenset[Property]) -> Prediction:
        """Ask the calculator, the costliest property first: if it computes what it is asked for only, it does so once.

        Constraints play no part, for they are what `Atoms` applies to the answers of its calculator.
        """
        if "stress" in properties:
            volume_of(atoms)
        ask, calculator = self._answer, self.calculator
        stress = ask("stress", lambda: calculator.get_stress(atoms)) if "stress" in properties else None
        forces = ask("forces", lambda: calculator.get_forces(atoms)) if "forces" in properties else None
        energy = ask("energy", lambda: self._energy(atoms))
        reported = None
        if self.free_energy and "energy" in self.capabilities.energies:
            reported = ask("energy", lambda: calculator.get_potential_energy(atoms))
        return Prediction(
            _answers.number(energy), forces, _answers.stress(stress), reported_energy=_answers.number(reported)
        )

    def _energy(self, atoms: Atoms) -> Any:
        """Return the energy that the forces are derivatives of.

        A calculator may list a free energy, as some list all properties that ASE knows, and refuse it in its own words:
        then it has one energy only, for which ASE's optimisers take it as well.
        """
        if self.free_energy:
            try:
                return self.calculator.get_potential_energy(atoms, force_consistent=True)
            except PropertyNotImplementedError as error:
                if "energy" not in self.capabilities.energies or _answers.left_out(error):
                    raise
        return self.calculator.get_potential_energy(atoms)

    def _answer(self, name: Property, get: Callable[[], Any]) -> Any:
        """Return one property, or None where the calculator declares it, computes, and leaves it out."""
        try:
            return get()
        except PropertyNotImplementedError as error:
            if name in self.capabilities.properties and _answers.left_out(error):
                return None
            raise Unsupported(f"{self.name} does not implement a property: {' '.join(str(error).split())}") from error
        except CalculatorSetupError as error:
            if isinstance(error, EnvironmentError):  # ASE's own of this name: a program that is not installed
                raise
            # In ASE's words: "the given atoms object is not supported". A calculation that failed is another class.
            raise Unsupported(f"{self.name}: {' '.join(str(error).split())}") from error
        except KeyError as error:
            if error.args == (name,):
                return None
            raise


def from_calculator(calculator: Any, species: Sequence[str] | None) -> AsePotential:
    """Wrap an ASE calculator.

    Parameters
    ----------
    calculator : ASE calculator
    species : sequence of str or None
        The chemical symbols it is good for, in order of atomic number: a calculator cannot be asked.

    Raises
    ------
    PotentialError
        No species are given, or the calculator implements no energy.
    """
    name = type(calculator).__name__
    if species is None:
        raise PotentialError(
            f"the ASE calculator {name} does not tell which species it supports: name them, --species Cu,Au"
        )
    implemented = set(getattr(calculator, "implemented_properties", ()))
    properties: set[Property] = {"energy"}
    if not implemented & {"energy", "free_energy"}:
        raise PotentialError(f"the ASE calculator {name} must list 'energy' in its implemented_properties")
    if "forces" in implemented:
        properties.add("forces")
    if "stress" in implemented:
        properties.add("stress")
    return AsePotential(
        calculator=calculator,
        name=name,
        capabilities=Capabilities(
            species=tuple(species),
            properties=frozenset(properties),
            driven=True,
            energies=tuple(name for name in ENERGIES if name in implemented),
            smearing=_smearing.width_of(calculator),
        ),
        identity=_identity(type(calculator).__module__.partition(".")[0]),
        free_energy="free_energy" in implemented,
    )


def is_calculator(value: object) -> bool:
    """Return whether a value is an instance of a class with ASE's calculator interface."""
    methods = ("get_potential_energy", "get_forces", "get_stress")
    return not isinstance(value, type | Atoms) and all(callable(getattr(value, name, None)) for name in methods)


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> AsePotential:
    """Build the potential of `ase:package.module:Calculator?key=value&key=value`.

    Values are read as bool (true, false), int, float or str, whichever fits first, and passed on as keywords.

    Raises
    ------
    PotentialError
        The calculator cannot be found or built, takes no such keyword, or is none.
    """
    if argument is None:
        raise PotentialError("ase needs a calculator: ase:package.module:Class, as in ase:ase.calculators.emt:EMT")
    made = _factory.call(argument, _factory.resolve(argument), options)
    if not is_calculator(made):
        raise PotentialError(f"{argument} made an object of type {type(made).__name__}, which is no ASE calculator")
    return from_calculator(made, species)


@functools.cache  # it reads the files of every distribution, and calculators are made anew often
def _identity(package: str) -> Identity:
    """Return the version of the distribution that a top-level package came with, if it came with one."""
    for name in itertools.chain((package,), _distributions(package)):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(name)
            return Identity(version=version, packages=(name,))
    return Identity()


def _distributions(package: str) -> Iterator[str]:
    # Looked up only where the distribution is not named like the package: it reads the files of every one.
    yield from importlib.metadata.packages_distributions().get(package, [])
