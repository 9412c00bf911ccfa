"""What a screening found, as plain values: for JSON, Parquet, structure files and tables."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from gnnp_bench.screening.candidates import Unreadable, name_of
from gnnp_bench.screening.hull import Hull, hull_of
from gnnp_bench.screening.matching import duplicates
from gnnp_bench.screening.records import Key, Row, Setup

SCHEMA = 1
Result = dict[str, Any]

COLUMNS: Mapping[str, str] = {
    "file": "string",
    "index": "int64",
    "role": "string",
    "status": "string",
    "reason": "string",
    "formula": "string",
    "n_atoms": "int64",
    "energy_ev": "float64",
    "energy_ev_per_atom": "float64",
    "volume_ang3_per_atom": "float64",
    "force_left_ev_per_ang": "float64",
    "steps": "int64",
    "space_group": "string",
    "space_group_number": "int64",
    "duplicate_of": "string",
    "above_hull_ev_per_atom": "float64",
}
"""Of a structure, in JSON and Parquet, with the types that they have in Parquet."""
OF_ATOMS = ("formula", "n_atoms", "energy_ev", "role")
"""Those that a file of structures tells in its own way."""


def result(
    setup: Setup,
    rows: Sequence[Row],
    unreadable: Sequence[Unreadable],
    *,
    references: frozenset[str],
    symprec: float,
    complete: bool,
    undetermined: Sequence[str] = (),
    told: Callable[[int], object] = lambda n: None,
) -> Result:
    """Return symmetry, duplicates and energies above the hull beside what relaxations gave.

    Parameters
    ----------
    setup : Setup
    rows : sequence of Row
        In the order in which they are told.
    unreadable : sequence of Unreadable
    references : frozenset of str
        Files whose structures are no candidates: they only take part in the hull.
    symprec : float, Å
        Within which a space group is found.
    complete : bool
        Every candidate has its row.
    undetermined : sequence of str
        Species whose energies cannot be compared across compositions (`Capabilities.undetermined`).
    told : callable, optional
        Is told how many structures were looked at for duplicates.
    """
    own = [row for row in rows if row.file not in references]
    same, hull = duplicates(own, told), hull_of(rows)
    counts: Counter[str] = Counter(row.status for row in own)
    return {
        "schema": SCHEMA,
        "complete": complete,
        "potential": {
            "spec": setup.spec,
            "name": setup.name,
            "version": setup.version,
            "weights_sha256": setup.weights_sha256,
        },
        "settings": {
            "fmax_ev_per_ang": setup.settings.fmax,
            "steps": setup.settings.steps,
            "optimizer": setup.settings.optimizer,
            "cell": setup.settings.cell,
            "symprec_ang": symprec,
        },
        "candidates": len(own),
        "relaxed": counts["relaxed"],
        "unconverged": counts["unconverged"],
        "failed": counts["failed"],
        "duplicates": len(same),
        "unreadable": [{"file": one.file, "from": one.index, "reason": one.reason} for one in unreadable],
        "hull": {"missing": list(hull.missing), "undetermined": sorted(set(undetermined) & _elements(rows))},
        "structures": [_told(row, references, symprec, same, hull) for row in rows],
    }


def extxyz(rows: Sequence[Row], told: Result) -> bytes:
    """Return where candidates ended as extended XYZ, with their energies as results and what was found in `info`."""
    from ase.io import write

    found = []
    for row, values in zip(rows, told["structures"], strict=True):
        if row.end is None or values["role"] == "reference":
            continue
        atoms = row.end.atoms()
        atoms.info.update({key: value for key, value in values.items() if value is not None and key not in OF_ATOMS})
        atoms.calc = SinglePointCalculator(atoms, energy=row.energy)
        found.append(atoms)
    text = io.StringIO()
    if found:
        write(text, found, format="extxyz")
    return text.getvalue().encode()


def parquet(told: Result) -> bytes:
    """Return the table of structures as a Parquet file."""
    return parquet_of(told["structures"], COLUMNS)


def parquet_of(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> bytes:
    """Return a table as a Parquet file: the names of its columns, with their types."""
    import pyarrow
    from pyarrow import parquet as format_

    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in columns.items()])
    table = pyarrow.Table.from_pylist(rows, schema=schema)
    sink = pyarrow.BufferOutputStream()
    format_.write_table(table, sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _told(row: Row, references: frozenset[str], symprec: float, same: Mapping[Key, Key], hull: Hull) -> Result:
    atoms = None if row.end is None else row.end.atoms()
    symbol, number = (None, None) if atoms is None else space_group(atoms, symprec)
    twin = same.get(row.key)
    periodic = atoms is not None and atoms.pbc.all()
    return {
        "file": row.file,
        "index": row.index,
        "role": "reference" if row.file in references else "candidate",
        "status": row.status,
        "reason": row.reason,
        "formula": row.formula,
        "n_atoms": row.n_atoms,
        "energy_ev": row.energy,
        "energy_ev_per_atom": None if row.energy is None else row.energy / row.n_atoms,
        "volume_ang3_per_atom": float(atoms.cell.volume) / len(atoms) if atoms is not None and periodic else None,
        "force_left_ev_per_ang": row.force_left,
        "steps": row.steps,
        "space_group": symbol,
        "space_group_number": number,
        "duplicate_of": None if twin is None else name_of(twin[0], twin[1]),
        "above_hull_ev_per_atom": hull.above.get(row.key),
    }


def space_group(atoms: Atoms, symprec: float) -> tuple[str | None, int | None]:
    """Return symbol and number of the space group of a crystal; None where spglib finds none."""
    import spglib

    if not atoms.pbc.all():
        return None, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of how its releases tell that there is none
        try:
            found = spglib.get_symmetry_dataset(
                (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), symprec=symprec
            )
        except Exception:
            return None, None
    return (None, None) if found is None else (str(found.international), int(found.number))


def _elements(rows: Sequence[Row]) -> set[str]:
    return {symbol for row in rows if row.end is not None for symbol in row.end.atoms().get_chemical_symbols()}
