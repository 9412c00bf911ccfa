"""Structures that a network cannot take, whatever else it can."""

from __future__ import annotations

from collections.abc import Collection

from ase import Atoms

from gnnp_bench.potential import Unsupported


def refuse_strangers(structure: Atoms, known: Collection[str], remark: str, without_atoms: str) -> None:
    """Refuse a structure with elements that a model does not know, or without atoms.

    Parameters
    ----------
    structure : Atoms
    known : collection of str
        Chemical symbols.
    remark : str
        What follows the elements that are not known, such as ": it was made for H, O".
    without_atoms : str
        What to say of a structure without atoms.

    Raises
    ------
    Unsupported
    """
    if beyond := sorted(set(structure.get_chemical_symbols()) - set(known)):
        raise Unsupported(f"the model does not know {', '.join(beyond)}{remark}")
    if not len(structure):
        raise Unsupported(without_atoms)
