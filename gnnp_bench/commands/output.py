"""Standard output, kept for what the user asked for."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from gnnp_bench.commands.exits import BadRequest


@contextlib.contextmanager
def own_stdout() -> Iterator[TextIO]:
    """Yield standard output; what anyone else prints there meanwhile, from Python or from C, goes to standard error.

    Potentials greet their user, and Fortran libraries print; neither belongs into a report, still less into JSON.
    """
    stdout = sys.stdout
    if not _is_descriptor_1(stdout):  # replaced by a notebook or a test: nothing written in C ends there
        with contextlib.redirect_stdout(sys.stderr):
            yield stdout
        return
    stdout.flush()
    with open(os.dup(1), "w", encoding=stdout.encoding, errors=stdout.errors) as own:
        os.dup2(2, 1)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                yield own
        finally:
            os.dup2(own.fileno(), 1)


def _is_descriptor_1(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, ValueError):
        return False


def write_bytes(stream: TextIO, data: bytes) -> None:
    """Write bytes to a text stream, whatever its encoding.

    Raises
    ------
    BadRequest
        If nobody reads them.
    """
    try:
        stream.flush()
        stream.buffer.write(data)
        stream.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        raise BadRequest(f"the certificate could not be written to standard output: {error.strerror}") from error


def check_files(json: str | None, plot: str | None) -> None:
    """See that the files of --json and --plot can be written, before an hour is spent on computing them.

    Raises
    ------
    BadRequest
        If one cannot, or both are one file.
    """
    if plot == "-":
        raise BadRequest("--plot needs a file")
    named = [path for path in (json, plot) if path not in (None, "-")]
    if len({os.path.realpath(str(path)) for path in named}) < len(named):
        raise BadRequest("--json and --plot must be different files")
    for path in named:
        check_file(str(path))
    if plot is not None:
        from gnnp_bench.perf.figures import check_drawable

        try:
            check_drawable(plot)
        except ValueError as error:
            raise BadRequest(str(error)) from error


def check_paths(*options: tuple[str, str | None]) -> None:
    """Refuse files of options that cannot be written, before an hour is spent on what is to be written there.

    Raises
    ------
    BadRequest
        If one cannot be written, is standard output, or two are the same file.
    """
    named = [(option, path) for option, path in options if path is not None]
    for option, path in named:
        if path == "-":
            raise BadRequest(f"{option} needs a file: standard output can hold the certificate alone (--json -)")
    for (one, path), (other, second) in itertools.combinations(named, 2):
        if os.path.realpath(path) == os.path.realpath(second):
            raise BadRequest(f"{one} and {other} name one file, {path}: give them two")
    for _, path in named:
        check_file(path)


def check_file(path: str) -> None:
    """Refuse a file that cannot be written.

    Raises
    ------
    BadRequest
        The message is one line and says why.
    """
    from gnnp_bench.certificate.io import check_writable

    try:
        check_writable(path)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def write_file(path: str, data: bytes) -> None:
    """Write a file at once or not at all.

    Raises
    ------
    BadRequest
        If it cannot be written. The message is one line and says why.
    """
    from gnnp_bench.certificate.io import replace_file

    try:
        replace_file(path, data)
    except ValueError as error:
        raise BadRequest(str(error)) from error
