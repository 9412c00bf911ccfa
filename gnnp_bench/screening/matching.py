"""Candidates that ended as the same crystal, by pymatgen's matcher."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from ase import Atoms

from gnnp_bench.screening.records import Key, Row

ENERGY_WINDOW = 0.003
"""eV/atom. Forces f that are left cost f²/2k, a tenth of a meV where f is 0.02 eV/Å and k 2 eV/Å²."""
VOLUME_WINDOW = 0.05
"""Of volumes per atom, relative. Energies differ in second order of what volumes differ by in first."""


def duplicates(rows: Sequence[Row], told: Callable[[int], object] = lambda n: None) -> dict[Key, Key]:
    """Return, for each crystal that is there more than once, the one of lowest energy that it is.

    Pairs are compared by `pymatgen.analysis.structure_matcher.StructureMatcher` with its own tolerances, supercells
    and other choices of the cell included, if they have one composition and nearly one energy and volume per atom:
    so that the cost grows with the number of structures, not with that of pairs.

    Parameters
    ----------
    rows : sequence of Row
        Those that do not repeat in three directions are left out.
    told : callable, optional
        Is told how many structures were looked at.
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher()
    groups: dict[str, list[tuple[float, float, Row, Atoms]]] = defaultdict(list)
    for row in rows:
        if row.end is not None and row.energy is not None and all(row.end.pbc):
            atoms = row.end.atoms()
            formula = str(atoms.symbols.formula.reduce()[0].format("hill"))
            groups[formula].append((row.energy / len(atoms), atoms.cell.volume / len(atoms), row, atoms))
    same: dict[Key, Key] = {}
    for group in groups.values():
        kinds: list[tuple[float, float, Row, Any]] = []  # from the lowest energy up
        for energy, volume, row, atoms in sorted(group, key=lambda one: (one[0], one[2].key)):
            crystal = _crystal(atoms)
            for lower, other_volume, other, other_crystal in reversed(kinds):
                if energy - lower > ENERGY_WINDOW:
                    break
                if abs(volume - other_volume) > VOLUME_WINDOW * other_volume:
                    continue
                if matcher.fit(crystal, other_crystal, skip_structure_reduction=True):
                    same[row.key] = other.key
                    break
            else:
                kinds.append((energy, volume, row, crystal))
            told(1)
    return same


def _crystal(atoms: Atoms) -> Any:
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

    crystal = Structure(
        Lattice(atoms.cell.array), atoms.get_chemical_symbols(), atoms.positions, coords_are_cartesian=True
    )
    return crystal.get_reduced_structure().get_primitive_structure()  # as `fit` would, for each pair anew
