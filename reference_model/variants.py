"""What a network is made of, and the named members of the family."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ase.data import atomic_numbers

from gnnp_bench.potential import PotentialError


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """Everything that fixes the shape of a network; stored as JSON beside its weights.

    Attributes
    ----------
    species : tuple of str
        Chemical symbols in order of atomic number.
    variant : str
        Its name in `VARIANTS`, for messages and certificates.
    cutoff : float, Å
        Beyond it one layer sees no neighbour.
    l_max : int
        Largest degree of the spherical harmonics, 0 to 3.
    n_radial : int
        Bessel functions.
    n_layers : int
        Rounds of message passing. 0 leaves sums over pairs.
    n_channels : int
        Width K of the node features.
    n_messages : int
        Scalars q that an atom sends to its neighbours.
    n_vectors : int
        Vectors that an atom sends to its neighbours besides.
    n_hidden : int
        Width of the readout's hidden layer.
    adaptive_from : float, Å, or None
        Smallest cutoff of an atom among many neighbours; None keeps every atom's cutoff at `cutoff`.
    direct : bool
        Forces and stress come from heads of their own and are no derivatives.
    ordered : bool
        Messages know which of two atoms has the lower index.
    """

    species: tuple[str, ...]
    variant: str = "lmax2"
    cutoff: float = 5.0
    l_max: int = 2
    n_radial: int = 8
    n_layers: int = 2
    n_channels: int = 64
    n_messages: int = 16
    n_vectors: int = 0
    n_hidden: int = 32
    adaptive_from: float | None = None
    direct: bool = False
    ordered: bool = False


DEFAULT = "lmax2"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "invariant": {"l_max": 0},
    "lmax1": {"l_max": 1},
    "lmax2": {"l_max": 2},
    "lmax3": {"l_max": 3},
    "equivariant": {"l_max": 2, "n_vectors": 8},
    "equivariant-lmax3": {"l_max": 3, "n_vectors": 8},
    "adaptive": {"l_max": 2, "adaptive_from": 3.5},
    "direct": {"l_max": 2, "direct": True},
    "twobody": {"l_max": 0, "n_layers": 0},
    "ordered": {"l_max": 2, "ordered": True},
}
"""Name -> what differs from the defaults of `Hyperparameters`. All but `direct` are conservative; all but `ordered`
are invariant under permutations."""


def hyperparameters(species: Sequence[str], variant: str = DEFAULT, **changes: Any) -> Hyperparameters:
    """Return the hyperparameters of a variant.

    Parameters
    ----------
    species : sequence of str
        Chemical symbols in any order.
    variant : str
        One of `VARIANTS`.
    **changes
        Attributes of `Hyperparameters` to set otherwise, such as `cutoff=6.0`.

    Raises
    ------
    PotentialError
        There is no such variant, species or attribute.

    Examples
    --------
    >>> hyperparameters(["Si"], "lmax3").l_max
    3
    """
    if variant not in VARIANTS:
        close = difflib.get_close_matches(variant, list(VARIANTS), n=1)
        hint = f": did you mean {close[0]!r}?" if close else ""
        raise PotentialError(
            f"the reference potential has no variant {variant!r}{hint}; choose from {', '.join(VARIANTS)}"
        )
    known = {field.name for field in dataclasses.fields(Hyperparameters)} - {"species", "variant"}
    if strange := sorted(set(changes) - known):
        raise PotentialError(f"there is no hyperparameter {strange[0]!r}; choose from {', '.join(sorted(known))}")
    if not species or (wrong := [symbol for symbol in species if not 1 <= atomic_numbers.get(symbol, 0) <= 96]):
        raise PotentialError(f"species must be chemical symbols from H to Cm, not {wrong[0] if species else 'none'!r}")
    ordered = tuple(sorted(set(species), key=atomic_numbers.__getitem__))
    made = Hyperparameters(**{**VARIANTS[variant], **changes, "species": ordered, "variant": variant})
    if problem := out_of_range(made):
        raise PotentialError(problem)
    return made


def out_of_range(hyper: Hyperparameters) -> str | None:
    """Return what no network can be built with, as one sentence."""
    if not hyper.species or any(symbol not in atomic_numbers for symbol in hyper.species):
        return f"species must be chemical symbols, not {', '.join(hyper.species) or 'none'}"
    if not 0 <= hyper.l_max <= 3:
        return f"l_max must be 0 to 3, not {hyper.l_max}"
    if not 1.0 <= hyper.cutoff <= 20.0:
        return f"cutoff must be 1 to 20 Å, not {hyper.cutoff}"
    if not 0 <= hyper.n_layers <= 8:
        return f"n_layers must be 0 to 8, not {hyper.n_layers}"
    for name in ("n_radial", "n_channels", "n_messages", "n_hidden"):
        if not 1 <= getattr(hyper, name) <= 4096:
            return f"{name} must be 1 to 4096, not {getattr(hyper, name)}"
    if hyper.n_vectors and hyper.l_max == 0:
        return "vectors cannot be sent at l_max 0: n_vectors must be 0"
    if hyper.direct and (hyper.l_max < 2 or hyper.n_layers == 0):
        return "direct heads need l_max 2 at least, and a layer"
    if hyper.adaptive_from is not None and not 0.5 <= hyper.adaptive_from < hyper.cutoff:
        return f"adaptive_from must be 0.5 Å to the cutoff, not {hyper.adaptive_from}"
    return None
