"""For what a potential is fit: an answer for each use, from the statuses and numbers of a certificate alone.

A use is *fit* only if every law that decides it applied and passed on structures of its kind. A law that is violated
there makes it *not fit*, whatever else is unknown; a law that was not run, that broke, that led to no conclusion or
saw no such structure leaves it *not looked at*. What has to be minded all the same makes it *fit with care*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gnnp_bench.certificate.result import Certificate, CheckResult, ComponentResult, Fitness, Status
from gnnp_bench.certificate.uses import MOST_ATOMS, USES, Decides, Minds, Use
from gnnp_bench.certificate.verdict import told_only

LEFT_HANDED = "left-handed"
OTHERWISE = {LEFT_HANDED: "keep cells right-handed"}
"""Kinds of input that no use needs, and how to do without them."""
MOST_NAMED = 5
"""Laws that a sentence names; all of them stand in `because`."""
NOT_RUN, NOT_MEASURED = "not run", "could not be measured"
"""Of a law that decides a use."""
OF_ONE_FORCE = 10.0
"""Times the noise floor of the forces: what a relaxation can still see."""
USUAL_FMAX = 0.005
"""eV/Å: a relaxation that cannot be taken to this is told so."""
OF_STIFFNESS = 0.1
"""eV/Å², of the force constants: what their rounding may be."""
USUAL_DISPLACEMENT = 0.005
"""Å: force constants that need longer displacements are told so."""


def fit_for(certificate: Certificate) -> tuple[Fitness, ...]:
    """Return for each use whether the potential is fit for it, and why not.

    Certificates that do not say on which kinds of structures a law was looked at (schema versions 1 and 2) decide
    nothing for uses of one kind of structure.
    """
    results = {result.id: result for result in certificate.checks}
    return tuple(_fitness(use, results, certificate) for use in USES)


def _fitness(use: Use, results: Mapping[str, CheckResult], certificate: Certificate) -> Fitness:
    found = [(by.law, *_decision(by, by.kinds or use.kinds, results.get(by.law))) for by in use.decided_by]
    for answer in ("not fit", "not looked at"):
        said = [(law, reason) for law, its_answer, reason in found if its_answer == answer]
        if said:
            return Fitness(use=use.name, answer=answer, because=_ids(said), reason=_sentence(said))
    if use.mixes and (alone := _never_mixed(certificate)):
        return Fitness(use=use.name, answer="not looked at", reason=alone)
    care = [(law, reason) for law, answer, reason in found if answer == "care"]
    care += [(minds.law, said) for minds in use.minds for said in _minded(minds, results.get(minds.law))]
    care += [("robustness/noise-floor", said) for said in _rounding(use, certificate)]
    if not care:
        return Fitness(use=use.name, answer="fit")
    return Fitness(use=use.name, answer="fit with care", because=_ids(care), reason=_sentence(care))


def _decision(by: Decides, kinds: Sequence[str], result: CheckResult | None) -> tuple[str, str]:
    """Return what one law says of a use: "fit", "care", "not fit" or "not looked at", and why."""
    if result is None:
        return "not looked at", NOT_RUN
    if result.status == "not_applicable":
        why = result.reason or "does not apply"
        return ("fit", "") if by.if_any else ("not looked at", why)
    if result.status == "error" and not result.components:
        return "not looked at", NOT_MEASURED  # why is told of the law itself
    chosen = [c for c in result.components if not by.quantities or c.quantity in by.quantities]
    if result.components and not chosen:
        return "fit", ""  # a law of stress alone decides nothing for a use of energies
    told = told_only(result)
    found = [(c, kind, status) for c in chosen for kind, status in _by_kind(c, result, kinds)]
    statuses = [(c, kind, status) for c, kind, status in found if kind in kinds]
    if MOST_ATOMS in kinds:  # what fails on few atoms does on many
        statuses += [(c, kind, status) for c, kind, status in found if kind not in kinds and status == "fail"]
    worst = {status: (c, kind) for c, kind, status in reversed(statuses)}
    if "fail" in worst and told is None:
        component, kind = worst["fail"]
        return "not fit", f"{by.why} ({component.quantity}{_on(kind, kinds)})"
    if "inconclusive" in worst and told is None:
        return "not looked at", f"led to no conclusion{_on(worst['inconclusive'][1], kinds)}"
    if not statuses:
        return "not looked at", _unseen(kinds, result)
    if "waived" in worst:
        return "care", f"is violated with permission: {by.why}"
    if told == "seen" and "fail" in worst:
        return "care", result.reason or by.why
    elsewhere = [
        OTHERWISE[kind] for c in chosen for kind, status in c.kinds.items() if kind in OTHERWISE and status == "fail"
    ]
    return ("care", elsewhere[0]) if elsewhere else ("fit", "")


def _by_kind(component: ComponentResult, result: CheckResult, kinds: Sequence[str]) -> Iterator[tuple[str, Status]]:
    """Yield the status of a quantity on each kind of structure; of one that was waived, that it was."""
    if not result.kinds:  # an earlier certificate
        if len(kinds) > 1:
            yield kinds[0], component.status
        return
    for kind, status in component.kinds.items():
        yield kind, "waived" if status == "fail" and component.status == "waived" else status


def _on(kind: str, kinds: Sequence[str]) -> str:
    return f" on a {kind}" if set(kinds) != {kind} and kind in ("slab", "wire", "molecule") else ""


def _unseen(kinds: Sequence[str], result: CheckResult) -> str:
    if not result.kinds:
        return "this certificate does not say on what it was looked at"
    return "did not see more than 1,000 atoms" if MOST_ATOMS in kinds else f"saw no {' and no '.join(kinds)}"


def _minded(minds: Minds, result: CheckResult | None) -> Iterator[str]:
    """Yield what a law found that has to be minded."""
    if result is None or result.reason is None or result.status in ("not_applicable", "error"):
        return
    missed = result.status in ("fail", "waived") or result.grade in ("violated", "approximate")
    if missed or minds.remarks:
        yield f"{minds.advice} ({result.reason})"


def _rounding(use: Use, certificate: Certificate) -> Iterator[str]:
    """Yield what the noise floor of the forces leaves to be seen."""
    forces = certificate.noise.forces
    if forces is None:
        return
    smallest = OF_ONE_FORCE * forces
    if use.smallest_force and smallest > USUAL_FMAX:
        yield f"forces below {smallest:.1g} eV/Å are rounding: end relaxations there"
    # A central difference of forces: k = ΔF/2δ, rounding √2 ν.
    displacement = 2**0.5 * forces / (2.0 * OF_STIFFNESS)
    if use.displacements and displacement > USUAL_DISPLACEMENT:
        yield f"displacements of {displacement:.1g} Å or more, for rounding"


def _never_mixed(certificate: Certificate) -> str:
    sets = certificate.potential.combinations
    if sets and all(len(one) == 1 for one in sets):
        return "its species were never trained on together: mixtures are extrapolation, and none was drawn"
    if len(certificate.potential.species) == 1:
        return "it knows one species"
    return ""


def _ids(said: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(law for law, _ in said))


def _sentence(said: Sequence[tuple[str, str]]) -> str:
    """Return each reason once, with the laws that give it."""
    by_reason: dict[str, list[str]] = {}
    for law, reason in said:
        laws = by_reason.setdefault(reason, [])
        if law not in laws:
            laws.append(law)
    return "; ".join(f"{_named(laws)}: {reason}" for reason, laws in by_reason.items())


def _named(laws: Sequence[str]) -> str:
    return ", ".join(laws) if len(laws) <= MOST_NAMED else f"{len(laws)} laws"
