"""Where a potential lives: what the option `env` of a spec, or `--env`, names."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gnnp_bench.environments.isolation import Isolation, isolation, own_paths
from gnnp_bench.potential import PotentialError

SSH = "ssh:"
SSH_COMMAND = "GNNP_BENCH_SSH"
"""Variable with the command that stands for `ssh`, such as `ssh -F config -p 2222`."""
OPTIONS = ("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20")
"""No terminal; and no question for a password, which nobody would see."""
PASSED_ON = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY", "PYTHONHASHSEED")
"""Variables that a process on another machine has to be told; one on this machine inherits all of them."""
LEFT_OUT = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Variables that belong to the Python of this process and would give another one its packages."""


@dataclass(frozen=True, slots=True)
class Place:
    """A Python on this machine or on another one.

    Attributes
    ----------
    text : str
        As the user names it, for messages.
    python : str
        Path or name of the interpreter.
    host : str or None
        The machine, as ssh knows it; None is this one.
    variables : mapping of str to str
        That the environment declares.
    built : str or None
        Name and hash of an environment that was built here.
    isolation : Isolation or None
        What the process there is kept from; None if nothing.
    paths : tuple of str
        Where it finds packages besides its own folders, as far as that is known.
    """

    text: str
    python: str
    host: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    built: str | None = None
    isolation: Isolation | None = None
    paths: tuple[str, ...] = ()

    @property
    def hint(self) -> str:
        """How to mend a Python that lacks something."""
        return "" if self.built else "; it needs numpy, ase and the potential's package"

    def command(self, code: str, variables: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """Return the command that runs code in this Python, and the environment variables that it is started with."""
        more = {**self.variables, **variables}
        inherited = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        apart = self.isolation
        limited = [] if apart is None else [json.dumps(apart.limits.told())]
        if self.host is None:
            started = [self.python, "-c", code, *limited]
            if apart is None:
                return started, {**inherited, **more}
            return apart.command(started, self.python, self.paths), {**apart.variables(inherited), **more}
        told = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | more
        assignments = [f"{name}={value}" for name, value in sorted(told.items())]
        python = self.python
        # A path without a slash in front is looked for below the home directory and then from the root, so that both
        # readings of HOST//opt/env/bin/python are understood.
        script = (
            f"p={shlex.quote(python)}; "
            + ('[ -x "$p" ] || [ ! -x "/$p" ] || p="/$p"; ' if "/" in python and not python.startswith("/") else "")
            + " ".join(
                ["exec", "env", *map(shlex.quote, assignments), '"$p"', "-c", *map(shlex.quote, [code, *limited])]
            )
        )
        ssh = shlex.split(os.environ.get(SSH_COMMAND, "")) or ["ssh"]
        return [*ssh, *OPTIONS, self.host, f"exec sh -c {shlex.quote(script)}"], inherited

    def why_not(self, fate: str, last: str) -> str:
        """Return in one line why nothing started, from how it ended and what it said last."""
        if self.host is None:
            return f"{self.text} is no Python that can be used: it {fate}{last}"
        return f"{self.text} could not be reached or started there: ssh {fate}{last}"


def place(text: str | None, spec: str, isolate: str | None = None) -> Place:
    """Return the place that a text names.

    Parameters
    ----------
    text : str or None
        A path to a Python or to the folder of a virtual environment, the name of an environment that was built,
        `auto`, or `ssh:HOST//PYTHON`. None is this Python.
    spec : str
        Of the potential, from whose name `auto` knows the environment.
    isolate : str, optional
        How the potential is isolated there.

    Raises
    ------
    PotentialError
        If there is no such place, it cannot be built, or nothing can be isolated there. The message is one line.
    """
    if os.name != "posix":
        raise PotentialError("potentials in other environments, or isolated, need Linux or macOS")
    if isolate == "sandbox" and text is not None and text.startswith(SSH):
        raise PotentialError("isolate=sandbox works on this machine; over ssh there is isolate=limits")
    apart = None if isolate is None else isolation(isolate)
    found = _this() if text is None else _named(text, spec)
    return replace(found, isolation=apart)


def _this() -> Place:
    paths = own_paths()
    return Place(
        text="this Python", python=sys.executable, variables={"PYTHONPATH": os.pathsep.join(paths)}, paths=paths
    )


def _named(text: str, spec: str) -> Place:
    if text.startswith(SSH):
        return _on_another_machine(text)
    if text == "auto":
        from gnnp_bench.environments.building import automatic

        return automatic(spec)
    if os.sep in text or text.startswith("~"):
        return _here(text)
    from gnnp_bench.environments.building import named

    return named(text)


def _here(text: str) -> Place:
    path = Path(os.path.expanduser(text))
    python = path / "bin" / "python" if path.is_dir() else path
    if not python.exists():
        what = f"the folder {text} is no environment: it has no bin/python" if path.is_dir() else f"there is no {text}"
        raise PotentialError(f"{what}; --env takes the path of a Python, such as /opt/env/bin/python")
    if not os.access(python, os.X_OK):
        raise PotentialError(f"{text} cannot be run: it is no Python")
    return Place(text=text, python=os.path.abspath(python))


def _on_another_machine(text: str) -> Place:
    host, slashes, python = text.removeprefix(SSH).partition("//")
    if not (host and slashes and python) or host.startswith("-") or any(character.isspace() for character in host):
        raise PotentialError(
            f"{text!r} does not name a Python on another machine: write ssh:HOST//PYTHON, as in ssh:cluster//python3"
            " or ssh:me@cluster///opt/env/bin/python"
        )
    return Place(text=text, python=python, host=host)
