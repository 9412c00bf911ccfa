"""What the user asks of a run, and what the run tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from gnnp_bench.certificate.result import Certificate, CheckResult

Budget: TypeAlias = Literal["quick", "standard", "thorough"]
Profile: TypeAlias = Literal["strict", "default", "loose"]

POOL_SIZE: dict[Budget, int] = {"quick": 10, "standard": 24, "thorough": 96}
EVALUATIONS: dict[Budget, int] = {"quick": 32, "standard": 64, "thorough": 768}
"""Evaluations per check of weight 1."""
LARGEST: dict[Budget, int] = {"quick": 400, "standard": 1500, "thorough": 20_000}
"""Atoms of the largest structure, where time and memory allow."""
SIGNIFICANCE_SCALE: dict[Profile, float] = {"strict": 0.1, "default": 1.0, "loose": 10.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The request for a certificate.

    Attributes
    ----------
    spec : str
        What the user called the potential.
    species : tuple of str
        What the user restricted it to; empty if nothing.
    only, skip : tuple of str
        Globs over check ids. Either makes the certificate partial.
    """

    spec: str
    species: tuple[str, ...] = ()
    budget: Budget = "standard"
    profile: Profile = "default"
    seed: int = 0
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The state of a run after the pool was drawn (`result` is None) and after each check.

    Attributes
    ----------
    certificate : Certificate
        All that is known so far; `complete` only in the last step.
    result : CheckResult or None
        The check that has just finished.
    done, total : int
        Checks finished and asked for.
    seconds_left : float or None
        An estimate from the evaluations still to come.
    """

    certificate: Certificate
    result: CheckResult | None
    done: int
    total: int
    seconds_left: float | None
