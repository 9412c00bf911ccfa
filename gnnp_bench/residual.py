"""By how much a law is missed on one case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gnnp_bench.wellformed import component_problems, refuse, residual_problems

if TYPE_CHECKING:  # residuals travel to other Pythons, and certificates do not
    from gnnp_bench.certificate.result import Series


@dataclass(frozen=True, slots=True)
class Component:
    """By how much a law was missed in one quantity, and what excuses it.

    The bound is b = c·noise + 10·error with the check's calibrated factor c, unless it is given as `bound`.

    Attributes
    ----------
    quantity : str
        "energy", "forces", "stress", or what the law speaks of.
    residual : float
        r, by how much the law was missed, in `unit`. A NaN or infinite residual is a violation.
    significance : float
        s, where it begins to matter, in `unit`, for the default profile.
    unit : str
    noise : float
        ν propagated through the law, in `unit`.
    error : float
        Estimated error of quadrature, differences or extrapolation, in `unit`.
    converged : bool
        False if that error could not be made small enough within the check's own limit.
    bound : float or None
        b where it does not come from ν: 0 for boolean laws and for determinism.
    """

    quantity: str
    residual: float
    significance: float
    unit: str
    noise: float = 0.0
    error: float = 0.0
    converged: bool = True
    bound: float | None = None

    def __post_init__(self) -> None:
        refuse(component_problems(self), "a Component")


@dataclass(frozen=True, slots=True)
class Residual:
    """What measuring one case found.

    Attributes
    ----------
    components : tuple of Component
    vacuous : str or None
        Why the law held trivially on this case (the rotation changed nothing, all forces vanish, …). Such a
        case proves nothing and does not count.
    note : str or None
        What a reader should know, such as where an integrand is rough.
    kind : str or None
        What kind of input it was, where that is another than the structure's: "left-handed", "large".
    series : tuple of Series
        What a reader may want to see drawn: see `drawing.series`.
    told : mapping of str to Json
        What the case shows besides, for `Check.tell` and `Check.pictures` to bring together with that of all
        cases.
    """

    components: tuple[Component, ...]
    vacuous: str | None = None
    note: str | None = None
    kind: str | None = None
    series: tuple[Series, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse(residual_problems(self, Component), "a Residual")


def vacuous(reason: str) -> Residual:
    """Return the residual of a case that proves nothing."""
    return Residual((), vacuous=reason)
