"""Tabulated properties of elements, from pymatgen's table [1]_ and ASE's.

.. [1] https://pymatgen.org/pymatgen.core.html#pymatgen.core.periodic_table.Element
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from importlib.util import find_spec

from ase.data import atomic_numbers, covalent_radii

PROPERTIES: Mapping[str, str] = {
    "electronegativity": "Pauling's scale",
    "first ionisation energy": "eV",
    "electron affinity": "eV",
    "covalent radius": "Å",
    "melting point": "K",
    "Mendeleev number": "",
    "period": "",
    "group": "",
}
"""What saliency is compared with, and its unit."""


def table(symbol: str) -> dict[str, float]:
    """Return the properties of an element; NaN where the table has none.

    Raises
    ------
    ModuleNotFoundError
        pymatgen is not installed.
    """
    if find_spec("pymatgen") is None:
        raise ModuleNotFoundError("tables of elements need pymatgen: pip install pymatgen")
    from pymatgen.core.periodic_table import Element

    element = Element(symbol)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the table has no value it warns and returns NaN
        values = {
            "electronegativity": element.X,
            "first ionisation energy": element.ionization_energy,
            "electron affinity": element.electron_affinity,
            "covalent radius": covalent_radii[atomic_numbers[symbol]],
            "melting point": element.melting_point,
            "Mendeleev number": element.mendeleev_no,
            "period": element.row,
            "group": element.group,
        }
    return {name: math.nan if value is None else float(value) for name, value in values.items()}


def place(symbol: str) -> tuple[int, int]:
    """Return the row and the column of an element in the periodic table, lanthanides and actinides below it.

    Raises
    ------
    ModuleNotFoundError
        pymatgen is not installed.
    """
    if find_spec("pymatgen") is None:
        raise ModuleNotFoundError("the periodic table needs pymatgen: pip install pymatgen")
    from pymatgen.core.periodic_table import Element

    element = Element(symbol)
    if element.is_lanthanoid or element.is_actinoid:
        return (9 if element.is_lanthanoid else 10), 3 + element.Z - (57 if element.is_lanthanoid else 89)
    return element.row, element.group
