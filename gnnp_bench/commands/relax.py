"""``gnnp-bench relax``: the structures of a file, moved to where forces and stresses vanish."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.loading import Env, load_potential, parse_species, with_env
from gnnp_bench.commands.output import check_file, own_stdout
from gnnp_bench.commands.signals import terminable, undisturbed
from gnnp_bench.potential import close

if TYPE_CHECKING:
    from ase import Atoms

    from gnnp_bench.properties.relaxation import Relaxed

OPTIMIZERS = ("BFGS", "FIRE", "LBFGS")


def relax(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="The potential, such as chgnet or reference.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="One structure or many, as ASE reads them.")],
    env: Env = None,
    species: Annotated[
        str | None, typer.Option(metavar="LIST", help="Elements of the potential, such as Cu,Au: for ASE calculators.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Where they are written, in the format of its suffix: NAME-relaxed.extxyz."),
    ] = None,
    fmax: Annotated[float, typer.Option(metavar="F", help="Where to end, eV/Å.")] = 0.01,
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="No more.")] = 500,
    fixed_cell: Annotated[bool, typer.Option("--fixed-cell", help="Move atoms only.")] = False,
    pressure: Annotated[float, typer.Option(metavar="GPA", help="Of the surroundings.")] = 0.0,
    optimizer: Annotated[str | None, typer.Option(metavar="NAME", help="BFGS, FIRE or LBFGS.")] = None,
    break_symmetry: Annotated[bool, typer.Option("--break-symmetry", help="Do not keep the space group.")] = False,
) -> int:
    """Relax the structures of a file side by side: cell and atoms, the space group kept.

    Structures that do not repeat in three directions keep their cell. What is written carries energy, forces and
    stress, and in `info` how it ended.

    Exit status: 0 all came to rest, 2 the request was wrong, 3 interrupted (those that ended are written), or one did
    not come to rest.
    """
    import numpy as np
    from ase import units

    from gnnp_bench.commands.crystals import check_species, read_structures

    if not fmax > 0:
        raise BadRequest("--fmax must be positive")
    if not np.isfinite(pressure):
        raise BadRequest("--pressure must be a number, in GPa")
    if optimizer is not None and optimizer.upper() not in OPTIMIZERS:
        raise BadRequest(f"--optimizer is one of {', '.join(OPTIMIZERS)}, not {optimizer}")
    if fixed_cell and pressure:
        raise BadRequest("--pressure acts on a cell, which --fixed-cell holds: leave one of them out")
    target = out or f"{Path(file).stem}-relaxed.extxyz"
    structures = read_structures(file)
    if pressure and not all(structure.pbc.all() for structure in structures):
        raise BadRequest("--pressure acts on cells that repeat in three directions, and not all structures have one")
    check_file(target)
    written([structures[0]], target)  # a format that cannot be written is told before anything is computed
    loaded = load_potential(with_env(spec, env), parse_species(species))
    for place, structure in enumerate(structures):
        check_species(f"{file}@{place}", structure, loaded.potential.capabilities)
    if not fixed_cell and "stress" not in loaded.potential.capabilities.properties:
        raise BadRequest("the potential has no stress, without which no cell is relaxed: --fixed-cell moves atoms only")
    options = {
        "cell": not fixed_cell,
        "fmax": fmax,
        "steps": steps,
        "optimizer": None if optimizer is None else optimizer.upper(),
        "symmetric": None if break_symmetry else 1e-3,
        "pressure": pressure * units.GPa,
    }
    with own_stdout() as stdout:
        return _run(loaded, structures, options, target, stdout)


def _run(loaded: Any, structures: list[Atoms], options: dict[str, Any], target: str, stdout: Any) -> int:
    from gnnp_bench.certificate.io import replace_file
    from gnnp_bench.crystals import why
    from gnnp_bench.engine.batches import MAX_BATCH_ATOMS
    from gnnp_bench.engine.ended import Done
    from gnnp_bench.engine.evaluate import Evaluator
    from gnnp_bench.properties.relaxation import relaxed
    from gnnp_bench.report.stream import console

    report, progress = console(stdout), console(sys.stderr)
    evaluator = Evaluator(loaded.potential, loaded.reload)
    ended: dict[int, Relaxed] = {}
    complete, begun, last = False, time.monotonic(), time.monotonic()
    relaxations = (relaxed(structure, **options) for structure in structures)
    try:
        with terminable():
            for place, outcome in evaluator.stream(relaxations, atoms=MAX_BATCH_ATOMS):
                if isinstance(outcome, Done):
                    ended[place] = outcome.value
                    line = _line(structures[place], outcome.value)
                else:
                    line = why(outcome)
                report.print(f"{place}: {line}", soft_wrap=True, markup=False)
                if time.monotonic() - last > 10.0:
                    last = time.monotonic()
                    progress.print(f"{len(ended)} of {len(structures)}, {last - begun:.0f} s", markup=False)
        complete = True
    except KeyboardInterrupt as interruption:
        report.print(f"stopped by {str(interruption) or 'Ctrl-C'}", markup=False)
    finally:
        evaluator.close()
        close(loaded.potential)
    if not ended:
        report.print("nothing was written", markup=False)
        return PARTIAL
    with undisturbed():
        try:
            replace_file(target, written([_labelled(ended[place]) for place in sorted(ended)], target))
        except ValueError as error:
            raise BadRequest(str(error)) from error
    at_rest = sum(one.converged for one in ended.values())
    report.print(f"{at_rest} of {len(structures)} came to rest; written to {target}", soft_wrap=True, markup=False)
    return 0 if complete and at_rest == len(structures) else PARTIAL


def _line(before: Atoms, end: Relaxed) -> str:
    n = len(before)
    formula = before.symbols.formula.reduce()[0].format("metal")
    atoms = f"{n} atom{'s' * (n > 1)}"
    change = 1e3 * (end.prediction.energy - end.start) / n
    volume = ""
    if before.cell.rank == 3:
        volume = f", volume {100 * (end.structure.cell.volume / before.cell.volume - 1):+.2f} %"
    rest = "" if end.converged else ", not at rest"
    return (
        f"{formula}, {atoms}: {change:+.3f} meV/atom to {end.prediction.energy / n:.5f} eV/atom{volume}, {end.steps}"
        f" steps, {end.left:.2g} eV/Å left{rest}"
    )


def _labelled(end: Relaxed) -> Atoms:
    """Return a relaxed structure with what the potential says of it."""
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.stress import full_3x3_to_voigt_6_stress

    structure: Atoms = end.structure.copy()
    answers: dict[str, Any] = {"energy": end.prediction.energy, "forces": end.prediction.forces}
    if end.prediction.stress is not None:
        answers["stress"] = full_3x3_to_voigt_6_stress(end.prediction.stress)
    structure.calc = SinglePointCalculator(structure, **answers)
    structure.info.update(
        relaxed_converged=end.converged, relaxed_steps=end.steps, relaxed_left=end.left, relaxed_from_energy=end.start
    )
    return structure


def written(structures: list[Atoms], target: str) -> bytes:
    """Return structures as the bytes of a file, in the format that its name asks for.

    Raises
    ------
    BadRequest
        If ASE cannot write them so.
    """
    import ase.io

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(target).name
        try:
            ase.io.write(file, structures if len(structures) > 1 else structures[0])
            return file.read_bytes()
        except Exception as error:  # the writers of ASE raise anything
            raise BadRequest(f"cannot write {target}: {type(error).__name__}: {error}; try .extxyz") from error
