"""What an environment is asked to be: a Python and pinned requirements, as an adapter declares them in a TOML file."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources

from gnnp_bench.environments.pythons import Found, find
from gnnp_bench.potential import PotentialError


@dataclass(frozen=True, slots=True)
class Asked:
    """An environment that is wanted.

    Attributes
    ----------
    name : str
    python : Found
    requirements : tuple of str
        As pip reads them, pinned.
    variables : mapping of str to str
        Of the environment; {prefix} in them is its folder.
    alone : tuple of str
        Packages that are installed after the requirements, without those that they ask for, on any Python: what they
        need is among the requirements.
    """

    name: str
    python: Found
    requirements: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    alone: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Hash of what is asked for: the same for the same requirements, kind of Python and machine."""
        told = {
            "python": self.python.version,
            "requirements": sorted(self.requirements),
            "variables": dict(self.variables),
            "machine": [platform.system(), platform.machine()],
        }
        if self.alone:
            told["alone"] = sorted(self.alone)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def declared() -> dict[str, str]:
    """Return the names of the environments that adapters declare, each with the text of its declaration."""
    folder = resources.files("gnnp_bench.environments") / "declared"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name[:-5]: file.read_text(encoding="utf-8") for file in files if file.name.endswith(".toml")}


def ask(name: str, python: str | None = None, requirements: Sequence[str] = ()) -> Asked:
    """Return what an environment is to be.

    Parameters
    ----------
    name : str
        Of a declared environment; any other one together with requirements.
    python : str, optional
        A version such as 3.11, or a path; by default the first of those declared that this machine has.
    requirements : sequence of str
        Instead of those declared.

    Raises
    ------
    PotentialError
        If the name is no name, nothing is declared and nothing given, or the Python is missing or not good for it.
    """
    check_name(name)
    known = declared()
    if not requirements and name not in known:
        raise PotentialError(
            f"no environment is declared for {name!r}: give its --requirement, or choose from {', '.join(known)}"
        )
    told = tomllib.loads(known[name]) if name in known and not requirements else {}
    versions = [str(version) for version in told.get("python", ())]
    found = find(python, versions, name)
    pinned = tuple(requirements or told["requirements"])
    return Asked(name, found, pinned, told.get("variables", {}), tuple(told.get("alone", ())))


def check_name(name: str) -> None:
    """Refuse what is no name of an environment.

    Raises
    ------
    PotentialError
        If it is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", name):
        raise PotentialError(f"{name!r} is no name of an environment: letters, digits, dots and dashes make one")
