"""What was done to a structure, in words: the parameters of a check's case.

A name has one meaning in all checks: a rotation is a quaternion, a matrix holds cell vectors in terms of those before.
What has no words here is printed as it stands, under its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gnnp_bench.report.text import LONGEST_LIST, compact, listed, plain, plural

INVERSION = "symmetry/inversion"
"""Its rotations come after an inversion."""
AXES = {(1, 0, 0): "x", (0, 1, 0): "y", (0, 0, 1): "z"}
UNSAID = frozenset({"seed"})
"""What tells a reader nothing by itself."""
BULKY = 2
"""Atoms beyond which a field over all atoms is told by its size."""


def in_words(check_id: str, parameters: Mapping[str, Any]) -> str:
    """Return the parameters of a check's case in words; empty if nothing was done to the structure.

    Examples
    --------
    >>> in_words("symmetry/rotation", {"rotation": [1.0, 0.0, 0.0, 0.0], "start": None})
    'turned by 180° about x'
    >>> in_words("symmetry/inversion", {"rotation": [0.0, 0.0, 1.0, 0.0], "start": None})
    'mirrored along z'
    >>> in_words("mylab/law", {"shift": [0.1, 0.0, 0.0], "anything": 3})
    'shifted by (0.1, 0, 0) Å; anything = 3'
    """
    words = WORDS | ({"rotation": inverted} if check_id == INVERSION else {})
    said = [_said(words.get(name), name, value) for name, value in parameters.items() if name not in UNSAID]
    return "; ".join(part for part in said if part)


def turned(quaternion: Sequence[float]) -> str:
    """Return a rotation, a unit quaternion x, y, z, w, by its angle and axis.

    Examples
    --------
    >>> turned([0.0, 0.0, 0.0, 1.0]), turned([0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)])
    ('not turned', 'turned by 90° about z')
    """
    *vector, scalar = (float(x) for x in quaternion)
    length = math.hypot(*vector)
    angle = math.degrees(2.0 * math.atan2(length, scalar))
    if length < 1e-12:
        return "not turned"
    unit = [x / length + 0.0 for x in vector]
    nearest = tuple(round(abs(x)) for x in unit)
    if nearest in AXES and all(abs(abs(x) - n) < 1e-9 for x, n in zip(unit, nearest, strict=True)):
        sign = "" if sum(unit) > 0 else "−"
        return f"turned by {angle:.4g}° about {sign}{AXES[nearest]}"
    return f"turned by {angle:.4g}° about {_vector(unit)}"


def inverted(quaternion: Sequence[float]) -> str:
    """Return an inversion followed by a rotation: half a turn makes a mirror of it."""
    told = turned(quaternion)
    if told == "not turned":
        return "inverted: x → −x"
    if told.startswith("turned by 180° about "):
        return f"mirrored along {told.removeprefix('turned by 180° about ').removeprefix('−')}"
    return f"inverted, and {told}"


def history_line(history: Sequence[Mapping[str, Any]]) -> str:
    """Return what has to be evaluated before."""
    from ase.symbols import Symbols

    formulas = [f"{Symbols(one['numbers']).get_chemical_formula('metal')}" for one in history]
    shown = listed(formulas) if len(formulas) <= 6 else f"{', '.join(formulas[:6])}, …"
    return f"{plural(len(history), 'structure')} evaluated by a potential just loaded: {shown}"


def _said(words: Callable[[Any], str] | None, name: str, value: Any) -> str:
    if words is not None:
        try:
            return words(value)
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            pass  # of a check that uses the name in another sense
    return f"{plain(name)} = {compact(value)}"


def _vector(values: Sequence[float]) -> str:
    return f"({', '.join(f'{float(x):.4g}' for x in values)})"


def _start(value: Any) -> str:
    return "" if value is None else f"after it was {turned(value)}"


def _matrix(value: Any) -> str:
    rows = [" ".join(f"{int(x):d}" for x in row) for row in value]
    return f"new cell vectors are the rows of [{'; '.join(rows)}] times the old ones"


def _field(what: str) -> Callable[[Any], str]:
    """Return words for vectors of all atoms: in full for few of them."""

    def words(value: Any) -> str:
        rows = [[float(x) for x in row] for row in value]
        if len(rows) <= BULKY:
            return f"{what} {', '.join(_vector(row) for row in rows)}"
        moved = sum(any(row) for row in rows)
        return f"{what} {'each atom its own' if moved == len(rows) else f'{moved} of {len(rows)} atoms move'}"

    return words


def _tensor(what: str) -> Callable[[Any], str]:
    def words(value: Any) -> str:
        return f"{what} [{'; '.join(' '.join(f'{float(x):.3g}' for x in row) for row in value)}]"

    return words


def _strain(value: Any) -> str:
    return f"strain {value:.3g}" if isinstance(value, float) else _tensor("strain")(value)


def _order(value: Any) -> str:
    order = [int(k) for k in value]
    if len(order) > LONGEST_LIST:
        moved = [k for k, place in enumerate(order) if k != place]
        return f"{len(moved)} of {len(order)} atoms change places"
    return f"atoms in the order {', '.join(str(k + 1) for k in order)}"


def _company(value: Any) -> str:
    many = value if isinstance(value, list) else [value]
    atoms = sum(len(one["numbers"]) for one in many)
    return f"in the company of {plural(len(many), 'structure')} with {plural(atoms, 'atom')}" if many else "alone"


def _flag(yes: str, no: str = "") -> Callable[[Any], str]:
    return lambda value: yes if value else no


WORDS: dict[str, Callable[[Any], str]] = {
    "rotation": turned,
    "start": _start,
    "shift": lambda value: f"shifted by {_vector(value)} Å",
    "order": _order,
    "matrix": _matrix,
    "wrapped": _flag("atoms wrapped into the new cell", "atoms left where they are"),
    "moments": lambda value: "" if value is None else f"magnetic moments {compact(value)}",
    "charges": lambda value: "" if value is None else f"charges {compact(value)}",
    "u": _field("a loop r(u cos t + v sin t) through positions with u ="),
    "v": _field("v ="),
    "a": _tensor("and strains a cos t + b sin t with a ="),
    "b": _tensor("b ="),
    "strain": _strain,
    "amplitude": lambda value: f"every atom displaced at random by {float(value):.2g} Å" if value else "",
    "cells": _field("atoms moved by numbers of cell vectors:"),
    "radius": lambda value: f"r = {float(value):.4g} Å",
    "direction": _field("along"),
    "displacement": _field("atoms moved, Å:"),
    "company": _company,
    "place": lambda value: f"at place {int(value) + 1}",
    "fresh": _flag("loaded anew for the last answer", "asked again and again"),
    "timestep": lambda value: f"set in motion at 300 K, in steps of {float(value):.3g} fs",
    "hot_timestep": lambda value: f"heated, and left alone in steps of {float(value):.3g} fs",
    "cell_moves": lambda value: f"in a cell that moves {value}",
    "steps": lambda value: f"{int(value)} of them",
    "meeting": lambda value: f"{value[0]} and {value[1]} are brought together",
    "third": lambda value: "" if value is None else f"beside {value[0]}, {value[1]:.3g} radii away, at {value[2]:.3g}°",
    "pressed_along": lambda value: "pressed evenly" + ("" if value is None else f", and along {_vector(value)}"),
    "grid": lambda value: "",
    "separated": lambda value: "",
    "crystal": lambda value: f"the crystal {plain(str(value))}",
    "supercell": lambda value: f"in a supercell of {' × '.join(map(str, value))}",
    "strained": lambda value: f"strained along {', '.join(map(_matrix, value))}",
    "operations": lambda value: "",
    "held_stable": _flag("which it must hold stable", ""),
    "boxless": _flag("", "in a periodic box"),
    "device": lambda value: f"on the device {plain(str(value))}",
}
"""By the name of a parameter; empty for what need not be said."""
