"""Factories named in a spec string: `package.module:factory`, with typed keyword arguments."""

from __future__ import annotations

import ast
import difflib
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from gnnp_bench.adapters import _keywords
from gnnp_bench.potential import PotentialError

Value: TypeAlias = bool | int | float | str


def one_line(error: BaseException) -> str:
    """Return an exception as one line: its type and its message."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ": did you mean 'close match'?", or nothing where no known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean {close[0]!r}?" if close else ""


def check_options(adapter: str, options: Iterable[str], known: Iterable[str]) -> None:
    """Refuse options that an adapter does not have.

    Raises
    ------
    PotentialError
        Names the first of them, and what is most like it.
    """
    known = tuple(known)
    if strange := sorted(set(options) - set(known)):
        raise PotentialError(f"{adapter} has no option {strange[0]!r}{suggestion(strange[0], known)}")


def path_hint(name: str, known: Iterable[str]) -> str:
    """Return ": did you mean …?" for what is the path of a file or a directory, else nothing."""
    try:
        return _hint_of(Path(name), name, known)
    except (OSError, ValueError):  # a name that no file can have
        return ""


def _hint_of(path: Path, name: str, known: Iterable[str]) -> str:
    if not path.name:
        return ""
    if path.suffix != ".py" and path.with_suffix(".py").is_file():
        path = path.with_suffix(".py")
    if path.suffix == ".py" and path.is_file():
        module = ".".join(path.with_suffix("").parts)
        made = _callables(path)
        return f": did you mean {', '.join(f'{module}:{found}' for found in made) or f'{module}:FUNCTION'}?"
    if path.exists() and "reference" in known:  # the one that is trained into a directory
        return f": did you mean 'reference:{name}'?"
    return ""


def _callables(path: Path) -> list[str]:
    """Return the functions and classes that a file defines, those that need no argument if there are any."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError):
        return []
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"]
    ready = [n for n in found if isinstance(n, ast.FunctionDef) and len(n.args.args) == len(n.args.defaults)]
    return [node.name for node in (ready or found)[:3]]


def typed(options: Mapping[str, str]) -> dict[str, Value]:
    """Read the values of options as bool (true, false), int, float or str, whichever fits first.

    Examples
    --------
    >>> typed({"asap_cutoff": "true", "n": "3", "skin": "0.3", "label": "run1"})
    {'asap_cutoff': True, 'n': 3, 'skin': 0.3, 'label': 'run1'}
    """
    return {key: _typed(text) for key, text in options.items()}


def _typed(text: str) -> Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def resolve(path: str) -> Callable[..., object]:
    """Import the factory that `package.module:factory` names. The working directory is importable.

    Raises
    ------
    PotentialError
        The path is malformed, or the module or the factory in it is not found or cannot be imported.
    """
    module_name, _, attribute = path.partition(":")
    words = [*module_name.split("."), *attribute.split(".")]
    if module_name.endswith(".py") or not all(word.isidentifier() for word in words):
        hint = "write package.module:factory, for example my_potential:make_calculator"
        if "/" in module_name or module_name.endswith(".py"):
            module = ".".join(Path(module_name).with_suffix("").parts)
            hint = f"write a module and not a file name: did you mean {module}:{attribute or 'FUNCTION'}?"
        raise PotentialError(f"{path!r} does not name a factory: {hint}")
    found: object = _import(module_name)
    for name in attribute.split("."):
        if not hasattr(found, name):
            public = [word for word in dir(found) if not word.startswith("_")]
            raise PotentialError(f"{module_name} has no attribute {attribute!r}{suggestion(name, public)}")
        found = getattr(found, name)
    if not callable(found):
        raise PotentialError(
            f"{path} is {_a(found)} and cannot be called: name a class, or a function that returns a calculator"
        )
    return found


def call(path: str, factory: Callable[..., object], options: Mapping[str, str]) -> object:
    """Call a factory with typed options; what it raises becomes one line.

    Raises
    ------
    PotentialError
        It takes no such keyword or needs another, it raised, or it returned a class.
    """
    _keywords.check(path, factory, options, suggestion)
    try:
        made = factory(**typed(options))
    except PotentialError:
        raise
    except (Exception, SystemExit) as error:
        raise PotentialError(f"{path} failed: {one_line(error)}") from error
    if isinstance(made, type):
        raise PotentialError(f"{path} returned the class {made.__name__}: return an instance of it")
    return made


def _a(value: object) -> str:
    return f"an object of type {type(value).__name__}"


def _import(name: str) -> ModuleType:
    """Import a module with the working directory in front of the path, as `python script.py` would have it.

    The directory stays there: what the module imports later, when it computes or is built anew, must be found too.
    """
    directory = os.getcwd()
    if sys.path[:1] not in ([""], [directory]):
        sys.path.insert(0, directory)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise PotentialError(
                f"there is no module {error.name!r}, neither in the working directory nor among the installed packages:"
                f" go to the folder that its file is in, or install it{suggestion(error.name, _modules(directory))}"
            ) from error
        raise PotentialError(f"importing {name} failed: {one_line(error)}") from error
    except (Exception, SystemExit) as error:
        raise PotentialError(f"importing {name} failed: {one_line(error)}") from error
    _refuse_shadowed(name.partition(".")[0], Path(directory))
    return module


def _modules(directory: str) -> list[str]:
    """Return the modules whose files a directory holds."""
    try:
        return sorted(file.stem for file in Path(directory).glob("*.py") if file.stem.isidentifier())
    except OSError:
        return []


def _refuse_shadowed(top: str, directory: Path) -> None:
    """Refuse to go on with an installed module while the working directory holds another one of that name.

    It happens where the name was already imported from elsewhere, such as a `random.py` beside the user's data.
    """
    local = [path for path in (directory / f"{top}.py", directory / top / "__init__.py") if path.exists()]
    file = getattr(sys.modules[top], "__file__", None)
    if local and file is not None and not any(path.samefile(file) for path in local):
        raise PotentialError(f"{local[0].name} in the working directory is hidden by {file}: rename yours")
