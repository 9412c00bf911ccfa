"""Which version of a law, and of what loads a potential, a result was computed by: hashes of the code itself.

The version of a law is a hash over its own module and over all that it and the engine import of the same package, so
that a change of one law makes no result of another law outdated. Comments, docstrings and layout do not count.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from gnnp_bench.check import Check

ENGINE = ("gnnp_bench.engine.run",)
"""What judges every law."""
NOT_FOLLOWED = (
    "gnnp_bench",
    "gnnp_bench.adapters.registry",
    "gnnp_bench.checks.registry",
    "gnnp_bench.environments",
    "gnnp_bench.certificate",
    "gnnp_bench.report",
    "gnnp_bench.strategies",
)
"""Modules that decide nothing about a number: who finds laws by their names, who loads potentials, who writes."""
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
LENGTH = 16
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class _Read:
    """A module as it counts: a hash of its code, and the names that it imports."""

    digest: str
    imports: tuple[str, ...]


def law_version(check: Check) -> str:
    """Return the version of a law: sixteen hexadecimal digits.

    It covers the module of the law and what that imports of its package, the engine, and the calibrated factors and
    other plain values of the check.
    """
    modules = sorted({module for value in _values(check) if (module := _module_of(value)) is not None})
    plain = {name: value for name, value in _fields(check) if not callable(value)}
    total = hashlib.sha256(json.dumps(plain, sort_keys=True, default=_as_text).encode())
    total.update(code_digest((*ENGINE, *modules)).encode())
    return total.hexdigest()[:LENGTH]


@cache
def pool_version(studying: tuple[str, ...] = ()) -> str:
    """Return the version of what draws and evaluates the pool, for laws by their ids that want to know of crystals."""
    code = code_digest(("gnnp_bench.engine.pool", "gnnp_bench.engine.assemble"))
    return hashlib.sha256(" ".join((code, *studying)).encode()).hexdigest()[:LENGTH] if studying else code


@cache
def code_digest(modules: tuple[str, ...]) -> str:
    """Return a hash over modules and all that they import of their own package.

    Parameters
    ----------
    modules : tuple of str
        Dotted names. A module whose source cannot be found counts by the version of its distribution.
    """
    total = hashlib.sha256()
    for name in sorted(_closure(modules)):
        total.update(f"{name}\0{_told(name)}\0".encode())
    return total.hexdigest()[:LENGTH]


def _closure(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        read = _read(name)
        if read is None or _is_installed(name):
            continue
        top = name.partition(".")[0]
        waiting += [other for other in read.imports if other.partition(".")[0] == top and not _left_out(other)]
    return {name for name in found if _file(name) is not None or name in modules}


def _left_out(name: str) -> bool:
    """Return whether a module decides nothing; of packages named, whatever is in them neither."""
    return name == "gnnp_bench" or any(name == other or name.startswith(f"{other}.") for other in NOT_FOLLOWED[1:])


def _is_installed(name: str) -> bool:
    """Return whether a module is of a package that somebody installed: its version stands for what it imports."""
    file = _file(name)
    return file is not None and "site-packages" in file.parts and name.partition(".")[0] != "gnnp_bench"


def _told(name: str) -> str:
    read = _read(name)
    top = name.partition(".")[0]
    version = _version(top) if read is None or _is_installed(name) else ""
    return f"{'' if read is None else read.digest} {version}"


@cache
def _version(top: str) -> str:
    for distribution in importlib.metadata.packages_distributions().get(top, ()):
        return f"{distribution} {importlib.metadata.version(distribution)}"
    return top


@cache
def _read(name: str) -> _Read | None:
    file = _file(name)
    if file is None or file.suffix != ".py":
        return None
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    imports: set[str] = set()
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (base, node.module)))
            imports.add(base)
            imports.update(f"{base}.{alias.name}" for alias in node.names)
        if isinstance(node, DOCUMENTED):
            node.body = [line for line in node.body if not _is_text(line)] or [ast.Pass()]
    return _Read(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(imports)))


@cache
def _file(name: str) -> Path | None:
    """Return where the source of a module is, without importing it anew."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return None if found is None or found.origin is None or found.origin == "built-in" else Path(found.origin)


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _fields(check: Check) -> list[tuple[str, Any]]:
    return [(name, getattr(check, name)) for name in check.__dataclass_fields__]


def _values(check: Check) -> list[Any]:
    return [value for _, value in _fields(check)]


def _module_of(value: Any) -> str | None:
    while isinstance(value, partial):
        value = value.func
    return getattr(value, "__module__", None) if callable(value) else None


def _as_text(value: Any) -> Any:
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    return _ADDRESS.sub("", repr(value))  # a binding holds functions, whose modules are imported by the law's own
