"""`Recipe`: the few JSON values from which a structure of the pool is built, bit by bit the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from gnnp_bench.structures.molecules import CHAINS, CLUSTERS, MOLECULES, molecule
from gnnp_bench.structures.prototypes import PROTOTYPES
from gnnp_bench.structures.radii import atomic_number

Kind: TypeAlias = Literal["crystal", "slab", "wire", "liquid", "molecule", "cluster"]
Row: TypeAlias = tuple[int, int, int]

NO_STRAIN = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
NO_SKEW: tuple[Row, Row, Row] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
PERIODIC = (True, True, True)
ISOLATED = (False, False, False)
_NAMES: dict[str, tuple[str, ...]] = {
    "crystal": tuple(PROTOTYPES),
    "slab": tuple(PROTOTYPES),
    "wire": tuple(CHAINS),
    "liquid": ("packing",),
    "molecule": tuple(MOLECULES),
    "cluster": tuple(CLUSTERS),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a structure is built. `build.build` follows it in the order of the attributes.

    Attributes
    ----------
    kind : str
        "crystal", "slab" (layers of a crystal stacked along its third vector), "wire", "liquid" (a packing at
        liquid density; a droplet if isolated), "molecule" or "cluster" (a single atom as well).
    prototype : str
        A key of `prototypes.PROTOTYPES`, `molecules.CHAINS`, `molecules.MOLECULES` or `molecules.CLUSTERS`;
        "packing" for liquids.
    species : tuple of str
        One per class of equivalent atoms of a crystal, or a single one for all. Where there is but one class
        (fcc, clusters, liquids, …) several species are mixed at random, each present. A molecule names its own.
    repeat : tuple of 3 int
        Primitive cells along each vector; layers of a slab; for a liquid the product is the number of atoms.
    scale : float
        Factor on all bond lengths.
    rattle : float, Å
        Each atom is moved by a random vector, uniform in a ball of this radius.
    seed : int
        Of everything random.
    strain : tuple of 6 float
        Tensor components xx, yy, zz, yz, xz, xy of ε; every vector r becomes r + r ε.
    vacuum : float, Å
        Empty space on either side along directions in which matter ends; 0 where such a direction is not
        periodic gives a zero cell vector there.
    pbc : tuple of 3 bool
    skew : 3 × 3 tuple of int
        Rows of another basis of the same lattice, determinant ±1; -1 makes a left-handed cell.
    contact : float
        All is expanded evenly until no two atoms are closer than this fraction of their contact distance.
    apart : float, Å
        The last atom has left the others: it stands so far above them, along the third direction. 0 where none has.

    Raises
    ------
    ValueError
        If the values do not describe a structure; the message names the attribute.
    """

    kind: Kind
    prototype: str
    species: tuple[str, ...]
    repeat: Row = (1, 1, 1)
    scale: float = 1.0
    rattle: float = 0.0
    seed: int = 0
    strain: tuple[float, float, float, float, float, float] = NO_STRAIN
    vacuum: float = 0.0
    pbc: tuple[bool, bool, bool] = PERIODIC
    skew: tuple[Row, Row, Row] = NO_SKEW
    contact: float = 0.75
    apart: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what does not describe a structure."""
        if self.kind not in _NAMES:
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, got {self.kind!r}")
        if self.prototype not in _NAMES[self.kind]:
            names = ", ".join(_NAMES[self.kind])
            raise ValueError(f"prototype of a {self.kind} must be one of {names}, got {self.prototype!r}")
        _check_shapes(self)
        _check_ranges(self)
        _check_periodicity(self)
        _check_species(self)

    @property
    def sites(self) -> int:
        """Number of atoms before `repeat`."""
        if self.kind in ("crystal", "slab"):
            return len(PROTOTYPES[self.prototype].sites)
        if self.kind == "wire":
            return len(CHAINS[self.prototype][0])
        if self.kind == "cluster":
            return len(CLUSTERS[self.prototype])
        if self.kind == "molecule":
            return len(molecule(self.prototype)[0])
        return 1

    @property
    def n_atoms(self) -> int:
        """Number of atoms of the structure."""
        return self.sites * math.prod(self.repeat)

    @property
    def classes(self) -> int:
        """Number of classes of equivalent atoms that the prototype keeps apart."""
        return PROTOTYPES[self.prototype].classes if self.kind in ("crystal", "slab") else 1

    @property
    def is_random_alloy(self) -> bool:
        """Whether species are mixed at random over the atoms."""
        return len(self.species) > 1 and self.classes == 1 and self.kind != "molecule"

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON values; `from_json` gives the same recipe back, to the last bit."""
        return {item.name: _lists(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe that `to_json` wrote.

        Raises
        ------
        ValueError
            If an attribute is missing, unknown, or has no sensible value.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"a recipe is a JSON object, got {type(values).__name__}")
        names = [item.name for item in fields(cls)]
        unknown = sorted(set(values) - set(names))
        if unknown:
            text = ", ".join(map(str, unknown))
            raise ValueError(f"unknown attributes of a recipe: {text}; known: {', '.join(names)}")
        missing = [name for name in ("kind", "prototype", "species") if name not in values]
        if missing:
            raise ValueError(f"a recipe needs {', '.join(missing)}")
        arguments = {name: _tuples(value) for name, value in values.items()}
        for name in ("scale", "rattle", "vacuum", "contact", "apart"):
            if isinstance(arguments.get(name), int) and not isinstance(arguments[name], bool):
                arguments[name] = float(arguments[name])
        if isinstance(arguments.get("strain"), tuple):
            arguments["strain"] = tuple(float(x) if type(x) is int else x for x in arguments["strain"])
        return cls(**arguments)


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _is_tuple(value: object, kind: type, length: int) -> bool:
    return isinstance(value, tuple) and len(value) == length and all(type(item) is kind for item in value)


def _check_shapes(recipe: Recipe) -> None:
    if not _is_tuple(recipe.repeat, int, 3) or min(recipe.repeat) < 1:
        raise ValueError(f"repeat must be three whole numbers from 1, got {recipe.repeat!r}")
    if recipe.kind in ("molecule", "cluster") and recipe.repeat != (1, 1, 1):
        raise ValueError(f"repeat of a {recipe.kind} must be (1, 1, 1), got {recipe.repeat!r}")
    if recipe.kind == "wire" and recipe.repeat[1:] != (1, 1):
        raise ValueError(f"repeat of a wire must be (n, 1, 1), got {recipe.repeat!r}")
    if not _is_tuple(recipe.strain, float, 6):
        raise ValueError(f"strain must be six floats (xx, yy, zz, yz, xz, xy), got {recipe.strain!r}")
    if not _is_tuple(recipe.pbc, bool, 3):
        raise ValueError(f"pbc must be three booleans, got {recipe.pbc!r}")
    if not (_is_tuple(recipe.skew, tuple, 3) and all(_is_tuple(row, int, 3) for row in recipe.skew)):
        raise ValueError(f"skew must be three rows of three whole numbers, got {recipe.skew!r}")
    for name in ("scale", "rattle", "vacuum", "contact", "apart"):
        value = getattr(recipe, name)
        if type(value) is not float or not math.isfinite(value):
            raise ValueError(f"{name} must be a finite float, got {value!r}")


def _check_ranges(recipe: Recipe) -> None:
    if not 0.5 <= recipe.scale <= 10:
        raise ValueError(f"scale must lie between 0.5 and 10, got {recipe.scale!r}")
    if not 0 <= recipe.rattle <= 2:
        raise ValueError(f"rattle must lie between 0 and 2 Å, got {recipe.rattle!r}")
    if not 0 <= recipe.vacuum <= 1000:
        raise ValueError(f"vacuum must lie between 0 and 1000 Å, got {recipe.vacuum!r}")
    if not 0 <= recipe.apart <= 1000:
        raise ValueError(f"apart must lie between 0 and 1000 Å, got {recipe.apart!r}")
    if not 0.3 <= recipe.contact <= 1:
        raise ValueError(f"contact must lie between 0.3 and 1, got {recipe.contact!r}")
    if type(recipe.seed) is not int or not 0 <= recipe.seed < 2**63:
        raise ValueError(f"seed must be a whole number from 0 to 2**63 - 1, got {recipe.seed!r}")
    # 1/4 in every component keeps I + ε positive definite: a row of |ε| sums to less than 1.
    if not all(math.isfinite(x) and abs(x) <= 0.25 for x in recipe.strain):
        raise ValueError(f"strain must have components between -0.25 and 0.25, got {recipe.strain!r}")
    if abs(_determinant(recipe.skew)) != 1:
        raise ValueError(f"skew must have determinant 1 or -1, got {recipe.skew!r}")


def _determinant(m: tuple[Row, Row, Row]) -> int:
    (a, b, c), (d, e, f), (g, h, i) = m
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def _check_periodicity(recipe: Recipe) -> None:
    kind, pbc = recipe.kind, recipe.pbc
    endless = {"crystal": 3, "slab": 2, "wire": 1}.get(kind, 0)
    if not all(pbc[:endless]):
        raise ValueError(f"pbc of a {kind} must be True in the first {endless} directions, got {pbc!r}")
    if kind == "liquid":
        if pbc not in (PERIODIC, ISOLATED) or recipe.vacuum:
            raise ValueError("pbc of a liquid must be all True (bulk) or all False (droplet), with vacuum 0")
    elif kind == "crystal":
        if recipe.vacuum:
            raise ValueError("vacuum of a crystal must be 0; use kind 'slab'")
    elif any(pbc[endless:]) and recipe.vacuum < 1:
        raise ValueError(f"vacuum must be at least 1 Å where a {kind} is put into a periodic box")
    if recipe.apart and (kind == "crystal" or (kind == "liquid" and all(pbc)) or recipe.n_atoms < 2):
        raise ValueError("apart must be 0 where matter does not end along the third direction, and for a single atom")
    for i in range(3):
        for j in range(3):
            if not (pbc[i] and pbc[j]) and recipe.skew[i][j] != (i == j):
                raise ValueError("skew may only mix periodic directions; keep rows of the others as in the identity")


def _check_species(recipe: Recipe) -> None:
    species = recipe.species
    if not isinstance(species, tuple) or not species:
        raise ValueError(f"species must be a tuple of chemical symbols, got {species!r}")
    for symbol in species:
        atomic_number(symbol)
    if len(set(species)) != len(species):
        raise ValueError(f"species must not repeat a symbol, got {species!r}")
    if recipe.kind == "molecule":
        if species != MOLECULES[recipe.prototype]:
            raise ValueError(f"species of {recipe.prototype} must be {MOLECULES[recipe.prototype]!r}, got {species!r}")
    elif recipe.classes > 1 and len(species) not in (1, recipe.classes):
        raise ValueError(f"species of {recipe.prototype} must be one or {recipe.classes}, got {species!r}")
    elif recipe.classes == 1 and len(species) > recipe.n_atoms:
        raise ValueError(f"species must not outnumber the {recipe.n_atoms} atoms, got {species!r}")
