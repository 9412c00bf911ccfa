"""The other side of the i-PI protocol: serves the forces of a potential to whoever listens.

    python -m gnnp_bench.adapters.ipi_driver SPEC STRUCTURE ADDRESS

SPEC is the potential, STRUCTURE a file that ASE reads, with the atoms in the order of the other side, and ADDRESS is
unix:NAME (the socket /tmp/ipi_NAME) or HOST:PORT: of i-PI, of ASE's `SocketIOCalculator`, or of `socket:`.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.socketio import SocketClosed, actualunixsocketname
from ase.io import read

from gnnp_bench.adapters._ipi import REFUSES, protocol_on
from gnnp_bench.adapters.registry import load
from gnnp_bench.potential import ENERGY_FORCES, Potential, PotentialError, Unsupported


def serve(potential: Potential, structure: Atoms, address: str) -> None:
    """Answer until the other side ends the conversation or the connection.

    Parameters
    ----------
    potential : Potential
    structure : Atoms
        Its atoms and periodicity; positions and cell are what is received.
    address : str
        unix:NAME or HOST:PORT.

    Raises
    ------
    OSError
        Nobody listens there.
    """
    protocol = protocol_on(_connected(address))
    with_stress = bool(structure.pbc.all()) and "stress" in potential.capabilities.properties
    wanted = potential.capabilities.properties & (ENERGY_FORCES | ({"stress"} if with_stress else set()))
    answer = None
    try:
        while True:
            message = protocol.recvmsg()
            if message == "STATUS":
                protocol.sendmsg("READY" if answer is None else "HAVEDATA")
            elif message == "INIT":
                protocol.recvinit()
            elif message == "POSDATA":
                cell, _, positions = protocol.recvposdata()
                now = Atoms(structure.numbers, positions, cell=cell, pbc=structure.pbc)
                (found,) = potential.evaluate([now], wanted)
                virial = np.zeros((3, 3)) if found.stress is None else -found.stress * abs(np.linalg.det(cell))
                forces = np.zeros((len(now), 3)) if found.forces is None else found.forces
                answer = (found.energy, forces, virial)
            elif message == "GETFORCE" and answer is not None:
                protocol.sendforce(*answer)
                answer = None
            elif message == "EXIT":
                return
            else:
                raise RuntimeError(f"the other side sent {message!r}, which is not part of the conversation")
    except SocketClosed:
        return
    finally:
        protocol.socket.close()


def main(arguments: Sequence[str]) -> int:
    """Serve, and return the exit status: 0, 2 where the request is wrong, `REFUSES` where a structure is refused."""
    if len(arguments) != 3:
        print("usage: python -m gnnp_bench.adapters.ipi_driver SPEC STRUCTURE ADDRESS", file=sys.stderr)
        return 2
    spec, path, address = arguments
    try:
        structure: Any = read(path)
        symbols = sorted(set(structure.get_chemical_symbols()))
        serve(load(spec, symbols).potential, structure, address)
    except Unsupported as error:
        print(error, file=sys.stderr)
        return REFUSES
    except (PotentialError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _connected(address: str) -> socket.socket:
    host, _, name = address.rpartition(":")
    if host == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(actualunixsocketname(name))
        return connection
    connection = socket.create_connection((host, int(name)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
