"""What one check found, and the certificate that holds every result: plain values, as they stand in the JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, TypeAlias

from gnnp_bench.certificate.seal import Seal

Status: TypeAlias = Literal["pass", "fail", "waived", "not_applicable", "inconclusive", "error"]
Grade: TypeAlias = Literal["exact", "limited", "approximate", "violated"]
"""`limited`: nothing is seen that matters, but rounding would hide it; see `certificate.verdict`."""
Verdict: TypeAlias = Literal["certified", "failed", "partial"]
Kind: TypeAlias = Literal["law", "accuracy", "bench", "properties"]
"""Of numbers to be drawn: those of a law, or of what was measured beside the laws."""

SCHEMA_VERSION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentResult:
    """The worst that was measured in one quantity, and its status on each kind of structure.

    Numbers are null where they were not finite.
    """

    quantity: str
    status: Status
    grade: Grade | None
    measured: float | None
    bound: float | None
    significance: float | None
    unit: str
    kinds: dict[str, Status] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """The simplest input found that still fails; for a law that led to no conclusion or broke, one that did so.

    Attributes
    ----------
    structure : dict
        numbers, positions (Å), cell (Å, rows), pbc, and what else the structure carries; see `certificate.io`.
    case : dict
        The transformation's parameters and ν.
    reproduce : str
        The command that measures it again.
    history : tuple of dict
        Structures that have to be evaluated before, one after the other, by a potential just loaded in a new process.
    """

    structure: dict[str, Any]
    case: dict[str, Any]
    reproduce: str
    history: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A permission for one check to fail, up to a maximum and a date; see `certificate.waivers`.

    Attributes
    ----------
    potential : str
        The name of the potential, or the spec by which it is loaded.
    check : str
        The id of the check.
    max : float
        The largest residual that is permitted, in `unit`.
    unit : str
    expires : date
        The last day on which it is good, in UTC.
    reason : str
    """

    potential: str
    check: str
    max: float
    unit: str
    expires: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Numbers to be drawn, one quantity along another; nothing is judged by them.

    Attributes
    ----------
    figure : str
        What they are drawn in, in words. Series of the same figure and subject share it, and its axes.
    kind : str
        "law", or the kind of the scores that they belong to.
    subject : str
        A crystal, a file; empty for a law, whose case it is.
    name : str
        Of this line among those of the figure.
    x_name, x_unit, unit : str
        What stands along x, and the units of both.
    x, y : tuple of float or None
        Of the same length. None where a number is not finite, or where a line is interrupted.
    points : bool
        Single values, not joined by a line.
    logarithmic : bool
        Both axes.
    """

    figure: str
    kind: Kind = "law"
    subject: str = ""
    name: str
    x_name: str
    x_unit: str
    unit: str
    x: tuple[float | None, ...]
    y: tuple[float | None, ...]
    points: bool = False
    logarithmic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found. The headline is the component of worst status, then of largest r/max(b, s)."""

    id: str
    law: str
    category: Literal["mandatory", "claimed", "informational"]
    status: Status
    grade: Grade | None = None
    quantity: str | None = None
    measured: float | None = None
    bound: float | None = None
    significance: float | None = None
    unit: str | None = None
    components: tuple[ComponentResult, ...] = ()
    cases: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    broken: int = 0
    evaluations: int = 0
    elapsed_s: float = 0.0
    reason: str | None = None
    waivers: tuple[Waiver, ...] = ()
    counterexample: Counterexample | None = None
    series: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A mistake without which laws that fail would hold.

    Attributes
    ----------
    name : str
        For programs: lower case, with hyphens, such as "stress-unit".
    measured, looks_like, mend : str
        What was done and what came out; the likeliest mistake behind it; what to do about it.
    explains : tuple of str
        Ids of the checks whose counterexample holds once the mistake is taken back from the predictions.
    """

    name: str
    measured: str
    looks_like: str
    mend: str
    explains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number beside the laws: of accuracy, of speed, or a property of a material.

    Attributes
    ----------
    kind : str
        "accuracy", "bench" or "properties".
    subject : str
        What it is of: a file and a group of its structures, a size, a crystal.
    name : str
        "forces, MAE", "bulk modulus". With `kind` and `subject` it is the key by which certificates are compared.
    value, uncertainty : float or None
        In `unit`. The uncertainty is a half width; None where none is known. No value where there is none to be had.
    unit : str
    better : str
        Which direction is an improvement; "neither" of a property.
    reference : float or None
        What others found, in `unit`; never a pass mark.
    remark : str
        Why there is no value, what it lacks, or where the reference comes from.
    """

    kind: Literal["accuracy", "bench", "properties"]
    subject: str
    name: str
    value: float | None
    unit: str
    uncertainty: float | None = None
    better: Literal["lower", "higher", "neither"] = "neither"
    reference: float | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    """Whether a potential may be used for something; see `certificate.uses`.

    Attributes
    ----------
    use : str
        "relaxation of cells", "phonons and elasticity".
    answer : str
    because : tuple of str
        Ids of the laws behind an answer that is not "fit".
    reason : str
        In words: which law forbids it, which number to mind, what was not looked at.
    """

    use: str
    answer: Literal["fit", "fit with care", "not fit", "not looked at"]
    because: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PotentialRecord:
    """Which potential was judged."""

    spec: str
    name: str
    version: str | None
    weights_sha256: str | None
    dtype: str | None
    device: str
    species: tuple[str, ...]
    parameters: int | None
    combinations: tuple[tuple[str, ...], ...] = ()
    fitted_alone: tuple[str, ...] = ()
    undetermined: tuple[str, ...] = ()
    periodicity: tuple[str, ...] = ()

    @property
    def restricted(self) -> bool:
        """Whether the spec asked for some kinds of structures only, by its option `periodicity`."""
        options = self.spec.partition("?")[2].split("&")
        return any(option.startswith("periodicity=") for option in options)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseRecord:
    """The largest ν over the pool: eV/atom, eV/Å, eV/Å³."""

    energy: float | None
    forces: float | None
    stress: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Reproducible, measured evidence from a bounded search."""

    schema_version: int = SCHEMA_VERSION
    verdict: Verdict
    grade: Literal["exact", "physical"] | None
    complete: bool
    potential: PotentialRecord
    environment: dict[str, Any]
    budget: Literal["quick", "standard", "thorough"]
    profile: Literal["strict", "default", "loose"]
    seed: int
    elapsed_s: float
    potential_s: float
    evaluations: int
    structures: int
    noise: NoiseRecord
    checks: tuple[CheckResult, ...] = field(default=())
    causes: tuple[Cause, ...] = ()
    scores: tuple[Score, ...] = ()
    uses: tuple[Fitness, ...] = ()
    series: tuple[Series, ...] = ()
    seal: Seal | None = field(default=None, compare=False)
