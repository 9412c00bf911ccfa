"""``gnnp-bench train``: labelled structures in, a reference potential out."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.potential import PotentialError

NARROWEST = 40
"""Columns, below which lines are not broken any more."""


def train(
    train: Annotated[list[Path], typer.Argument(metavar="TRAIN...", help="Labelled structures that ASE can read.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for model, metrics and figures.")],
    valid: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Structures to validate on; else a part of TRAIN is held out. Repeatable."),
    ] = [],  # noqa: B006  # typer copies it
    test: Annotated[
        list[Path], typer.Option(metavar="FILE", help="Structures to test on, once, at the end. Repeatable.")
    ] = [],  # noqa: B006
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="SPEC", help="Go on from a trained network: reference, or the folder of a run."),
    ] = None,
    variant: Annotated[
        str | None, typer.Option(metavar="NAME", help="Architecture, else lmax2; see docs/reference_model.md.")
    ] = None,
    cutoff: Annotated[float | None, typer.Option(metavar="Å", help="How far one layer sees, else 5.")] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", min=1, help="How often each structure is seen.")] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="How long; fixes the epochs after the first.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Same seed, same data: same bits, on one kind of CPU.")
    ] = 0,
    device: Annotated[str, typer.Option(metavar="NAME", help="cpu, cuda, cuda:1, …")] = "cpu",
    dtype: Annotated[str, typer.Option(metavar="NAME", help="float32 or float64.")] = "float32",
    loss: Annotated[str, typer.Option(metavar="NAME", help="mae or rmse: which error is to be small.")] = "rmse",
    learning_rate: Annotated[
        float | None, typer.Option(metavar="X", help="After warm-up; 0.01, or 0.003 with --from.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Structures per step; chosen by size if not given.")
    ] = None,
    permutation_penalty: Annotated[
        float, typer.Option(metavar="W", help="Weight of what swapping like atoms changes, for the variant 'ordered'.")
    ] = 0.0,
    committee: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, max=64, help="N networks, whose spread tells how sure they are."),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(metavar="X", help="Share of the structures that each member of a committee does without."),
    ] = None,
    trust_labels: Annotated[
        bool, typer.Option("--trust-labels", help="Do not examine units and signs; leave stresses as they are.")
    ] = False,
) -> int:
    """Train a reference potential on quantum data; interrupted, the same command goes on.

    Exit status: 0 done; 2 the request was wrong, or the data cannot be used; 3 interrupted.
    """
    # What is plainly wrong is refused before torch is imported.
    if epochs is not None and minutes is not None:
        raise BadRequest("--epochs and --minutes both say how long: give one of them")
    for name, value in (("minutes", minutes), ("cutoff", cutoff), ("learning-rate", learning_rate)):
        if value is not None and not 0.0 < value < float("inf"):
            raise BadRequest(f"--{name} must be a positive number, not {value:g}")
    if not 0.0 <= permutation_penalty < float("inf"):
        raise BadRequest(f"--permutation-penalty must not be negative, not {permutation_penalty:g}")
    if origin is not None and (variant is not None or cutoff is not None):
        raise BadRequest("--from brings the variant and the cutoff of its network: leave --variant and --cutoff out")
    if origin is not None and committee is not None:
        raise BadRequest("--from and --committee: members that begin alike end alike, and their spread says nothing")
    if dropout is not None and committee is None:
        raise BadRequest("--dropout is for the members of a --committee")
    if dropout is not None and not 0.0 <= dropout < 1.0:
        raise BadRequest(f"--dropout must be a share from 0 up to 1, not {dropout:g}")
    if committee is not None and minutes is not None:
        raise BadRequest("--minutes would train the members of a committee unequally long: give --epochs")
    check_words(dtype, loss)

    from reference_model.committee.files import NAME
    from reference_model.shipped import shipped
    from reference_model.train.origin import read_origin
    from reference_model.train.recipe import Recipe
    from reference_model.train.run import train as run
    from reference_model.train.sets import Request
    from reference_model.variants import DEFAULT, hyperparameters

    set_threads()
    try:
        begun = None if origin is None else read_origin(origin)
        hyper = hyperparameters(["H"], variant or DEFAULT) if begun is None else begun.network.hyper
        variant, cutoff = hyper.variant, hyper.cutoff if begun is not None or cutoff is None else cutoff
        if permutation_penalty and not hyper.ordered:
            say(f"warning: --permutation-penalty is ignored: the variant {variant!r} obeys that law by construction")
            permutation_penalty = 0.0
        recipe = Recipe(
            variant=variant,
            cutoff=cutoff,
            seed=seed,
            epochs=epochs,
            minutes=minutes,
            dtype="float64" if dtype == "float64" else "float32",
            device=device,
            loss="rmse" if loss == "rmse" else "mae",
            learning_rate=learning_rate or (1e-2 if begun is None else 3e-3),
            batch=batch,
            permutation_penalty=permutation_penalty,
        )
        request = Request(
            train=tuple(train),
            valid=tuple(valid),
            test=tuple(test),
            out=out,
            recipe=recipe,
            trust_labels=trust_labels,
            origin=begun,
        )
        step = shown() if sys.stderr.isatty() else _ignore
        if committee is None:
            if (out / NAME).exists():
                raise BadRequest(f"{out} holds a committee: name another folder with --out")
            run(request, say, step)
        else:
            from reference_model.committee.run import Wanted
            from reference_model.committee.run import run as run_committee

            run_committee(Wanted(request=request, size=committee, dropout=dropout or 0.0), say, step)
    except PotentialError as error:
        raise BadRequest(str(error)) from error
    except KeyboardInterrupt:
        say("interrupted: the same command goes on after the last whole epoch")
        return PARTIAL
    # A shipped network of this name would be meant otherwise.
    spec = f"reference:{f'./{out}' if str(out) in shipped() else out}"
    say(f"next: gnnp-bench certify {shlex.quote(spec)}; errors and figures are in {out}")
    print(spec)
    return 0


def check_words(dtype: str, loss: str) -> None:
    """See that a precision and an error are among those that a recipe knows.

    Raises
    ------
    BadRequest
        If one is not.
    """
    if dtype not in ("float32", "float64"):
        raise BadRequest(f"--dtype must be float32 or float64, not {dtype!r}")
    if loss not in ("mae", "rmse"):
        raise BadRequest(f"--loss must be mae or rmse, not {loss!r}")


def set_threads() -> None:
    """Let torch use one thread, or as many as `OMP_NUM_THREADS` says."""
    import torch

    asked = os.environ.get("OMP_NUM_THREADS", "1").partition(",")[0].strip()
    torch.set_num_threads(max(1, int(asked)) if asked.isdecimal() else 1)


def say(line: str) -> None:
    """Print a line; on a terminal broken at spaces, over what shows the progress."""
    if sys.stderr.isatty():
        width = max(NARROWEST, shutil.get_terminal_size().columns)
        wrapped = textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        line = f"\r\x1b[K{wrapped}"
    print(line, file=sys.stderr, flush=True)


def shown(clock: Callable[[], float] = time.monotonic) -> Callable[[int, int, int, int | None], None]:
    """Return what shows each gradient step on one line of a terminal, and how long the rest will take."""
    began = clock()
    first: int | None = None

    def show(done: int, steps: int, epoch: int, epochs: int | None) -> None:
        nonlocal first
        total = (epoch - 1) * steps + done
        first = total - 1 if first is None else first
        left = ""
        if epochs is not None and total - first > 1:
            seconds = (clock() - began) / (total - first) * (epochs * steps - total)
            left = f", {seconds / 60.0:.0f} min left" if seconds >= 90.0 else f", {seconds:.0f} s left"
        of = "" if epochs is None else f" of {epochs}"
        print(f"\r\x1b[K  epoch {epoch}{of}, step {done} of {steps}{left}", end="", file=sys.stderr, flush=True)

    return show


def _ignore(done: int, steps: int, epoch: int, epochs: int | None) -> None:
    pass
