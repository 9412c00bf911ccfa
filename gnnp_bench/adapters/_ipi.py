"""A driver of the i-PI protocol [1]_ in a process of its own, asked through a unix or TCP socket of this machine.

The protocol carries positions and a cell, and nothing else: which atoms they are, and which directions are periodic,
the driver has to know before. So it is started with a file that holds a structure, and serves structures of that
composition until another one is needed.

.. [1] M. Ceriotti, J. More and D. E. Manolopoulos, Computer Physics Communications 185, 1019 (2014),
   doi:10.1016/j.cpc.2013.10.027
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from ase import Atoms
from ase.calculators.socketio import IPIProtocol, SocketClosed, actualunixsocketname
from ase.io import write

from gnnp_bench.potential import FloatArray, Unsupported

Transport: TypeAlias = Literal["unix", "tcp"]
HERE = "127.0.0.1"
REFUSES = 78
"""Exit status by which a driver says that it does not support a structure; the last line that it wrote says why."""
POLL_S = 0.05
PLACEHOLDERS = ("structure", "address", "socket", "host", "port")


class Protocol(IPIProtocol):
    """The protocol as ASE speaks it, without its assertion that numbers are finite: that is for the checks to find."""

    def recv(self, shape: Any, dtype: Any) -> Any:
        """Return an array; see `IPIProtocol`."""
        receive: Any = self._recvall
        data = receive(int(np.prod(shape)) * np.dtype(dtype).itemsize)
        return np.frombuffer(data, dtype).reshape(shape).copy()


def protocol_on(connection: socket.socket) -> Any:
    """Return the protocol on a connected socket; its methods carry no type hints."""
    make: Any = Protocol
    return make(connection)


@dataclass(slots=True)
class Driver:
    """A driver that is running and connected.

    Attributes
    ----------
    process : Popen
    protocol : Protocol
    folder : Path
        Where the file with the structure and what the driver writes are.
    owner : int
        The process that started it: a fork of that must not speak in its place.
    """

    process: subprocess.Popen[bytes]
    protocol: Any
    folder: Path
    owner: int = field(default_factory=os.getpid)

    def calculate(self, positions: FloatArray, cell: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return energy, eV, forces, eV/Å, and virial −V σ, eV.

        Raises
        ------
        Unsupported
            The driver refuses.
        RuntimeError
            It ended, was silent for too long, or does not keep to the protocol.
        """
        try:
            found = self.protocol.calculate(np.ascontiguousarray(positions), np.ascontiguousarray(cell))
        except (SocketClosed, ConnectionError) as error:
            raise self.ended() from error
        except TimeoutError as error:
            raise RuntimeError("the driver was silent for too long") from error
        except (AssertionError, UnicodeDecodeError) as error:
            said = " ".join(str(error).split()) or "an unexpected message"
            raise RuntimeError(f"the driver does not keep to the protocol: {said}") from error
        return float(found["energy"]), np.array(found["forces"]), np.array(found["virial"])

    def ended(self) -> Exception:
        """Return what is to be raised now that the driver has ended."""
        return ended(self.process, self.folder)

    def close(self, *, told: bool = True) -> None:
        """End the driver; `told`: it is asked to first, which one that hangs would not hear."""
        if os.getpid() != self.owner:
            return
        if told and self.process.poll() is None:
            self.protocol.socket.settimeout(1.0)
            with contextlib.suppress(OSError, SocketClosed):
                self.protocol.status()
                self.protocol.end()
        self.protocol.socket.close()
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


def launch(command: Sequence[str], structure: Atoms, transport: Transport, timeout: float) -> Driver:
    """Start a driver for the atoms of a structure, and wait until it has connected.

    Parameters
    ----------
    command : sequence of str
        Words in which {structure}, {address}, {socket}, {host} and {port} stand for what the driver needs.
    structure : Atoms
    transport : "unix" or "tcp"
    timeout : float
        Seconds that it may take to connect, and later to answer.

    Raises
    ------
    Unsupported, RuntimeError
        As for `Driver.calculate`.
    """
    folder = Path(tempfile.mkdtemp(prefix="gnnp-ipi-"))
    name = f"gnnp-{uuid.uuid4().hex[:16]}"
    listening = socket.socket(socket.AF_UNIX if transport == "unix" else socket.AF_INET)
    process = None
    try:
        listening.bind(actualunixsocketname(name) if transport == "unix" else (HERE, 0))
        listening.listen(1)
        port = "" if transport == "unix" else str(listening.getsockname()[1])
        path = folder / "structure.xyz"
        write(path, structure, format="extxyz")
        words = {
            "structure": str(path),
            "address": f"unix:{name}" if transport == "unix" else f"{HERE}:{port}",
            "socket": name,
            "host": HERE,
            "port": port,
        }
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [_filled(word, words) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        connection = _accepted(listening, process, folder, timeout)
    except BaseException:
        if process is not None:
            end(process)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        listening.close()
        if transport == "unix":
            Path(actualunixsocketname(name)).unlink(missing_ok=True)
    connection.settimeout(timeout)
    if transport == "tcp":
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Driver(process, protocol_on(connection), folder)


def words_of(command: str) -> list[str]:
    """Return the words of a command line.

    Raises
    ------
    ValueError
        A quotation does not end, or nothing is there.
    """
    words = shlex.split(command)
    if not words:
        raise ValueError("no command")
    return words


def ended(process: subprocess.Popen[bytes], folder: Path) -> Exception:
    """Return what is to be raised for a driver that has ended, or is about to."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5.0)
    lines = (folder / "output").read_text(errors="replace").split("\n") if (folder / "output").exists() else []
    last = next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "it said nothing")
    if process.returncode == REFUSES:
        return Unsupported(last)
    status = "closed its connection" if process.returncode is None else f"ended with status {process.returncode}"
    return RuntimeError(f"the driver {status}: {last}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, and those that it started, if it does not end by itself now that nobody listens."""
    try:
        process.wait(1.0)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _accepted(
    listening: socket.socket, process: subprocess.Popen[bytes], folder: Path, timeout: float
) -> socket.socket:
    listening.settimeout(POLL_S)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            return listening.accept()[0]
        if process.poll() is not None:
            raise ended(process, folder)
    raise RuntimeError(f"the driver did not connect within {timeout:g} s")


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word
