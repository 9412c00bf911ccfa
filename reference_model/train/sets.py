"""The structures of a run: read, held out, examined, mended."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import units

from gnnp_bench.accuracy.frames import Frame, read_frames
from gnnp_bench.accuracy.labels import DataError
from reference_model.train import pulay, sanity, twins
from reference_model.train.data import Sample, prepare, species_of, split
from reference_model.train.origin import Origin
from reference_model.train.recipe import SHARE_HELD_OUT, Recipe
from reference_model.train.references import References, reference_energies, trust

FEW_NEIGHBOURS = 4
Tell = Callable[[str], None]
"""Takes one line about the run, now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be trained on, and where the outcome goes.

    Attributes
    ----------
    train : tuple of Path
        Files of labelled structures, put together.
    valid, test : tuple of Path
        The same; without `valid`, a share of the training structures is held out.
    out : Path
        A folder, made if need be.
    recipe : Recipe
    trust_labels : bool
        Do not examine units, signs and orders.
    share : float
        Of the structures, held out for validation where no file is given for that.
    split_seed : int or None
        Draws what is held out; None takes the seed of the recipe. Runs that are compared have one in common.
    origin : Origin or None
        The network whose weights are gone on from; its variant and cutoff are those of the recipe.
    figures : bool
        Draw errors and learning curves. One among many runs may do without.
    """

    train: tuple[Path, ...]
    valid: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    out: Path
    recipe: Recipe
    trust_labels: bool = False
    share: float = SHARE_HELD_OUT
    split_seed: int | None = None
    origin: Origin | None = None
    figures: bool = True


@dataclass(frozen=True, slots=True)
class Sets:
    """Labelled structures with their neighbours, by use, reference energies, and what was noticed about them."""

    train: list[Sample]
    valid: list[Sample]
    test: list[Sample]
    references: References
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class Frames:
    """Labelled structures by use, and what was noticed about them."""

    train: list[Frame]
    valid: list[Frame]
    test: list[Frame]
    remarks: list[str]


def read(request: Request) -> Frames:
    """Read all files, and hold structures out for validation where no file is given for that.

    Raises
    ------
    DataError
        A file cannot be used, or there is nothing to hold out.
    """
    remarks: list[str] = []

    def these(paths: Sequence[Path]) -> list[Frame]:
        frames = []
        for path in paths:
            found, noticed = read_frames(path)
            frames += found
            remarks.extend(noticed)
        return frames

    chosen, valid, test = these(request.train), these(request.valid), these(request.test)
    alike = twins.twins(chosen)
    remarks += twins.remarks(chosen, alike)
    for use, others in (("validation", valid), ("test", test)):
        both = [*chosen, *others]
        remarks += twins.shared(both, len(chosen), twins.twins(both) if others else [], use)
    if not valid:
        seed = request.recipe.seed if request.split_seed is None else request.split_seed
        chosen, valid = split(chosen, request.share, seed, alike)
    if not valid:
        valid = chosen
        remarks.append(
            "warning: no structure can be held out, for each is a single atom, the last one of an element, or one of"
            " many copies: what is validated on is what is trained on; name others with --valid"
        )
    return Frames(chosen, valid, test, remarks)


def refuse_unknown(frames: Frames, species: Sequence[str]) -> None:
    """Raise `DataError` where an element is tested that is not trained on."""
    for use, those in (("validation", frames.valid), ("test", frames.test)):
        strange = sorted(set(species_of(those)) - set(species))
        if strange:
            raise DataError(f"{strange[0]} occurs in the {use} structures, but in none to train on")


def prepared(request: Request, frames: Frames, species: Sequence[str], tell: Tell) -> Sets:
    """Find neighbours, examine labels, and mend stresses that are wrong beyond doubt.

    Raises
    ------
    DataError
        A structure is unusable, or energies or forces are in another unit or have the wrong sign.
    """
    cutoff = request.recipe.cutoff
    remarks = list(frames.remarks)
    uses = {use: prepare(getattr(frames, use), cutoff, f"{use} structures") for use in ("train", "valid", "test")}
    evidence = None
    if not request.trust_labels:
        tell("examining units and signs of the labels: a small network is fitted to some of the forces")
        evidence = sanity.examine(uses["train"], species, cutoff, request.recipe.seed, [*uses["valid"], *uses["test"]])
        if wrong := sanity.complaints(evidence):
            raise DataError(f"{'; '.join(wrong)}. Mend the file, or say --trust-labels if it is right all the same")
        if evidence is None or evidence.explained < sanity.EXPLAINED:
            remarks.append("units and signs of the labels could not be examined: forces say too little")
    remarks += _far_apart(uses["train"], cutoff)
    wrong_stresses: dict[str, int] = {}
    for samples in uses.values():
        for index, sample in enumerate(samples):
            frame, wrong_stress = sanity.mended(sample.frame, evidence)
            if wrong_stress is not None:
                key = f"{_kind(frame)} have {wrong_stress}"
                wrong_stresses[key] = wrong_stresses.get(key, 0) + 1
                samples[index] = dataclasses.replace(sample, frame=frame)
    remarks += [
        f"warning: the stresses of {n} structures{text}; they are mended before use"
        for text, n in wrong_stresses.items()
    ]
    # Where nothing tells of units, the difference may be one of units.
    if evidence is not None and evidence.explained >= sanity.EXPLAINED:
        remarks += _without_pulay_stress(uses)
    references = reference_energies(uses["train"], species)
    if request.origin is None:  # else they are found anew, beside what it says of binding
        remarks += trust(references)
    return Sets(uses["train"], uses["valid"], uses["test"], references, remarks)


def _far_apart(samples: Sequence[Sample], cutoff: float) -> list[str]:
    """Return a warning if most atoms of periodic structures hardly have a neighbour within the cutoff."""
    counts = [
        np.bincount(np.concatenate([s.neighbourhood.first, s.neighbourhood.second]), minlength=len(s.frame.structure))
        for s in samples
        if s.frame.structure.pbc.any()
    ]
    few = np.concatenate([count < FEW_NEIGHBOURS for count in counts]) if counts else np.zeros(1, bool)
    if few.mean() <= 0.5:
        return []
    return [
        f"warning: {few.sum()} of {len(few)} atoms of periodic structures have fewer than {FEW_NEIGHBOURS} neighbours"
        f" within {cutoff:g} Å; see farther with --cutoff"
    ]


def _without_pulay_stress(uses: dict[str, list[Sample]]) -> list[str]:
    """Take constant pressures off the stresses, in place, that the energies do not know; tell of them."""
    offsets = pulay.pressure_offsets(sample.frame for sample in uses["train"])
    mended: dict[tuple[str, float], int] = {}
    for samples in uses.values():
        for index, sample in enumerate(samples):
            offset = pulay.offset_of(sample.frame, offsets)
            if sample.frame.stress is not None and offset != 0.0:
                samples[index] = dataclasses.replace(sample, frame=pulay.without(sample.frame, offset))
                key = _kind(sample.frame), offset
                mended[key] = mended.get(key, 0) + 1
    return [
        f"warning: the stresses of {n} structures{kind} differ from the derivative of their energies by"
        f" {offset / units.GPa:+.1f} GPa in every direction (Pulay stress?); that is taken off before use"
        for (kind, offset), n in mended.items()
    ]


def _kind(frame: Frame) -> str:
    """Return config type and elements, as remarks name them."""
    kind = f" of config type {frame.config_type!r}" if frame.config_type else ""
    return f"{kind} ({', '.join(sorted(set(frame.structure.get_chemical_symbols())))})"
