"""Structures to look at a potential with: small, without symmetry, close enough that every atom is felt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Capabilities, FloatArray
from gnnp_bench.structures.radii import contact_distance

STRAIN = np.array([[0.06, 0.05, -0.03], [0.0, -0.05, 0.08], [0.0, 0.0, 0.01]])
"""Makes the cell triclinic, and the six components of the stress as different as they can be."""
FCC = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
RATTLE = 0.04
"""Of the distance between neighbours."""


def crystal(species: Sequence[str], seed: int = 0, n_atoms: int = 4, scale: float = 1.0) -> Atoms:
    """Return a triclinic crystal of 1 to 4 atoms on distorted fcc sites, in no special orientation.

    Parameters
    ----------
    species : sequence of str
        Put on the sites in turn.
    seed : int
    n_atoms : int
        Up to 4; the sites left empty are vacancies.
    scale : float
        Of the mean contact distance of the species.
    """
    rng = np.random.default_rng(seed)
    symbols = [species[k % len(species)] for k in range(n_atoms)]
    distance = scale * float(np.mean([contact_distance(a, b) for a in symbols for b in symbols]))
    edge = np.sqrt(2.0) * distance
    cell = edge * (np.eye(3) + STRAIN) @ _rotation(rng)
    structure = Atoms(symbols, scaled_positions=FCC[:n_atoms], cell=cell, pbc=True)
    structure.positions += RATTLE * distance * rng.uniform(-1.0, 1.0, size=(n_atoms, 3))
    return structure


def cluster(species: Sequence[str], seed: int = 0, n_atoms: int = 4) -> Atoms:
    """Return the atoms of `crystal` without its images."""
    structure = crystal(species, seed, n_atoms)
    structure.pbc = False
    structure.cell[:] = 0.0
    return structure


def slab(species: Sequence[str], seed: int = 0) -> Atoms:
    """Return `crystal` periodic along its first two cell vectors only, with 10 Å of nothing between the layers."""
    structure = crystal(species, seed)
    normal = np.cross(structure.cell[0], structure.cell[1])
    structure.cell[2] = normal / np.linalg.norm(normal) * (10.0 + np.linalg.norm(structure.cell[2]))
    structure.pbc = (True, True, False)
    return structure


def wire(species: Sequence[str], seed: int = 0) -> Atoms:
    """Return `crystal` periodic along its first cell vector only, with 10 Å of nothing around the wire."""
    structure = slab(species, seed)
    normal = np.cross(structure.cell[2], structure.cell[0])
    structure.cell[1] = normal / np.linalg.norm(normal) * (10.0 + np.linalg.norm(structure.cell[1]))
    structure.pbc = (True, False, False)
    return structure


def single_atom(species: Sequence[str]) -> Atoms:
    """Return one atom in nothing."""
    return cluster(species, n_atoms=1)


def boxed_atom(species: Sequence[str]) -> Atoms:
    """Return one atom and its images, 15 Å apart."""
    return Atoms(species[:1], cell=[15.0] * 3, pbc=True)


def strangers(species: Sequence[str]) -> Atoms:
    """Return two atoms that are 40 Å apart."""
    return Atoms([species[0], species[-1]], [[0.0, 0.0, 0.0], [40.0, 0.0, 0.0]])


def main_species(capabilities: Capabilities) -> tuple[str, ...]:
    """Return one or two species that may stand together, the likeliest to be well described."""
    together = max(capabilities.combinations, key=len) if capabilities.combinations else capabilities.species
    common = [s for s in ("Si", "Cu", "Al", "O", "C", "Ni", "Fe", "Au", "Ti", "H") if s in together]
    others = [s for s in capabilities.species if s in together and s not in common]
    return tuple((common + others)[:2])


def _rotation(rng: np.random.Generator) -> FloatArray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    turned: FloatArray = q * np.sign(np.diag(r))
    return turned if np.linalg.det(turned) > 0 else -turned
