"""Trainings with designed weightings, one after the other; whatever is done is not done again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnnp_bench.accuracy.labels import DataError
from reference_model.pareto.design import Weighting, weightings
from reference_model.pareto.figures import draw
from reference_model.pareto.results import RESULT, UNITS, Result, name_of, read_result, result
from reference_model.train.data import digest, species_of
from reference_model.train.files import write_json
from reference_model.train.loop import Diverged
from reference_model.train.run import gathered, train
from reference_model.train.sets import Frames, Request, Sets, Tell, read, refuse_unknown
from reference_model.variants import hyperparameters

SHARE = 0.15
"""Of the structures, for validation: with fewer, which ones were drawn decides more than the weighting does."""
FIGURE = "pareto.png"
GROWS = ("weightings", "seeds")
"""Of what is asked: may be more the next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is to be trained.

    Attributes
    ----------
    request : Request
        Data, folder and recipe; each training goes into a folder of its own in `request.out`, with its own seed.
    n_weightings, n_seeds : int
    decades : float
        How far λ_E and λ_S go up and down.
    design_seed : int
        Draws the design and what is held out.
    """

    request: Request
    n_weightings: int = 8
    n_seeds: int = 3
    decades: float = 1.5
    design_seed: int = 0


def run(study: Study, tell: Tell, done: Callable[[], None] = lambda: None) -> Result:
    """Train what is missing, and return the content of the result file, which is written after every training.

    Parameters
    ----------
    study : Study
    tell : callable
        Told of what goes on, a line at a time.
    done : callable, optional
        Called after every training.

    Raises
    ------
    DataError
        Data cannot be used, files cannot be written, or the folder holds another study.
    PotentialError
        The variant is unknown, or the device is not available.
    """
    request = dataclasses.replace(study.request, share=SHARE, split_seed=study.design_seed, figures=False)
    recipe = request.recipe
    frames = read(request)
    species = species_of(frames.train)
    hyperparameters(species, recipe.variant, cutoff=recipe.cutoff)
    refuse_unknown(frames, species)
    with_stress = any(frame.stress is not None for frame in frames.train)
    design = weightings(study.n_weightings, study.decades, study.design_seed, recipe, with_stress)
    asked = _asked(study, request, frames)
    path = request.out / RESULT
    trainings = _known(read_result(path), asked, study, path)
    sets: Sets | None = None
    for seed in range(study.n_seeds):
        for k, weighting in enumerate(design):
            name = name_of(k)
            if any((one["weighting"], one["seed"]) == (name, seed) for one in trainings):
                continue
            sets = sets or gathered(request, frames, tell)
            trainings.append(_trained(request, (frames, sets), weighting, name, seed, tell))
            _write(request, result(asked, design, trainings))
            done()
    found = result(asked, design, trainings)
    _write(request, found)
    return found


def _trained(
    request: Request, data: tuple[Frames, Sets], weighting: Weighting, name: str, seed: int, tell: Tell
) -> dict[str, Any]:
    folder = f"{name}-seed{seed}"
    recipe = dataclasses.replace(
        request.recipe, seed=seed, energy_weight=weighting.energy, stress_weight=weighting.stress
    )
    tell(f"{folder}: λ_E {weighting.energy:g}, λ_F 1, λ_S {weighting.stress:g}")
    one = dataclasses.replace(request, recipe=recipe, out=request.out / folder)
    row: dict[str, Any] = {"weighting": name, "seed": seed}
    try:
        found = train(one, lambda line: tell(f"  {line}") if _matters(line) else None, data=data)
    except Diverged as error:
        tell(f"  {error}: this weighting is left out")
        return row | {"failed": str(error)}
    kind = recipe.loss
    errors = {name: found["valid"][f"{name}_{kind}_{unit}"] for name, unit in UNITS.items()}
    return row | {"weights": f"{folder}/model.safetensors", "errors": errors}


def _matters(line: str) -> bool:
    return line.startswith(("valid:", "going on"))


def _write(request: Request, found: Result) -> None:
    write_json(request.out / RESULT, found)
    if found["hypervolume"] is not None:
        draw(found, request.out / FIGURE)


def _asked(study: Study, request: Request, frames: Frames) -> dict[str, Any]:
    recipe = dataclasses.asdict(request.recipe)
    for name in ("seed", "energy_weight", "stress_weight", "minutes"):
        del recipe[name]  # designed; and minutes are not offered, for all must train equally long
    return {
        "weightings": study.n_weightings,
        "seeds": study.n_seeds,
        "decades": study.decades,
        "design_seed": study.design_seed,
        "error": request.recipe.loss,
        "recipe": recipe,
        "trust_labels": request.trust_labels,
        "structures": {"train": len(frames.train), "valid": len(frames.valid)},
        "data_sha256": {"train": digest(frames.train), "valid": digest(frames.valid)},
    }


def _known(before: Result | None, asked: Mapping[str, Any], study: Study, path: Any) -> list[dict[str, Any]]:
    """Return the trainings of the file that were asked for."""
    if before is None:
        return []
    for key in asked:
        if key not in GROWS and before["asked"].get(key) != asked[key]:
            raise DataError(
                f"{path} is of a study with other settings ({_difference(key, before['asked'].get(key), asked[key])}):"
                " name another folder with --out, or repeat the command that began it; more --weightings and --seeds"
                " may be asked for"
            )
    names = [name_of(k) for k in range(study.n_weightings)]
    rows: Sequence[dict[str, Any]] = before["trainings"]
    return [one for one in rows if one["weighting"] in names and one["seed"] < study.n_seeds]


def _difference(name: str, before: Any, now: Any) -> str:
    """Say what a setting was and is; of a group of settings, the first one that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        name, before, now = next(
            (f"{name} {key}", before.get(key), now[key]) for key in now if before.get(key) != now[key]
        )
    return f"{name.replace('_', ' ')}: {before!r}, now {now!r}"
