"""``gnnp-bench saliency``: how sensitive a network is to what it knows of atoms, by species."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.loading import load_potential, parse_species
from gnnp_bench.commands.output import check_files, own_stdout, write_bytes, write_file
from gnnp_bench.commands.progress import Progress
from gnnp_bench.commands.signals import terminable
from gnnp_bench.potential import Unsupported, close

if TYPE_CHECKING:
    from ase import Atoms

    from gnnp_bench.features import Shown, ShowsFeatures

BATCH = 64
"""Structures that are asked for at a time."""


def saliency(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="The potential: chgnet, sevennet, reference or your own.")
    ],
    structures: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Structures, as ASE reads them, instead of the balanced set."),
    ] = None,
    species: Annotated[
        str | None, typer.Option(metavar="LIST", help="Only these elements, such as H,C,O; else all that it knows.")
    ] = None,
    frequency: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help='JSON of how often each species was seen in training, {"Si": 812}: ρ is told with that held, too.',
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of displacements and permutations.")] = 0,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the result here; - is standard output.")
    ] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="Draw a periodic table here: .png, .svg or .pdf.")
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The layer that is told of and drawn; else the last whose gradients differ between atoms.",
        ),
    ] = None,
) -> int:
    """Compare by species how the energy follows the features of atoms, and what tables say of the elements.

    Each species is seen equally often and equally coordinated in a set of small crystals (docs/saliency.md).

    Exit status: 0 measured, 2 the request was wrong, 3 interrupted or nothing could be evaluated.
    """
    import msgspec

    from gnnp_bench.perf.figures import check_drawable
    from gnnp_bench.report.saliency import print_saliency
    from gnnp_bench.report.stream import console
    from gnnp_bench.saliency.figures import drawn
    from gnnp_bench.saliency.measure import by_species, telling
    from gnnp_bench.saliency.results import correlations, result

    check_files(json, plot)
    frequencies = _frequencies(frequency)
    loaded = load_potential(spec, parse_species(species))
    try:
        potential = _showing(loaded.potential, spec)
        every, left_out = _structures(structures, loaded.potential.capabilities.species, seed)
        if layer is not None and layer not in (layers := list(potential.feature_gradients(every[:1])[0].layers)):
            raise BadRequest(f"there is no layer {layer!r}; choose from {', '.join(layers)}")
        with own_stdout() as stdout:
            progress, report = console(sys.stderr), console(sys.stderr if json == "-" else stdout)
            count = Progress(len(every), progress, "structures")
            kept, shown, refused = [], [], 0
            try:
                with terminable():
                    for start in range(0, len(every), BATCH):
                        batch = every[start : start + BATCH]
                        found, usable = _asked(potential, batch)
                        refused += len(batch) - len(usable)
                        kept += usable
                        shown += found
                        count.told(len(batch))
            except KeyboardInterrupt as interruption:
                report.print(f"stopped by {str(interruption) or 'Ctrl-C'}; nothing was written", markup=False)
                return PARTIAL
            if left_out:
                report.print(f"left out, for they hold other species: {left_out}", markup=False)
            if refused:
                report.print(f"{refused} structures were refused and left out", markup=False)
            if not shown:
                report.print("nothing could be evaluated", markup=False)
                return PARTIAL
            means = by_species(kept, shown)
            try:
                related = correlations(means, seed, frequencies)
            except ModuleNotFoundError as missing:
                raise BadRequest(str(missing)) from missing
            measured = result(
                {"name": loaded.potential.name, "spec": loaded.spec},
                {
                    "from": structures or "balanced set",
                    "kinds": [] if structures else sorted({one.info["prototype"] for one in every}),
                    "evaluated": len(shown),
                    "refused": refused,
                    "left_out": left_out,
                },
                means,
                related,
                seed=seed,
                controlled=frequencies is not None,
                drawn=layer or telling(shown),
            )
            print_saliency(report, measured)
            data = msgspec.json.format(msgspec.json.encode(measured), indent=2) + b"\n"
            if json == "-":
                write_bytes(stdout, data)
            elif json is not None:
                write_file(json, data)
            if plot is not None:
                write_file(plot, drawn(measured, check_drawable(plot)))
    finally:
        close(loaded.potential)
    return 0


def _showing(potential: object, spec: str) -> ShowsFeatures:
    from gnnp_bench.features import showing

    if (shows := showing(potential)) is not None:
        return shows
    raise BadRequest(
        f"{spec} shows no layers: chgnet, sevennet and reference do, in this Python; yours does with a method"
        " feature_gradients (docs/saliency.md)"
    )


def _structures(file: str | None, species: Sequence[str], seed: int) -> tuple[list[Atoms], int]:
    """Return the structures that are looked at, and how many of the file hold other species."""
    from gnnp_bench.commands.crystals import read_structures
    from gnnp_bench.saliency.measure import skipping
    from gnnp_bench.saliency.structures import balanced

    if file is None:
        return list(balanced(species, seed)), 0
    kept, left_out = skipping(read_structures(file), species)
    if not kept:
        raise BadRequest(f"{file} holds no structure of these species alone: {', '.join(species)}")
    return kept, left_out


def _asked(potential: ShowsFeatures, batch: list[Atoms]) -> tuple[list[Shown], list[Atoms]]:
    """Return what the potential shows, and of which structures: one that is refused costs no other."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pymatgen's, of noble gases without an electronegativity
            return potential.feature_gradients(batch), batch
    except Unsupported:
        if len(batch) == 1:
            return [], []
    parts = [_asked(potential, [one]) for one in batch]
    return [shown for found, _ in parts for shown in found], [one for _, usable in parts for one in usable]


def _frequencies(file: str | None) -> dict[str, float] | None:
    import msgspec

    if file is None:
        return None
    try:
        with open(file, "rb") as stream:
            found = msgspec.json.decode(stream.read(), type=dict[str, float])
    except OSError as error:
        raise BadRequest(f"cannot read {file}: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise BadRequest(f'{file}: {error}; write for example {{"Si": 812, "O": 4033}}') from error
    return found
