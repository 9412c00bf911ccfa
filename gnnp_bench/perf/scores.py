"""Speed as numbers of a certificate: history, not a verdict. Which of two is faster, `gate` and `bench` tell."""

from __future__ import annotations

from collections.abc import Iterator

from gnnp_bench.certificate.result import Score
from gnnp_bench.perf.results import Bench, Measured, Timing


def scores(found: Bench) -> tuple[Score, ...]:
    """Return the time of energies and forces per atom at each size, the memory of the largest, and the throughput."""
    return tuple(score for one in found.potentials for score in _of(one, found.system))


def _of(one: Measured, system: str) -> Iterator[Score]:
    singles = one.singles("forces") or one.singles("energy")
    for timing in singles:
        yield _time(timing, system)
    if singles and (memory := singles[-1].peak_bytes) is not None:
        yield Score(
            kind="bench",
            subject=f"{singles[-1].n_atoms} atoms",
            name="memory",
            value=memory / 1e9,
            unit="GB",
            better="lower",
            remark=system,
        )
    if (saturation := one.saturation) is not None:
        yield Score(
            kind="bench",
            subject=f"batches of {saturation.n_atoms} atoms",
            name="throughput",
            value=saturation.atoms_per_s,
            unit="atoms/s",
            better="higher",
            remark=f"{saturation.batch} structures at once",
        )
    if not singles:
        yield Score(
            kind="bench", subject=system, name="time", value=None, unit="µs/atom", better="lower", remark=one.stopped
        )


def _time(timing: Timing, system: str) -> Score:
    per_atom = 1e6 / timing.n_atoms
    return Score(
        kind="bench",
        subject=f"{timing.n_atoms} atoms",
        name="energy and forces, time" if timing.task == "forces" else "energy, time",
        value=per_atom * timing.wall_s,
        uncertainty=per_atom * (timing.wall_high_s - timing.wall_low_s) / 2,
        unit="µs/atom",
        better="lower",
        remark=system,
    )
