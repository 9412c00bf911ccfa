"""Energies of atoms without neighbours, found in the data or fitted to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reference_model.train.data import Frame, Sample, is_lone


def reference_energies(samples: Sequence[Sample], species: Sequence[str]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return an energy for each species, and for which of them it was found rather than fitted.

    A frame of one atom without neighbours, in a large box if in any, is such an energy. The others are fitted, so that
    their sum over a structure's atoms is nearest to its energy per atom. Where compositions leave a freedom, it is the
    fit whose energies are nearest to one energy for all elements.

    Returns
    -------
    energies : dict of str to float, eV
    found : tuple of str
    """
    found: dict[str, list[float]] = {}
    for sample in samples:
        if is_lone(sample.frame.structure) and len(sample.neighbourhood.first) == 0:
            found.setdefault(sample.frame.structure.get_chemical_symbols()[0], []).append(sample.frame.energy)
    known = {symbol: float(np.median(energies)) for symbol, energies in found.items()}
    rest = [symbol for symbol in species if symbol not in known]
    if not rest:
        return known, tuple(known)
    frames = [sample.frame for sample in samples if set(sample.frame.structure.get_chemical_symbols()) & set(rest)]
    return known | _fitted(frames, rest, known), tuple(known)


def _fitted(frames: Sequence[Frame], rest: Sequence[str], known: dict[str, float]) -> dict[str, float]:
    energies, shares = [], []
    for frame in frames:
        symbols = frame.structure.get_chemical_symbols()
        left = frame.energy - sum(known.get(symbol, 0.0) for symbol in symbols)
        energies.append(left / len(symbols))
        shares.append([symbols.count(symbol) / len(symbols) for symbol in rest])
    rows, values = np.array(shares), np.array(energies)
    common = float((values * rows.sum(1)).sum() / (rows.sum(1) ** 2).sum())
    offsets = np.linalg.lstsq(rows, values - rows @ np.full(len(rest), common), rcond=1e-8)[0]
    return dict(zip(rest, (common + offsets).tolist(), strict=True))
