"""Structures in a file, read by ASE, which counts as far as a file says, however long it is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ase import Atoms
from ase.io import iread
from ase.io.formats import UnknownFileTypeError, filetype, open_with_compression


def structures_in(path: str | Path, index: str = ":") -> Iterator[Atoms]:
    """Yield the structures of a file, one at a time where the format allows it.

    Parameters
    ----------
    path : str or Path
    index : str, optional
        Which of them, as ASE counts: "-1" is the last one, and the others are not made.

    Raises
    ------
    Exception
        Of ASE's readers, which fail in any way; ValueError where a count of atoms is more than the file holds.
    """
    _check_counts(path)
    yield from iread(str(path), index, do_not_split_by_at_sign=True)


def _check_counts(path: str | Path) -> None:
    """See that no frame of an XYZ file says more atoms than lines follow: ASE would count up to any number.

    Raises
    ------
    ValueError
        If one does.
    """
    try:
        if filetype(str(path)) not in ("extxyz", "xyz"):
            return
    except (UnknownFileTypeError, UnicodeDecodeError):  # which ASE says itself
        return
    with open_with_compression(str(path), "r") as lines:
        place = 0
        for line in lines:
            place += 1
            if line.lstrip().startswith("VEC"):  # cell vectors behind the atoms, in some of these files
                continue
            try:
                n_atoms = int(line)
            except ValueError:  # the end, or what ASE says itself
                return
            following = sum(1 for _ in islice(lines, min(max(n_atoms, 0), 2**40) + 1))
            if following < n_atoms + 1:
                left = max(0, following - 1)
                raise ValueError(f"line {place} says {_short(n_atoms)} atoms, and {left} lines are left for them")
            place += following


def _short(count: int) -> str:
    return str(count) if count < 10**9 else f"{float(min(count, 10**300)):.0e}"
