"""Messages on two file descriptors: a JSON header, and the bytes of arrays after it. Never a pickle.

A frame is the lengths of header and body (two unsigned 64-bit numbers, little end first), the header in UTF-8, and
the body: buffers, one after the other, whose lengths stand in the header under "sizes".
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

HEAD = struct.Struct("<QQ")
MOST = 1 << 34
"""Bytes. A longer frame is none: something else wrote into the channel."""
PIECE = 1 << 20
AT_ONCE = 1 << 26
"""Bytes of a buffer that is made before anything of it has come."""


class Closed(Exception):
    """The other end of the channel is closed, or what comes from there is no frame."""


class Late(Exception):
    """The other end did not answer, or did not read, in time."""


def write(
    descriptor: int, header: Mapping[str, Any], buffers: Sequence[Buffer] = (), until: float | None = None
) -> None:
    """Write one frame.

    Parameters
    ----------
    descriptor : int
    header : mapping
        What JSON can hold.
    buffers : sequence of bytes-like
    until : float, optional
        Time of `time.monotonic` at which it must be written. Of a descriptor that blocks nothing can be said.

    Raises
    ------
    Closed
        If nobody reads any more.
    Late
        If it is not written in time.
    """
    views = [memoryview(buffer).cast("B") if len(buffer) else memoryview(b"") for buffer in buffers]
    sizes = [len(view) for view in views]
    text = json.dumps({**header, "sizes": sizes}, separators=(",", ":")).encode()
    data = memoryview(b"".join([HEAD.pack(len(text), sum(sizes)), text, *views]))
    while data:
        try:
            written = os.write(descriptor, data)
        except BlockingIOError:
            _wait(descriptor, select.POLLOUT, until)
            continue
        except OSError as error:
            raise Closed(str(error)) from error
        data = data[written:]


def read(descriptor: int, until: float | None = None) -> tuple[dict[str, Any], list[memoryview]]:
    """Return the header of the next frame and its buffers, which can be written to.

    Raises
    ------
    Closed
        If the other end is closed, or wrote something else.
    Late
        If the frame is not complete in time.
    """
    n_text, n_body = HEAD.unpack(_exactly(descriptor, HEAD.size, until))
    if n_text + n_body > MOST:
        raise Closed("what came is no frame")
    try:
        header = json.loads(bytes(_exactly(descriptor, n_text, until)))
        sizes = [int(size) for size in header.pop("sizes")]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise Closed(f"what came is no frame: {error}") from error
    if min(sizes, default=0) < 0 or sum(sizes) != n_body:
        raise Closed("what came is no frame: its sizes are others")
    body = memoryview(_exactly(descriptor, n_body, until))
    buffers, begin = [], 0
    for size in sizes:
        buffers.append(body[begin : begin + size])
        begin += size
    return header, buffers


def _exactly(descriptor: int, size: int, until: float | None) -> bytearray:
    # Memory is taken as bytes come: a size alone, which a stranger may have told, takes none.
    found = bytearray(min(size, AT_ONCE))
    view, filled = memoryview(found), 0
    while filled < size:
        if filled == len(found):
            view.release()
            found.extend(bytes(min(size - filled, filled)))
            view = memoryview(found)
        try:
            n = os.readv(descriptor, [view[filled : filled + PIECE]])
        except BlockingIOError:
            _wait(descriptor, select.POLLIN, until)
            continue
        except OSError as error:
            raise Closed(str(error)) from error
        if n == 0:
            raise Closed("the channel is closed")
        filled += n
    return found


def _wait(descriptor: int, event: int, until: float | None) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    left = None if until is None else max(0.0, until - time.monotonic())
    if not poll.poll(None if left is None else left * 1000.0 + 1.0) and until is not None:
        raise Late("no answer in time")
