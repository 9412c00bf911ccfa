"""The trainings of a committee, and what its spread is worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gnnp_bench.accuracy.labels import DataError
from reference_model.committee.figures import draw
from reference_model.committee.files import NAME, SCHEMA, member
from reference_model.committee.reliability import (
    errors_of,
    factor,
    mean_of,
    reliability,
    spreads_of,
)
from reference_model.files import load_network
from reference_model.train import twins
from reference_model.train.data import Sample, species_of, split
from reference_model.train.files import MODEL, write_json
from reference_model.train.metrics import Comparison, compare, metrics, summary
from reference_model.train.run import Step, gathered, train
from reference_model.train.sets import Frames, Request, Sets, Tell, read, refuse_unknown
from reference_model.variants import hyperparameters

SHARE = 0.1
"""Of the structures, held out from all members: what the spread is calibrated on."""
FIGURE = "reliability.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be trained.

    Attributes
    ----------
    request : Request
        Member k has the seed of the recipe plus k, and a folder of its own in `request.out`.
    size : int
        Members.
    dropout : float
        Share of the training structures that each member does without, others for each.
    """

    request: Request
    size: int
    dropout: float = 0.0


def run(wanted: Wanted, tell: Tell, step: Step) -> dict[str, Any]:
    """Train all members, or go on, and return the content of `committee.json`.

    Raises
    ------
    DataError
        Data cannot be used, or files cannot be written; or the folder holds a single network, or other members.
    PotentialError
        The variant is unknown, or the device is not available.
    """
    seed = wanted.request.recipe.seed
    request = dataclasses.replace(wanted.request, share=SHARE, split_seed=seed, figures=False)
    if (request.out / MODEL).exists():
        raise DataError(f"{request.out} holds a single network: name another folder with --out")
    frames = read(request)
    species = species_of(frames.train)
    hyperparameters(species, request.recipe.variant, cutoff=request.recipe.cutoff)
    refuse_unknown(frames, species)
    try:
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the folder {request.out}: {error.strerror}") from error
    path = request.out / NAME
    members = [member(k) for k in range(wanted.size)]
    begun: dict[str, Any] = {"schema": SCHEMA, "complete": False, "members": members, "dropout": wanted.dropout}
    sets = gathered(request, frames, tell)
    if not path.exists():  # a committee that is whole stays so, whatever becomes of this request
        write_json(path, begun)
    alike = twins.twins(frames.train) if wanted.dropout else []
    for k, name in enumerate(members):
        tell(f"{name}: seed {seed + k}")
        recipe = dataclasses.replace(request.recipe, seed=seed + k)
        own = dataclasses.replace(request, recipe=recipe, out=request.out / name)
        data = without_some((frames, sets), wanted.dropout, seed + k, alike)
        train(own, lambda line: tell(f"  {line}"), step, data=data)
    networks = [load_network(request.out / name / MODEL).float() for name in members]
    uses: dict[str, list[Sample]] = {"valid": sets.valid, "test": sets.test}
    compared = {use: [compare(one, samples) for one in networks] for use, samples in uses.items() if samples}
    found = begun | {"complete": True} | judged(compared)
    for use in compared:
        tell(f"{use}: members {_of_members(compared[use])}; mean of all: {summary(found['errors'][use])}")
        tell(f"{use}: {_trust(found['reliability'][use]['forces'])}")
    draw(found["reliability"], request.out / FIGURE)
    write_json(path, found)
    return found


def without_some(
    data: tuple[Frames, Sets], dropout: float, seed: int, alike: Sequence[Sequence[int]]
) -> tuple[Frames, Sets]:
    """Return the data of a member: a share of the training structures left out, copies of one structure together."""
    if not dropout:
        return data
    frames, sets = data
    kept = split(frames.train, dropout, seed, alike, most=len(frames.train))[0]
    chosen = {id(frame) for frame in kept}
    mine = [id(frame) in chosen for frame in frames.train]
    samples = [sample for sample, is_mine in zip(sets.train, mine, strict=True) if is_mine]
    return dataclasses.replace(frames, train=kept), dataclasses.replace(sets, train=samples)


def judged(compared: dict[str, list[Comparison]]) -> dict[str, Any]:
    """Return errors of the mean, and what the spread says of them, by set; it is calibrated on the first set."""
    errors: dict[str, Any] = {}
    found: dict[str, Any] = {}
    scales: list[float | None] = []
    known = 0.0
    for use, those in compared.items():
        mean = mean_of(those)
        pairs = list(zip(spreads_of(those), errors_of(mean), strict=True))
        if not scales:
            scales = [factor(*pair) for pair in pairs]
            known = float(pairs[1][0].max())
        errors[use] = metrics(mean)
        found[use] = {
            name: reliability(spread, error, scale)
            for name, (spread, error), scale in zip(("energy", "forces"), pairs, scales, strict=True)
        }
    return {
        "calibration": dict(zip(("energy", "forces"), scales, strict=True)),
        "largest_forces_spread_ev_per_ang": known,
        "errors": errors,
        "reliability": found,
    }


def _trust(forces: dict[str, Any]) -> str:
    if forces["factor"] is None or forces["within_1"] is None:
        return "the members agree exactly: their spread says nothing of errors"
    rank = forces["rank_correlation"]
    goes = "" if rank is None else f"; rank correlation with errors ρ = {rank:.2f}"
    return (
        f"{forces['within_1']:.0%} of errors of forces are below {forces['factor']:.2f} times the spread,"
        f" {forces['within_2']:.0%} below twice that{goes}"
    )


def _of_members(found: Sequence[Comparison]) -> str:
    energies = [float(np.abs(np.diff(one.energies, axis=0)).mean()) for one in found]
    forces = [float(np.abs(np.diff(one.forces, axis=0)).mean()) for one in found]
    return f"MAE {1e3 * np.mean(energies):.2f} meV/atom, {1e3 * np.mean(forces):.1f} meV/Å on average"
