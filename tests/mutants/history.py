"""Potentials that remember, leak between structures, threads or processes, change their input, or make noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from ase import Atoms

from gnnp_bench.potential import Capabilities, FloatArray, Potential, Prediction, Property
from tests.analytic.graph import DType
from tests.mutants.base import CHECKS, Mutant, Plant, Planted, planted, plus, precision_of, shifted, summed
from tests.mutants.energies import WAVE

CACHE_SIZE = 256
CROWD = 16
"""Number of structures beyond which `batch-crowd` goes wrong."""

DISTURBED = CHECKS - {"robustness/refusals", "robustness/memory-growth", "robustness/process-state"}
"""Every check that compares evaluations of structures."""


def _fingerprint(structure: Atoms) -> float:
    """Return a number in [−1, 1] that another structure is unlikely to share."""
    return float(np.sin((structure.positions @ WAVE).sum() + structure.numbers.sum()))


def _add_per_structure(name: str, amount: Callable[[Sequence[Atoms], int], float]) -> Plant:
    """Return a plant that adds ε × amount(batch, k) per atom, eV, and per force component, eV/Å, to structure k."""

    def plant(potential: Potential, strength: float) -> Planted:
        dtype = precision_of(potential)

        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            changed = []
            for k, prediction in enumerate(potential.evaluate(structures, properties)):
                shift = strength * amount(structures, k)
                changed.append(shifted(prediction, shift * len(structures[k]), shift, dtype))
            return changed

        return planted(potential, name, evaluation)

    return plant


def _warm_start(potential: Potential, strength: float) -> Planted:
    last: list[float] = []
    dtype = precision_of(potential)

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        changed = []
        for prediction, structure in zip(potential.evaluate(structures, properties), structures, strict=True):
            shift = strength * last[-1] if last else 0.0
            last[:] = [_fingerprint(structure)]
            changed.append(shifted(prediction, shift * len(structure), shift, dtype))
        return changed

    return planted(potential, "warm-start", evaluation)


def _mutating(name: str, mutate: Callable[[Atoms, float], None]) -> Plant:
    def plant(potential: Potential, strength: float) -> Planted:
        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            predictions = potential.evaluate(structures, properties)
            for structure in structures:
                mutate(structure, strength)
            return predictions

        return planted(potential, name, evaluation)

    return plant


def _wrap(structure: Atoms, strength: float) -> None:
    if strength > 0 and structure.pbc.any():
        structure.wrap(eps=0.0)


def _drift(structure: Atoms, strength: float) -> None:
    structure.positions += strength


def _mixed(true: Prediction, old: Prediction, strength: float, dtype: DType) -> Prediction:
    def mix(one: FloatArray | None, other: FloatArray | None) -> FloatArray | None:
        return one if one is None or other is None else plus(one, (strength * (other - one)).astype(dtype), dtype)

    return Prediction(
        energy=float(summed(true.energy, strength * (old.energy - true.energy), dtype)),
        forces=mix(true.forces, old.forces),
        stress=mix(true.stress, old.stress),
        energies=mix(true.energies, old.energies),
    )


def _sticky(name: str, key: Callable[[Atoms], bytes]) -> Plant:
    """Return a plant whose cache takes structures of equal `key` for the same; ε blends in what it remembers."""

    def plant(potential: Potential, strength: float) -> Planted:
        remembered: dict[tuple[bytes, frozenset[Property]], Prediction] = {}
        dtype = precision_of(potential)

        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            changed = []
            for prediction, structure in zip(potential.evaluate(structures, properties), structures, strict=True):
                if len(remembered) >= CACHE_SIZE:
                    remembered.clear()
                old = remembered.setdefault((key(structure), properties), prediction)
                changed.append(prediction if old is prediction else _mixed(prediction, old, strength, dtype))
            return changed

        return planted(potential, name, evaluation)

    return plant


def _noisy(name: str, source: Callable[[], Callable[[Atoms], np.random.Generator]]) -> Plant:
    def plant(potential: Potential, strength: float) -> Planted:
        dtype, generator = precision_of(potential), source()

        def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
            changed = []
            for prediction, structure in zip(potential.evaluate(structures, properties), structures, strict=True):
                rng, n_atoms = generator(structure), len(structure)
                energy, forces = strength * n_atoms * rng.normal(), strength * rng.normal(size=(n_atoms, 3))
                stress = strength * 0.1 * rng.normal(size=(3, 3))
                noisy = shifted(prediction, energy, forces, dtype)
                changed.append(replace(noisy, stress=plus(noisy.stress, stress + stress.T, dtype)))
            return changed

        return planted(potential, name, evaluation)

    return plant


def _one_stream() -> Callable[[Atoms], np.random.Generator]:
    rng = np.random.default_rng(20)
    return lambda structure: rng


def _by_content() -> Callable[[Atoms], np.random.Generator]:
    return lambda structure: np.random.default_rng(
        crc32(structure.positions.tobytes() + structure.cell.array.tobytes())
    )


def _energy_on_request(potential: Potential, strength: float) -> Planted:
    dtype = precision_of(potential)

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        predictions = potential.evaluate(structures, properties)
        if "forces" in properties:
            return predictions
        return [shifted(p, strength * len(s), 0.0, dtype) for p, s in zip(predictions, structures, strict=True)]

    return planted(potential, "energy-on-request", evaluation)


def _thread_race(potential: Potential, strength: float) -> Planted:
    desk: list[Sequence[Atoms]] = []
    dtype = precision_of(potential)

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        desk[:] = [structures]  # where every call puts its own
        predictions = potential.evaluate(structures, properties)
        strayed = _fingerprint(desk[0][0]) - _fingerprint(structures[0])
        return [
            shifted(p, strength * strayed * len(s), strength * strayed, dtype)
            for p, s in zip(predictions, structures, strict=True)
        ]

    return planted(potential, "thread-race", evaluation)


def _set_order(potential: Potential, strength: float) -> Planted:
    dtype = precision_of(potential)

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        # Of 2⁶⁴ values, what Python derives from a random seed unless PYTHONHASHSEED gives one.
        shift = strength * hash("the order of a set of strings") / 2.0**63
        return [
            shifted(p, shift * len(s), 0.0, dtype)
            for p, s in zip(potential.evaluate(structures, properties), structures, strict=True)
        ]

    return planted(potential, "set-order", evaluation)


def _shared_random_numbers(potential: Potential, strength: float) -> Planted:
    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        if strength > 0.0:
            np.random.normal()  # noqa: NPY002  # of the generator that belongs to the whole program
        return potential.evaluate(structures, properties)

    return planted(potential, "shared-random-numbers", evaluation)


def _memory_leak(potential: Potential, strength: float) -> Planted:
    kept: list[bytes] = []

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        kept.extend(b"x" * int(1024 * strength) for _ in structures)
        return potential.evaluate(structures, properties)

    return planted(potential, "memory-leak", evaluation)


@dataclass(frozen=True, slots=True)
class TwoDevices:
    """A potential that can be had on another device as well."""

    here: Potential
    there: Potential

    @property
    def name(self) -> str:
        """That of the potential here."""
        return self.here.name

    @property
    def capabilities(self) -> Capabilities:
        """Those of the potential here, and the other device."""
        return replace(self.here.capabilities, other_devices=("other",))

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Return predictions in order."""
        return self.here.evaluate(structures, properties)

    def on(self, device: str) -> Potential:
        """Return the potential on the other device."""
        return {"other": self.there}[device]


def _device_dependent(potential: Potential, strength: float) -> Potential:
    dtype = precision_of(potential)

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        return [
            shifted(p, strength * len(s), strength, dtype)
            for p, s in zip(potential.evaluate(structures, properties), structures, strict=True)
        ]

    return TwoDevices(planted(potential, "device-dependent", potential.evaluate), planted(potential, "", evaluation))


def _mutant(
    name: str, defect: str, strength: float, unit: str, must: str, may: frozenset[str], plant: Plant, needs: str = ""
) -> Mutant:
    return Mutant(name, defect, strength, unit, frozenset({must}), may - {must}, plant, needs=needs)


REPEATED = frozenset(f"robustness/{name}" for name in ("determinism", "batch", "call-history", "threads", "processes"))

HISTORY_MUTANTS = (
    _mutant(
        "batch-leak",
        "The structure before it in the batch shifts the energy and forces of each structure.",
        0.01,
        "eV/Å",
        "robustness/batch",
        DISTURBED,
        _add_per_structure("batch-leak", lambda batch, k: _fingerprint(batch[k - 1]) if k else 0.0),
    ),
    _mutant(
        "batch-position",
        "The position in the batch shifts the energy and forces of each structure.",
        0.01,
        "eV/Å",
        "robustness/batch",
        DISTURBED,
        _add_per_structure("batch-position", lambda batch, k: k / (1.0 + k)),
    ),
    _mutant(
        "batch-crowd",
        f"In batches of more than {CROWD} structures, the one before shifts the energy and forces of each.",
        0.01,
        "eV/Å",
        "robustness/batch",
        DISTURBED,
        _add_per_structure(
            "batch-crowd", lambda batch, k: _fingerprint(batch[k - 1]) if k and len(batch) > CROWD else 0.0
        ),
        f"a batch of more than {CROWD} structures",
    ),
    _mutant(
        "warm-start",
        "The structure evaluated last shifts the energy and forces of the next, in whichever call.",
        0.01,
        "eV/Å",
        "robustness/call-history",
        DISTURBED,
        _warm_start,
    ),
    _mutant(
        "input-wrapped",
        "Atoms of the structures given are wrapped into the cell.",
        1.0,
        "switch",
        "robustness/input-intact",
        DISTURBED,
        _mutating("input-wrapped", _wrap),
        "atoms outside a periodic cell",
    ),
    _mutant(
        "input-shifted",
        "All atoms of the structures given are moved by ε Å along each axis.",
        0.001,
        "Å",
        "robustness/input-intact",
        DISTURBED,
        _mutating("input-shifted", _drift),
    ),
    _mutant(
        "sticky-cell",
        "A cache does not notice that only the cell has changed.",
        1.0,
        "fraction",
        "robustness/call-history",
        frozenset(
            {
                "symmetry/rotation",
                "symmetry/inversion",
                "periodicity/partial",
                "conservation/stress-strain",
                "physics/elasticity",
                "conservation/closed-loop-cell",
                "locality/fragments-add-up",
                "robustness/batch",
                "robustness/irrelevant-attributes",
                "robustness/processes",
                "robustness/requested-properties",
            }
        ),
        _sticky("sticky-cell", lambda s: s.positions.tobytes() + s.numbers.tobytes() + s.pbc.tobytes()),
        "structures that differ in the cell alone",
    ),
    _mutant(
        "sticky-species",
        "A cache does not notice that only the species have changed.",
        1.0,
        "fraction",
        "robustness/call-history",
        # Their cases share positions and cells with other species', which may have been asked for before.
        frozenset(
            {
                "symmetry/permutation",
                "robustness/batch",
                "robustness/irrelevant-attributes",
                "robustness/processes",
                "robustness/requested-properties",
            }
        ),
        _sticky("sticky-species", lambda s: s.positions.tobytes() + s.cell.array.tobytes() + s.pbc.tobytes()),
        "structures that differ in the species alone",
    ),
    _mutant(
        "sticky-pbc",
        "A cache does not notice that only the periodic directions have changed.",
        1.0,
        "fraction",
        "robustness/call-history",
        frozenset({"periodicity/partial", "robustness/batch"}),
        _sticky("sticky-pbc", lambda s: s.positions.tobytes() + s.numbers.tobytes() + s.cell.array.tobytes()),
        "structures that differ in the periodic directions alone",
    ),
    _mutant(
        "sticky-order",
        "A cache does not notice that species have changed places.",
        1.0,
        "fraction",
        "robustness/call-history",
        frozenset({"symmetry/permutation", "robustness/batch"}),
        _sticky(
            "sticky-order",
            lambda s: s.positions.tobytes() + np.sort(s.numbers).tobytes() + s.cell.array.tobytes() + s.pbc.tobytes(),
        ),
        "structures that differ in which species is where alone",
    ),
    _mutant(
        "random-noise",
        "Energy, forces and stress carry noise that differs from call to call.",
        0.01,
        "eV/Å",
        "robustness/determinism",
        DISTURBED,
        _noisy("random-noise", _one_stream),
    ),
    _mutant(
        "rough-surface",
        "Energy, forces and stress carry noise that is the same whenever the same numbers come in.",
        0.03,
        "eV/Å",
        "robustness/noise-floor",
        DISTURBED - REPEATED - {"robustness/irrelevant-attributes", "robustness/input-intact"},
        _noisy("rough-surface", _by_content),
    ),
    _mutant(
        "energy-on-request",
        "The energy is larger by ε per atom where forces are not asked for.",
        0.01,
        "eV/atom",
        "robustness/requested-properties",
        DISTURBED,
        _energy_on_request,
    ),
    _mutant(
        "thread-race",
        "Calls that run at the same time share one place for their input: energy and forces shift where it is lost.",
        0.01,
        "eV/Å",
        "robustness/threads",
        frozenset(),
        _thread_race,
    ),
    _mutant(
        "set-order",
        "Energies per atom shift by a number of up to ε that every process draws anew, as the order of sets is.",
        0.1,
        "eV/atom",
        "robustness/processes",
        frozenset(),
        _set_order,
    ),
    _mutant(
        "shared-random-numbers",
        "Every evaluation draws from the random numbers of the whole program, and does nothing with what it draws.",
        1.0,
        "switch",
        "robustness/process-state",
        frozenset(),
        _shared_random_numbers,
    ),
    _mutant(
        "memory-leak",
        "Every evaluation keeps ε KiB for ever.",
        64.0,
        "KiB",
        "robustness/memory-growth",
        frozenset(),
        _memory_leak,
    ),
    _mutant(
        "device-dependent",
        "On another device energy per atom and forces are larger by ε.",
        0.01,
        "eV/Å",
        "robustness/device-parity",
        frozenset(),
        _device_dependent,
    ),
)
