"""`gnnp_bench.certify` and `gnnp_bench.load`: the command line's work for those who are in Python already.

Nothing is imported before it is called, for ``import gnnp_bench`` has to be quick.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gnnp_bench.issued import Certificate
from gnnp_bench.subject import Sent, subject_from

if TYPE_CHECKING:
    from gnnp_bench.certificate import result
    from gnnp_bench.engine.settings import Budget, Profile, Settings, Step
    from gnnp_bench.potential import Potential

Names = str | Sequence[str] | None


def load(spec: str, species: Names = None) -> Potential:
    """Return the potential that a spec names.

    Parameters
    ----------
    spec : str
        Such as ``"chgnet:r2scan?device=cuda"`` or ``"ase:ase.calculators.emt:EMT"``.
    species : str or sequence of str, optional
        Chemical symbols to restrict it to, ``["Cu", "Au"]`` or ``"Cu,Au"``. Needed for an ASE calculator, which does
        not tell its own.

    Raises
    ------
    ValueError
        If it cannot be loaded. The message is one line and says how to mend it.
    TypeError
        If the spec is no text.
    """
    from gnnp_bench.adapters import registry

    if not isinstance(spec, str):
        raise TypeError(f"load takes a spec such as 'chgnet', not {type(spec).__name__}; certify takes objects as well")
    with _told_in_python():
        return registry.load(spec, _names("species", species) or None).potential


def certify(
    potential: object,
    *,
    species: Names = None,
    budget: Budget = "quick",
    profile: Profile = "default",
    seed: int = 0,
    only: Names = None,
    skip: Names = None,
    jobs: int = 1,
    timeout: float | None = None,
    waivers: str | os.PathLike[str] | None = None,
    stable: Names = None,
    name: str | None = None,
    progress: bool | Callable[[Step], object] = False,
) -> Certificate:
    """Judge a potential by the laws of physics.

    Parameters
    ----------
    potential : str, Potential, ASE calculator, or callable
        A spec such as ``"chgnet"``; a class or a function that makes a potential or an ASE calculator; or one that is
        made. Laws ask for a fresh one as well: one that is made is copied for it, and is itself never asked.
    species : str or sequence of str, optional
        Chemical symbols to draw structures from. Needed for an ASE calculator, which does not tell its own.
    budget : {"quick", "standard", "thorough"}
        How many structures and evaluations to spend.
    profile : {"strict", "default", "loose"}
        How much matters: a tenth of the usual, the usual, ten times it.
    seed : int
        Of structures and cases.
    only, skip : str or sequence of str, optional
        Globs over the ids of checks, such as ``"symmetry/*"``. Either makes the certificate partial.
    jobs : int
        Processes. The certificate is the same.
    timeout : float, optional
        Seconds that one evaluation may take before its check is an error; the potential then works in other processes.
    waivers : path, optional
        TOML file of failures that are permitted for a while.
    stable : str or sequence of str, optional
        Crystals that it must hold stable, such as ``["Si:diamond"]``: those for which the potential was made.
    name : str, optional
        What stands for the spec of a potential that has none.
    progress : bool or callable
        True prints each check as it finishes. A callable is given each `Step`: its certificate is all that is known so
        far, also if the run is interrupted.

    Returns
    -------
    Certificate
        It prints itself, in a notebook too, and is true if the potential is certified.

    Raises
    ------
    ValueError
        If the request is wrong, or the potential cannot be loaded. The message is one line and says how to mend it.
    TypeError
        If an argument is of no use.

    Examples
    --------
    >>> import gnnp_bench
    >>> from ase.calculators.emt import EMT
    >>> certificate = gnnp_bench.certify(EMT, species="Cu", only="symmetry/net-force")
    >>> certificate["symmetry/net-force"].status
    'pass'
    """
    from gnnp_bench.checks.registry import all_checks
    from gnnp_bench.engine.run import run, select

    checks = all_checks()
    settings = _settings(
        species=_names("species", species),
        budget=budget,
        profile=profile,
        seed=seed,
        only=_names("only", only),
        skip=_names("skip", skip),
    )
    crystals = _names("stable", stable)
    _whole_number("jobs", jobs, 1)
    if timeout is not None and not (isinstance(timeout, int | float) and 0 < timeout < math.inf):
        raise ValueError(f"timeout must be a number of seconds above 0, not {timeout!r}")
    with _told_in_python():
        from gnnp_bench.commands.loading import read_waivers

        ids = [check.id for check in checks]
        granted = read_waivers(None if waivers is None else os.fspath(waivers), ids)
        select(checks, settings.only, settings.skip)
        subject = subject_from(potential, settings.species or None, name, crystals)
        settings = replace(settings, spec=subject.label)
        if jobs == 1 and timeout is None:
            with _threads_put_back():
                loaded = subject.load()
                steps = run(loaded.potential, checks, settings, reload=loaded.reload, waivers=granted)
                last = _last(steps, progress)
        else:
            from gnnp_bench.engine.crew import TIMEOUT
            from gnnp_bench.engine.parallel import run_in_processes

            limit = TIMEOUT if timeout is None else timeout
            sent = Sent.of(subject)
            last = _last(run_in_processes(sent, checks, settings, jobs=jobs, timeout=limit, waivers=granted), progress)
    return Certificate(last if subject.has_spec else _reproduced_in_python(last, settings, crystals))


def _last(steps: Iterator[Step], progress: bool | Callable[[Step], object]) -> result.Certificate:
    tell: Callable[[Step], object] | None = None
    if callable(progress):
        tell = progress
    elif progress:
        from gnnp_bench.report import terminal
        from gnnp_bench.report.stream import console

        tell = partial(terminal.progress, console())
    last = None
    for last in steps:
        if tell is not None:
            tell(last)
    assert last is not None  # the first comes before the first check
    return last.certificate


def _reproduced_in_python(record: result.Certificate, settings: Settings, stable: Sequence[str]) -> result.Certificate:
    """Return a certificate that tells which call finds a failure again: the command line cannot load its subject."""
    asked: dict[str, object] = {"species": list(settings.species), "budget": settings.budget, "seed": settings.seed}
    if settings.profile != "default":
        asked["profile"] = settings.profile
    if stable:
        asked["stable"] = list(stable)
    words = ", ".join(f"{name}={value!r}" for name, value in asked.items() if value != [])

    def told(found: result.CheckResult) -> result.CheckResult:
        if found.counterexample is None:
            return found
        call = f"gnnp_bench.certify({settings.spec}, {words}, only={found.id!r})"
        return replace(found, counterexample=replace(found.counterexample, reproduce=call))

    return replace(record, checks=tuple(map(told, record.checks)))


def _settings(**asked: Any) -> Settings:
    from typing import get_args

    from gnnp_bench.engine.settings import Budget, Profile, Settings

    for name, known in (("budget", get_args(Budget)), ("profile", get_args(Profile))):
        if asked[name] not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, not {asked[name]!r}")
    _whole_number("seed", asked["seed"], 0)
    return Settings(spec="", **asked)


def _whole_number(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")


def _names(what: str, value: Names) -> tuple[str, ...]:
    """Return names that were given as a list, or as a text with commas."""
    if value is None:
        return ()
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{what} must name at least one, as a list of texts, not {value!r}")
    return tuple(names)


@contextlib.contextmanager
def _threads_put_back() -> Iterator[None]:
    """Leave torch's threads as they were: a certificate is made on one, and the program goes on."""
    before = None if "torch" not in sys.modules else sys.modules["torch"].get_num_threads()
    try:
        yield
    finally:
        if before is not None:
            sys.modules["torch"].set_num_threads(before)


@contextlib.contextmanager
def _told_in_python() -> Iterator[None]:
    """Turn what the command line says in one line into a ValueError that names arguments and no options."""
    from gnnp_bench.commands.exits import BadRequest
    from gnnp_bench.potential import PotentialError
    from gnnp_bench.report.arguments import as_arguments

    try:
        yield
    except (BadRequest, PotentialError) as error:
        # What a user's own factory raised stays in sight; our own way there is left out.
        raise ValueError(as_arguments(" ".join(str(error).split()))) from error.__cause__
