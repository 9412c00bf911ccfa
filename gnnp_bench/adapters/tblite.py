"""GFN1-xTB and GFN2-xTB of tblite [1]_, through the package's own ASE calculator: `tblite`, `tblite:GFN1-xTB`.

The package takes one structure at a time. Its calculator is attached to structures as users do, too.

.. [1] https://tblite.readthedocs.io; C. Bannwarth et al., J. Chem. Theory Comput. 15, 1652 (2019),
   doi:10.1021/acs.jctc.8b01176
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import replace

from gnnp_bench.adapters import ase as ase_adapter
from gnnp_bench.adapters._factory import suggestion, typed
from gnnp_bench.potential import Carried, Identity, PotentialError

try:
    from tblite.ase import TBLite
except ModuleNotFoundError as missing:
    if missing.name != "tblite":
        raise
    raise PotentialError("tblite is not installed: pip install tblite, or --env auto") from missing

from ase.data import chemical_symbols

METHODS = ("GFN2-xTB", "GFN1-xTB", "IPEA1-xTB")
HEAVIEST = 86
"""Radon: the parameters of these methods end there, and the package tells no list."""
OPTIONS = ("accuracy", "electronic_temperature", "max_iterations")


def create(
    argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None
) -> ase_adapter.AsePotential:
    """Build the potential of `tblite[:METHOD][?accuracy=1.0&electronic_temperature=300&max_iterations=250]`.

    Raises
    ------
    PotentialError
        There is no such method or option, or a value is no positive number.
    """
    if strange := sorted(set(options) - set(OPTIONS)):
        raise PotentialError(f"tblite has no option {strange[0]!r}{suggestion(strange[0], OPTIONS)}")
    method = argument or METHODS[0]
    if method not in METHODS:
        raise PotentialError(f"tblite has no method {method!r}{suggestion(method, METHODS)}: {', '.join(METHODS)}")
    values = typed(options)
    for key, value in values.items():
        if isinstance(value, str | bool) or not 0 < value < float("inf"):
            raise PotentialError(f"{key} is a number above 0, not {options[key]!r}")
    calculator = TBLite(method=method, verbosity=0, **values)
    made = ase_adapter.from_calculator(calculator, chemical_symbols[1 : HEAVIEST + 1])
    reads = (Carried("initial_charges", "charges", 0), Carried("initial_magmoms", "moments", 0))
    return replace(
        made,
        name=f"tblite-{method}",
        capabilities=replace(made.capabilities, dtype="float64", reads=reads),
        identity=Identity(version=importlib.metadata.version("tblite"), packages=("tblite",)),
    )
