"""What the KIM API needs around a model: units, species, error messages, the file that holds the model.

The KIM API writes what goes wrong into a file `kim.log` of the working directory. Here the objects that write it are
made while another place is set, so that messages end up in the exception and no file is left behind.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kimpy
from ase import units
from ase.data import chemical_symbols

LENGTHS = {"A": 1.0, "Bohr": units.Bohr, "cm": 1e8, "m": 1e10, "nm": 10.0}
ENERGIES = {
    "amu_A2_per_ps2": units._amu * 1e4 / units._e,
    "erg": 1e-7 / units._e,
    "eV": 1.0,
    "Hartree": units.Hartree,
    "J": 1.0 / units._e,
    "kcal_mol": units.kcal / units.mol,
}
UNITS = (
    kimpy.length_unit.A,
    kimpy.energy_unit.eV,
    kimpy.charge_unit.e,
    kimpy.temperature_unit.K,
    kimpy.time_unit.ps,
)
MOST_MESSAGES = 20

_messages: list[str] = []


def _hear(entry: bytes) -> int:
    if len(_messages) < MOST_MESSAGES:
        _messages.append(entry.decode(errors="replace"))
    return 0


_HEAR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p)(_hear)


class _Language(ctypes.Structure):
    _fields_ = (("id", ctypes.c_int),)


def _library() -> Any:
    """Return the library of the KIM API that kimpy has loaded, or None: then errors come without the model's words."""
    for name in ("libkim-api.so.2", ctypes.util.find_library("kim-api")):
        try:
            found = ctypes.CDLL(name or "")
            found.KIM_Log_PushDefaultPrintFunction.argtypes = (_Language, ctypes.c_void_p)
            found.KIM_Log_PushDefaultPrintFunction.restype = None
            return found if _Language.in_dll(found, "KIM_LANGUAGE_NAME_c") else None
        except (OSError, AttributeError, ValueError):
            continue
    return None


_LIBRARY = _library()


@contextmanager
def unlogged() -> Iterator[None]:
    """Objects of the KIM API that are made meanwhile write no file, and tell `words` of their errors."""
    kimpy.log.Log.push_default_verbosity(kimpy.log_verbosity.silent if _LIBRARY is None else kimpy.log_verbosity.error)
    if _LIBRARY is not None:
        language = _Language.in_dll(_LIBRARY, "KIM_LANGUAGE_NAME_c")
        _LIBRARY.KIM_Log_PushDefaultPrintFunction(language, ctypes.cast(_HEAR, ctypes.c_void_p))
    try:
        yield
    finally:
        if _LIBRARY is not None:
            _LIBRARY.KIM_Log_PopDefaultPrintFunction()
        kimpy.log.Log.pop_default_verbosity()


def forget() -> None:
    """Forget what was said so far."""
    _messages.clear()


def words() -> str:
    """Return the first error that was told since `forget`, the one closest to its cause; empty if there is none."""
    for message in _messages:
        # date * verbosity * number * what * address * file:line * message; lines are wrapped
        text = re.split(r":\d+\s*\*\s*", " ".join(message.split()), maxsplit=1)[-1]
        if text:
            return text.strip(" .")
    return ""


def species_of(model: Any) -> dict[str, int]:
    """Return the chemical symbols that a model supports, with its codes, in order of atomic number."""
    codes = {}
    for symbol in chemical_symbols[1:]:
        name = getattr(kimpy.species_name, symbol, None)
        if name is not None:
            supported, code = model.get_species_support_and_code(name)
            if supported:
                codes[symbol] = int(code)
    return codes


def units_of(model: Any) -> tuple[float, float]:
    """Return the model's units of length and energy in Å and eV; one it does not use is 1."""
    length, energy, *_ = model.get_units()
    return LENGTHS.get(str(length), 1.0), ENERGIES.get(str(energy), 1.0)


def installed() -> list[str]:
    """Return the names of the portable models that are installed."""
    with unlogged():
        collections = kimpy.collections.create()
        kind = kimpy.collection_item_type.portableModel
        count = collections.cache_list_of_item_names_by_type(kind)
        return sorted(collections.get_item_name_by_type(index) for index in range(count))


def sha256_of(name: str) -> str | None:
    """Return the hash of a portable model's library, which holds its parameters; None if it is not readable."""
    with unlogged():
        collections = kimpy.collections.create()
        kind = kimpy.collection_item_type.portableModel
        try:
            path = collections.get_item_library_file_name_and_collection(kind, name)[0]
            return hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except (RuntimeError, OSError):
            return None
