"""What tasks hand to each other, as bytes that hold no code: the pool with its ν, and what a potential can do.

Numbers keep every bit and their type. Nothing is pickled, for a store may come from anywhere.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import fields
from typing import Any

import msgspec
from ase import Atoms

from gnnp_bench.check import Noise, Sample
from gnnp_bench.engine.pool import Pool
from gnnp_bench.environments.values import pack, unpack
from gnnp_bench.potential import Capabilities, Prediction

LEVEL = 1
"""Of compression: the digits of forces do not compress, and structures do at once."""


def encode_pool(pool: Pool) -> bytes:
    """Return a pool as bytes that `decode_pool` reads, the same for the same pool."""
    samples = [(s.index, _structure(s.structure), _values(s.prediction), _values(s.noise)) for s in pool.samples]
    broken = [_structure(structure) for structure in pool.broken]
    whole = (samples, pool.refused, pool.failures, pool.single, broken, pool.unhandled)
    buffers: list[Any] = []
    packed = pack(whole, buffers)
    text = json.dumps([packed, [base64.b64encode(bytes(piece)).decode() for piece in buffers]])
    return zlib.compress(text.encode(), LEVEL)


def decode_pool(data: bytes) -> Pool:
    """Return the pool that `encode_pool` wrote.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        packed, buffers = json.loads(zlib.decompress(data))
        samples, refused, failures, single, broken, unhandled = unpack(
            packed, iter([base64.b64decode(piece) for piece in buffers])
        )
    except (zlib.error, TypeError, KeyError, StopIteration) as error:
        raise ValueError(f"not a pool of structures: {error}") from error
    found = tuple(
        Sample(index, _atoms(structure), Prediction(**prediction), Noise(**noise))
        for index, structure, prediction, noise in samples
    )
    return Pool(found, refused, failures, single, tuple(map(_atoms, broken)), unhandled)


def encode_capabilities(capabilities: Capabilities) -> str:
    """Return what a potential can do, as JSON with its keys and sets in order."""
    return msgspec.json.encode(capabilities, order="deterministic").decode()


def decode_capabilities(text: str) -> Capabilities:
    """Return what `encode_capabilities` wrote.

    Raises
    ------
    ValueError
        If it is none.
    """
    return msgspec.json.decode(text, type=Capabilities)


def _values(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _structure(atoms: Atoms) -> dict[str, Any]:
    return {"arrays": dict(atoms.arrays), "cell": atoms.cell.array, "pbc": atoms.pbc, "info": dict(atoms.info)}


def _atoms(values: dict[str, Any]) -> Atoms:
    atoms = Atoms(cell=values["cell"], pbc=values["pbc"])
    atoms.arrays = values["arrays"]
    atoms.info = values["info"]
    return atoms
