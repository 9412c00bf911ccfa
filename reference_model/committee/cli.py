"""``gnnp-bench select``: which structures of a pool to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.potential import PotentialError, Unsupported
from reference_model.train.cli import say, set_threads


def select(
    pool: Annotated[list[Path], typer.Argument(metavar="POOL...", help="Structures that ASE can read; no labels.")],
    committee: Annotated[str, typer.Option(metavar="DIR", help="What gnnp-bench train --committee left.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the chosen structures go, as extended XYZ.")],
    n: Annotated[int, typer.Option("--n", metavar="N", min=1, help="How many to choose.")] = 50,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write spread and grade of every structure here.")
    ] = None,
) -> int:
    """Choose the structures that a committee knows least, unlike each other, to be labelled next.

    Exit status: 0 done, 2 the request was wrong, 3 interrupted.
    """
    set_threads()
    try:
        return _selected(pool, Path(committee.removeprefix("reference:")), out, n, json_file)
    except PotentialError as error:
        raise BadRequest(str(error)) from error
    except OSError as error:
        raise BadRequest(f"cannot write {error.filename or out}: {error.strerror or error}") from error
    except KeyboardInterrupt:
        say("interrupted: nothing was written")
        return PARTIAL


def _selected(pool: list[Path], folder: Path, out: Path, n: int, json_file: Path | None) -> int:
    import ase.io
    import numpy as np

    from gnnp_bench.accuracy.labels import each_structure
    from reference_model.committee.choose import choose, descriptors
    from reference_model.committee.files import read_committee
    from reference_model.committee.potential import Committee, create
    from reference_model.train.files import write_json

    if json_file is not None and json_file.resolve() == out.resolve():
        raise BadRequest("--json and --out must be different files")
    for path in (out, json_file):
        if path is not None and path.resolve() in [one.resolve() for one in pool]:
            raise BadRequest(f"{path} is a file of the pool, and would be lost: name another one")
        if path is not None and (path.is_dir() or not path.resolve().parent.is_dir()):
            raise BadRequest(f"cannot write {path}: {'it is a folder' if path.is_dir() else 'its folder is missing'}")
    known = float(read_committee(folder)["largest_forces_spread_ev_per_ang"])
    # A shipped network of this name would be meant otherwise.
    potential = create(str(folder.resolve()), {}, None)
    assert isinstance(potential, Committee)
    structures, strange = [], 0
    unusable: list[str] = []
    rows: list[dict[str, Any]] = []
    for path in pool:
        for index, structure in enumerate(each_structure(path)):
            where = f"{path}: frame {index}"
            try:
                (found,) = potential.spreads([structure])
            except Unsupported:
                strange += 1
                continue
            except ValueError as error:
                unusable.append(f"{where} ({structure.get_chemical_formula()}): {error}")
                continue
            largest = float(found.forces.max())
            structures.append(structure)
            rows.append(
                {
                    "source": where,
                    "forces_spread_ev_per_ang": largest,
                    "energy_spread_ev_per_atom": found.energy,
                    "grade": largest / known if known > 0.0 else None,
                }
            )
    total = strange + len(unusable) + len(structures)
    if unusable:
        say(f"warning: {len(unusable)} of {total} structures left out as unusable; the first is {unusable[0]}")
    if strange:
        species = ", ".join(potential.capabilities.species)
        say(f"warning: {strange} of {total} structures left out: they hold other species than {species}, or no volume")
    if not structures:
        raise BadRequest("no structure of the pool can be evaluated by the committee")
    spreads = np.array([row["forces_spread_ev_per_ang"] for row in rows])
    places = descriptors(potential.members[0], structures)
    chosen = choose(spreads, places, n)
    if len(structures) < n:
        say(f"--n {n} asks for more than the pool has: {len(structures)} structures")
    if len(chosen) < min(n, len(structures)):
        say(f"{len(chosen)} were chosen: the other {len(structures) - len(chosen)} are the same, or surely known")
    _write(out, [_marked(structures[k], rows[k]) for k in chosen], ase.io.write)
    if json_file is not None:
        order = {k: place for place, k in enumerate(chosen)}
        write_json(
            json_file,
            {
                "schema": 1,
                "largest_forces_spread_ev_per_ang": known,
                "structures": [row | {"chosen": order.get(k)} for k, row in enumerate(rows)],
            },
        )
    for k in chosen:
        row = rows[k]
        grade = "" if row["grade"] is None else f", grade {row['grade']:.2f}"
        print(
            f"{row['source']} ({structures[k].get_chemical_formula()}): "
            f"{1e3 * row['forces_spread_ev_per_ang']:.1f} meV/Å{grade}"
        )
    beyond = sum(1 for row in rows if row["grade"] is not None and row["grade"] > 1.0)
    say(f"{beyond} of {len(rows)} structures have a grade above 1: an atom less sure than any that was held out")
    return 0


def _marked(structure: Any, row: dict[str, Any]) -> Any:
    marked = structure.copy()
    marked.set_constraint()
    marked.info |= {key: value for key, value in row.items() if key != "source" and value is not None}
    return marked


def _write(out: Path, structures: list[Any], write: Any) -> None:
    """Write the file at once or not at all."""
    import io

    from reference_model.train.files import write_whole

    text = io.StringIO()
    write(text, structures, format="extxyz")
    write_whole(out, text.getvalue().encode())
