"""Structures as JSON and back, to the last bit."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.structures.radii import MAX_Z

_COLUMNS: dict[str, tuple[type, tuple[tuple[int, ...], ...]]] = {
    "tags": (int, ((),)),
    "momenta": (float, ((3,),)),
    "masses": (float, ((),)),
    "initial_magmoms": (float, ((), (3,))),
    "initial_charges": (float, ((),)),
}
_NEEDED = ("numbers", "positions", "cell", "pbc")


def to_json(atoms: Atoms) -> dict[str, Any]:
    """Return a structure as JSON values.

    Parameters
    ----------
    atoms : Atoms

    Returns
    -------
    dict
        numbers (n), positions (n × 3, Å), cell (3 × 3, Å, rows), pbc (3), and those of tags, momenta, masses,
        initial_magmoms, initial_charges, recipe that the structure has. Of the rest of `info`, under the name info,
        what JSON keeps without loss: finite numbers, text, and lists and objects of them. Calculator and constraints
        are left out.

    Raises
    ------
    ValueError
        If a number is not finite: JSON has none such.
    """
    values: dict[str, Any] = {
        "numbers": atoms.numbers.tolist(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
    }
    values.update((name, atoms.arrays[name].tolist()) for name in _COLUMNS if name in atoms.arrays)
    if "recipe" in atoms.info:
        values["recipe"] = atoms.info["recipe"]
    notes = {name: _plain(value) for name, value in atoms.info.items() if name != "recipe" and _is_json(_plain(value))}
    if notes:
        values["info"] = notes
    for name, array in (("positions", atoms.positions), ("cell", atoms.cell.array), *atoms.arrays.items()):
        if name in values and not np.all(np.isfinite(array)):
            raise ValueError(f"{name} of the structure are not all finite, which JSON cannot hold")
    return values


def from_json(values: Mapping[str, Any]) -> Atoms:
    """Return the structure that `to_json` wrote.

    Raises
    ------
    ValueError
        If an entry is missing, unknown, or does not have the shape or type that it should.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"a structure is a JSON object, got {type(values).__name__}")
    missing = [name for name in _NEEDED if name not in values]
    if missing:
        raise ValueError(f"a structure needs {', '.join(missing)}")
    unknown = sorted(map(str, set(values) - {*_NEEDED, *_COLUMNS, "recipe", "info"}))
    if unknown:
        raise ValueError(f"unknown entries of a structure: {', '.join(unknown)}")
    numbers = _array(values, "numbers", int, None)
    n = len(numbers)
    if np.any((numbers < 0) | (numbers > MAX_Z)):
        raise ValueError(f"numbers of a structure must lie between 0 and {MAX_Z}")
    atoms = Atoms(
        numbers=numbers,
        positions=_array(values, "positions", float, (n, 3)),
        cell=_array(values, "cell", float, (3, 3)),
        pbc=_array(values, "pbc", bool, (3,)),
    )
    for name, (kind, tails) in _COLUMNS.items():
        if name in values:
            entry = values[name]
            tail = tails[-1] if isinstance(entry, list) and entry and isinstance(entry[0], list) else tails[0]
            atoms.arrays[name] = _array(values, name, kind, (n, *tail))
    if "recipe" in values:
        if not isinstance(values["recipe"], Mapping):
            raise ValueError("recipe of a structure must be a JSON object")
        atoms.info["recipe"] = dict(values["recipe"])
    if "info" in values:
        if not (isinstance(values["info"], Mapping) and "recipe" not in values["info"] and _is_json(values["info"])):
            raise ValueError("info of a structure must be a JSON object of finite numbers, text, lists and objects")
        atoms.info.update(copy.deepcopy(dict(values["info"])))
    return atoms


def _plain(value: Any) -> Any:
    """Return a number of numpy's as Python's; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _is_json(value: Any) -> bool:
    """Return whether JSON keeps a value without loss."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_json(entry) for key, entry in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _array(values: Mapping[str, Any], name: str, kind: type, shape: tuple[int, ...] | None) -> NDArray[Any]:
    """Return an entry as an array, refusing what is not exactly of its kind and shape."""
    entry = values[name]
    leaves = _leaves(entry)
    if leaves is None or not all(_is(kind, leaf) for leaf in leaves):
        raise ValueError(f"{name} of a structure must be lists of finite {kind.__name__}s")
    try:
        array: NDArray[Any] = np.array(entry, dtype=kind)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} of a structure must be a regular array of {kind.__name__}s in range") from None
    if shape is None:
        shape = (len(array),)
    if array.size == 0 and 0 in shape:
        array = array.reshape(shape)
    if array.shape != shape:
        raise ValueError(f"{name} of a structure must have shape {shape}, got {array.shape}")
    return array


def _leaves(entry: Any) -> list[Any] | None:
    if not isinstance(entry, list):
        return None
    leaves: list[Any] = []
    for item in entry:
        if isinstance(item, list):
            leaves.extend(_leaves(item) or [])
        else:
            leaves.append(item)
    return leaves


def _is(kind: type, leaf: Any) -> bool:
    if kind is bool:
        return isinstance(leaf, bool)
    if isinstance(leaf, int) and not isinstance(leaf, bool):
        return abs(leaf) < 2**63
    return kind is float and isinstance(leaf, float) and math.isfinite(leaf)
