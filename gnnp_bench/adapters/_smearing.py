"""The width by which a calculator smears electrons, where its own parameters tell it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ase.units import kB


def width_of(calculator: Any) -> float | None:
    """Return the width in eV by which the electrons of an ASE calculator are smeared, or None if it does not say so.

    Understood are the forms `occupations={"width": 0.1}` (GPAW), `smearing=("fermi-dirac", 0.1)` (ASE's common
    keyword), `ismear` with `sigma` (VASP) and `electronic_temperature` in K (xTB).
    """
    parameters = getattr(calculator, "parameters", None)
    if not isinstance(parameters, Mapping):
        return None
    occupations, smearing = parameters.get("occupations"), parameters.get("smearing")
    candidates = [
        occupations.get("width") if isinstance(occupations, Mapping) else None,
        smearing[1] if isinstance(smearing, tuple | list) and len(smearing) > 1 else smearing,
        # Other calculators have a `sigma` that is a length.
        parameters.get("sigma") if "ismear" in parameters else None,
        _times(parameters.get("electronic_temperature"), kB),
    ]
    return next((float(width) for width in candidates if _is_width(width)), None)


def _times(value: Any, factor: float) -> Any:
    return value * factor if _is_width(value) else None


def _is_width(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 < value < math.inf
