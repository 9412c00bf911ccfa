"""What became of each candidate, in a file that only grows: whoever is killed goes on where he was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

import msgspec
import numpy as np
from ase import Atoms

from gnnp_bench.certificate.result import PotentialRecord
from gnnp_bench.properties.relaxation import OptimizerName

Status: TypeAlias = Literal["relaxed", "unconverged", "failed"]
Key: TypeAlias = tuple[str, int, str]
"""File, place in it, hash of what stands there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How structures are relaxed.

    Attributes
    ----------
    fmax : float
        eV/Å, of atoms, and eV, of a row of the virial per atom.
    steps : int
        No more.
    optimizer : {"BFGS", "FIRE", "LBFGS"}
    cell : bool
        Whether cells that repeat in three directions are relaxed as well.
    """

    fmax: float = 0.02
    steps: int = 500
    optimizer: OptimizerName = "FIRE"
    cell: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A potential and settings: rows of another one are of no use.

    Attributes
    ----------
    spec, name : str
        Of the potential.
    version, weights_sha256, dtype : str or None
    settings : Settings
    """

    spec: str
    name: str
    version: str | None
    weights_sha256: str | None
    dtype: str | None
    settings: Settings

    @property
    def digest(self) -> str:
        """A hash over all of it."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]


def setup_of(record: PotentialRecord, settings: Settings) -> Setup:
    """Return what rows of this potential and these settings are known by."""
    return Setup(
        spec=record.spec,
        name=record.name,
        version=record.version,
        weights_sha256=record.weights_sha256,
        dtype=record.dtype,
        settings=settings,
    )


@dataclass(frozen=True, slots=True)
class Geometry:
    """A structure as plain numbers.

    Attributes
    ----------
    numbers : list of int
    positions : list of (x, y, z), Å
    cell : list of three vectors, Å
    pbc : list of three bool
    """

    numbers: list[int]
    positions: list[list[float]]
    cell: list[list[float]]
    pbc: list[bool]

    def atoms(self) -> Atoms:
        """Return the structure."""
        return Atoms(self.numbers, self.positions, cell=self.cell, pbc=self.pbc)


def geometry_of(atoms: Atoms) -> Geometry:
    """Return a structure as plain numbers."""
    return Geometry(
        atoms.numbers.tolist(),
        np.asarray(atoms.positions, float).tolist(),
        np.asarray(atoms.cell.array, float).tolist(),
        np.asarray(atoms.pbc, bool).tolist(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one candidate.

    Attributes
    ----------
    file, index, content
        As of `Candidate`.
    setup : str
        `Setup.digest`.
    status : {"relaxed", "unconverged", "failed"}
    formula : str
    n_atoms : int
    reason : str or None
        Why it failed, or did not converge.
    energy : float or None, eV
    force_left : float or None, eV/Å
        Largest force on an atom, or row of the virial per atom (eV), where it ended.
    steps : int
    end : Geometry or None
        Where it ended.
    """

    file: str
    index: int
    content: str
    setup: str
    status: Status
    formula: str
    n_atoms: int
    reason: str | None = None
    energy: float | None = None
    force_left: float | None = None
    steps: int = 0
    end: Geometry | None = None

    @property
    def key(self) -> Key:
        """Which candidate it is of."""
        return self.file, self.index, self.content


class Kept:
    """Rows in a file of JSON lines, of which only whole lines count. A context, which leaves the file closed.

    Parameters
    ----------
    path : str
        Is made if missing, and only ever added to.

    Raises
    ------
    ValueError
        If it cannot be written, or is a file of another kind.
    """

    def __init__(self, path: str) -> None:
        from gnnp_bench.certificate.io import check_writable

        check_writable(path)
        self.path = path
        head = Path(path).read_bytes()[:1] if Path(path).exists() else b""
        if head not in (b"", b"{"):
            raise ValueError(f"cannot write {path}: it exists and holds no results; name another file")

    def __enter__(self) -> Self:
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")  # what a kill cut short is a line of its own, which is passed over
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.fsync(self._file)
        os.close(self._file)

    def rows(self, setup: Setup) -> Iterator[Row]:
        """Yield the rows of a setup that are there; what is none is passed over."""
        decoder = msgspec.json.Decoder(Row)
        with open(self.path, "rb") as file:
            for line in file:
                try:
                    row = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                if row.setup == setup.digest:
                    yield row

    def begin(self, setup: Setup) -> None:
        """Write down what the rows that follow are of."""
        self._append({"setup": setup.digest, "of": setup})

    def add(self, row: Row) -> None:
        """Add a row, whole or not at all."""
        self._append(row)

    def _append(self, value: object) -> None:
        os.write(self._file, msgspec.json.encode(value) + b"\n")
