"""What a structure carries for a potential to read: charge, spin, charges and moments of atoms, and constants.

Totals have rules. Which entry counts what is noted in the structure itself, in `info["totals"]`, so that the rules
hold wherever it goes: `{"charge": "charge", "spin": "multiplicity"}`. A structure without the note carries nothing.

An isolated structure has a legal number of electrons: N = ΣZ − q is at least 1, and u of them are unpaired, with u ≤ N
and u + N even. The bands of a crystal may be partly filled: with q = 0 and u = 0 it is legal at any N.
Where no spin is carried, a charge leaves an even number of electrons.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Capabilities, Carried, FloatArray, Kind

NOTE = "totals"
ARRAYS: Mapping[str, str] = {"charges": "initial_charges", "moments": "initial_magmoms"}
"""ASE's arrays by kind."""
OF_CHARGE = frozenset({"charge", "charges"})
OF_SPIN = frozenset({"unpaired", "multiplicity", "moments"})
CHARGES = (-2, -1, 0, 1, 2)
MOST_UNPAIRED = 3
SPREAD: Mapping[str, float] = {"charges": 0.3, "moments": 1.0}
"""Standard deviation of what atoms carry, e and µB: energies that they bring are then of the size of the others."""
BALANCED = 0.5
"""Share of crystals in which what atoms carry adds up to nothing, as it must to be judged in supercells."""
SAME = 1e-6
"""By which sums over atoms may miss a total."""
EXTRA_ONE_IN, FEWEST_EXTRA = 3, 4
"""Structures of a pool to which one with other totals is added, and how many of these there are at least."""
MOST_ATOMS = 24
"""Of a structure that is added."""


def totals(atoms: Atoms) -> dict[str, Kind]:
    """Return which entry of `info`, or which array, counts what; empty for a structure that carries nothing."""
    return dict(atoms.info.get(NOTE, {}))


def complete(atoms: Atoms, reads: Sequence[Carried]) -> None:
    """Give a structure what it lacks of what a potential reads, with its defaults, in place.

    Where the default leaves an illegal number of electrons, as no unpaired electron does in an atom of hydrogen, it is
    the nearest legal one.
    """
    if is_complete(atoms, reads):
        return
    for one in reads:
        if one.key in atoms.info or one.key in atoms.arrays:
            continue
        if one.kind in ARRAYS:
            atoms.arrays[one.key] = np.zeros(len(atoms))
        else:
            atoms.info[one.key] = one.default
    note = {one.key: one.kind for one in reads if one.kind != "constant"}
    if note:
        atoms.info[NOTE] = note
        _set(atoms, *_nearest(atoms))


def is_complete(atoms: Atoms, reads: Sequence[Carried]) -> bool:
    """Return whether a structure carries all that a potential reads, and the note of what counts what."""
    noted = NOTE in atoms.info or all(one.kind == "constant" for one in reads)
    return noted and all(one.key in atoms.info or one.key in atoms.arrays for one in reads)


def completed(atoms: Atoms, reads: Sequence[Carried]) -> Atoms:
    """Return a structure that carries all that a potential reads: itself if it does, else a copy."""
    if is_complete(atoms, reads):
        return atoms
    full: Atoms = atoms.copy()
    complete(full, reads)
    return full


def charge_and_unpaired(atoms: Atoms) -> tuple[int, int]:
    """Return the total charge in e, and the number of unpaired electrons, as far as the structure carries them."""
    charge, unpaired = 0.0, 0.0
    # Sums over atoms first, so that a total that is given beside them wins.
    for key, kind in sorted(totals(atoms).items(), key=lambda entry: entry[1] not in ARRAYS):
        if kind in ARRAYS:
            value = float(np.sum(atoms.arrays[key])) if key in atoms.arrays else 0.0
        elif key in atoms.info:
            value = float(atoms.info[key]) - (kind == "multiplicity")
        else:
            continue
        if kind in OF_CHARGE:
            charge = value
        else:
            unpaired = value
    return round(charge), round(unpaired)


def is_neutral(atoms: Atoms) -> bool:
    """Return whether a structure has neither a charge nor unpaired electrons: then energies are sums for any potential.

    q and u of n copies are n times those of one. At q = u = 0 they are the same, so that no potential, whatever it
    makes of them, can tell n copies of a cell from n cells.
    """
    return charge_and_unpaired(atoms) == (0, 0)


def multiply(atoms: Atoms, copies: int) -> None:
    """Make the totals of a structure those of as many copies, in place: n·q, n·u, multiplicity n·u + 1.

    What each atom carries is not touched: it goes along with the atoms.
    """
    for key, kind in totals(atoms).items():
        if kind in ARRAYS or key not in atoms.info:
            continue
        value = atoms.info[key]
        atoms.info[key] = copies * (value - 1) + 1 if kind == "multiplicity" else copies * value


def is_legal(atoms: Atoms) -> bool:
    """Return whether the number of electrons is legal, and what atoms carry adds up to the totals."""
    charge, unpaired = charge_and_unpaired(atoms)
    return _allowed(atoms, charge, unpaired) and all(
        abs(float(np.sum(atoms.arrays[key])) - (charge if kind in OF_CHARGE else unpaired)) < SAME
        for key, kind in totals(atoms).items()
        if key in atoms.arrays
    )


def made_legal(atoms: Atoms) -> Atoms:
    """Return the structure with the nearest legal totals: itself where they are legal, else a copy."""
    if NOTE not in atoms.info or is_legal(atoms):
        return atoms
    legal: Atoms = atoms.copy()
    _set(legal, *_nearest(atoms))
    return legal


def carry(source: Atoms, target: Atoms) -> Atoms:
    """Return a copy of `target` with what `source` carries, made legal; atoms of another number carry nothing each."""
    if not source.info.keys() - {"recipe"}:
        return target
    laden: Atoms = target.copy()
    laden.info.update({key: copy.deepcopy(value) for key, value in source.info.items() if key != "recipe"})
    for key, kind in totals(source).items():
        if kind in ARRAYS and key not in laden.arrays and key in source.arrays:
            same = len(source) == len(laden)
            laden.arrays[key] = source.arrays[key].copy() if same else np.zeros(len(laden))
    return made_legal(laden)


def add_up(parts: Sequence[Atoms], together: Atoms) -> None:
    """Give a structure the totals of its parts together, in place."""
    charges, unpaired = zip(*map(charge_and_unpaired, parts), strict=True)
    _set(together, sum(charges), sum(unpaired))


def neutralised(atoms: Atoms) -> Atoms | None:
    """Return the structure with neither charge nor spin, as far as that is legal; None if it is so already."""
    plain: Atoms = atoms.copy()
    for key, kind in totals(atoms).items():
        if kind in ARRAYS and key in plain.arrays:
            plain.arrays[key] = np.zeros(len(plain))
    _set(plain, *_nearest(plain, (0, 0)))
    return None if _values(plain) == _values(atoms) else plain


def without_totals(atoms: Atoms) -> Atoms:
    """Return a copy that says nothing of charge and spin; constants stay."""
    silent: Atoms = atoms.copy()
    for key in (*totals(atoms), NOTE):
        silent.info.pop(key, None)
        silent.arrays.pop(key, None)
    return silent


def another(rng: np.random.Generator, atoms: Atoms, *, charged: bool) -> Atoms | None:
    """Return a copy with other, legal totals, drawn at random; None where there are no others.

    Parameters
    ----------
    rng : Generator
    atoms : Atoms
        With the note that `complete` makes.
    charged : bool
        Whether it may get a charge: see `may_be_charged`.
    """
    kinds = set(totals(atoms).values())
    now = charge_and_unpaired(atoms)
    charges = CHARGES if charged and kinds & OF_CHARGE else (0,)
    spins = range(MOST_UNPAIRED + 1) if kinds & OF_SPIN else range(1)
    by_atom = len(atoms) > 1 and bool(kinds & ARRAYS.keys())
    states = [
        (q, u) for q, u in itertools.product(charges, spins) if _allowed(atoms, q, u) and (by_atom or (q, u) != now)
    ]
    if not states:
        return None
    if by_atom and atoms.pbc.any() and rng.random() < BALANCED:
        states = [(0, 0)]
    changed: Atoms = atoms.copy()
    for key, kind in totals(atoms).items():
        if kind in ARRAYS:
            changed.arrays[key] = rng.normal(scale=SPREAD[kind], size=len(atoms))
    _set(changed, *states[int(rng.integers(len(states)))])
    return changed


def may_be_charged(atoms: Atoms, capabilities: Capabilities) -> bool:
    """Return whether a structure is to be asked for with a charge.

    The energy of a charged crystal takes a background that not every potential has; so only molecules are, unless the
    potential handles nothing else or says what a charge is in a crystal by `totals_add`.
    """
    molecules = "isolated" in capabilities.periodicity
    return capabilities.totals_add or not molecules or not atoms.pbc.any()


def has_others(atoms: Atoms, capabilities: Capabilities) -> bool:
    """Return whether a structure can be drawn with other totals, for a potential with these capabilities."""
    return another(np.random.default_rng(0), atoms, charged=may_be_charged(atoms, capabilities)) is not None


def with_others(rng: np.random.Generator, structures: Sequence[Atoms], capabilities: Capabilities) -> list[Atoms]:
    """Return structures that carry what a potential reads, and beside them some of the same with other totals."""
    plain = [completed(atoms, capabilities.reads) for atoms in structures]
    count = max(FEWEST_EXTRA, len(plain) // EXTRA_ONE_IN)
    return [*plain, *itertools.islice(_others(rng, plain, capabilities), count)]


def _others(rng: np.random.Generator, plain: Sequence[Atoms], capabilities: Capabilities) -> Iterator[Atoms]:
    """Yield structures with other totals, molecules and crystals in turn, in two rounds over all."""
    small = [atoms for atoms in plain if 1 < len(atoms) <= MOST_ATOMS] or list(plain)
    molecules = [atoms for atoms in small if not atoms.pbc.any()]
    crystals = [atoms for atoms in small if atoms.pbc.any()]
    for _ in range(2):
        groups = [[group[int(i)] for i in rng.permutation(len(group))] for group in (molecules, crystals)]
        for pair in itertools.zip_longest(*groups):
            for atoms in filter(None, pair):
                changed = another(rng, atoms, charged=may_be_charged(atoms, capabilities))
                if changed is not None:
                    yield changed


def _allowed(atoms: Atoms, charge: int, unpaired: int) -> bool:
    if charge == unpaired == 0 and (atoms.pbc.any() or len(atoms) == 0):
        return True
    electrons = int(atoms.numbers.sum()) - charge
    if not set(totals(atoms).values()) & OF_SPIN:
        return charge == 0 or (electrons > 0 and electrons % 2 == 0)
    return electrons > 0 and 0 <= unpaired <= electrons and (electrons + unpaired) % 2 == 0


def _nearest(atoms: Atoms, wanted: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return the legal charge and unpaired electrons that are nearest to those wanted: fewer charges, then spins."""
    charge, unpaired = charge_and_unpaired(atoms) if wanted is None else wanted
    for q in range(charge, -1 if charge >= 0 else 1, -1 if charge >= 0 else 1):
        most = int(atoms.numbers.sum()) - q if set(totals(atoms).values()) & OF_SPIN else 0
        for u in sorted(range(max(0, most) + 1), key=lambda u: (abs(u - unpaired), u)):
            if _allowed(atoms, q, u):
                return q, u
    return 0, 0


def _set(atoms: Atoms, charge: int, unpaired: int) -> None:
    """Give a structure totals, in place; what atoms carry is shifted evenly until it adds up."""
    for key, kind in totals(atoms).items():
        total = charge if kind in OF_CHARGE else unpaired
        if kind in ARRAYS:
            if len(atoms) and key in atoms.arrays:
                values: FloatArray = atoms.arrays[key]
                atoms.arrays[key] = values - values.mean() + total / len(atoms)
        elif key in atoms.info:
            atoms.info[key] = type(atoms.info[key])(total + (kind == "multiplicity"))


def _values(atoms: Atoms) -> dict[str, Any]:
    """Return what a structure carries, by key."""
    return {key: atoms.arrays[key].tolist() if key in atoms.arrays else atoms.info.get(key) for key in totals(atoms)}
