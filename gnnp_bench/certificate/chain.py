"""The seal of a certificate: a chain of hashes over all that it says, so that a change after it was made is seen.

A field, or the result of a check, is hashed as JSON text without spaces, its keys sorted, numbers written as short as
they keep every bit. The first hash of the chain is that of the fields' hashes; each result is hashed together with the
hash before it; the last is the head. Whoever changes a certificate can compute a chain anew: what tells a forgery is a
signature of the head (`certificate.signing`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gnnp_bench.certificate.result import Certificate
from gnnp_bench.certificate.seal import Link, Seal

CHECKS, SEAL = "checks", "seal"
ALGORITHM = "sha256-chain-1"


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking at a certificate's seal led to.

    Attributes
    ----------
    seal : Seal or None
        As it is in the file; certificates of earlier versions have none.
    changed : tuple of str
        What was changed since it was made, a sentence each.
    """

    seal: Seal | None
    changed: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether there is a seal, and nothing was changed."""
        return self.seal is not None and not self.changed


def sealed(certificate: Certificate, data: bytes) -> Certificate:
    """Return a certificate with its seal.

    Parameters
    ----------
    certificate : Certificate
    data : bytes
        The same as JSON text.
    """
    return replace(certificate, seal=seal_of(msgspec.json.decode(data)))


def seal_of(values: Mapping[str, Any]) -> Seal:
    """Return the seal of a certificate that was read as plain values."""
    fields = {name: _hash(value) for name, value in values.items() if name not in (CHECKS, SEAL)}
    before, links = _hash(fields), []
    for result in values[CHECKS]:
        before = _next(before, result)
        links.append(Link(check=result["id"], sha256=before))
    return Seal(algorithm=ALGORITHM, fields=fields, links=tuple(links), head=before)


def look(data: bytes | str) -> Looked:
    """Return whether a certificate is as it was made.

    Raises
    ------
    ValueError
        If it is no JSON, or says one thing twice, so that readers may differ in what they read.
    """
    try:
        values = json.loads(data, object_pairs_hook=_once)
        told = values[SEAL] if isinstance(values, dict) and values.get(SEAL) is not None else None
        if told is None:
            return Looked(None)
        seal = msgspec.convert(told, Seal)
        if seal.algorithm != ALGORITHM:
            return Looked(seal, (f"its seal is of the kind {seal.algorithm!r}, which this gnnp-bench does not know",))
        return Looked(seal, tuple(_changed(values, seal)))
    except RecursionError as error:
        raise ValueError("not a certificate of gnnp-bench: it is nested too deeply") from error
    except (msgspec.MsgspecError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not a certificate of gnnp-bench: {error}") from error


def _changed(values: Mapping[str, Any], seal: Seal) -> list[str]:
    found = []
    fields = {name: _hash(value) for name, value in values.items() if name not in (CHECKS, SEAL)}
    for name in sorted({*fields, *seal.fields}):
        if name not in fields:
            found.append(f"its {name} was removed")
        elif name not in seal.fields:
            found.append(f"{name} was added to it")
        elif fields[name] != seal.fields[name]:
            found.append(f"its {name} was changed")
    ids, sealed_ids = [result["id"] for result in values[CHECKS]], [link.check for link in seal.links]
    if ids != sealed_ids:
        found += _moved(ids, sealed_ids)
    before, head = _hash(seal.fields), seal.links[-1].sha256 if seal.links else _hash(seal.fields)
    befores = dict(zip(sealed_ids, [before, *(link.sha256 for link in seal.links)], strict=False))
    hashes = {link.check: link.sha256 for link in seal.links}
    for result in values[CHECKS]:
        name = result["id"]
        if name in hashes and _next(befores[name], result) != hashes[name]:
            found.append(f"the result of {name} was changed")
    if seal.head != head or (not found and seal_of(values).head != seal.head):
        found.append("the chain of its seal was changed")
    return found


def _moved(ids: Sequence[str], before: Sequence[str]) -> list[str]:
    """Return what became of the list of checks, in words."""
    removed, added = [name for name in before if name not in ids], [name for name in ids if name not in before]
    found = [f"the result of {name} was removed" for name in removed]
    found += [f"the result of {name} was added" for name in added]
    if len(set(ids)) < len(ids):
        found.append("a result is in it twice")
    return found or ["its results were put into another order"]


def _hash(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def _next(before: str, result: Any) -> str:
    return hashlib.sha256(before.encode() + msgspec.json.encode(result, order="sorted")).hexdigest()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"not a certificate of gnnp-bench: it says {twice!r} twice in one place")
    return found
