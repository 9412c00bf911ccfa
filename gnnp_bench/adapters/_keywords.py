"""Which keywords a factory takes, found out before it is called.

Calculators of ASE take any keyword and pass over those that they do not know: a misspelt cutoff would make another
potential than its user believes.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable

from ase.calculators.calculator import Calculator, FileIOCalculator

from gnnp_bench.potential import PotentialError

HOUSEKEEPING = frozenset({"restart", "ignore_bad_restart_file", "label", "atoms", "directory"})
"""Keywords of every calculator that say nothing about its energies."""


def check(path: str, factory: Callable[..., object], given: Iterable[str], suggestion: Callable[..., str]) -> None:
    """Refuse keywords that a factory does not take, and a lack of those that it needs.

    Parameters
    ----------
    path : str
        What the user called the factory.
    factory : callable
    given : iterable of str
    suggestion : callable
        Returns ": did you mean …?" for a word and the known ones.

    Raises
    ------
    PotentialError
        The message names the keywords that it takes.
    """
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return  # written in C, and silent about itself
    by_name = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    defaults: Iterable[str] = getattr(factory, "default_parameters", ()) if _is_calculator(factory) else ()
    accepted = list(dict.fromkeys([*(p.name for p in by_name), *defaults]))
    swallows = any(p.kind is p.VAR_KEYWORD for p in parameters)
    keywords = list(given)
    for keyword in keywords:
        if keyword not in accepted and not (swallows and _may_be_read(factory, keyword)):
            told = [name for name in accepted if name not in HOUSEKEEPING]
            raise PotentialError(
                f"{path} takes no keyword {keyword!r}{suggestion(keyword, told)}; "
                + (f"it takes {', '.join(told)}" if told else "it takes none")
            )
    if missing := [p.name for p in by_name if p.default is p.empty and p.name not in keywords]:
        needed = "&".join(f"{name}=..." for name in missing)
        raise PotentialError(f"{path} needs {', '.join(missing)}: write {path}?{needed}")


def _is_calculator(factory: object) -> bool:
    return isinstance(factory, type) and issubclass(factory, Calculator)


def _may_be_read(factory: object, keyword: str) -> bool:
    """Return whether a factory that takes any keyword may make use of this one.

    A calculator reads what its modules name; one that writes an input file passes on whatever it is given.
    """
    if not (isinstance(factory, type) and issubclass(factory, Calculator)) or issubclass(factory, FileIOCalculator):
        return True
    own = [base for base in factory.__mro__ if issubclass(base, Calculator) and base is not Calculator]
    try:
        modules = [ast.parse(inspect.getsource(inspect.getmodule(base) or base)) for base in own]
    except (OSError, TypeError, SyntaxError):
        return True  # compiled
    return any(_names(node) == keyword for module in modules for node in ast.walk(module))


def _names(node: ast.AST) -> object:
    """Return what `parameters["rc"]`, `kwargs.get("rc")` and `parameters.rc` name."""
    if isinstance(node, ast.Constant):
        return node.value
    return node.attr if isinstance(node, ast.Attribute) else None
