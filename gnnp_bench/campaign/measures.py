"""What is measured of each potential beside the laws: the tables `[[accuracy]]`, `[[properties]]` and so on of a file.

Their keys are the long options of the commands of the same names, with the same defaults.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast, get_args

from gnnp_bench.campaign.looking import Look, is_count, is_positive, is_text, words
from gnnp_bench.campaign.sources import code_digest
from gnnp_bench.campaign.work import File, Measured
from gnnp_bench.perf.systems import SIZES
from gnnp_bench.properties.registry import PROPERTIES
from gnnp_bench.properties.relaxation import OptimizerName

MODULES: Mapping[Measured, tuple[str, ...]] = {
    "accuracy": ("gnnp_bench.accuracy.results",),
    "properties": ("gnnp_bench.crystals", "gnnp_bench.properties.registry"),
    "bench": ("gnnp_bench.perf.run", "gnnp_bench.perf.worker"),
    "screen": ("gnnp_bench.screening.run", "gnnp_bench.screening.results"),
}
"""What computes a measurement, with all that it imports."""
PACKAGES: Mapping[Measured, tuple[str, ...]] = {"properties": ("spglib",), "screen": ("spglib", "pymatgen")}
LARGEST = 1_000_000
"""Atoms of a structure that is timed."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One such table.

    Attributes
    ----------
    kind : str
    asked : str
        All keys with their values, as JSON; those of files apart.
    files : tuple of (str, Path)
        Files that are read: as the campaign file names them, and where they are.
    name : str
        What a person calls it.
    """

    kind: Measured
    asked: str
    files: tuple[tuple[str, Path], ...]
    name: str

    def hashed(self) -> tuple[File, ...]:
        """Return the files with hashes of what is in them.

        Raises
        ------
        ValueError
            If one cannot be read.
        """
        return tuple((name, str(path.resolve()), digest(path)) for name, path in self.files)


def digest(path: str | Path) -> str:
    """Return a hash over what is in a file.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error


def version_of(kind: Measured) -> str:
    """Return the version of the code that measures."""
    return code_digest(MODULES[kind])


@dataclass(frozen=True, slots=True)
class _Key:
    good: Callable[[Any], bool]
    what: str
    default: Any = None
    many: bool = False


def _whole(value: Any) -> bool:
    return is_count(value) and value > 0


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


_FILES = _Key(is_text, "paths of files", (), many=True)
_TEXT = _Key(is_text, "a text")
_STEPS, _COUNT = "a whole number of at least 0", "a whole number above 0"
Keys: TypeAlias = Mapping[str, _Key]
KEYS: Mapping[Measured, Keys] = {
    "accuracy": {
        "files": _FILES,
        "by": _Key(is_text, "a text", "config_type"),
        **dict.fromkeys(("distance", "energy", "forces", "stress", "virial"), _TEXT),
        "trust_labels": _Key(_flag, "true or false", False),
        "worst": _Key(_whole, _COUNT, 10),
    },
    "properties": {
        "crystals": _Key(is_text, "crystals such as 'Si:diamond', or paths of files", (), many=True),
        "only": _Key(lambda v: v in PROPERTIES, words(list(PROPERTIES)), tuple(PROPERTIES), many=True),
        "fmax": _Key(is_positive, "a number above 0", 1e-3),
        "steps": _Key(_whole, _COUNT, 500),
    },
    "bench": {
        "sizes": _Key(lambda v: _whole(v) and v <= LARGEST, f"numbers of atoms up to {LARGEST}", SIZES, many=True),
        "max_seconds": _Key(is_positive, "a number of seconds above 0", 60.0),
        "seconds": _Key(is_positive, "a number of seconds above 0"),
        "max_memory": _Key(is_positive, "a number of GB above 0"),
        "timestep": _Key(is_positive, "a number of fs above 0", 1.0),
    },
    "screen": {
        "files": _FILES,
        "references": _FILES,
        "fmax": _Key(is_positive, "a number above 0", 0.02),
        "steps": _Key(is_count, _STEPS, 500),
        "optimizer": _Key(lambda v: v in get_args(OptimizerName), words(get_args(OptimizerName)), "FIRE"),
        "fixed_cell": _Key(_flag, "true or false", False),
        "symprec": _Key(is_positive, "a number above 0", 0.05),
    },
}


def measures_of(values: Mapping[str, Any], folder: Path, look: Look) -> tuple[Measure, ...]:
    """Return what a campaign file wants to be measured; mistakes are noted."""
    found: list[Measure] = []
    for kind, keys in KEYS.items():
        tables = values.get(kind, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            look.wrong(f"{kind} must be a table of its own: write [[{kind}]], and its keys below")
            continue
        for number, table in enumerate(tables, 1):
            here = look.within(f"{kind} {number}")
            one = _measure(kind, keys, table, folder, here)
            if one in found:
                here.wrong(f"is {kind} {1 + [each for each in found if each.kind == kind].index(one)} once more")
            found.append(one)
    return tuple(found)


def _measure(kind: Measured, keys: Keys, table: Mapping[str, Any], folder: Path, look: Look) -> Measure:
    look.keys(table, list(keys))
    asked = {
        name: look.many(table, name, key.good, key.what, key.default)
        if key.many
        else look.one(table, name, key.good, key.what, key.default)
        for name, key in keys.items()
    }
    for package in (*PACKAGES.get(kind, ()), *(p for name in asked.get("only", ()) for p in PROPERTIES[name].packages)):
        if importlib.util.find_spec(package) is None:
            look.wrong(f"{package} is not installed: pip install 'gnnp-bench[{kind}]'")
    if "files" in keys and "files" not in table:
        look.wrong(f'files is missing: write for example files = ["{kind}.extxyz"]')
    if asked.get("stress") is not None and asked.get("virial") is not None:
        look.wrong("stress and virial are both given: a file is read by one of them")
    if both := sorted(set(asked.get("files", ())) & set(asked.get("references", ()))):
        look.wrong(f"{both[0]} is named as candidates and as references: leave one of them out")
    if kind == "properties":
        asked["only"] = tuple(name for name in PROPERTIES if name in asked["only"])
    for name, key in keys.items():
        if key.good is is_positive and isinstance(number := asked[name], int):
            asked[name] = float(number)  # 1 and 1.0 ask for the same
    if kind == "bench":
        asked["sizes"] = tuple(sorted(asked["sizes"]))
    named = [*asked.get("files", ()), *asked.get("references", ()), *_crystals(asked.get("crystals", ()), folder, look)]
    for name in named:
        if not (folder / name).is_file():
            look.wrong(f"there is no file {name}")
    return Measure(kind, json.dumps(asked, sort_keys=True), tuple((n, folder / n) for n in named), _name(kind, asked))


def _crystals(texts: Sequence[str], folder: Path, look: Look) -> list[str]:
    """Return those that are files."""
    from gnnp_bench.properties.named import named

    files = []
    for text in texts:
        if ":" not in text or (folder / text).exists():
            files.append(text)
            continue
        try:
            named(text)
        except ValueError as error:
            look.wrong(f"crystals: {error}")
    return files


def _name(kind: Measured, asked: Mapping[str, Any]) -> str:
    if kind == "bench":
        least, most = asked["sizes"][0], asked["sizes"][-1]
        return f"{most} atoms" if least == most else f"{least} to {most} atoms"
    return ", ".join(cast("Sequence[str]", asked.get("files") or asked.get("crystals") or ("known crystals",)))
