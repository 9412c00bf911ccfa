"""Any value as JSON and buffers, and back: arrays with their type, and what cannot be sent as a note of what it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_OBJECTS = 1 << 24
"""Of an array whose contents do not travel: it is made from its shape alone, which a stranger may have told."""
PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Opaque:
    """What stands here for an object that cannot leave its process."""

    what: str

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(self.what)


def pack(value: Any, buffers: list[Any]) -> Any:
    """Return a value as JSON holds it; the bytes of its arrays are added to `buffers`.

    What is not made of numbers, text, lists, tuples, sets, dicts and arrays becomes `Opaque` at the other end.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if isinstance(value, np.ma.MaskedArray):
        return {"masked": [pack(np.asarray(value.data), buffers), pack(np.ma.getmaskarray(value), buffers)]}
    if isinstance(value, np.ndarray):
        return _array(value, buffers)
    if isinstance(value, np.generic):
        return {"number": _array(np.asarray(value), buffers)}
    if kind is complex:
        return {"complex": [value.real, value.imag]}
    if kind in (list, tuple, set, frozenset):
        return {kind.__name__: [pack(item, buffers) for item in value]}
    if kind is dict:
        return {"dict": [[pack(key, buffers), pack(item, buffers)] for key, item in value.items()]}
    if kind in (bytes, bytearray):
        buffers.append(bytes(value))
        return {"bytes": None}
    for plain in (bool, int, float, str):
        if isinstance(value, plain):  # one of a derived class
            return plain(value)
    if kind is Opaque:
        return {"opaque": value.what}
    return {"opaque": f"an object of type {kind.__module__}.{kind.__qualname__}"}


def _array(array: Any, buffers: list[Any]) -> Any:
    if array.dtype.hasobject or array.dtype.names is not None:
        return {"objects": list(array.shape)}
    buffers.append(np.ascontiguousarray(array).tobytes())
    return {"array": [array.dtype.str, list(array.shape)]}


def unpack(packed: Any, buffers: Iterator[Any]) -> Any:
    """Return the value that was packed; arrays are new and can be written to."""
    if not isinstance(packed, dict):
        return packed
    ((kind, inner),) = packed.items()
    if kind == "array":
        return np.frombuffer(next(buffers), np.dtype(inner[0])).reshape(inner[1]).copy()
    if kind == "number":
        return unpack(inner, buffers)[()]
    if kind == "masked":
        data, mask = (unpack(part, buffers) for part in inner)
        return np.ma.MaskedArray(data, mask)
    if kind == "objects":
        if np.prod(inner, dtype=float) > MOST_OBJECTS:
            raise ValueError("an array of too many objects")
        return np.full(inner, None, dtype=object)
    if kind == "complex":
        return complex(*inner)
    if kind == "bytes":
        return bytes(next(buffers))
    if kind == "opaque":
        return Opaque(inner)
    if kind == "dict":
        return {unpack(key, buffers): unpack(item, buffers) for key, item in inner}
    made = [unpack(item, buffers) for item in inner]
    return made if kind == "list" else {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](made)


def same(first: tuple[Any, Sequence[Any]], second: tuple[Any, Sequence[Any]]) -> bool:
    """Return whether two packed values are the same, byte by byte."""
    return (
        first[0] == second[0]
        and len(first[1]) == len(second[1])
        and all(bytes(a) == bytes(b) for a, b in zip(first[1], second[1], strict=True))
    )
