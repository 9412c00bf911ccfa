"""What was asked for on pytest's command line. Standard library and pytest only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from gnnp_bench.certificate.result import Waiver
    from gnnp_bench.engine.settings import Budget, Profile, Settings

FOLDER = Path(__file__).parent
MODULE = FOLDER / "test_certify.py"
PACKAGE = "gnnp_bench.suite"
BUDGETS = ("quick", "standard", "thorough")
PROFILES = ("strict", "default", "loose")
NO_POTENTIAL = (
    "gnnp_bench.suite judges potentials and none was named: add --potential SPEC, such as --potential chgnet or "
    "--potential mymodule:make_calculator"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The potentials to judge, and how.

    Attributes
    ----------
    specs : tuple of str
    certificates : tuple of str or None
        One file for each of them.
    species : str or None
        Chemical symbols with commas between them.
    waivers : str or None
        A file.
    """

    specs: tuple[str, ...]
    certificates: tuple[str | None, ...]
    budget: Budget
    profile: Profile
    seed: int
    species: str | None
    waivers: str | None

    def settings(self, spec: str) -> Settings:
        """Return the request as the engine reads it."""
        from gnnp_bench.commands.loading import parse_species
        from gnnp_bench.engine.settings import Settings

        species = parse_species(self.species) or ()
        return Settings(spec=spec, species=species, budget=self.budget, profile=self.profile, seed=self.seed)


def add_options(parser: pytest.Parser) -> None:
    """Add what can be asked for to pytest's command line."""
    group = parser.getgroup("gnnp_bench", "physics of interatomic potentials (gnnp_bench)")
    add = group.addoption
    add("--potential", action="append", metavar="SPEC", help="The potential to judge, such as chgnet; repeatable.")
    add("--gnnp-budget", choices=BUDGETS, default="standard", help="How many structures and evaluations to spend.")
    add("--gnnp-profile", choices=PROFILES, default="default", help="How much matters: a tenth, the usual, ten times.")
    add("--gnnp-seed", type=int, default=0, metavar="N", help="Seed of structures and cases.")
    add("--gnnp-species", metavar="LIST", help="Elements to draw structures from, such as Cu,Au.")
    add("--gnnp-env", metavar="ENV", help="Where potentials live: another Python, as for gnnp-bench certify --env.")
    add("--gnnp-waivers", metavar="FILE", help="TOML file of the checks that may fail.")
    add(
        "--gnnp-certificate",
        action="append",
        metavar="FILE",
        help="Write the certificate here, anew after every check. Once for each --potential, in the same order.",
    )


def asked_for(config: pytest.Config) -> Asked:
    """Return what was asked for.

    Raises
    ------
    pytest.UsageError
        If it cannot be done, as far as that can be seen without loading anything.
    """
    specs = tuple(config.getoption("potential") or ())
    files = tuple(config.getoption("gnnp_certificate") or ())
    seed = config.getoption("gnnp_seed")
    twice = sorted({spec for spec in specs if specs.count(spec) > 1})
    if twice:
        raise pytest.UsageError(f"--potential {twice[0]} is given twice: a certificate is about one potential")
    if files and len(files) != len(specs):
        raise pytest.UsageError(
            f"--gnnp-certificate is given {len(files)} times for {len(specs)} potentials: give it once for each, in "
            "the same order"
        )
    if len(set(map(_resolved, files))) < len(files):
        raise pytest.UsageError("--gnnp-certificate names one file twice: each potential needs one of its own")
    if config.getoption("gnnp_env") is not None:
        specs = _living_in(config.getoption("gnnp_env"), specs)
        # Whoever asks for the potentials from now on, pytest-xdist's workers among them, asks for these.
        config.option.potential, config.option.gnnp_env = list(specs), None
    if seed < 0:
        raise pytest.UsageError(f"--gnnp-seed must be a whole number from 0, not {seed}")
    return Asked(
        specs=specs,
        certificates=files or (None,) * len(specs),
        budget=config.getoption("gnnp_budget"),
        profile=config.getoption("gnnp_profile"),
        seed=seed,
        species=config.getoption("gnnp_species"),
        waivers=config.getoption("gnnp_waivers"),
    )


def _living_in(env: str, specs: tuple[str, ...]) -> tuple[str, ...]:
    from gnnp_bench.commands.exits import BadRequest
    from gnnp_bench.commands.loading import with_env

    try:
        return tuple(with_env(spec, env) for spec in specs)
    except BadRequest as error:
        raise pytest.UsageError(worded_for_pytest(str(error))) from error


def verify(asked: Asked) -> None:
    """Make sure that files can be read and written, before anything is computed.

    Raises
    ------
    pytest.UsageError
        With one line that says what to mend.
    """
    from gnnp_bench.certificate import io
    from gnnp_bench.commands.exits import BadRequest

    try:
        for path in filter(None, asked.certificates):
            io.check_writable(path)
        for spec in asked.specs:
            asked.settings(spec)
        waivers_of(asked)
    except (ValueError, BadRequest) as error:
        raise pytest.UsageError(worded_for_pytest(str(error))) from error


def worded_for_pytest(message: str) -> str:
    """Return a message of the command line with the options that pytest has in their place.

    Examples
    --------
    >>> worded_for_pytest("name them, --species Cu,Au")
    'name them, --gnnp-species Cu,Au'
    """
    return re.sub(r"(?<![\w-])--(budget|env|profile|seed|species|waivers)\b", r"--gnnp-\1", message)


def waivers_of(asked: Asked) -> tuple[Waiver, ...]:
    """Return the waivers of the file that was named.

    Raises
    ------
    BadRequest
        If it cannot be read, or speaks of a check that is not there.
    """
    from gnnp_bench.checks.registry import all_checks
    from gnnp_bench.commands.loading import read_waivers

    return read_waivers(asked.waivers, [check.id for check in all_checks()])


def names_the_suite(config: pytest.Config) -> bool:
    """Return whether an argument of the command line is the suite, or lies in it."""
    for argument in config.args:
        bare = argument.partition("::")[0]
        if config.getoption("pyargs", False) and (bare == PACKAGE or bare.startswith(f"{PACKAGE}.")):
            return True
        path = _resolved(config.invocation_params.dir / bare)
        if path == FOLDER.resolve() or FOLDER.resolve() in path.parents:
            return True
    return False


def _resolved(path: str | Path) -> Path:
    return Path(path).resolve()
