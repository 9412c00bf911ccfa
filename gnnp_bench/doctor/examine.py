"""The examination: form first, then habits, also as ASE drives it, then mechanics, then what is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gnnp_bench.doctor.domain import examine_domain
from gnnp_bench.doctor.driven import examine_driven
from gnnp_bench.doctor.finding import Finding
from gnnp_bench.doctor.habits import examine_habits
from gnnp_bench.doctor.mechanics import examine_mechanics
from gnnp_bench.doctor.patient import Patient, told
from gnnp_bench.doctor.shapes import examine_shapes
from gnnp_bench.potential import Potential

Stage: TypeAlias = tuple[str, Callable[[Patient], Iterator[Finding]]]
STAGES: tuple[Stage, ...] = (
    ("form of the predictions", examine_shapes),
    ("habits", examine_habits),
    ("ways with a structure it is attached to", examine_driven),
    ("energy, forces and stress", examine_mechanics),
    ("what is declared", examine_domain),
)
HARMLESS = frozenset(
    {
        "constraints-leak",
        "attached-results-read",
        "energies-do-not-add-up",
        "energy-is-not-free-energy",
        "callers-atoms-changed",
        "breaks-when-changed",
        "stale-when-driven",
    }
)
"""What does not disturb the stages that follow: they evaluate plain structures and look at totals."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The outcome of an examination.

    Attributes
    ----------
    findings : tuple of Finding
    left_out : tuple of str
        What could not be examined, since findings before it would have disturbed it.
    evaluations : int
        Structures evaluated.
    """

    findings: tuple[Finding, ...]
    left_out: tuple[str, ...]
    evaluations: int


def examine(
    potential: Potential,
    reload: Callable[[], Potential] | None = None,
    stages: Sequence[Stage] = STAGES,
    *,
    spec: str | None = None,
) -> Examined:
    """Look for the mistakes that adapters are made with.

    Parameters
    ----------
    potential : Potential
    reload : callable, optional
        Builds the same potential anew; without it, results kept from call to call are recognised less surely.
    stages : sequence of Stage
        What is examined, each with its name.
    spec : str, optional
        What the user called it, for findings that are mended by another spec.

    Returns
    -------
    Examined
        Findings in the order in which they should be mended; none for a sound adapter.
    """
    patient = Patient(potential, reload, spec)
    findings: list[Finding] = []
    for k, (name, stage) in enumerate(stages):
        before = len(findings)
        try:
            findings.extend(stage(patient))
        except (Exception, SystemExit) as error:  # somebody else's code, on a structure like one that it has evaluated
            findings.append(_broke(name, error))
            return Examined(tuple(findings), tuple(later for later, _ in stages[k + 1 :]), patient.evaluations)
        disturbing = [found for found in findings[before:] if found.name not in HARMLESS]
        if disturbing and stage is not examine_mechanics:
            return Examined(tuple(findings), tuple(later for later, _ in stages[k + 1 :]), patient.evaluations)
    return Examined(tuple(findings), (), patient.evaluations)


def _broke(stage: str, error: BaseException) -> Finding:
    return Finding(
        "breaks-down",
        f"while its {stage} were examined, evaluate raised {told(error)}",
        "a structure handled, and a similar one not",
        "follow the traceback: gnnp_bench.doctor.probes builds the structures",
    )
