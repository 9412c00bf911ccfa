"""Tensors of torch as arrays; torch itself is not imported."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(tensor: Any) -> Any:
    """Return a tensor, on whatever device and in whatever precision, as an array of float64."""
    return tensor.detach().cpu().numpy().astype(np.float64)
