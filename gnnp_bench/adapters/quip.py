"""Potentials of QUIP [1]_, of which GAP is one, through quippy: `quip:FILE.xml`.

quippy's `Potential` is an ASE calculator and is evaluated as one. Which potential a file holds, its species and its
cutoff are read from it.

.. [1] A. P. Bartók et al., Physical Review Letters 104, 136403 (2010), doi:10.1103/PhysRevLett.104.136403;
   J. R. Kermode, Journal of Physics: Condensed Matter 32, 305901 (2020), doi:10.1088/1361-648X/ab82d2
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols

from gnnp_bench.adapters import ase
from gnnp_bench.adapters._factory import check_options, one_line
from gnnp_bench.adapters.ase import AsePotential
from gnnp_bench.potential import Identity, PotentialError
from gnnp_bench.silence import silenced

OPTIONS = ("init", "calc")
NUMBERS = ("atomic_num", "Z", "z", "atomic_number")
"""Attributes of the elements of XML in which QUIP's potentials write atomic numbers of their types."""


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> AsePotential:
    """Build the potential of `quip:FILE.xml?init=IP SW&calc=…`.

    `init` is what QUIP calls the initialisation string, by default "IP" and the name of the outermost element of the
    file; `calc` are arguments for each calculation.

    Raises
    ------
    PotentialError
        There is no such file, it is no XML, QUIP does not accept it, or an option is unknown.
    """
    if argument is None:
        raise PotentialError("quip needs a file of parameters: quip:gap.xml")
    check_options("quip", options, OPTIONS)
    path = Path(argument)
    if not path.is_file():
        raise PotentialError(f"there is no file {argument}")
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except ElementTree.ParseError as error:
        raise PotentialError(f"{argument} is no XML: {error}") from error
    known = _species(root) or species
    if known is None:
        raise PotentialError(f"{argument} does not tell its species: name them, --species Si,C")
    made = _calculator(path, root, options)
    potential = ase.from_calculator(made, known)
    return replace(
        potential,
        name=f"quip-{path.name}",
        capabilities=replace(potential.capabilities, cutoff=_cutoff(made), dtype="float64"),
        identity=Identity(
            version=importlib.metadata.version("quippy-ase"),
            weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            packages=("quippy-ase",),
        ),
    )


def _calculator(path: Path, root: ElementTree.Element, options: Mapping[str, str]) -> Any:
    from quippy.potential import Potential

    init = options.get("init", _init(root))
    calc = {"calc_args": options["calc"]} if "calc" in options else {}
    try:
        with silenced():
            return Potential(init, param_filename=str(path), **calc)
    except (RuntimeError, ValueError) as error:
        raise PotentialError(f"QUIP does not accept {path.name} as {init!r}: {one_line(error)}") from error


def _init(root: ElementTree.Element) -> str:
    """Return the initialisation string: that of the file, or the name of what it holds."""
    if root.tag == "Potential" and (told := root.get("init_args")):
        return told
    inner = root if root.tag.endswith("_params") else next((e for e in root.iter() if e.tag.endswith("_params")), root)
    return f"IP {inner.tag.removesuffix('_params')}"


def _species(root: ElementTree.Element) -> tuple[str, ...]:
    """Return the chemical symbols of the types that a file has parameters for."""
    found = {
        int(value)
        for element in root.iter()
        if element.tag.endswith("type_data") or element.tag == "gpSparse" or element.get("atomic_num")
        for value in (element.get(name) for name in NUMBERS)
        if value is not None and value.strip().isdigit()
    }
    return tuple(chemical_symbols[z] for z in sorted(found) if 0 < z < len(chemical_symbols))


def _cutoff(calculator: Any) -> float | None:
    """Return the cutoff in Å, where QUIP tells it."""
    try:
        cutoff = float(calculator._quip_potential.cutoff())
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    return cutoff if cutoff > 0 else None
