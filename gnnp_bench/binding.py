"""For which potentials a law is binding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gnnp_bench.potential import Capabilities

Category: TypeAlias = Literal["mandatory", "claimed", "informational"]
Studied: TypeAlias = Literal["", "noise", "rest", "waves"]
"""What a law wants to know of crystals, from nothing to all."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a law that is told of every potential may fail.

    Attributes
    ----------
    category : "mandatory" or "claimed"
        What it is there.
    where : callable
        Whether the law is binding for a potential with these capabilities.
    words : str
        The same for a reader, after "a potential that": "claims two continuous derivatives or more".
    """

    category: Category
    where: Callable[[Capabilities], bool]
    words: str
