"""Candidates relaxed side by side, in shares whose answers depend on nothing outside them."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gnnp_bench.check import Request
from gnnp_bench.engine.batches import MAX_BATCH_ATOMS
from gnnp_bench.engine.ended import Failed, describe
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.potential import Capabilities, Prediction, Unsupported
from gnnp_bench.properties.novalue import NoValue
from gnnp_bench.properties.relaxation import Relaxed, relaxed
from gnnp_bench.screening.candidates import Candidate, unfit
from gnnp_bench.screening.records import Key, Row, Setup, geometry_of

SMALLEST, LARGEST, SHARES = 16, 256, 4
"""Candidates of a share, at least and at most, and shares that there are if both allow it. A share of 64 small cells
takes a tenth longer than one of 256 for each of them, since batches are empty towards its end."""


@dataclass(frozen=True, slots=True)
class Share:
    """Candidates that are relaxed side by side."""

    members: Sequence[Candidate]


def shares(found: Iterable[Candidate], total: int, done: Collection[Key] = ()) -> Iterator[Share]:
    """Yield shares of candidates, in order, without what is done already.

    Which structures are in a batch moves energies in float32 by an ulp, so members and order of a share depend on the
    files alone, not on how many processes there are.

    Parameters
    ----------
    found : iterable of Candidate
    total : int
        How many there are.
    done : collection of Key
        They keep their place: the other members of a share do not depend on how often one was interrupted.
    """
    size = min(max(SMALLEST, -(-total // SHARES)), LARGEST)
    members: list[Candidate] = []
    for n, candidate in enumerate(found, 1):
        if candidate.key not in done:
            members.append(candidate)
        if n % size == 0 and members:
            yield Share(members)
            members = []
    if members:
        yield Share(members)


def relax(evaluator: Evaluator, share: Share, setup: Setup) -> Iterator[Row]:
    """Relax the members of a share and yield what became of them, as they end.

    Batches are refilled: as members converge, others begin.
    """
    capabilities = evaluator.potential.capabilities
    fit: list[Candidate] = []
    for candidate in share.members:
        if (reason := unfit(candidate.structure, capabilities)) is None:
            fit.append(candidate)
        else:
            yield failed(candidate, setup, reason)
    generators = (_relaxation(candidate, setup, capabilities) for candidate in fit)
    for place, outcome in evaluator.stream(generators, atoms=MAX_BATCH_ATOMS):
        if isinstance(outcome, Failed):
            yield failed(fit[place], setup, said(outcome.error))
        else:
            yield _row(fit[place], setup, outcome.value)


def failed(candidate: Candidate, setup: Setup, reason: str) -> Row:
    """Return the row of a candidate that could not be relaxed."""
    return Row(
        file=candidate.file,
        index=candidate.index,
        content=candidate.content,
        setup=setup.digest,
        status="failed",
        formula=candidate.structure.get_chemical_formula(),
        n_atoms=len(candidate.structure),
        reason=reason,
    )


def said(error: Exception) -> str:
    """Return in one line why a relaxation failed."""
    return " ".join(str(error).split()) if isinstance(error, NoValue | Unsupported) and str(error) else describe(error)


def _relaxation(
    candidate: Candidate, setup: Setup, capabilities: Capabilities
) -> Generator[Request, list[Prediction], Relaxed]:
    settings = setup.settings
    return relaxed(
        candidate.structure,
        cell=settings.cell and "stress" in capabilities.properties,
        fmax=settings.fmax,
        steps=settings.steps,
        optimizer=settings.optimizer,
        symmetric=None,
    )


def _row(candidate: Candidate, setup: Setup, found: Relaxed) -> Row:
    return Row(
        file=candidate.file,
        index=candidate.index,
        content=candidate.content,
        setup=setup.digest,
        status="relaxed" if found.converged else "unconverged",
        formula=candidate.structure.get_chemical_formula(),
        n_atoms=len(candidate.structure),
        reason=None if found.converged else f"{found.steps} steps did not suffice",
        energy=found.prediction.energy,
        force_left=found.left,
        steps=found.steps,
        end=geometry_of(found.structure),
    )
