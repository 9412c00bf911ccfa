"""Any program that serves forces by the i-PI protocol: `socket:COMMAND`.

The command starts a driver that connects to a unix socket (or a TCP port) of this machine: DFTB+, CP2K, FHI-aims,
LAMMPS's `fix ipi`, ASE's `SocketClient`, or a potential of another Python environment through
`gnnp_bench.adapters.ipi_driver`. Which atoms there are it reads from a file: see `_ipi`.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, get_args

import numpy as np
from ase import Atoms

from gnnp_bench.adapters import _ipi
from gnnp_bench.adapters._factory import check_options
from gnnp_bench.adapters._ipi import Driver, Transport
from gnnp_bench.potential import Capabilities, FloatArray, Identity, PotentialError, Prediction, Property, Unsupported

OPTIONS = ("transport", "timeout", "stress")
TIMEOUT_S = 600.0
MOST_DRIVERS = 4
VACUUM = 20.0
"""Å. The protocol knows no vanishing cell vectors; where there are none, and nothing is periodic, there are these."""
_Key: TypeAlias = tuple[bytes, ...]
_ONE_AT_A_TIME = threading.Lock()


@dataclass(slots=True)
class _Drivers:
    """The drivers that are running, each for one composition, the latest used last."""

    running: OrderedDict[_Key, Driver] = field(default_factory=OrderedDict)
    owner: int = field(default_factory=os.getpid)

    def close(self, key: _Key, *, told: bool = True) -> None:
        driver = self.running.pop(key, None)
        if driver is not None:
            driver.close(told=told)

    def __del__(self) -> None:
        for key in list(self.running):
            self.close(key)


@dataclass(frozen=True, slots=True)
class IpiPotential:
    """A program behind a socket as a `Potential`. Make one with `create`."""

    command: tuple[str, ...]
    transport: Transport
    timeout: float
    name: str
    capabilities: Capabilities
    identity: Identity
    drivers: _Drivers

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures one after another; see `Potential`.

        Raises
        ------
        Unsupported
            The driver refuses, or stress is asked for where not all directions are periodic: the protocol has one
            for crystals only.
        RuntimeError
            The driver ended, was silent for too long, or does not keep to the protocol.
        """
        with _ONE_AT_A_TIME:
            return [self._evaluate_one(structure, properties) for structure in structures]

    def _evaluate_one(self, structure: Atoms, properties: frozenset[Property]) -> Prediction:
        if "stress" in properties and not structure.pbc.all():
            raise Unsupported(
                "the i-PI protocol has a stress for structures that are periodic in three directions only"
            )
        if not len(structure):
            raise Unsupported("a structure without atoms")
        if self.drivers.owner != os.getpid():  # a fork, whose drivers belong to another process
            self.drivers.running, self.drivers.owner = OrderedDict(), os.getpid()
        key = _key(structure)
        cell = _cell(structure)
        try:
            driver = self._driver(key, structure, cell)
            energy, forces, virial = driver.calculate(structure.positions, cell)
        except Exception:
            self.drivers.close(key, told=False)
            raise
        stress = -virial / abs(float(np.linalg.det(cell))) if "stress" in properties else None
        return Prediction(energy, forces, stress)

    def _driver(self, key: _Key, structure: Atoms, cell: FloatArray) -> Driver:
        running = self.drivers.running
        if key not in running:
            while len(running) >= MOST_DRIVERS:
                self.drivers.close(next(iter(running)))
            first = Atoms(structure.numbers, structure.positions, cell=cell, pbc=structure.pbc)
            for name in ("initial_charges", "initial_magmoms"):
                if structure.has(name):
                    first.set_array(name, structure.get_array(name))
            running[key] = _ipi.launch(self.command, first, self.transport, self.timeout)
        running.move_to_end(key)
        return running[key]


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> IpiPotential:
    """Build the potential of `socket:COMMAND?transport=unix&timeout=600&stress=true`.

    Raises
    ------
    PotentialError
        No command or no species are given, the program is not there, or an option is unknown or malformed.
    """
    if argument is None:
        raise PotentialError("socket needs the command of a driver: 'socket:python driver.py {structure} {address}'")
    check_options("socket", options, OPTIONS)
    transport = options.get("transport", "unix")
    if transport not in get_args(Transport):
        raise PotentialError(f"transport is unix or tcp, not {transport!r}")
    try:
        timeout = float(options.get("timeout", TIMEOUT_S))
        words = _ipi.words_of(argument)
    except ValueError as error:
        raise PotentialError(f"socket: {error}") from error
    if not 0 < timeout < float("inf"):
        raise PotentialError(f"timeout is a number of seconds, not {options['timeout']!r}")
    if (stress := options.get("stress", "true")) not in ("true", "false"):
        raise PotentialError(f"stress is true or false: whether the driver sends a virial, not {stress!r}")
    needed = ("{address}", "{socket}") if transport == "unix" else ("{address}", "{port}")
    if not any(one in argument for one in needed):
        raise PotentialError(f"the command must say where the driver connects: {' or '.join(needed)}")
    if shutil.which(words[0]) is None:
        raise PotentialError(f"there is no program {words[0]!r} to run as a driver")
    if species is None:
        raise PotentialError("a driver does not tell which species it supports: name them, --species Cu,Au")
    properties: frozenset[Property] = frozenset({"energy", "forces", "stress"})
    return IpiPotential(
        command=tuple(words),
        transport="tcp" if transport == "tcp" else "unix",
        timeout=timeout,
        name=f"socket-{Path(words[0]).name}",
        capabilities=Capabilities(
            species=species, properties=properties if stress == "true" else properties - {"stress"}
        ),
        identity=Identity(),
        drivers=_Drivers(),
    )


def _key(structure: Atoms) -> _Key:
    """Return what a driver has to know and the protocol does not carry."""
    carried = ("initial_charges", "initial_magmoms")
    arrays = (structure.get_array(name).tobytes() if structure.has(name) else b"" for name in carried)
    return (structure.numbers.tobytes(), structure.pbc.tobytes(), *arrays)


def _cell(structure: Atoms) -> FloatArray:
    """Return the cell, (3, 3), Å, without vanishing vectors where nothing is periodic."""
    cell: FloatArray = np.array(structure.cell.complete().array)
    extent = np.ptp(structure.positions, axis=0).max() + VACUUM
    for k in range(3):
        if not structure.cell.array[k].any():
            cell[k] *= extent
    return cell
