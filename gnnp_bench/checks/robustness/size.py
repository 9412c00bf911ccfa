"""robustness/size: many atoms are what few atoms are, over and over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    InvalidPrediction,
    Measurement,
    PoolView,
    Request,
    Residual,
    Sample,
    base_prediction,
    on_structure,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, difference, grown, pressed
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Prediction, Unsupported
from gnnp_bench.structures.apart import open_directions
from gnnp_bench.structures.carried import carry, is_neutral
from gnnp_bench.structures.radii import IntArray
from gnnp_bench.structures.simpler import simpler_structures
from gnnp_bench.structures.transform import permute, supercell

SIZES = (100, 400, 1500, 5000, 20_000)
"""Atoms, at least, one after the other up to what the budget asks for: smaller ones tell what a larger one costs."""
USUAL = 1500
"""Atoms of all cases but the first few."""
KINDS = ("largest", "in order", "shuffled", "in order", "shuffled", "in order", "shuffled", "in order")
"""Atoms in any order: codes that work in blocks then have unlike atoms everywhere. And in the order of the cells."""
SECONDS_PER_ATOM = 0.04
"""Of the largest size that is looked at: a minute for 1,500 atoms."""
SHARE_OF_MEMORY = 0.5
"""Of what is free, that an evaluation may be expected to take."""
MANY = 1000
"""Atoms, beyond which a simulation is a large one."""
GAP = 4.0
"""Å, between copies of a molecule that make a heap of many atoms."""
MOST_SIMPLER = 6
"""Simpler structures that are tried: each costs an evaluation of many atoms."""


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    kind = view.next_of(KINDS)
    most = view.largest if kind == "largest" else min(view.largest, USUAL)
    sample = _sample(rng, view)
    shuffled = kind != "in order" or not sample.structure.pbc.any()
    sizes = [size for size in SIZES if size <= most]
    return sample.case({"sizes": sizes, "shuffled": shuffled, "seed": int(rng.integers(2**31))})


def _sample(rng: np.random.Generator, view: PoolView) -> Sample:
    """Return a crystal of some atoms; else what is periodic in some directions; else what is not."""

    def summed(sample: Sample) -> bool:  # n copies have n times the charge, and maybe not n times its energy
        return view.capabilities.totals_add or is_neutral(sample.structure)

    def dense(sample: Sample) -> bool:
        return bool(sample.structure.pbc.all()) and not open_directions(sample.structure).any()

    def roughness(sample: Sample) -> float:
        return sample.noise.stress / pressed(sample.prediction)

    # Rounding grows with the number of cells, and decides nothing where it is more than what matters.
    crystals = [s for s in view.samples if summed(s) and dense(s) and len(s.structure) > 2]
    usual = float(np.median([roughness(s) for s in crystals])) if crystals else 0.0
    kinds: tuple[Callable[[Sample], bool], ...] = (
        lambda s: summed(s) and dense(s) and len(s.structure) > 2 and roughness(s) <= usual,
        lambda s: summed(s) and dense(s),
        lambda s: summed(s) and bool(s.structure.pbc.any()),
        lambda s: not s.structure.pbc.any() and len(s.structure) > 2,
    )
    for suitable in kinds:
        if any(suitable(sample) for sample in view.samples):
            return view.pick(rng, suitable)
    return view.pick(rng, summed)


def _simpler(case: Case) -> Iterator[Case]:
    sizes = case.parameters["sizes"]
    if len(sizes) > 1:
        yield from (with_parameters(case, sizes=[size]) for size in sizes)
        return
    if case.parameters["shuffled"] and case.structure.pbc.any():
        yield with_parameters(case, shuffled=False)
    (size,) = sizes
    for fewer in (size // 2, 3 * size // 4, 7 * size // 8, 15 * size // 16):
        if fewer > len(case.structure):
            yield with_parameters(case, sizes=[fewer])
    for _, structure in zip(range(MOST_SIMPLER), simpler_structures(case.structure), strict=False):
        yield on_structure(case, structure)


def _measure(case: Case) -> Measurement:
    base = yield from base_prediction(case)
    watch = _Watch()
    components: list[Component] = []
    note = None
    for size in case.parameters["sizes"]:
        reason = watch.forbids(size)
        if reason is not None:
            note = f"{size:,} atoms were not looked at: {reason}"
            break
        many, image_of = _many(case.structure, size)
        order = np.arange(len(many))
        if case.parameters["shuffled"]:
            order = np.random.default_rng(int(case.parameters["seed"])).permutation(len(many))
        try:
            with watch.over(len(many)):
                # Copies of a molecule feel each other: their energy is known in another order only.
                expected = _expected(base, image_of, order) if case.structure.pbc.any() else None
                if expected is None:
                    (listed,) = yield Request([many], ALL_PROPERTIES)
                    expected = _expected(listed, np.arange(len(many)), order)
                (found,) = yield Request([permute(many, order)], ALL_PROPERTIES)
        except (Unsupported, NotImplementedError) as error:
            if not components:
                raise
            note = f"{size:,} atoms were refused: {error}"
            break
        except Exception as error:
            if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
                if not components:
                    raise
                note = f"{size:,} atoms were not looked at: memory did not suffice"
                break
            wrong = "not finite" if isinstance(error, InvalidPrediction) else "not answered"
            note = f"{len(many):,} atoms: {type(error).__name__}: {error}"
            return Residual((Component(wrong, 1.0, 0.0, "", bound=0.0),), note=note, kind=_kind(watch))
        noise = grown(case.nu, case.structure, many)
        components += difference(expected, found, noise, len(many), scale=pressed(base))
    quantities = dict.fromkeys(component.quantity for component in components)
    worst = (max((c for c in components if c.quantity == q), key=lambda c: c.residual) for q in quantities)
    return Residual(tuple(worst), note=note, kind=_kind(watch))


def _kind(watch: _Watch) -> str | None:
    """Return that many atoms were looked at, if they were; otherwise it is the structure's kind."""
    return "large" if watch.sizes and watch.sizes[-1] > MANY else None


def _expected(prediction: Prediction, image_of: IntArray, order: IntArray) -> Prediction:
    """Return what a potential has to say of images of the atoms of a structure, in an order."""
    n_images = len(image_of) / len(np.unique(image_of))
    forces = None if prediction.forces is None else prediction.forces[image_of][order]
    return Prediction(prediction.energy * n_images, forces, prediction.stress)


def _many(structure: Atoms, size: int) -> tuple[Atoms, IntArray]:
    """Return so many atoms or some more, made of a structure, and which atom of it each one is an image of."""
    factors = np.ones(3, dtype=int)
    axes = structure.pbc if structure.pbc.any() else np.ones(3, dtype=bool)
    lengths = structure.cell.lengths() if structure.pbc.any() else np.ptp(structure.positions, axis=0) + GAP
    while len(structure) * factors.prod() < size:
        factors[np.argmin(np.where(axes, factors * lengths, np.inf))] += 1
    if structure.pbc.any():
        return supercell(structure, np.diag(factors))
    steps = np.indices(tuple(int(n) for n in factors)).reshape(3, -1).T * lengths
    heap = Atoms(
        numbers=np.tile(structure.numbers, len(steps)),
        positions=(steps[:, None] + structure.positions).reshape(-1, 3),
    )
    return carry(structure, heap), np.tile(np.arange(len(structure)), len(steps))


@dataclass(slots=True)
class _Watch:
    """What evaluations of more and more atoms take of time and memory, and what the next would."""

    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=lambda: [_peak()])
    _started: float = 0.0

    def over(self, n_atoms: int) -> _Watch:
        """Return the watch, to be entered for the time of an evaluation of so many atoms."""
        self.sizes.append(n_atoms)
        return self

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *raised: object) -> None:
        self.seconds.append(time.perf_counter() - self._started)
        self.peaks.append(_peak())

    def forbids(self, size: int) -> str | None:
        """Return why so many atoms take too much, or None. The first size is always looked at."""
        if not self.sizes:
            return None
        power = 1.0
        if len(self.sizes) > 1:
            power = np.log(self.seconds[-1] / self.seconds[-2]) / np.log(self.sizes[-1] / self.sizes[-2])
        factor = size / self.sizes[-1]
        if self.seconds[-1] * factor ** np.clip(power, 1.0, 3.0) > SECONDS_PER_ATOM * size:
            return f"they take more than {SECONDS_PER_ATOM * size:.0f} s"
        if (self.peaks[-1] - self.peaks[-2]) * factor > SHARE_OF_MEMORY * _free():
            return "they take more memory than there is"
        return None


def _peak() -> int:
    """Return the bytes of memory that this process has held at once."""
    try:
        import resource
    except ImportError:  # an operating system that does not tell
        return 0
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else 1024 * held


def _free() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


SIZE = Check(
    id="robustness/size",
    law="E, F and σ of thousands of atoms = those of the cell that they repeat, in any order",
    category="mandatory",
    needs=ENERGY,
    source="Bloch periodicity and indistinguishability, as for supercells and permutations; docs/adr/0012",
    tolerance=LADDER,
    physics=(
        "Potentials are tried on a few atoms and used on thousands. There, indices overflow, work is done in blocks "
        "whose ends are lost, buffers are too small, and other kernels take over, so that the last atoms of a "
        "simulation feel wrong forces or none. A crystal of 400 atoms (budget quick), 1,500 (standard) or 20,000 "
        "(thorough), listed in the order of its cells and in any other, must be what its cell is. Sizes that take more "
        "than 40 ms per atom, or more than half of the free memory, are left out, and the remark says so."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    weight=0.03,
    cost=2,
    side_by_side=1,  # so that time and memory are those of one evaluation
)
