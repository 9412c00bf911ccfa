"""Whether a certificate was made by this user on this machine: then the code that it names was run here before.

A key that never leaves the user's folder of states stands behind a number in the seal. Others cannot compute it, and
learn nothing from it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from dataclasses import replace
from pathlib import Path

from gnnp_bench.certificate.result import Certificate
from gnnp_bench.certificate.seal import Seal

SIZE = 32


def known_here(certificate: Certificate) -> Certificate:
    """Return a sealed certificate that is known again here; as it is, where no key can be kept."""
    key = _key(make=True)
    if certificate.seal is None or key is None:
        return certificate
    return replace(certificate, seal=replace(certificate.seal, here=_told(key, certificate.seal)))


def made_here(seal: Seal) -> bool:
    """Return whether a seal was made by this user on this machine. That it is intact is looked at elsewhere."""
    key = _key(make=False)
    return (
        key is not None and seal.here is not None and hmac.compare_digest(seal.here.encode(), _told(key, seal).encode())
    )


def _told(key: bytes, seal: Seal) -> str:
    return hmac.new(key, seal.head.encode(), hashlib.sha256).hexdigest()


def _key(*, make: bool) -> bytes | None:
    """Return the key, None where there is none."""
    with contextlib.suppress(OSError, RuntimeError):
        named = os.environ.get("XDG_STATE_HOME", "")
        root = Path(named) if os.path.isabs(named) else Path.home() / ".local" / "state"
        path = root / "gnnp-bench" / "key"
        if make and (not path.exists() or path.stat().st_size != SIZE):
            _make(path)
        key = path.read_bytes()
        return key if len(key) == SIZE else None
    return None


def _make(path: Path) -> None:
    """Write a new key, aside; then it is given its name, which fails if another process was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".key-{secrets.token_hex(6)}")
    descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SIZE))
        if path.exists():  # what another one left that was ended, or whose disk was full
            os.replace(aside, path)
        else:
            _name(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _name(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links; of two that come at once, one may not know its own again
        os.replace(aside, path)
