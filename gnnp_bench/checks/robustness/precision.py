"""robustness/precision: what is declared float64 is computed in float64."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import Case, Check, Component, Measurement, PoolView, Request, Residual
from gnnp_bench.checks.common import on_simpler_structures
from gnnp_bench.checks.robustness.finite_output import PBC, UNKNOWN_NOISE, many, some_species
from gnnp_bench.numerics.lines import scatter
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Capabilities, Prediction
from gnnp_bench.structures.build import build
from gnnp_bench.structures.lines import base_point, interleaved, line

PRECISION_B = 1e-11
PRECISION_S = 1e-9
SUSPECT = 1e-10
"""Relative roughness between what float64 and what float32 rounding leave."""
LINES = 3
POINTS = 10
ORDER = 5
GLANCE_POINTS = 7
GLANCE_ORDER = 4
"""Of one line per structure, before what stands out on it is looked at closely."""
MANY = ((3, 3), (3, 3), (2, 9))
"""From and to how many atoms along each direction of structures larger than most of the pool: 18 to 81 in all."""
MOST_SPECIES = 3
"""Of those structures."""
BOUND = 32.0
"""eV per atom, beyond which an energy is taken for a reference: a constant, which must not make rounding look small."""
RESOLUTION = 20 * float(np.finfo(float).eps) / PRECISION_B
"""So much of the whole energy, references included, counts at least: sums of float64 leave some ulp of themselves."""
HALF_LENGTH = 1e-4
"""Å. A float32 coordinate takes many values on it, so that rounded input shows as well as rounded output."""
SHORT_HALF_LENGTH = 1e-5
"""Å. Still several values; and among thousands of pairs a tenth as many cross a cutoff, where the slope of a force may
jump."""
SHORTEST_HALF_LENGTH = 1e-9
"""Å. A table with many knots, at each of which a force or its slope jumps, has some on every longer line."""
SHORTEST_LINES = 9
MOST_OF_THEM = 0.75
"""Seven of nine lines. Among thousands of pairs one in forty lines meets a step of such a table; if positions are
rounded to float32 for a part of the potential alone, two in three lines through fifty atoms do."""
RESOLVED = 1e3
"""On the shortest line float64 changes smoothly, by at least so many times what it is rough by. Float32 has no digits
for changes that small: it stays as it is, or makes steps."""


def _applies(capabilities: Capabilities) -> str | None:
    if capabilities.dtype == "float64":
        return None
    return f"the potential declares {capabilities.dtype or 'no precision'}"


def relative_roughness(structure: Atoms, seed: int) -> Generator[Request, list[Prediction], dict[str, float]]:
    """Measure noise relative to the size of X on lines long enough to cross the steps of a float32 input.

    The median of three lines: a kink is on one of them, rounding on all. Among many pairs kinks may be on most of the
    lines, so that what looks like rounding is measured again on shorter ones. On the shortest one what changes
    smoothly has the digits of float64.

    Returns
    -------
    dict
        "energy" (of the total), "forces", "stress" as far as the potential has them; dimensionless.
    """
    return (yield from _closely(structure, np.random.default_rng(seed)))


def _closely(structure: Atoms, rng: np.random.Generator) -> Generator[Request, list[Prediction], dict[str, float]]:
    roughness, _ = yield from _roughness(structure, rng, LINES, POINTS, ORDER)
    if max(roughness.values()) > SUSPECT:
        roughness, _ = yield from _roughness(structure, rng, LINES, POINTS, ORDER, SHORT_HALF_LENGTH)
        suspects = [key for key, value in roughness.items() if value > SUSPECT]
        if suspects:
            shortest, resolved = yield from _roughness(
                structure, rng, SHORTEST_LINES, POINTS, ORDER, SHORTEST_HALF_LENGTH, MOST_OF_THEM
            )
            roughness |= {key: shortest[key] for key in suspects if resolved[key] > RESOLVED}
    return roughness


def _roughness(
    structure: Atoms,
    rng: np.random.Generator,
    n_lines: int,
    n_points: int,
    order: int,
    half_length: float = HALF_LENGTH,
    share: float = 0.5,
) -> Generator[Request, list[Prediction], tuple[dict[str, float], dict[str, float]]]:
    """Return how rough X is on most lines, relative to its size, and how many times more it changes on them."""
    lines = [line(base_point(structure, rng), half_length, n_points, rng) for _ in range(n_lines)]
    predictions = yield Request(interleaved(lines), ALL_PROPERTIES)
    roughness, resolved = {}, {}
    for quantity in ("energy", "forces", "stress"):
        if getattr(predictions[0], quantity) is None:
            continue
        values = np.array([getattr(p, quantity) for p in predictions])
        per_line = [values[i::n_lines] for i in range(n_lines)]
        most = BOUND * len(structure) if quantity == "energy" else np.inf
        rough = np.array([scatter(v, order).max() for v in per_line])
        sizes = [_size(float(np.abs(v).max()), most) for v in per_line]
        changes = np.array([np.ptp(v, axis=0).max() for v in per_line])
        roughness[quantity] = float(np.quantile(rough / sizes, share))
        resolved[quantity] = float(np.quantile(changes / np.maximum(rough, np.finfo(float).tiny), 1.0 - share))
    return roughness, resolved


def _size(largest: float, most: float) -> float:
    """Return what noise is relative to: max(1, |X|), of an energy without what can only be a reference.

    Float32 inside, beside references of thousands of eV in float64, is as coarse as without them. Where the references
    are so large that float64 itself rounds more coarsely, that is what it may do.
    """
    return max(1.0, min(largest, most), RESOLUTION * largest)


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    # Many atoms may take another way than the few of the pool's structures.
    declared = {str(name): pbc for name, pbc in PBC.items() if name in view.capabilities.periodicity}
    turn = view.next_of([*declared, *["pool"] * len(view.samples)])
    parameters = {"seed": int(rng.integers(2**31))}
    if turn not in declared:
        return view.pick(rng).case(parameters)
    a, b, c = (int(rng.integers(low, high + 1)) for low, high in MANY)
    species = tuple(rng.permutation(some_species(rng, view.capabilities))[:MOST_SPECIES].tolist())
    recipe = many(species, (a, b, c), declared[turn], int(rng.integers(2**31)))
    return Case(build(recipe), UNKNOWN_NOISE, parameters)


def _simpler(case: Case) -> Iterator[Case]:
    yield from on_simpler_structures(case)


def _measure(case: Case) -> Measurement:
    rng = np.random.default_rng(int(case.parameters["seed"]))
    roughness, _ = yield from _roughness(case.structure, rng, 1, GLANCE_POINTS, GLANCE_ORDER)
    if max(roughness.values()) > PRECISION_B:  # rounding; or a kink, or a curve that bends more
        roughness = yield from _closely(case.structure, rng)
    components = [Component(q, r, PRECISION_S, "relative", bound=PRECISION_B) for q, r in roughness.items()]
    return Residual(tuple(components))


PRECISION = Check(
    id="robustness/precision",
    law="noise of X ≤ 1e-11 max(1, |X|), references left out of the energy, for a potential that declares float64",
    category="mandatory",
    needs=ENERGY,
    source="IEEE 754; float32 inside a float64 potential: mattersim issue 171",
    tolerance="b = 1e-11, s = 1e-9, relative to max(1, |X|), of an energy at most 32 eV/atom",
    physics=(
        "Float64 promises fifteen digits. A buffer, a cast or a neighbour list left in float32 keeps seven of them, "
        "silently: finite-difference phonons, tight relaxations and energy conservation are then limited by noise "
        "that the declared precision rules out."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
    weight=3.0,  # on the smallest budget too, each structure of the pool
    cost=LINES * POINTS,  # what a case costs that fails; the others cost a glance
)
