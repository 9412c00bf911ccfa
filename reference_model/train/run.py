"""A training run from labelled files to weights, metrics and figures."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnp_bench.accuracy.labels import DataError
from gnnp_bench.potential import PotentialError
from reference_model.files import read_notes, save_network
from reference_model.graph import collate
from reference_model.memory import keep_freed
from reference_model.model import Network
from reference_model.train.data import Sample, combinations_of, digest, species_of
from reference_model.train.figures import Names, draw_curves, draw_parity, palette
from reference_model.train.files import (
    CHECKPOINT,
    METRICS,
    MODEL,
    read_checkpoint,
    remove_leftovers,
    write_checkpoint,
    write_json,
)
from reference_model.train.loop import Trainer
from reference_model.train.loss import scales_of
from reference_model.train.metrics import Metrics, batches, compare, metrics, summary
from reference_model.train.origin import Origin, remarks_on, restricted, take_over, with_references
from reference_model.train.recipe import FEWEST_EPOCHS, STEPS, Recipe, epochs_for
from reference_model.train.sets import Frames, Request, Sets, Tell, prepared, read, refuse_unknown
from reference_model.variants import Hyperparameters, hyperparameters

LONGEST_NAMES = 90
"""Letters of file names above a figure."""
Step = Callable[[int, int, int, int | None], None]
"""Takes gradient steps done in this epoch, how many it has, its number from 1, and the number of epochs if known."""


def _ignore(done: int, steps: int, epoch: int, epochs: int | None) -> None:
    pass


def train(request: Request, tell: Tell, step: Step = _ignore, data: tuple[Frames, Sets] | None = None) -> Metrics:
    """Train a network, or go on with a run that was interrupted.

    Parameters
    ----------
    request : Request
    tell : callable
        Told of what goes on, a line at a time.
    step : callable, optional
        Told of every gradient step.
    data : tuple of Frames and Sets, optional
        What `gathered` returned for this request, or for another that differs in the training alone. Then nothing is
        read, and no remark is repeated.

    Returns
    -------
    dict
        What `metrics.json` holds.

    Raises
    ------
    DataError
        Data cannot be used, labels are in other units, files cannot be written, or the folder holds another run.
    PotentialError
        The variant is unknown, or the device is not available.
    """
    started = time.monotonic()
    recipe = request.recipe
    device = _device(recipe)
    frames = read(request) if data is None else data[0]
    species = species_of(frames.train)
    hyper = hyperparameters(species, recipe.variant, cutoff=recipe.cutoff)
    refuse_unknown(frames, species)
    begun = None if request.origin is None else restricted(request.origin.network, species)
    checkpoint = _checkpoint(request, frames)
    sets = gathered(request, frames, tell) if data is None else data[1]

    if request.origin is not None and begun is not None:
        sets = dataclasses.replace(sets, references=with_references(begun, sets.train))
        for remark in remarks_on(request.origin, species, sets.references):
            tell(remark)
    trainer = new_trainer(sets.train, hyper, recipe, sets.references.energies, device, request.origin)
    epochs = _epochs(recipe, trainer)
    history: list[dict[str, Any]] = []
    if checkpoint is not None:
        trainer.restore(checkpoint["state"])
        course = checkpoint["course"]
        epochs, history = course["epochs"], course["history"]
        tell(f"going on after epoch {trainer.epoch} of {epochs}")
        if trainer.epoch == epochs:  # killed between the last checkpoint and its model
            _save(request, sets, trainer, epochs, history)
    tell(
        f"{len(sets.train)} structures to train on, {len(sets.valid)} to validate on; species {', '.join(species)};"
        f" variant {recipe.variant}, {sum(p.numel() for p in trainer.network.parameters()):,} parameters"
    )
    while epochs is None or trainer.epoch < epochs:
        began = time.monotonic()
        losses = []
        # The first epoch may not know how many there will be, and does not ask.
        for value in trainer.run_epoch(epochs or 1):
            losses.append(value)
            step(len(losses), trainer.steps_per_epoch, trainer.epoch + 1, epochs)
        found = metrics(compare(trainer.average, sets.valid))
        took = time.monotonic() - began
        if epochs is None and recipe.minutes is not None:
            epochs = epochs_for(recipe.minutes, took, began - started)
            tell(f"{recipe.minutes:g} minutes make {epochs} epochs of {took:.1f} s")
        row = {"epoch": trainer.epoch, "loss": float(np.mean(losses)), "seconds": took} | _totals(found)
        history.append(row)
        tell(f"epoch {trainer.epoch}/{epochs}: loss {row['loss']:.4g}, valid {summary(found)} ({took:.1f} s)")
        _keep(request, frames, sets, trainer, epochs, history)
    return _finish(request, sets, trainer, history, tell)


def gathered(request: Request, frames: Frames, tell: Tell) -> Sets:
    """Return what is trained on, from what was read; tell what was noticed.

    Raises
    ------
    DataError
        Data cannot be used, or labels are in other units.
    """
    sets = prepared(request, frames, species_of(frames.train), tell)
    for remark in sets.remarks:
        tell(remark)
    return sets


def _checkpoint(request: Request, frames: Frames) -> dict[str, Any] | None:
    """Return the state to go on from, or None; make the folder."""
    try:
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the folder {request.out}: {error.strerror}") from error
    remove_leftovers(request.out)
    path = request.out / CHECKPOINT
    if not path.exists():
        if (request.out / METRICS).exists() or _is_finished(request.out / MODEL):
            raise DataError(f"{request.out} holds a finished run: name another folder with --out")
        return None
    checkpoint = read_checkpoint(path)
    before, now = checkpoint["course"]["identity"], _identity(request, frames)
    if changed := [key for key in now if before.get(key) != now[key]]:
        key = changed[0]
        raise DataError(
            f"{request.out} holds a run with other settings ({key}: {before.get(key)!r}, now {now[key]!r}):"
            " name another folder with --out, or repeat the command that began it"
        )
    return checkpoint


def _is_finished(model: Path) -> bool:
    """Return whether there is a network that was not left behind by a run which did not come to its end."""
    if not model.exists():
        return False
    try:
        training = read_notes(model).get("training", {})
    except PotentialError:
        return True  # of somebody else
    return "epochs_done" not in training or training["epochs_done"] == training.get("epochs")


def _identity(request: Request, frames: Frames) -> dict[str, Any]:
    data = {f"{use} data": digest(getattr(frames, use)) for use in ("train", "valid")}
    origin = None if request.origin is None else request.origin.digest
    return asdict(request.recipe) | {"trust_labels": request.trust_labels, "from": origin} | data


def _device(recipe: Recipe) -> torch.device:
    try:
        return torch.empty(0, device=recipe.device).device
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise PotentialError(f"cannot train on the device {recipe.device!r}: {reason}") from error


def new_trainer(
    samples: Sequence[Sample],
    hyper: Hyperparameters,
    recipe: Recipe,
    references: Mapping[str, float],
    device: torch.device,
    origin: Origin | None = None,
) -> Trainer:
    """Return a network ready to train.

    Its weights are drawn from the seed and its statistics taken from the structures; or they are those of an origin.
    """
    keep_freed()
    frames = [sample.frame for sample in samples]
    n_atoms = sum(len(frame.structure) for frame in frames)
    neighbours = sum(2 * len(sample.neighbourhood.first) for sample in samples) / n_atoms
    scales = scales_of(samples, references)
    begun = None if origin is None else restricted(origin.network, hyper.species)
    network = begun or Network(
        hyper,
        seed=recipe.seed,
        mean_neighbours=max(1.0, neighbours),
        energy_scale=scales.force,
        reference_energies=references,
    )
    network = network.to(device, getattr(torch, recipe.dtype))
    known = None if origin is None else take_over(network, references, origin)
    hoods = ([sample.neighbourhood for sample in batch] for batch in batches(samples))
    network.set_crowding_limits(collate(one, hyper.species, torch.float64, device) for one in hoods)
    if known is not None:  # what the origin was trained on is still known
        network.crowding_limits.copy_(torch.maximum(network.crowding_limits, known))
    return Trainer(network, samples, recipe, scales)


def _epochs(recipe: Recipe, trainer: Trainer) -> int | None:
    if recipe.epochs is not None:
        return recipe.epochs
    return None if recipe.minutes is not None else max(FEWEST_EPOCHS, -(-STEPS // trainer.steps_per_epoch))


def _totals(found: Metrics) -> Metrics:
    return {key: value for key, value in found.items() if not isinstance(value, dict)}


def _keep(
    request: Request, frames: Frames, sets: Sets, trainer: Trainer, epochs: int | None, history: list[dict[str, Any]]
) -> None:
    """Write the checkpoint, and the model as it is now."""
    course = {"identity": _identity(request, frames), "epochs": epochs, "history": history}
    write_checkpoint(request.out / CHECKPOINT, {"state": trainer.state(), "course": course})
    _save(request, sets, trainer, epochs, history)


def _save(
    request: Request, sets: Sets, trainer: Trainer, epochs: int | None, history: Sequence[Mapping[str, Any]]
) -> None:
    valid = {key: value for key, value in history[-1].items() if key not in ("epoch", "loss", "seconds")}
    notes: dict[str, Any] = {
        "combinations": combinations_of(sample.frame for sample in sets.train),
        "fitted_alone": list(sets.references.fitted),
        "undetermined": list(sets.references.undetermined),
        "training": {
            "recipe": asdict(request.recipe),
            "epochs": epochs,
            "epochs_done": trainer.epoch,
            "gradient_steps": trainer.epoch * trainer.steps_per_epoch,
            "gradient_steps_left_out": trainer.bad_steps,
            "structures": len(sets.train),
            "atoms": sum(len(sample.frame.structure) for sample in sets.train),
            "data_sha256": digest(sample.frame for sample in sets.train),
            "valid": valid,
            "torch": torch.__version__,
        },
    }
    if request.origin is not None:
        notes["training"]["from"] = {"name": request.origin.name, "weights_sha256": request.origin.digest}
    try:
        save_network(trainer.average, request.out / MODEL, notes)
    except OSError as error:
        raise DataError(f"cannot write {request.out / MODEL}: {error.strerror or error}") from error


def _names(request: Request, sets: Sets) -> Names:
    files = ", ".join(dict.fromkeys(path.name for path in (*request.train, *request.test)))
    files = files if len(files) <= LONGEST_NAMES else f"{files[: LONGEST_NAMES - 1]}…"
    variant = request.recipe.variant
    return Names(f"{request.out.resolve().name} ({variant})", files, fitted=bool(sets.references.fitted))


def _finish(request: Request, sets: Sets, trainer: Trainer, history: list[dict[str, Any]], tell: Tell) -> Metrics:
    network = trainer.average
    found: Metrics = {"remarks": sets.remarks, "recipe": asdict(request.recipe), "epochs": trainer.epoch}
    found["seconds"] = sum(row["seconds"] for row in history)
    found["mean_neighbours"] = float(network.mean_neighbours)
    found["reference_energies"] = dict(zip(network.hyper.species, network.reference_energies.tolist(), strict=True))
    names = _names(request, sets)
    compared = {use: compare(network, samples) for use in ("valid", "test") if (samples := getattr(sets, use))}
    colours = palette(compared.values())
    for use, comparison in compared.items():
        found[use] = metrics(comparison)
        if request.figures:
            draw_parity(comparison, request.out / f"parity_{use}.png", names, use, colours)
        tell(f"{use}: {summary(found[use])}")
    found["history"] = history
    if request.figures:
        draw_curves(history, request.out / "learning.png", names)
    write_json(request.out / METRICS, found)
    return found
