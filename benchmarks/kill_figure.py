"""The kill matrix as a heat map: how many certificates of each mutant fail each check.

    python -m benchmarks.kill_figure > docs/images/kill_matrix.svg

From benchmarks/results/strengths.json, as the tables of docs/kill_matrix.md. It is an SVG without scripts, in the
colours of the system, dark or light.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.kill_matrix import Summary, certificates_of, columns, load
from tests.mutants import MUTANTS

CELL, LEFT, TOP, FOOT = 14, 165, 180, 40
SHADES = 4
STYLE = """
text { font: 10px system-ui, "DejaVu Sans", sans-serif; fill: #1b1f24; }
.paper { fill: #fff; } .rule { stroke: #d5dae0; } .family { stroke: #57606a; }
.must { fill: #0a58b0; } .may { fill: #b06a00; } .missed { fill: none; stroke: #b3261e; stroke-width: 2; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ed; } .paper { fill: #14171b; } .rule { stroke: #363d46; } .family { stroke: #a3acb7; }
  .must { fill: #79b4ff; } .may { fill: #f0b849; } .missed { stroke: #ff8a80; }
}
"""


def figure(summary: Summary) -> str:
    """Return the heat map as SVG."""
    checks = columns()
    width, height = LEFT + CELL * len(checks) + 12, TOP + CELL * len(MUTANTS) + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>Kill matrix: {len(MUTANTS)} planted defects, {len(checks)} laws</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        *_grid(checks),
        *_cells(summary, checks),
        *_key(height - FOOT + 22),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(checks: Sequence[str]) -> Iterator[str]:
    right, bottom = LEFT + CELL * len(checks), TOP + CELL * len(MUTANTS)
    for row, name in enumerate(MUTANTS):
        y = TOP + CELL * row
        yield f'<line class="rule" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{LEFT - 5}" y="{y + 11}" text-anchor="end">{escape(name)}</text>'
    column = 0
    for _, group in itertools.groupby(checks, key=lambda check: check.partition("/")[0]):
        x = LEFT + CELL * column
        yield f'<line class="family" x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{bottom}"/>'
        for check in group:
            x = LEFT + CELL * column + 10
            yield f'<text transform="translate({x} {TOP - 6}) rotate(-90)">{escape(check)}</text>'
            column += 1


def _cells(summary: Summary, checks: Sequence[str]) -> Iterator[str]:
    for row, (name, mutant) in enumerate(MUTANTS.items()):
        certificates = certificates_of(summary, name)
        for column, check in enumerate(checks):
            share = sum(check in killed for killed in certificates) / len(certificates)
            named = "must" if check in mutant.must_fail else "may" if check in mutant.may_fail else None
            place = f'x="{LEFT + CELL * column + 1}" y="{TOP + CELL * row + 1}" width="{CELL - 2}" height="{CELL - 2}"'
            if named is not None and share > 0.0:
                yield f'<rect class="{named}" {place} opacity="{_shade(share):g}"/>'
            elif named == "must":
                yield f'<rect class="missed" {place}/>'


def _shade(share: float) -> float:
    """Return how dark a cell is, in a few steps that can be told apart."""
    return round((0.25 + 0.75 * round(share * SHADES) / SHADES), 2) if share < 1.0 else 1.0


def _key(y: int) -> Iterator[str]:
    x = LEFT
    for named, words in (("must", "has to notice"), ("may", "may notice")):
        for share in (0.25, 0.5, 0.75, 1.0):
            yield f'<rect class="{named}" x="{x}" y="{y - 10}" width="12" height="12" opacity="{_shade(share):g}"/>'
            x += CELL
        yield f'<text x="{x + 4}" y="{y}">{words}, in a quarter … all of the certificates</text>'
        x += 310


def main() -> None:
    """Print the figure."""
    print(figure(load()), end="")


if __name__ == "__main__":
    main()
