"""Rate of `gnnp-bench screen` beside relaxations one at a time with ASE, by one potential on one core.

    python -m benchmarks.screen_rate reference|chgnet [--structures N] [--optimizer FIRE] [--large]

Draws N structures (256) of 2 to 20 atoms: strained, rattled supercells of six elements, which are those that the
shipped reference network knows. They are relaxed in the shares of a screening and, for comparison, as a user of ASE
would: a calculator that evaluates one structure, `FrechetCellFilter`, the same optimiser, fmax (0.02 eV/Å) and limit
of steps (500). CHGNet's calculator is its own. The two sides take turns, share by share, A B B A; what counts is CPU
time, wall time stands beside it. Where the two end more than 1 meV/atom apart, both ends are written down.

With `--large`, structures of 50 and 200 atoms as well, for 25 steps at most: rates per step, not ends, are compared.
Writes benchmarks/results/screen_rate.json, one entry per potential, after each share.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms, optimize
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.filters import FrechetCellFilter
from ase.stress import full_3x3_to_voigt_6_stress

from benchmarks.reference_speed import machine
from benchmarks.sources import ROOT
from gnnp_bench.certificate.io import replace_file
from gnnp_bench.commands.loading import load_potential
from gnnp_bench.engine.assemble import subject_of
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.potential import ALL_PROPERTIES, Potential
from gnnp_bench.properties.relaxation import relaxed
from gnnp_bench.screening.candidates import Candidate, content_of
from gnnp_bench.screening.records import Geometry, Settings, Setup, geometry_of, setup_of
from gnnp_bench.screening.relaxing import Share, relax, shares
from gnnp_bench.screening.results import space_group

RESULT = ROOT / "benchmarks" / "results" / "screen_rate.json"
ELEMENTS = {
    "Cu": ("fcc", 3.6),
    "Ni": ("fcc", 3.5),
    "Mo": ("bcc", 3.15),
    "Li": ("bcc", 3.43),
    "Si": ("diamond", 5.43),
    "Ge": ("diamond", 5.7),
}
"""Crystals near their minimum, Å."""
FMAX = 0.02
STEPS = 500
SAME = 1e-3
"""eV/atom."""
LARGE = {50: 32, 200: 16}
"""Atoms, about: structures."""
LARGE_STEPS = 25


@dataclass(frozen=True, slots=True)
class End:
    """Where a relaxation ended: energy in eV, and after how many steps."""

    energy: float
    steps: int
    structure: Geometry


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's share: ends by the place of the structure, and seconds."""

    ends: dict[int, End]
    cpu: float
    wall: float


class OneAtATime(Calculator):
    """A potential as a calculator of ASE that evaluates one structure, as most packages ship them."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012  # as ASE declares it

    def __init__(self, potential: Potential) -> None:
        Calculator.__init__(self)
        self.potential = potential

    def calculate(
        self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = tuple(all_changes)
    ) -> None:
        Calculator.calculate(self, atoms, properties, system_changes)
        (found,) = self.potential.evaluate([atoms], ALL_PROPERTIES)
        stress = full_3x3_to_voigt_6_stress(found.stress)
        self.results = {"energy": found.energy, "free_energy": found.energy, "forces": found.forces, "stress": stress}


def drawn(n: int, smallest: int, largest: int, seed: int) -> list[Atoms]:
    """Return strained and rattled supercells of so many atoms, of all elements in turn."""
    rng = np.random.default_rng(seed)
    found: list[Atoms] = []
    while len(found) < n:
        element = list(ELEMENTS)[len(found) % len(ELEMENTS)]
        kind, lattice_constant = ELEMENTS[element]
        atoms = bulk(element, kind, lattice_constant)
        most = 2 + round((largest / len(atoms)) ** (1 / 3))
        atoms = atoms.repeat(tuple(int(r) for r in rng.integers(1, most + 1, size=3)))
        if smallest <= len(atoms) <= largest:
            atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.04 * rng.normal(size=(3, 3))), scale_atoms=True)
            atoms.rattle(0.1, rng=rng)
            found.append(atoms)
    return found


def one_at_a_time(share: Share, calculator: Calculator, settings: Settings) -> dict[int, End]:
    """Relax structures as the documentation of ASE does."""
    ends = {}
    for candidate in share.members:
        atoms = candidate.structure.copy()
        atoms.calc = calculator
        optimizer = getattr(optimize, settings.optimizer)(FrechetCellFilter(atoms), logfile=None)
        optimizer.run(fmax=settings.fmax, steps=settings.steps)
        ends[candidate.index] = End(float(atoms.get_potential_energy()), optimizer.nsteps, geometry_of(atoms))
    return ends


def screened(share: Share, evaluator: Evaluator, setup: Setup) -> dict[int, End]:
    """Relax structures as `gnnp-bench screen` does."""
    ends = {}
    for row in relax(evaluator, share, setup):
        if row.energy is None or row.end is None:
            raise RuntimeError(f"structure {row.index} failed: {row.reason}")
        ends[row.index] = End(row.energy, row.steps, row.end)
    return ends


def timed(work: Callable[[], dict[int, End]]) -> Turn:
    """Return what came of it, and seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    ends = work()
    return Turn(ends, time.process_time() - cpu, time.perf_counter() - wall)


def compared(
    structures: Sequence[Atoms], evaluator: Evaluator, calculator: Calculator, setup: Setup
) -> Iterator[dict[str, Any]]:
    """Let both sides take turns; yield rates, and whoever ended elsewhere, after each share."""
    members = [Candidate("drawn", i, content_of(atoms), atoms) for i, atoms in enumerate(structures)]
    ours: list[Turn] = []
    theirs: list[Turn] = []
    for n, share in enumerate(shares(members, len(members))):
        sides = [
            (ours, partial(screened, share, evaluator, setup)),
            (theirs, partial(one_at_a_time, share, calculator, setup.settings)),
        ]
        for turns, work in sides if n % 2 else reversed(sides):
            turns.append(timed(work))
        print(f"  share of {len(share.members)}: {ours[-1].cpu:.1f} s beside {theirs[-1].cpu:.1f} s", flush=True)
        yield summed(members, ours, theirs, setup)


def summed(members: Sequence[Candidate], ours: Sequence[Turn], theirs: Sequence[Turn], setup: Setup) -> dict[str, Any]:
    """Return what the shares so far say."""
    our_ends = {index: end for turn in ours for index, end in turn.ends.items()}
    their_ends = {index: end for turn in theirs for index, end in turn.ends.items()}
    differing = [
        {"structure": index, "screen": told(our_ends[index]), "ase": told(end)}
        for index, end in sorted(their_ends.items())
        if abs(our_ends[index].energy - end.energy) > SAME * len(end.structure.numbers)
    ]
    n, steps = len(our_ends), sum(end.steps for end in our_ends.values())
    return {
        "drawn": len(members),
        "structures": n,
        "atoms": sum(len(end.structure.numbers) for end in our_ends.values()),
        "settings": asdict(setup.settings),
        "screen": side(ours),
        "ase": side(theirs),
        "ratio_of_cpu_times_by_share": [b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True)],
        "ratio": statistics.median(b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True)),
        "ratio_of_wall_times": statistics.median(b.wall / a.wall for a, b in zip(ours, theirs, strict=True)),
        "structures_per_cpu_second": {"screen": n / sum(t.cpu for t in ours), "ase": n / sum(t.cpu for t in theirs)},
        "mean_steps": {"screen": steps / n, "ase": sum(end.steps for end in their_ends.values()) / n},
        "within_1_mev_per_atom": 1.0 - len(differing) / n,
        "differing": differing,
    }


def side(turns: Sequence[Turn]) -> dict[str, float]:
    """Return the seconds that one side took."""
    return {"cpu_s": sum(turn.cpu for turn in turns), "wall_s": sum(turn.wall for turn in turns)}


def told(end: End) -> dict[str, Any]:
    """Return an end by what tells it apart, and whole."""
    atoms = end.structure.atoms()
    return {
        "energy_ev_per_atom": end.energy / len(atoms),
        "volume_ang3_per_atom": float(atoms.cell.volume) / len(atoms),
        "space_group": space_group(atoms, 0.05)[0],
        "steps": end.steps,
        "structure": asdict(end.structure),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("potential", choices=("reference", "chgnet"))
    parser.add_argument("--structures", type=int, default=256)
    parser.add_argument("--optimizer", choices=("FIRE", "BFGS", "LBFGS"), default="FIRE")
    parser.add_argument("--large", action="store_true")
    asked = parser.parse_args(arguments)
    loaded = load_potential(asked.potential, None)
    calculator: Calculator = OneAtATime(loaded.potential)
    if asked.potential == "chgnet":
        from chgnet.model.dynamics import CHGNetCalculator

        calculator = CHGNetCalculator(use_device="cpu")
    evaluator = Evaluator(loaded.potential, loaded.reload)
    record = subject_of(loaded.potential, loaded.spec).record
    settings = Settings(fmax=FMAX, steps=STEPS, optimizer=asked.optimizer)
    kinds = [("small", drawn(asked.structures, 2, 20, 0), settings)]
    if asked.large:
        few = Settings(fmax=FMAX, steps=LARGE_STEPS, optimizer=asked.optimizer)
        kinds = [(f"{n}_atoms", drawn(count, round(0.9 * n), round(1.1 * n), n), few) for n, count in LARGE.items()]
    for name, structures, how in kinds:
        evaluator.drive([relaxed(structures[0], steps=2)])  # what is loaded late is loaded now
        print(f"{asked.potential}, {name}, {len(structures)} structures", flush=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the calculator's, at every step
            for measured in compared(structures, evaluator, calculator, setup_of(record, how)):
                found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
                found.setdefault(asked.potential, {})[name] = {"machine": machine(), **measured}
                replace_file(RESULT, json.dumps(found, indent=1).encode() + b"\n")
                alike = measured["within_1_mev_per_atom"]
                print(f"  {measured['ratio']:.2f} times as fast; {alike:.1%} end alike", flush=True)


if __name__ == "__main__":
    main()
