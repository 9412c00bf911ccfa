"""``gnnp-bench pareto``: which errors a training can trade for which, and the weights that one prefers."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.potential import PotentialError
from reference_model.train.cli import check_words, say, set_threads

OBJECTIVES = ("energy", "forces", "stress")


def pareto(
    train: Annotated[list[Path], typer.Argument(metavar="TRAIN...", help="Labelled structures that ASE can read.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the trainings, pareto.json and pareto.png.")],
    valid: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Structures to compare on; else a part of TRAIN is held out. Repeatable."),
    ] = [],  # noqa: B006  # typer copies it
    weightings: Annotated[int, typer.Option(metavar="N", min=2, max=99, help="Weightings of the loss.")] = 8,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Trainings of each, seeds 0 to N-1.")] = 3,
    decades: Annotated[
        float, typer.Option(metavar="X", help="How far the weights of energy and stress go up and down.")
    ] = 1.5,
    design_seed: Annotated[int, typer.Option(metavar="N", min=0, help="Draws the design, and what is held out.")] = 0,
    prefer: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Such as forces=2,energy=1: say which weights to take."),
    ] = None,
    variant: Annotated[str, typer.Option(metavar="NAME", help="Architecture; see docs/reference_model.md.")] = "lmax2",
    cutoff: Annotated[float, typer.Option(metavar="Å", help="How far one layer sees.")] = 5.0,
    epochs: Annotated[int | None, typer.Option(metavar="N", min=1, help="Of each training.")] = None,
    batch: Annotated[int | None, typer.Option(metavar="N", min=1, help="Structures per step.")] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="cpu, cuda, cuda:1, …")] = "cpu",
    dtype: Annotated[str, typer.Option(metavar="NAME", help="float32 or float64.")] = "float32",
    loss: Annotated[str, typer.Option(metavar="NAME", help="mae or rmse: what is trained and compared.")] = "rmse",
    trust_labels: Annotated[
        bool, typer.Option("--trust-labels", help="Do not examine units and signs; leave stresses as they are.")
    ] = False,
) -> int:
    """Train with several weightings of energy, forces and stress; find which errors can be traded for which.

    The result is written after every training; the same command goes on after a stop.

    Exit status: 0 done; 2 the request was wrong, or the data cannot be used; 3 interrupted.
    """
    for name, value, highest in (("cutoff", cutoff, math.inf), ("decades", decades, 4.0)):
        if not 0.0 < value <= highest or math.isinf(value):
            upto = "" if math.isinf(highest) else f" up to {highest:g}"
            raise BadRequest(f"--{name} must be a positive number{upto}, not {value:g}")
    check_words(dtype, loss)
    preference = None if prefer is None else preference_of(prefer)

    try:
        from reference_model.pareto.results import choose
        from reference_model.pareto.run import FIGURE, Study, run
    except ModuleNotFoundError as missing:
        raise BadRequest(f"{missing.name} is not installed: pip install 'gnnp-bench[reference]'") from missing
    from reference_model.train.recipe import Recipe
    from reference_model.train.sets import Request

    set_threads()
    recipe = Recipe(
        variant=variant,
        cutoff=cutoff,
        epochs=epochs,
        dtype="float64" if dtype == "float64" else "float32",
        device=device,
        loss="rmse" if loss == "rmse" else "mae",
        batch=batch,
    )
    request = Request(train=tuple(train), valid=tuple(valid), out=out, recipe=recipe, trust_labels=trust_labels)
    study = Study(request=request, n_weightings=weightings, n_seeds=seeds, decades=decades, design_seed=design_seed)
    try:
        found = run(study, say)
        for line in table(found):
            print(line)
        if preference is not None:
            weighting, training = choose(found, preference)
            say(f"preferred: {weighting}, seed {training['seed']}")
            print(f"reference:{out / training['weights']}")
    except PotentialError as error:
        raise BadRequest(str(error)) from error
    except KeyboardInterrupt:
        say("interrupted: the same command goes on after the last whole epoch")
        return PARTIAL
    say(f"everything is in {out}: pareto.json{f', {FIGURE}' if (out / FIGURE).exists() else ''}, a folder per training")
    sys.stdout.flush()
    return 0


def preference_of(text: str) -> dict[str, float]:
    """Return what ``forces=2,energy=1`` says.

    Raises
    ------
    BadRequest
        It names no error, one twice, or a weight that is not positive.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (word.strip() for word in part.partition("="))
        if name not in OBJECTIVES or not equals:
            raise BadRequest(f"--prefer takes energy, forces and stress with weights, such as forces=2, not {part!r}")
        if name in found:
            raise BadRequest(f"--prefer names {name} twice")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0.0 < value < math.inf:
            raise BadRequest(f"--prefer: the weight of {name} must be a positive number, not {number!r}")
        found[name] = value
    return found


def table(found: Mapping[str, Any]) -> list[str]:
    """Return lines that say what was found."""
    names = list(found["objectives"])
    kind = str(found["asked"]["error"]).upper()
    if not found["seeds_compared"] or not names:
        return ["nothing can be compared: no seed was trained with all weightings, or an error is zero or unknown"]
    titles = [f"{name}, {unit}" for name, unit in found["objectives"].items()]
    lines = [f"{'':4}{'λ_E':>9}{'λ_S':>9}  " + "".join(f"{title:>22}" for title in titles) + "   frontier"]
    for one in found["weightings"]:
        weights = f"{one['name']:4}{one['lambda']['energy']:9.3g}{one['lambda']['stress']:9.3g}  "
        if one["errors"] is None:
            lines.append(f"{weights}the training diverged")
            continue
        cells = "".join(f"{_pair(one['errors'][name]):>22}" for name in names)
        mark = "*" if one["on_frontier"] else ""
        lines.append(f"{weights}{cells}   {mark:2}{one['seeds_on_frontier']}/{len(found['seeds_compared'])} seeds")
    lines.append(f"{kind} on structures held out, mean ± standard deviation over seeds; * on the frontier of means")
    if (volume := found["hypervolume"]) is not None:
        lines.append(
            f"hypervolume {_pair(volume)} of the box up to twice the recipe's own errors;"
            f" the recipe alone {_pair(volume['recipe_alone'])}"
        )
    for one in found["trade_offs"]:
        first, second = one["between"]
        a, b = one["gaps"]
        told = (
            f"beyond the noise of seeds: the best {second} costs {math.expm1(a):.1%} in {first}, the best {first}"
            f" {math.expm1(b):.1%} in {second}"
            if one["beyond_noise"]
            else f"not beyond the noise of seeds; at most {math.expm1(one['at_most']):.1%} in both"
        )
        lines.append(f"{first} against {second}: {told}")
    return lines


def _pair(one: Mapping[str, float | None]) -> str:
    mean, deviation = one["mean"], one["standard_deviation"]
    if not mean or not deviation:
        return f"{mean:.4g}" + ("" if deviation is None else " ± 0")
    # Two digits of the deviation, and the mean as far; six digits of it at most.
    digits = max(0, min(1 - math.floor(math.log10(deviation)), 5 - math.floor(math.log10(abs(mean)))))
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}"
