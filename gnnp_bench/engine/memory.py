"""What was asked for in this process, as far as it may matter for what comes later: the first structures, the last."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ase import Atoms
from numpy.typing import NDArray

KEPT = 32
"""Structures kept from the beginning of the process, from the beginning of a check, and from just now, each."""
LARGEST = 512
"""Atoms of a structure that is kept."""

Snapshot: TypeAlias = tuple[dict[str, NDArray[Any]], NDArray[Any], NDArray[Any], dict[str, Any]]


@dataclass(slots=True)
class Memory:
    """Structures that were evaluated, in their order: some thousandths of a certificate's time, a few MB at most."""

    _first: list[Snapshot] = field(default_factory=list)
    _since: list[Snapshot] = field(default_factory=list)
    _last: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=KEPT))

    def note(self, structures: Sequence[Atoms]) -> None:
        """Keep copies of structures that are about to be evaluated."""
        for structure in structures:
            if len(structure) > LARGEST:
                continue
            taken = _taken(structure)
            if len(self._first) < KEPT:
                self._first.append(taken)
            if len(self._since) < KEPT:
                self._since.append(taken)
            else:
                self._last.append(taken)

    def begin_check(self) -> None:
        """Forget what was asked for since the last check began, but for the beginning of the process."""
        self._since.clear()
        self._last.clear()

    def of_check(self) -> list[Atoms]:
        """Return what was asked for since the check began: the first and the last of it."""
        return [_restored(taken) for taken in (*self._since, *self._last)]

    def of_process(self) -> list[Atoms]:
        """Return what was asked for first, and then since the check began."""
        known = {id(taken) for taken in self._first}
        later = [taken for taken in (*self._since, *self._last) if id(taken) not in known]
        return [_restored(taken) for taken in (*self._first, *later)]


def _taken(structure: Atoms) -> Snapshot:
    # `Atoms.copy` takes five times as long.
    arrays = {name: array.copy() for name, array in structure.arrays.items()}
    return arrays, structure.cell.array.copy(), structure.pbc.copy(), dict(structure.info)


def _restored(taken: Snapshot) -> Atoms:
    arrays, cell, pbc, info = taken
    structure = Atoms(numbers=arrays["numbers"], positions=arrays["positions"], cell=cell, pbc=pbc, info=dict(info))
    structure.arrays.update({name: array.copy() for name, array in arrays.items()})
    return structure
