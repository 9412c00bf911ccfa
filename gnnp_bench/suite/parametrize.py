"""`parametrize_with_checks`: the laws in a user's own tests."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, Union

import pytest

from gnnp_bench.suite.asked import BUDGETS, PROFILES
from gnnp_bench.suite.running import Loaded, Potentials, Running, quiet, registered

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

    from gnnp_bench.engine.settings import Budget, Profile
    from gnnp_bench.potential import Potential

Judged: TypeAlias = Union[str, "Potential", Callable[[], Union["Potential", "Calculator"]]]
"""What `parametrize_with_checks` takes: a spec, a potential, or a function that makes a potential or a calculator."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A potential that a test was given: loaded when its first check is called.

    Attributes
    ----------
    label : str
    potentials : Potentials
    has_spec : bool
        Whether the label is a spec, which the command line loads as well.
    """

    label: str
    potentials: Potentials
    has_spec: bool

    def __repr__(self) -> str:
        return self.label


@dataclass(frozen=True, slots=True)
class Law:
    """A check that a test calls with its potential.

    Attributes
    ----------
    id : str
        As in `gnnp-bench list`.
    """

    id: str

    def __call__(self, potential: Judge) -> None:
        """Judge the potential; fail, skip or xfail as the check ends."""
        __tracebackhide__ = True
        running = potential.potentials.running(potential.label)
        start, judgement = running.judge(registered()[self.id])
        # The command line cannot load what a test was given as an object or a function.
        again = None if potential.has_spec else f"pytest '{os.environ['PYTEST_CURRENT_TEST'].rpartition(' ')[0]}'"
        running.conclude(running.excused(start, judgement.result), command=again, causes=judgement.causes)

    def __repr__(self) -> str:
        return self.id


def parametrize_with_checks(
    potentials: Sequence[Judged],
    *,
    waivers: str | os.PathLike[str] | None = None,
    budget: Budget = "standard",
    profile: Profile = "default",
    seed: int = 0,
    species: Sequence[str] | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
) -> pytest.MarkDecorator:
    """Run a test once for each potential and check.

    The test takes `potential` and `check` and calls ``check(potential)``. It is skipped where the check does not
    apply, and an expected failure where a waiver covers what was found. Nothing is loaded before the first test runs.

    Parameters
    ----------
    potentials : sequence of str, Potential or callable
        Specs such as ``"chgnet"``; potentials; functions without arguments that make a potential or an ASE calculator.
    waivers : path, optional
        TOML file of the checks that may fail.
    budget : {"quick", "standard", "thorough"}
    profile : {"strict", "default", "loose"}
    seed : int
    species : sequence of str, optional
        Chemical symbols to draw structures from. Needed for an ASE calculator, which does not tell its own.
    only, skip : sequence of str
        Globs over the ids of checks.

    Raises
    ------
    ValueError
        If an argument is not as described. The message is one line.

    Examples
    --------
    >>> @parametrize_with_checks(["ase:ase.calculators.emt:EMT"], species=["Cu", "Au"], budget="quick")
    ... def test_physics(potential, check):
    ...     check(potential)
    """
    for name, value, known in (("budget", budget, BUDGETS), ("profile", profile, PROFILES)):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    if isinstance(potentials, str) or not isinstance(potentials, Sequence) or not potentials:
        raise ValueError(f"potentials must be a list of at least one, got {potentials!r}")
    for name, symbols in (("species", species), ("only", only), ("skip", skip)):
        if isinstance(symbols, str):
            raise ValueError(f"{name} must be a list of strings, got {symbols!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be a whole number from 0, got {seed!r}")
    with quiet():
        from gnnp_bench.commands.exits import BadRequest
        from gnnp_bench.commands.loading import read_waivers
        from gnnp_bench.engine.run import select
        from gnnp_bench.engine.settings import Settings
        from gnnp_bench.report.arguments import as_arguments

        try:
            granted = read_waivers(None if waivers is None else os.fspath(waivers), registered())
        except BadRequest as error:
            raise ValueError(str(error)) from error
        chosen = [check.id for check in select(tuple(registered().values()), only, skip)]
        shared, specs = Potentials(), [judged for judged in potentials if isinstance(judged, str)]
        for judged in potentials:
            label, load = _named(judged, species)
            if label in shared.by_spec:
                raise ValueError(f"two potentials are called {label!r}: certificates and waivers go by name")
            settings = Settings(spec=label, species=tuple(species or ()), budget=budget, profile=profile, seed=seed)
            shared.by_spec[label] = Running(label, load, settings, granted, worded=as_arguments)
    cases = [
        pytest.param(Judge(label, shared, label in specs), Law(check_id), id=f"{label}-{check_id}")
        for label in shared.by_spec
        for check_id in chosen
    ]
    return pytest.mark.parametrize(("potential", "check"), cases)


def _named(judged: Judged, species: Sequence[str] | None) -> tuple[str, Callable[[], Loaded]]:
    """Return what a potential is called in the ids of tests, and what loads it."""
    from gnnp_bench.adapters import registry
    from gnnp_bench.commands.loading import load_potential
    from gnnp_bench.potential import Potential

    if isinstance(judged, str):
        return judged, partial(load_potential, judged, species)
    if isinstance(judged, Potential) and not isinstance(judged, type):
        try:
            pristine = copy.deepcopy(judged)  # one that no test has touched, for the checks that ask for a fresh one
        except Exception as error:
            raise ValueError(
                f"{judged.name} cannot be copied ({type(error).__name__}: {error}): give the function that makes it"
            ) from error
        return judged.name, partial(registry.load_from, partial(copy.deepcopy, pristine), judged.name, species)
    if callable(judged):
        label = getattr(judged, "__name__", None) or repr(judged)
        return label, partial(registry.load_from, judged, label, species)
    raise ValueError(
        "potentials must hold specs, potentials or functions that make one, not an object of type "
        f"{type(judged).__name__}"
    )
