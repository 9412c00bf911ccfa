"""What was found, as plain values: for JSON, for the table, for the figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gnnp_bench.potential import FloatArray
from gnnp_bench.saliency.correlate import Correlation, corrected, correlate
from gnnp_bench.saliency.measure import OfSpecies
from gnnp_bench.saliency.tables import PROPERTIES, table

SCHEMA = 1
CONSTANT = 1e-6
"""Where all species differ by no more than this part of their mean, the layer tells nothing of species."""
HELD = "electronegativity, radius held"
"""Large atoms are seldom electronegative: whether there is more to it than size."""
Result = dict[str, Any]


def correlations(
    found: Mapping[str, OfSpecies], seed: int, frequencies: Mapping[str, float] | None = None
) -> dict[str, dict[str, Correlation]]:
    """Return, by layer and property, how saliency goes along with what tables say of the elements.

    Parameters
    ----------
    found : mapping of str to OfSpecies
    seed : int
        Of the permutations.
    frequencies : mapping of str to float, optional
        How often each species was seen in training; its logarithm is controlled for.
    """
    tables = {symbol: table(symbol) for symbol in found}
    seen = []
    if frequencies is not None:
        seen = [np.array([math.log(frequencies[s]) if frequencies.get(s, 0) > 0 else np.nan for s in found])]

    def column(name: str) -> FloatArray:
        return np.array([tables[symbol][name] for symbol in found])

    asked = {name: (column(name), seen) for name in PROPERTIES}
    asked[HELD] = (column("electronegativity"), [*seen, column("covalent radius")])
    layers = next(iter(found.values())).saliencies
    return {
        layer: corrected(
            {name: correlate(_saliencies(found, layer), y, seed, held) for name, (y, held) in asked.items()}
        )
        for layer in layers
    }


def _saliencies(found: Mapping[str, OfSpecies], layer: str) -> FloatArray:
    values = np.array([one.saliencies[layer] for one in found.values()])
    # What is the same for all, as of a readout that is linear in its features, has ranks made of rounding.
    return np.full_like(values, values.mean()) if np.ptp(values) <= CONSTANT * values.mean() else values


def result(
    potential: Mapping[str, Any],
    structures: Mapping[str, Any],
    found: Mapping[str, OfSpecies],
    related: Mapping[str, Mapping[str, Correlation]],
    *,
    seed: int,
    controlled: bool,
    drawn: str,
) -> Result:
    """Return it all; saliencies and energies in eV."""
    return {
        "schema": SCHEMA,
        "potential": dict(potential),
        "structures": dict(structures),
        "seed": seed,
        "controlled_for_frequency": controlled,
        "drawn": drawn,
        "species": {
            symbol: {
                "atoms": one.atoms,
                "structures": one.structures,
                "energy_ev": one.energy,
                "saliency_ev": dict(one.saliencies),
                "standard_error_ev": {name: None if math.isnan(e) else e for name, e in one.errors.items()},
            }
            for symbol, one in found.items()
        },
        "correlations": {
            layer: {
                name: {
                    "species": one.species,
                    "rho": None if math.isnan(one.rho) else one.rho,
                    "p": one.p,
                    "p_corrected": one.corrected,
                }
                for name, one in of_layer.items()
            }
            for layer, of_layer in related.items()
        },
    }
