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

from gnnp_bench.check import Noise, Sample, Unanswered
from gnnp_bench.checks.physics.studying import KnownCrystal, Waves
from gnnp_bench.engine.pool import Pool
from gnnp_bench.environments.values import pack, unpack
from gnnp_bench.potential import Capabilities, Prediction
from gnnp_bench.properties.relaxation import Relaxed

LEVEL = 1
"""Of compression: the digits of forces do not compress, and structures do at once."""


PARTS: dict[str, Any] = {kind.__name__: kind for kind in (Noise, Unanswered, Relaxed, Waves)}


def encode_pool(pool: Pool) -> bytes:
    """Return a pool as bytes that `decode_pool` reads, the same for the same pool."""
    samples = [(s.index, _structure(s.structure), _values(s.prediction), _values(s.noise)) for s in pool.samples]
    broken = [_structure(structure) for structure in pool.broken]
    crystals = [_of_crystal(one) for one in pool.crystals]
    whole = (samples, pool.refused, pool.failures, pool.single, broken, pool.unhandled, crystals)
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
        samples, refused, failures, single, broken, unhandled, crystals = unpack(
            packed, iter([base64.b64decode(piece) for piece in buffers])
        )
    except (zlib.error, TypeError, KeyError, StopIteration) as error:
        raise ValueError(f"not a pool of structures: {error}") from error
    found = tuple(
        Sample(index, _atoms(structure), Prediction(**prediction), Noise(**noise))
        for index, structure, prediction, noise in samples
    )
    known = tuple(map(_crystal, crystals))
    return Pool(found, refused, failures, single, tuple(map(_atoms, broken)), unhandled, known)


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


def _of_crystal(known: KnownCrystal) -> dict[str, Any]:
    return {**_values(known), "structure": _structure(known.structure)} | {
        name: _part(getattr(known, name)) for name in ("noise", "end", "waves")
    }


def _part(found: Any) -> Any:
    """Return what was found out about a crystal, with the name of what it is."""
    if found is None or isinstance(found, str):
        return found
    values = _values(found)
    if isinstance(found, Relaxed):
        values |= {"structure": _structure(found.structure), "prediction": _values(found.prediction)}
    return type(found).__name__, values


def _crystal(values: dict[str, Any]) -> KnownCrystal:
    parts = {name: _found(values[name]) for name in ("noise", "end", "waves")}
    return KnownCrystal(values["name"], _atoms(values["structure"]), **parts)


def _found(part: Any) -> Any:
    if part is None or isinstance(part, str):
        return part
    name, values = part
    if name == Relaxed.__name__:
        values |= {"structure": _atoms(values["structure"]), "prediction": Prediction(**values["prediction"])}
    return PARTS[name](**values)


def _structure(atoms: Atoms) -> dict[str, Any]:
    return {"arrays": dict(atoms.arrays), "cell": atoms.cell.array, "pbc": atoms.pbc, "info": dict(atoms.info)}


def _atoms(values: dict[str, Any]) -> Atoms:
    atoms = Atoms(cell=values["cell"], pbc=values["pbc"])
    atoms.arrays = values["arrays"]
    atoms.info = values["info"]
    return atoms
