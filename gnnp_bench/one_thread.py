"""A potential by its spec, on one thread: as commands and campaigns load it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gnnp_bench.potential import PotentialError

if TYPE_CHECKING:
    from gnnp_bench.adapters.registry import Loaded


def load_on_one_thread(spec: str, species: Sequence[str] | None) -> Loaded:
    """Return a potential by its spec, and make it compute on one thread; another process can be told to do so.

    Raises
    ------
    PotentialError
        If it cannot be loaded, whatever the reason.
    """
    from gnnp_bench.adapters import registry

    try:
        loaded = registry.load(spec, species)
    except PotentialError:
        raise
    except Exception as error:  # somebody else's code builds it
        raise PotentialError(f"{spec} could not be loaded: {type(error).__name__}: {error}") from error
    use_one_thread()
    return loaded


def use_one_thread() -> None:
    """Make torch compute on one thread, if a potential has imported it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
