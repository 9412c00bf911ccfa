"""A structure drawn so that it can be turned: atoms and bonds as an SVG that stands for itself, also in print.

The script of the page turns it: each circle and line carries its place in Å.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from gnnp_bench.potential import FloatArray
from gnnp_bench.report.html.markup import joined, put
from gnnp_bench.report.text import NO_STRUCTURE, plural, structure_lines

MOST_ATOMS = 400
"""Drawn; of larger ones there is the file."""
SHARE = 0.45
"""Of the covalent radius, as which an atom is drawn."""
BOND = 1.2
"""Of the sum of covalent radii."""
AT_FACE = 1e-3
FAR = 2.0
"""Times what is in a cell: as much of a larger one is drawn."""
SIZE = 100.0
"""Half the width of the picture."""


def drawing(structure: Mapping[str, Any], name: str) -> Markup:
    """Return the picture of a structure, as a certificate keeps it.

    Parameters
    ----------
    structure : mapping
        numbers, positions (Å), cell (Å, rows), pbc.
    name : str
        For ids that are its own on the page.
    """
    try:
        return _drawn(structure, name)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return put("<p>{}.</p>", NO_STRUCTURE)  # a certificate may hold anything


def _drawn(structure: Mapping[str, Any], name: str) -> Markup:
    numbers, positions, cell, periodic = _arrays(structure)
    words = structure_lines(structure, most_atoms=0)[0]
    if len(numbers) > MOST_ATOMS:
        return put("<p>{}: too many atoms to draw; they are in the file.</p>", words)
    if not len(numbers) or not np.isfinite(cell).all() or not np.isfinite(positions).any(axis=None):
        return put("<p>{}: nothing to draw.</p>", words)
    finite = np.isfinite(positions).all(axis=1)
    numbers, positions = numbers[finite], positions[finite]
    everything, of, copies = _with_copies(numbers, positions, cell, periodic)
    edges = _edges(cell)
    middle, reach = _view(everything, edges)
    scale = 0.95 * SIZE / reach
    turn = _first_turn()
    lines = [_line("cell", a, b) for a, b in scale * (edges - middle)]
    lines += [_line("bond", *(scale * (everything[[i, j]] - middle))) for i, j in _bonds(everything, numbers[of])]
    spheres = zip(everything, of, copies, strict=True)
    atoms = [_atom(scale * (r - middle), int(numbers[k]), scale, name, copy) for r, k, copy in spheres]
    seen = [*_placed(lines, turn), *_placed(atoms, turn)]
    drawn = joined(piece for _, piece in sorted(seen, key=lambda item: item[0]))
    kinds = dict.fromkeys(int(z) for z in numbers)
    gradients = joined(_gradient(z, name) for z in kinds)
    more = f", and {plural(int((~finite).sum()), 'atom')} whose place is no number" if not finite.all() else ""
    image = put(
        '<svg class="turn" role="img" tabindex="0" viewBox="-100 -100 200 200" data-turn="{}" aria-label="{}">'
        "<defs>{}</defs><g>{}</g></svg>",
        " ".join(f"{x:.4f}" for x in turn.ravel()),
        f"Picture of the structure: {words}{more}. Arrow keys turn it.",
        gradients,
        drawn,
    )
    legend = _legend(kinds)
    return put('<figure class="structure">{}<figcaption>{} {}</figcaption></figure>', image, words + more, legend)


def _arrays(structure: Mapping[str, Any]) -> tuple[Any, FloatArray, FloatArray, Any]:
    def rows(name: str) -> FloatArray:
        values = structure.get(name) or []
        return np.array([[np.nan if x is None else x for x in row] for row in values], dtype=float).reshape(-1, 3)

    cell = rows("cell") if structure.get("cell") is not None else np.zeros((3, 3))
    return np.asarray(structure["numbers"], dtype=int), rows("positions"), cell, np.asarray(structure.get("pbc"), bool)


def _with_copies(numbers: Any, positions: FloatArray, cell: FloatArray, periodic: Any) -> tuple[FloatArray, Any, Any]:
    """Return atoms and their images on the opposite faces of the cell, which one expects to see."""
    of = np.arange(len(numbers))
    if not periodic.any() or abs(np.linalg.det(cell)) < 1e-6:
        return positions, of, np.zeros(len(of), bool)
    places, whose = [positions], [of]
    fractions = positions @ np.linalg.inv(cell)
    for k, fraction in enumerate(fractions):
        choices = [_images(x) if on else (0,) for x, on in zip(fraction, periodic, strict=True)]
        shifts = [shift for shift in itertools.product(*choices) if any(shift)]
        if shifts:
            places.append(positions[k] + np.array(shifts) @ cell)
            whose.append(np.full(len(shifts), k))
    of = np.concatenate(whose)
    return np.concatenate(places), of, np.arange(len(of)) >= len(numbers)


def _images(fraction: float) -> tuple[int, ...]:
    if abs(fraction) < AT_FACE:
        return 0, 1
    return (0, -1) if abs(fraction - 1.0) < AT_FACE else (0,)


def _view(positions: FloatArray, edges: FloatArray) -> tuple[FloatArray, float]:
    """Return the middle of the picture and how far it reaches: to all that is drawn, however it is turned.

    Where a cell is much larger than what is in it, the edges may leave the picture.
    """
    middle, reach = _middle(np.concatenate([positions, edges.reshape(-1, 3)]))
    inner, needed = _middle(positions)
    return (middle, reach) if reach <= FAR * needed else (inner, FAR * needed)


def _middle(spots: FloatArray) -> tuple[FloatArray, float]:
    middle: FloatArray = (spots.max(axis=0) + spots.min(axis=0)) / 2.0
    return middle, float(np.linalg.norm(spots - middle, axis=1).max(initial=0.0)) + 1.0


def _edges(cell: FloatArray) -> FloatArray:
    """Return the edges of the cell, (n, 2, 3): of those of its vectors that there are."""
    vectors = [v for v in cell if np.linalg.norm(v) > 0.0]
    found = []
    for i, vector in enumerate(vectors):
        others = [v for j, v in enumerate(vectors) if j != i]
        for picked in itertools.product((0.0, 1.0), repeat=len(others)):
            start = sum((p * v for p, v in zip(picked, others, strict=True)), np.zeros(3))
            found.append((start, start + vector))
    return np.array(found).reshape(-1, 2, 3)


def _bonds(positions: FloatArray, numbers: Any) -> list[tuple[int, int]]:
    from ase.data import covalent_radii

    radii = covalent_radii[numbers]
    gaps = np.linalg.norm(positions[:, None] - positions[None, :], axis=2)
    near = (gaps < BOND * (radii[:, None] + radii[None, :])) & (gaps > 0.1)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(near, 1))]


def _first_turn() -> FloatArray:
    """Return the matrix by which the picture is turned at first: x to the right, z up, seen from a little above."""
    about, above = np.deg2rad(-25.0), np.deg2rad(18.0)
    c, s = np.cos(about), np.sin(about)
    level = np.array([[c, -s, 0.0], [0.0, 0.0, 1.0], [-s, -c, 0.0]])
    c, s = np.cos(above), np.sin(above)
    turned: FloatArray = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]]) @ level
    return turned


def _placed(pieces: list[tuple[FloatArray, Any]], turn: FloatArray) -> list[tuple[float, Markup]]:
    """Return pieces with their depths, as they are seen at first."""
    return [(float((places @ turn.T)[:, 2].mean()), as_seen(places @ turn.T)) for places, as_seen in pieces]


def _line(kind: str, start: FloatArray, end: FloatArray) -> tuple[FloatArray, Any]:
    told = " ".join(f"{x:.2f}" for x in (*start, *end))

    def as_seen(ends: FloatArray) -> Markup:
        (x1, y1, _), (x2, y2, _) = ends
        numbers = (f"{v:.2f}" for v in (x1, -y1, x2, -y2))
        return put('<line class="{}" data-at="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', kind, told, *numbers)

    return np.array([start, end]), as_seen


def _atom(place: FloatArray, z: int, scale: float, name: str, copy: bool) -> tuple[FloatArray, Any]:
    from ase.data import chemical_symbols, covalent_radii

    told = " ".join(f"{x:.2f}" for x in place)
    # At least as large as a finger finds it.
    radius = max(2.5, scale * SHARE * float(covalent_radii[z]))

    def as_seen(at: FloatArray) -> Markup:
        return put(
            '<circle class="{}" data-at="{}" cx="{}" cy="{}" r="{}" fill="url(#{})"><title>{}</title></circle>',
            "atom image" if copy else "atom",
            told,
            f"{at[0, 0]:.2f}",
            f"{-at[0, 1]:.2f}",
            f"{radius:.2f}",
            f"{name}-{z}",
            f"{chemical_symbols[z]}{', an image in the next cell' if copy else ''}",
        )

    return np.array([place]), as_seen


def colour(z: int) -> tuple[int, int, int]:
    """Return the colour of an element, as Jmol has it."""
    from ase.data.colors import jmol_colors

    r, g, b = (round(255 * float(x)) for x in jmol_colors[min(z, len(jmol_colors) - 1)])
    return r, g, b


def _gradient(z: int, name: str) -> Markup:
    base = colour(z)
    light = tuple(round(c + 0.65 * (255 - c)) for c in base)
    dark = tuple(round(0.55 * c) for c in base)
    stops = joined(
        put('<stop offset="{}" stop-color="rgb{}"/>', f"{at}", f"({','.join(map(str, shade))})")
        for at, shade in ((0, light), (0.5, base), (1, dark))
    )
    return put('<radialGradient id="{}" cx="0.35" cy="0.35" r="0.75">{}</radialGradient>', f"{name}-{z}", stops)


def _legend(kinds: Mapping[int, None]) -> Markup:
    from ase.data import chemical_symbols

    spot = '<span class="kind"><i style="background:rgb({})"></i>{}</span>'
    return joined(put(spot, ",".join(map(str, colour(z))), chemical_symbols[z]) for z in kinds)
