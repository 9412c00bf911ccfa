"""What shows that a certificate is as it was made: plain values, as they stand in the JSON."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The hash of a check's result together with the hash before it; see `certificate.chain`."""

    check: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who stands for a certificate; see `certificate.signing`.

    Attributes
    ----------
    key : str
        Fingerprint of the public key.
    algorithm : str
    value : str
        The signature of the head, in base64.
    """

    key: str
    algorithm: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A chain of hashes over all that a certificate says.

    Attributes
    ----------
    algorithm : str
    fields : dict of str to str
        The hash of each field but the checks and this one.
    links : tuple of Link
        Of each check, in their order.
    head : str
        The last hash.
    here : str or None
        By which the machine and user that made it know it again; it tells nothing to others.
    signatures : tuple of Signature
    """

    algorithm: str
    fields: dict[str, str]
    links: tuple[Link, ...]
    head: str
    here: str | None = None
    signatures: tuple[Signature, ...] = ()
