"""A potential whose code is not to be trusted: what its process is given, and what it is kept from.

`limits` gives it few variables of the environment and bounds what it uses: against accidents. `sandbox` has
bubblewrap take away network, files and other processes as well: against malice. See docs/adr/0026-security.md.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

from gnnp_bench.environments.limits import Isolate, Limits, allowed, limits, usual
from gnnp_bench.environments.sandbox import check_sandbox, holds_home, python_folders, wrapped
from gnnp_bench.potential import PotentialError

PASSED = "GNNP_BENCH_PASS_ENV"
"""Variable with names of variables that an isolated potential is given besides, with commas in between."""
LIMITS = "GNNP_BENCH_LIMITS"
"""Variable with its limits: `limits.limits`."""
READABLE = "GNNP_BENCH_ALLOW_READ"
"""Variable with paths that it may read besides, separated as those of PATH are."""
VARIABLES = (PASSED, LIMITS, READABLE)


@dataclass(frozen=True, slots=True)
class Isolation:
    """What a process in which a potential lives is given.

    Attributes
    ----------
    kind : {"limits", "sandbox"}
    limits : Limits
    passed : tuple of str
        Names of variables that it is given besides those that hold no secret.
    readable : tuple of str
        Paths that it sees in a sandbox besides its Python and the working directory.
    """

    kind: Isolate
    limits: Limits = field(default_factory=usual)
    passed: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What is held, in one line."""
        closed = (
            "no network, no files but the working directory and its Python, read-only"
            if self.kind == "sandbox"
            else "files and network are open to it"
        )
        given = f", {', '.join(self.passed)} passed on" if self.passed else ""
        return f"{self.kind}: few variables{given}; {closed}; {self.limits.words}"

    def told(self) -> dict[str, Any]:
        """Return what the certificate says of it."""
        return {"kind": self.kind, "limits": self.limits.words, "passed": list(self.passed)}

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return what of the environment the process is given."""
        return allowed(inherited, self.passed)

    def command(self, command: list[str], python: str, paths: tuple[str, ...]) -> list[str]:
        """Return the command that runs another one isolated.

        Parameters
        ----------
        command : list of str
        python : str
            The interpreter that it runs.
        paths : tuple of str
            Where that finds its packages, as far as it is known.
        """
        if self.kind != "sandbox":
            return command
        return wrapped(command, (*python_folders(python), *paths, *self.readable), self.limits.memory)


def isolation(kind: str) -> Isolation:
    """Return the isolation of a kind, with what the variables of this process add to it.

    Raises
    ------
    PotentialError
        If there is no such kind, it cannot be had here, or a variable is malformed. The message is one line.
    """
    if kind not in get_args(Isolate):
        raise PotentialError(f"isolate is one of {', '.join(get_args(Isolate))}, not {kind!r}")
    if kind == "sandbox":
        check_sandbox()
    passed = tuple(filter(None, os.environ.get(PASSED, "").split(",")))
    for name in passed:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise PotentialError(f"--pass-env takes the name of a variable, not {name!r}")
    readable = tuple(filter(None, os.environ.get(READABLE, "").split(os.pathsep)))
    for path in readable:
        if not os.path.exists(path):
            raise PotentialError(f"--allow-read {path}: there is no such file or folder")
        if holds_home(path):
            raise PotentialError(f"--allow-read {path}: your home lies in it, with all your keys; name a folder in it")
    found = limits(os.environ.get(LIMITS, ""))
    return Isolation("sandbox" if kind == "sandbox" else "limits", found, passed, readable)


def own_paths() -> tuple[str, ...]:
    """Return where this Python finds packages besides its own folders: those, too, are to be seen by its like."""
    own = tuple(os.path.join(prefix, "") for prefix in (sys.prefix, sys.base_prefix))
    return tuple(path for path in sys.path if path and os.path.isdir(path) and not path.startswith(own))


@contextmanager
def asked(passed: tuple[str, ...], limited: tuple[str, ...], readable: tuple[str, ...]) -> Iterator[None]:
    """Let processes that are started meanwhile, here and by workers, be isolated as a command asks for."""
    told = {PASSED: ",".join(passed), LIMITS: ",".join(limited), READABLE: os.pathsep.join(readable)}
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update({name: text for name, text in told.items() if text})
    try:
        yield
    finally:
        for name, text in before.items():
            os.environ.pop(name, None)
            if text is not None:
                os.environ[name] = text
