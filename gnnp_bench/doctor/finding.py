"""What the doctor says."""

from __future__ import annotations

from dataclasses import dataclass

from gnnp_bench.doctor.correction import Correction


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with an adapter.

    Attributes
    ----------
    name : str
        For programs: lower case, with hyphens, such as "stress-unit".
    measured : str
        What was done and what came out.
    looks_like : str
        The likeliest mistake behind it.
    mend : str
        What to do about it.
    correction : Correction or None
        Takes the mistake back from what the potential says, where that can be done without knowing its code.
    """

    name: str
    measured: str
    looks_like: str
    mend: str
    correction: Correction | None = None
