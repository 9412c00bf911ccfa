"""What a potential lacks when it raises a KeyError: found out by giving it what it asks for."""

from __future__ import annotations

import copy
import warnings

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Potential, PotentialError, Property

ARRAYS = ("initial_charges", "initial_magmoms")
SPINS = ("spin", "mult")
"""What names of multiplicities have in common: their neutral value is 1, that of everything else 0."""
MOST = 4
"""Keys that are asked for one after the other."""


def explained(error: Exception, potential: Potential, structure: Atoms, properties: frozenset[Property]) -> Exception:
    """Return a PotentialError that names the option which gives a potential what it lacks; else the same exception.

    The structure is evaluated again with the missing entry. Only where the KeyError is gone then was it one of `info`
    or of an array: keys are missing elsewhere, too.
    """
    given: Atoms = structure.copy()
    given.info = copy.deepcopy(structure.info)
    missing: list[str] = []
    latest: Exception | None = error
    while (key := _key(latest)) is not None and key not in given.info and key not in missing and len(missing) < MOST:
        missing.append(key)
        if key in ARRAYS:
            given.arrays[key] = np.zeros(len(given))
        else:
            given.info[key] = _neutral(key)
        latest = _raised(potential, given.copy(), properties)
    if missing and _key(latest) == missing[-1]:  # still missed, so it is a key of something else
        missing.pop()
    if not missing:
        return error
    said = PotentialError(f"the potential needs {_named(missing)}: add {_option(missing)} to the spec")
    said.__cause__ = error
    return said


def _key(error: Exception | None) -> str | None:
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    return key if isinstance(key, str) and key.isidentifier() else None


def _raised(potential: Potential, structure: Atoms, properties: frozenset[Property]) -> Exception | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            potential.evaluate([structure], properties)
    except Exception as error:  # somebody else's code
        return error
    return None


def _neutral(key: str) -> int:
    return int(any(part in key for part in SPINS))


def _named(keys: list[str]) -> str:
    return " and ".join(f"the array {key!r}" if key in ARRAYS else f"info[{key!r}]" for key in keys)


def _option(keys: list[str]) -> str:
    info = ",".join(f"{key}:{_neutral(key)}" for key in keys if key not in ARRAYS)
    arrays = ",".join(key for key in keys if key in ARRAYS)
    return "?" + "&".join(filter(None, (info and f"info={info}", arrays and f"arrays={arrays}")))
