"""What a potential of LAMMPS is made of: the lines of an input fragment, or those that a named file calls for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ase.data import atomic_numbers, chemical_symbols

from gnnp_bench.adapters._factory import suggestion
from gnnp_bench.potential import PotentialError

BEFORE_BOX = ("units", "atom_style", "newton", "labelmap")
WITH_ATOMS = ("set", "fix")
"""A fix that is made before the atoms are starts from whatever is in memory."""
AFTER_BOX = (
    "pair_style",
    "pair_coeff",
    "pair_modify",
    "kspace_style",
    "kspace_modify",
    "dielectric",
    "special_bonds",
    "neigh_modify",
    "comm_modify",
    "variable",
    "mass",
)
COMMANDS = (*BEFORE_BOX, *AFTER_BOX, *WITH_ATOMS)

STYLES = {
    ".sw": ("sw", 14),
    ".tersoff": ("tersoff", 17),
    ".tersoff.mod": ("tersoff/mod", 20),
    ".tersoff.modc": ("tersoff/mod/c", 21),
    ".tersoff.zbl": ("tersoff/zbl", 21),
    ".vashishta": ("vashishta", 17),
    ".edip": ("edip/multi", 20),
    ".eam.alloy": ("eam/alloy", 0),
    ".eam.fs": ("eam/fs", 0),
    ".adp": ("adp", 0),
    ".eam": ("eam", 0),
    ".snapcoeff": ("snap", 0),
}
"""What a file's name ends with: its pair style, and the words of an entry where a file is a list of those."""
FRAGMENTS = (".snap", ".mliap", ".in", ".lmp", ".lammps")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes a potential.

    Attributes
    ----------
    units : str
        The system of units, in the word of LAMMPS.
    atom_style : str
    before, after, each : tuple of str
        Commands before the box is made; after it; and for each structure, once its atoms are there.
    types : tuple of str
        The chemical symbol of each type of atom; empty where nothing tells.
    files : tuple of Path
        What it was read from.
    """

    units: str
    atom_style: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    each: tuple[str, ...]
    types: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def remembers(self) -> bool:
        """Whether LAMMPS keeps something from one structure to the next: charges, or room for the first."""
        return any(line.startswith("fix") or "reax" in line or "comb" in line for line in (*self.after, *self.each))


def find(name: str, folders: Sequence[Path]) -> Path:
    """Return a file by its path, or by its name in one of the folders.

    Raises
    ------
    PotentialError
        There is none.
    """
    for path in (Path(name), *(folder / name for folder in folders)):
        if path.is_file():
            return path.resolve()
    there = sorted(path.name for folder in folders if folder.is_dir() for path in folder.iterdir())
    where = f", neither here nor in {folders[0]}" if folders else ""
    raise PotentialError(f"there is no file {name}{where}{suggestion(name, there)}")


def recipe_of(path: Path, elements: Sequence[str] | None) -> Recipe:
    """Return what a file is the recipe of: an input fragment, or the parameters of one pair style.

    Parameters
    ----------
    path : Path
    elements : sequence of str or None
        The chemical symbols of the types, where they are given.

    Raises
    ------
    PotentialError
        The file is neither, or its species are not told.
    """
    endings = sorted(STYLES, key=len, reverse=True)
    ending = next((one for one in endings if path.name.endswith(one)), None)
    if path.name.endswith(FRAGMENTS) or path.name.startswith("in."):
        return _of_fragment(path, elements)
    if ending is None:
        choices = ", ".join((*STYLES, *FRAGMENTS))
        raise PotentialError(
            f"{path.name} does not tell its pair style by its ending ({choices}): write pair_style and pair_coeff into"
            " a file fragment.in and name that"
        )
    style, words = STYLES[ending]
    types = tuple(elements or _elements_of(path, style, words))
    if style == "edip/multi" and len(types) == 1:
        style = "edip"
    if not types:
        raise PotentialError(f"{path.name} does not tell its elements: name them, ?elements=Si,C")
    return _of_style(path, style, types)


def _of_style(path: Path, style: str, types: tuple[str, ...]) -> Recipe:
    named = " ".join(types)
    files: tuple[Path, ...] = (path,)
    if style == "snap":
        parameters = path.with_suffix(".snapparam")
        files = (path, parameters)
        coefficients = [f'* * "{path}" "{parameters}" {named}']
    elif style == "eam":
        coefficients = [f'* * "{path}"']
    else:
        coefficients = [f'* * "{path}" {named}']
    if missing := [one for one in files if not one.is_file()]:
        raise PotentialError(f"{path.name} goes with {missing[0].name}, which is not beside it")
    after = (f"pair_style {style}", *(f"pair_coeff {one}" for one in coefficients))
    return Recipe("metal", "atomic", (), after, (), types, files)


def _of_fragment(path: Path, elements: Sequence[str] | None) -> Recipe:
    units, atom_style, types = "metal", "atomic", tuple(elements or ())
    before: list[str] = []
    after: list[str] = []
    each: list[str] = []
    files = [path]
    for line in _lines(path):
        words = line.split()
        command = words[0]
        if command not in COMMANDS:
            raise PotentialError(
                f"{path.name}: {command!r} has no place in a fragment{suggestion(command, COMMANDS)}; it may hold"
                f" {', '.join(COMMANDS)}"
            )
        if command == "fix" and not (len(words) > 3 and words[3].startswith("qeq/")):
            raise PotentialError(f"{path.name}: of all fixes only qeq/… belongs to a potential, not {line!r}")
        if command in ("units", "atom_style") and len(words) < 2:
            raise PotentialError(f"{path.name}: {command} needs a word after it")
        if command == "units":
            units = words[1]
        elif command == "atom_style":
            atom_style = words[1]
        elif command == "labelmap":
            types = types or _labels(path, words)
        elif command in BEFORE_BOX:
            before.append(line)
        elif command in WITH_ATOMS:
            each.append(line)
        else:
            if command == "pair_coeff":
                types = types or _trailing(words)
            after.append(_with_paths(line, path.parent, files))
    if not any(line.startswith("pair_style") for line in after):
        raise PotentialError(f"{path.name} holds no pair_style")
    return Recipe(units, atom_style, tuple(before), tuple(after), tuple(each), types, tuple(files))


def _lines(path: Path) -> list[str]:
    """Return the commands of a fragment, comments left out and lines that end with & joined."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PotentialError(f"{path.name} cannot be read as text: {error}") from error
    if "\0" in text:
        raise PotentialError(f"{path.name} cannot be read as text: it holds a zero byte")
    text = re.sub(r"#.*", "", text)
    text = re.sub(r"&[ \t]*\n", " ", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _labels(path: Path, words: Sequence[str]) -> tuple[str, ...]:
    """Return the symbols of `labelmap atom 1 Si 2 C`."""
    pairs = dict(zip(words[2::2], words[3::2], strict=False))
    types = tuple(pairs.get(str(k + 1), "") for k in range(len(pairs)))
    if words[1:2] != ["atom"] or not types or not all(one in chemical_symbols[1:] for one in types):
        raise PotentialError(f"{path.name}: write labelmap atom 1 Si 2 C, with chemical symbols")
    return types


def _trailing(words: Sequence[str]) -> tuple[str, ...]:
    """Return the chemical symbols that end `pair_coeff * * … Si C`, if any."""
    found: list[str] = []
    for word in reversed(words[3:] if list(words[1:3]) == ["*", "*"] else []):
        if word not in chemical_symbols[1:]:
            break
        found.insert(0, word)
    return tuple(found)


def _with_paths(line: str, folder: Path, files: list[Path]) -> str:
    """Return a line in which files that lie in a folder are named by their whole path, and note them."""
    words = []
    for word in line.split():
        path = folder / word.strip("\"'")
        if path.is_file():
            files.append(path)
            word = f'"{path}"'
        words.append(word)
    return " ".join(words)


def _elements_of(path: Path, style: str, words: int) -> tuple[str, ...]:
    """Return the elements that a file of parameters holds, in their order; none if it does not tell."""
    lines = path.read_text(errors="replace").splitlines()
    if style == "eam":
        number = lines[1].split()[0] if len(lines) > 1 else ""
        return (chemical_symbols[int(number)],) if number.isdecimal() and 0 < int(number) < 119 else ()
    if style in ("eam/alloy", "eam/fs", "adp"):
        found = lines[3].split()[1:] if len(lines) > 3 else []
    elif style == "snap":
        found = _blocks(lines)
    else:
        data = " ".join(line.partition("#")[0] for line in lines).split()
        found = data[::words]
    known = tuple(dict.fromkeys(one for one in found if one in atomic_numbers and one != "X"))
    return known if len(known) == len(set(found)) else ()


def _blocks(lines: Sequence[str]) -> list[str]:
    """Return the elements of a file of SNAP coefficients: the first word of each line that starts a block."""
    data = [line.split() for line in lines if line.partition("#")[0].strip()]
    count = int(data[0][1])
    return [data[1 + k * (count + 1)][0] for k in range(int(data[0][0]))]
