"""A certificate from a file, and whether it is as it was made."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from gnnp_bench.certificate import chain, io
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.report.text import plain


@dataclass(frozen=True, slots=True)
class Opened:
    """A certificate, its text, and what its seal tells."""

    certificate: Certificate
    data: bytes
    looked: chain.Looked


def opened(path: str) -> Opened:
    """Return the certificate in a file, with what its seal tells.

    Raises
    ------
    BadRequest
        If it cannot be read or is none.
    """
    try:
        data = Path(path).read_bytes()
        return Opened(io.decode(data), data, chain.look(data))
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadRequest(f"{os.fspath(path)}: {plain(str(error))}") from error


def certificate_in(path: str) -> Certificate:
    """Return the certificate in a file; say on standard error if it was changed after it was made.

    Raises
    ------
    BadRequest
        If it cannot be read or is none.
    """
    found = opened(path)
    if found.looked.changed:
        print(f"gnnp-bench: warning: {path} {changes(found.looked)}", file=sys.stderr)
    return found.certificate


def changes(looked: chain.Looked) -> str:
    """Return in one sentence what was changed in a certificate."""
    *more, last = [plain(sentence)[:200] for sentence in looked.changed[:4]]
    left = len(looked.changed) - 4
    listed = f"{', '.join(more)} and {last}" if more else last
    return f"was changed after it was made: {listed}{f', and {left} more changes' if left > 0 else ''}"
