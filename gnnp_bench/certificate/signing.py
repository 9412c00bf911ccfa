"""Signatures of certificates by Ed25519 keys (RFC 8032), made and looked at without a network.

What is signed is the head of the certificate's seal, which stands for all that it says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib
import os
from pathlib import Path
from typing import Any

from gnnp_bench.certificate.seal import Seal, Signature

ED25519 = "ed25519"
CONTEXT = b"gnnp-bench certificate\0"
"""Stands before the head, so that the signature means nothing anywhere else."""


class KeyProblem(ValueError):
    """A key cannot be read, made or used. The message is one line."""


def new_key(path: str) -> str:
    """Write a new private key, and its public one beside it as ``path.pub``; return the fingerprint.

    Raises
    ------
    KeyProblem
        If one of the files exists or cannot be written.
    """
    serialization, ed25519 = _library()
    private = ed25519.Ed25519PrivateKey.generate()
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for file in (path, f"{path}.pub"):
        if os.path.lexists(file):
            raise KeyProblem(f"{file} exists, and a key is never overwritten: name another file")
    try:
        for file, data, mode in ((path, secret, 0o600), (f"{path}.pub", public, 0o644)):
            with open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as stream:
                stream.write(data)
    except OSError as error:
        raise KeyProblem(f"cannot write {path}: {error.strerror}") from error
    return _fingerprint(private.public_key())


def signature(seal: Seal, path: str, password: bytes | None = None) -> Signature:
    """Return the signature of a seal by the private key in a file: PEM, or as ssh-keygen writes it.

    Raises
    ------
    KeyProblem
        If it is no such key.
    """
    key = _private(path, password)
    value = base64.b64encode(key.sign(CONTEXT + seal.head.encode())).decode()
    return Signature(key=_fingerprint(key.public_key()), algorithm=ED25519, value=value)


def signed_by(seal: Seal, path: str) -> str | None:
    """Return the fingerprint of the public key in a file if it has signed a seal, else None.

    Raises
    ------
    KeyProblem
        If it is no such key.
    """
    key = _public(path)
    invalid = importlib.import_module("cryptography.exceptions").InvalidSignature
    for one in seal.signatures:
        try:
            key.verify(base64.b64decode(one.value, validate=True), CONTEXT + seal.head.encode())
        except (invalid, binascii.Error, ValueError):
            continue
        return _fingerprint(key)
    return None


def _library() -> tuple[Any, Any]:
    try:
        return (
            importlib.import_module("cryptography.hazmat.primitives.serialization"),
            importlib.import_module("cryptography.hazmat.primitives.asymmetric.ed25519"),
        )
    except ImportError as error:
        raise KeyProblem("signatures need cryptography: pip install 'gnnp-bench[sign]'") from error


def _fingerprint(public: Any) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(public.public_bytes_raw()).digest()).decode().rstrip("=")


def _private(path: str, password: bytes | None) -> Any:
    serialization, ed25519 = _library()
    data = _read(path)
    read = serialization.load_ssh_private_key if b"OPENSSH PRIVATE" in data else serialization.load_pem_private_key
    try:
        key = read(data, password=password)
    except TypeError as error:  # how the library says that a key has a password, or none
        raise KeyProblem(f"{path} is locked by a password: write one without, by ssh-keygen -p or openssl") from error
    except Exception as error:  # it raises several kinds, some of its own
        raise KeyProblem(f"{path} is no private key: {_line(error)}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise KeyProblem(f"{path} is no Ed25519 key: make one by gnnp-bench new-key FILE")
    return key


def _public(path: str) -> Any:
    serialization, ed25519 = _library()
    data = _read(path)
    if b"PRIVATE" in data:
        raise KeyProblem(f"{path} is a private key, which nobody else should have: give the public one, {path}.pub")
    read = serialization.load_pem_public_key if data.startswith(b"-----") else serialization.load_ssh_public_key
    try:
        key = read(data)
    except Exception as error:  # it raises several kinds, some of its own
        raise KeyProblem(f"{path} is no public key: {_line(error)}") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise KeyProblem(f"{path} is no Ed25519 key")
    return key


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise KeyProblem(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
