"""Whether a potential returned what the contract of `evaluate` says: everything asked for, as finite numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gnnp_bench.check import InvalidPrediction, MissingPrediction, NonFinitePrediction, OverwrittenPrediction
from gnnp_bench.potential import FloatArray, Prediction, Property


def validated(prediction: Prediction, n_atoms: int, properties: frozenset[Property]) -> Prediction:
    """Return the prediction as float64 arrays of the contract's shapes, with what was not asked for left out.

    Raises
    ------
    InvalidPrediction
        If a property asked for is not an array of real numbers of the right shape. `MissingPrediction` if it was left
        out, `NonFinitePrediction` if it is NaN or infinite.
    """
    energy = _array("energy", getattr(prediction, "energy", None), ())
    forces = _array("forces", prediction.forces, (n_atoms, 3)) if "forces" in properties else None
    stress = _array("stress", prediction.stress, (3, 3)) if "stress" in properties else None
    energies = None if prediction.energies is None else _array("energies", prediction.energies, (n_atoms,))
    reported = getattr(prediction, "reported_energy", None)
    if reported is not None:
        reported = float(_array("reported energy", reported, ()))
    return Prediction(float(energy), forces, stress, energies, reported)


def _array(name: str, value: Any, shape: tuple[int, ...]) -> FloatArray:
    if value is None:
        raise MissingPrediction(f"the potential returned no {name}")
    try:
        given = np.asanyarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidPrediction(f"{name} is not an array of numbers: {error}") from error
    # Converted to float64, complex numbers would lose a part, masked ones their mask, and None would become NaN.
    if given.dtype.kind not in "fiu":
        raise InvalidPrediction(f"{name} is not an array of numbers, but of {given.dtype}")
    if masked := np.count_nonzero(np.ma.getmaskarray(given)):
        raise InvalidPrediction(f"{name} has {masked} values that are masked")
    if given.shape != shape:
        raise InvalidPrediction(f"{name} has shape {given.shape}, expected {shape}")
    array = np.array(given, dtype=np.float64)
    if not np.isfinite(array).all():
        raise NonFinitePrediction(f"{name} has {np.count_nonzero(~np.isfinite(array))} values that are not finite")
    array.setflags(write=False)
    return array


def refuse_overwritten(returned: Sequence[tuple[Any, Prediction]]) -> None:
    """Look at what an earlier call returned, and at the copies that were taken of it at once.

    Raises
    ------
    OverwrittenPrediction
        They differ: who keeps forces from step to step, as optimisers do, would have others in their place.
    """
    for raw, copy in returned:
        for name in ("forces", "stress"):
            kept = getattr(copy, name)
            if kept is not None and not np.array_equal(np.asarray(getattr(raw, name), np.float64), kept):
                raise OverwrittenPrediction(
                    f"the {name} that were returned before have changed: evaluate returns a buffer that it uses again"
                )
