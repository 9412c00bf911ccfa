"""A committee as a potential: the mean of its members; `create` knows the spec strings of these and of single ones.

The mean energy of conservative members is conservative, and obeys every symmetry that all of them obey.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms

from gnnp_bench.potential import ENERGY_FORCES, Capabilities, FloatArray, Identity, PotentialError, Prediction, Property
from reference_model import potential as single
from reference_model.committee.files import NAME, read_committee
from reference_model.potential import ReferencePotential
from reference_model.shipped import shipped


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the members are apart on one structure: standard deviations, with one degree of freedom taken off.

    Attributes
    ----------
    energy : float, eV/atom
    forces : (n_atoms,) array, eV/Å
        Root mean square over the three components.
    """

    energy: float
    forces: FloatArray


@dataclass(frozen=True, slots=True)
class Committee:
    """Several potentials as one. Make one with `create`.

    Attributes
    ----------
    members : tuple of ReferencePotential
        Two at least, of the same species.
    name : str
    capabilities : Capabilities
    identity : Identity
    """

    members: tuple[ReferencePotential, ...]
    name: str
    capabilities: Capabilities
    identity: Identity

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures; each prediction is the mean of the members'. It raises as they do."""
        every = [one.evaluate(structures, properties) for one in self.members]
        return [_mean(found) for found in zip(*every, strict=True)]

    def spreads(self, structures: Sequence[Atoms]) -> list[Spread]:
        """Return how far the members are apart on each structure; it raises as `evaluate` does."""
        every = [one.evaluate(structures, ENERGY_FORCES) for one in self.members]
        return [
            spread(
                np.array([one.energy / len(structure) for one in found]),
                np.array([one.forces for one in found if one.forces is not None]),
            )
            for structure, found in zip(structures, zip(*every, strict=True), strict=True)
        ]

    def on(self, device: str) -> Committee:
        """Return the same potential on another device."""
        return of(tuple(one.on(device) for one in self.members), self.name)


def spread(energies: FloatArray, forces: FloatArray) -> Spread:
    """Return the spread of (n_members,) energies per atom and (n_members, n_atoms, 3) forces."""
    return Spread(float(energies.std(ddof=1)), np.sqrt(forces.var(axis=0, ddof=1).mean(-1)))


def of(members: tuple[ReferencePotential, ...], name: str) -> Committee:
    """Return the committee of some members, which are trained on the same species."""
    first = members[0]
    digests = [str(one.identity.weights_sha256) for one in members]
    identity = Identity(
        version=first.identity.version,
        weights_sha256=hashlib.sha256("".join(digests).encode()).hexdigest(),
        parameters=sum(one.identity.parameters or 0 for one in members),
        packages=first.identity.packages,
    )
    return Committee(members, name, replace(first.capabilities), identity)


def create(
    argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None
) -> ReferencePotential | Committee:
    """Build the potential of a spec string: a committee where it means the folder of one; see `potential.create`.

    Raises
    ------
    PotentialError
        As `potential.create`; or the committee is not finished, or its members do not belong together.
    """
    if argument is None or argument in shipped() or not (Path(argument) / NAME).is_file():
        return single.create(argument, options, species)
    folder = Path(argument)
    names = read_committee(folder)["members"]
    members = tuple(single.create(str(folder / one), options, species) for one in names)
    kinds = {(one.network.hyper.species, one.network.hyper.cutoff) for one in members}
    if len(kinds) > 1:
        raise PotentialError(f"the members in {folder} differ in species or cutoff: they are no committee")
    return of(members, f"reference-{folder.resolve().name}")


def _mean(found: Sequence[Prediction]) -> Prediction:
    def mean(name: str) -> FloatArray | None:
        values = [getattr(one, name) for one in found]
        return None if any(value is None for value in values) else np.mean(values, axis=0)

    return Prediction(float(np.mean([one.energy for one in found])), mean("forces"), mean("stress"), mean("energies"))
