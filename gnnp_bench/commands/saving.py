"""What ``gnnp-bench certify`` writes into files. A file that cannot be written is told at the end, and ends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from gnnp_bench.certificate import io
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.report import write_page

if TYPE_CHECKING:
    from gnnp_bench.certificate.result import Certificate
    from gnnp_bench.check import Check


def save(certificate: Certificate, path: str | None) -> str | None:
    """Write the certificate, if it is wanted in a file; return why it could not be written."""
    if path is not None:
        try:
            io.write(certificate, path)
        except ValueError as error:
            return str(error)
    return None


def save_junit(
    certificate: Certificate, path: str | None, *, asked: Sequence[str], checks: Mapping[str, Check], kept: str | None
) -> str | None:
    """Write the JUnit report, if it is wanted; return why it could not be written."""
    if path is None:
        return None
    from gnnp_bench.report import junit

    try:
        junit.write(certificate, path, asked=asked, checks=checks, replayed_from=kept)
    except ValueError as error:
        return str(error)
    return None


def save_page(certificate: Certificate, path: str | None, *, kept: str | None) -> str | None:
    """Write the page, if it is wanted; return why it could not be written."""
    if path is not None:
        try:
            write_page(io.sealed(certificate), path, kept)
        except BadRequest as error:
            return str(error)
    return None
