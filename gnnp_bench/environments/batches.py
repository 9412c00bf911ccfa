"""Structures and predictions of a batch as JSON and buffers: what all of them have, in one array for all.

A structure travels with all that ASE keeps in it: arrays, cell, periodicity, `info`, displacement of the cell,
constraints, and the results of a `SinglePointCalculator`. Of another calculator goes its name alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from ase import Atoms
from ase.cell import Cell

from gnnp_bench.environments.values import Opaque, pack, same, unpack
from gnnp_bench.potential import Prediction

_DOUBLE = np.dtype(np.float64)
_COMMON = (("numbers", np.dtype(np.int64)), ("positions", _DOUBLE))
_TEMPLATE = Atoms()
_KNOWN = {"_cellobj", "_pbc", "_celldisp", "_constraints", "_calc", "arrays", "info"}
_ZERO, _UNKNOWN = np.zeros(3).tobytes(), np.ones(3)
_FIELDS = ("energy", "forces", "stress", "energies", "reported_energy")


def pack_structures(structures: Sequence[Atoms], buffers: list[Any]) -> Any:
    """Return structures as JSON holds them; the bytes of their arrays are added to `buffers`."""
    n = [len(structure) for structure in structures]
    usual = all(structure.arrays[name].dtype == dtype for structure in structures for name, dtype in _COMMON)
    if usual and structures:
        for name, _ in _COMMON:
            buffers.append(np.concatenate([structure.arrays[name] for structure in structures]).tobytes())
    buffers.append(b"".join([structure.cell.array.tobytes() for structure in structures]))
    buffers.append(b"".join([structure.pbc.tobytes() for structure in structures]))
    more = [_more(structure, usual, buffers) for structure in structures]
    return {"n": n, "usual": usual, "more": more}


def _more(structure: Atoms, usual: bool, buffers: list[Any]) -> Any:
    """Return what only some structures have, or None."""
    arrays = structure.arrays
    found: dict[str, Any] = {}
    if not usual or len(arrays) > len(_COMMON):
        found["arrays"] = {k: v for k, v in arrays.items() if not usual or k not in ("numbers", "positions")}
    if structure.info:
        found["info"] = dict(structure.info)
    displacement = structure.__dict__.get("_celldisp", _UNKNOWN)  # `get_celldisp` copies, which adds up
    if displacement.tobytes() != _ZERO and structure.get_celldisp().any():
        found["celldisp"] = structure.get_celldisp()
    if structure.constraints:
        found["constraints"] = [_constraint(one) for one in structure.constraints]
    if structure.calc is not None:
        found["calculator"] = _calculator(structure.calc)
    return pack(found, buffers) if found else None


def _constraint(one: Any) -> Any:
    return one.todict() if hasattr(one, "todict") else Opaque(type(one).__name__)


def _calculator(calculator: Any) -> Any:
    if calculator is None or isinstance(calculator, Opaque):
        return None if calculator is None else calculator.what
    name = type(calculator).__name__
    return [name, dict(calculator.results)] if name == "SinglePointCalculator" else name


def unpack_structures(packed: Any, buffers: Iterator[Any]) -> list[Atoms]:
    """Return new structures."""
    n = packed["n"]
    ends = np.cumsum([0, *n])
    common: dict[str, Any] = {}
    if packed["usual"] and n:
        common["numbers"] = np.frombuffer(next(buffers), np.int64)
        common["positions"] = np.frombuffer(next(buffers), np.float64).reshape(-1, 3)
    cells = np.frombuffer(next(buffers), np.float64).reshape(-1, 3, 3)
    periodic = np.frombuffer(next(buffers), np.bool_).reshape(-1, 3)
    structures = []
    for k, (begin, end) in enumerate(pairwise(ends.tolist())):
        arrays = {name: array[begin:end].copy() for name, array in common.items()}
        structure = _structure(arrays, cells[k].copy(), periodic[k].copy())
        if packed["more"][k] is not None:
            _add(structure, unpack(packed["more"][k], buffers))
        structures.append(structure)
    return structures


def _structure(arrays: dict[str, Any], cell: Any, periodic: Any) -> Atoms:
    """Return a structure that owns these. `Atoms(...)` takes five times as long."""
    if vars(_TEMPLATE).keys() != _KNOWN:  # of a release of ASE that keeps something else
        structure = Atoms(cell=cell, pbc=periodic)
        structure.arrays = arrays
        return structure
    structure = Atoms.__new__(Atoms)
    mine = vars(structure)
    mine["_cellobj"], mine["_pbc"], mine["_celldisp"] = Cell(cell), periodic, np.zeros((3, 1))
    mine["arrays"], mine["info"], mine["_constraints"], mine["_calc"] = arrays, {}, [], None
    return structure


def _add(structure: Atoms, more: dict[str, Any]) -> None:
    structure.arrays.update(more.get("arrays", {}))
    structure.info.update(more.get("info", {}))
    if "celldisp" in more:
        structure.set_celldisp(more["celldisp"])
    if "constraints" in more:
        from ase.constraints import dict2constraint  # which imports half of scipy

        structure.set_constraint([dict2constraint(one) for one in more["constraints"] if isinstance(one, dict)])
    if "calculator" in more:
        structure.calc = _revived(structure, more["calculator"])


def _revived(structure: Atoms, told: Any) -> Any:
    if isinstance(told, str):
        return Opaque(told)
    from ase.calculators.singlepoint import SinglePointCalculator

    return SinglePointCalculator(structure, **told[1])


def take_over(structure: Atoms, other: Atoms) -> None:
    """Change a structure in place into what another one is; arrays stay the same objects where their shapes do."""
    for name in [name for name in structure.arrays if name not in other.arrays]:
        del structure.arrays[name]
    for name, array in other.arrays.items():
        mine = structure.arrays.get(name)
        if mine is not None and mine.shape == array.shape and mine.dtype == array.dtype:
            mine[...] = array
        else:
            structure.arrays[name] = array.copy()
    structure.cell[:] = other.cell.array
    structure.pbc[:] = other.pbc
    structure.set_celldisp(other.get_celldisp())
    for key in [key for key in structure.info if key not in other.info]:
        del structure.info[key]
    for key, value in other.info.items():
        if key not in structure.info or not _alike(structure.info[key], value):
            structure.info[key] = value
    if not _alike([_constraint(one) for one in structure.constraints], [_constraint(one) for one in other.constraints]):
        structure.set_constraint(other.constraints)
    if not _alike(_calculator(structure.calc), _calculator(other.calc)):
        structure.calc = other.calc


def _alike(first: Any, second: Any) -> bool:
    """Return whether two values are the same as far as can be told at the other end."""
    packed: list[tuple[Any, list[Any]]] = []
    for value in (first, second):
        buffers: list[Any] = []
        packed.append((pack(value, buffers), buffers))
    return same(*packed)


def pack_predictions(predictions: Sequence[Any], buffers: list[Any]) -> Any:
    """Return predictions as JSON holds them; the bytes of their arrays are added to `buffers`."""
    return [_column([getattr(one, field, None) for one in predictions], buffers) for field in _FIELDS]


def _column(values: list[Any], buffers: list[Any]) -> Any:
    """Return one field of all predictions: numbers as they are, plain arrays end to end, anything else one by one."""
    kinds = {type(value) for value in values}
    if kinds <= {float} or kinds <= {type(None)}:
        return values
    if kinds == {np.ndarray}:
        shapes = [value.shape for value in values]
        if all(value.dtype == _DOUBLE for value in values) and len({s[1:] for s in shapes}) == 1 and () not in shapes:
            buffers.append(np.concatenate(values).tobytes())
            return {"n": [shape[0] for shape in shapes], "shape": shapes[0][1:]}
    return [_readable(value, buffers) for value in values]


def _readable(value: Any, buffers: list[Any]) -> Any:
    """Return a value as it travels; what numpy can read as an array of numbers, such as a tensor, as that array."""
    if value is None or type(value) is float:
        return value
    if not isinstance(value, np.ndarray | np.generic):
        try:
            value = np.asanyarray(value)
        except (TypeError, ValueError, RuntimeError) as error:
            return {"opaque": " ".join(str(error).split())}
    return pack(value, buffers)


def unpack_predictions(packed: Any, buffers: Iterator[Any]) -> list[Prediction]:
    """Return the predictions, with everything that is wrong with them."""
    columns = [_uncolumned(column, buffers) for column in packed]
    return [Prediction(*fields) for fields in zip(*columns, strict=True)]


def _uncolumned(column: Any, buffers: Iterator[Any]) -> list[Any]:
    if isinstance(column, list):
        return [unpack(value, buffers) for value in column]
    whole = np.frombuffer(next(buffers), _DOUBLE).reshape(sum(column["n"]), *column["shape"])
    ends = np.cumsum([0, *column["n"]]).tolist()
    return [whole[begin:end].copy() for begin, end in pairwise(ends)]
