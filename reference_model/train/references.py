"""A reference energy for each element: that of an isolated atom where the data hold one, else fitted to structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnnp_bench.accuracy.frames import Frame
from reference_model.train.data import Sample, is_lone

RCOND = 1e-8
FREE = 1e-6
"""Component of a species along a change of reference energies that changes no structure's energy."""


@dataclass(frozen=True, slots=True)
class References:
    """Reference energies, and how far each can be trusted.

    Attributes
    ----------
    energies : dict of str to float, eV
        By species.
    found : tuple of str
        Species of which an isolated atom was labelled.
    fitted : tuple of str
        The others: their energies contain what binds the structures that they were fitted to.
    undetermined : tuple of str
        Those of them that compositions do not tell apart.
    """

    energies: dict[str, float]
    found: tuple[str, ...] = ()
    fitted: tuple[str, ...] = ()
    undetermined: tuple[str, ...] = ()


def reference_energies(samples: Sequence[Sample], species: Sequence[str]) -> References:
    """Return an energy for each species, found in the data or fitted to it.

    A frame of one atom without neighbours, in a large box if in any, is such an energy. The others are fitted, so that
    their sum over a structure's atoms is nearest to its energy per atom. Where compositions leave a freedom, it is the
    fit whose energies are nearest to one energy for all elements.
    """
    found: dict[str, list[float]] = {}
    for sample in samples:
        if is_lone(sample.frame.structure) and len(sample.neighbourhood.first) == 0:
            found.setdefault(sample.frame.structure.get_chemical_symbols()[0], []).append(sample.frame.energy)
    known = {symbol: float(np.median(energies)) for symbol, energies in found.items()}
    rest = [symbol for symbol in species if symbol not in known]
    found_of = tuple(symbol for symbol in species if symbol in known)
    if not rest:
        return References(known, found_of)
    frames = [sample.frame for sample in samples if set(sample.frame.structure.get_chemical_symbols()) & set(rest)]
    fitted, undetermined = _fitted(frames, rest, known)
    return References(known | fitted, found_of, tuple(rest), undetermined)


def trust(references: References) -> list[str]:
    """Return what a user should know of the reference energies, a line each."""

    def told(species: Sequence[str]) -> str:
        return ", ".join(f"{symbol} {references.energies[symbol]:.3f}" for symbol in species)

    lines = []
    if references.found:
        lines.append(f"energies of isolated atoms, found in the data, eV: {told(references.found)}")
    if determined := [symbol for symbol in references.fitted if symbol not in references.undetermined]:
        lines.append(
            f"reference energies fitted to whole structures, eV per atom: {told(determined)}; no isolated atom of"
            " these is in the data, so cohesive energies and lone atoms are not learnt"
        )
    return lines + undetermined(references)


def undetermined(references: References) -> list[str]:
    """Return a warning if the data leave some reference energies open."""
    if not references.undetermined:
        return []
    told = ", ".join(f"{symbol} {references.energies[symbol]:.3f}" for symbol in references.undetermined)
    return [
        f"warning: nothing tells the energies of {' and '.join(references.undetermined)} apart, for these occur in"
        f" one proportion: {told} eV are numbers without meaning. Energies of other"
        " compositions and of lone atoms will be wrong; add isolated atoms, each in a large box, or other"
        " compositions"
    ]


def _fitted(
    frames: Sequence[Frame], rest: Sequence[str], known: dict[str, float]
) -> tuple[dict[str, float], tuple[str, ...]]:
    energies, shares = [], []
    for frame in frames:
        symbols = frame.structure.get_chemical_symbols()
        left = frame.energy - sum(known.get(symbol, 0.0) for symbol in symbols)
        energies.append(left / len(symbols))
        shares.append([symbols.count(symbol) / len(symbols) for symbol in rest])
    rows, values = np.array(shares), np.array(energies)
    common = float((values * rows.sum(1)).sum() / (rows.sum(1) ** 2).sum())
    offsets = np.linalg.lstsq(rows, values - rows @ np.full(len(rest), common), rcond=RCOND)[0]
    # Along the directions that are left over, energies of elements may change and no structure's energy does.
    _, sizes, directions = np.linalg.svd(rows, full_matrices=True)
    rank = int((sizes > RCOND * sizes[0]).sum())
    free = np.abs(directions[rank:]).max(axis=0, initial=0.0) > FREE
    undetermined = tuple(symbol for symbol, is_free in zip(rest, free, strict=True) if is_free)
    return dict(zip(rest, (common + offsets).tolist(), strict=True)), undetermined
