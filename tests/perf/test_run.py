"""A benchmark of real potentials in real processes: what is measured, in which order, and where it stops."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from gnnp_bench.perf.messages import Load, Measure, Refused, Sample, Told
from gnnp_bench.perf.process import Gone, Process
from gnnp_bench.perf.results import Timing
from gnnp_bench.perf.run import ALL_SIZES, Plan, bench
from gnnp_bench.perf.summary import saturation
from gnnp_bench.perf.systems import common_cell
from gnnp_bench.potential import PotentialError
from gnnp_bench.structures import to_json

POTENTIALS = """
import os
import time

import numpy as np

from tests.analytic import smooth_pair


class Behaving:
    "A sound potential that does something for each structure before it answers."

    def __init__(self, name, habit):
        self.sound, self.name, self.habit = smooth_pair(species=["Cu"]), name, habit
        self.capabilities = self.sound.capabilities

    def evaluate(self, structures, properties):
        with open("calls", "a") as record:
            record.write(self.name)
        for structure in structures:
            self.habit(structure)
        return self.sound.evaluate(structures, properties)


def quick():
    return Behaving("A", lambda structure: None)


def costly():
    "A tenth of a millisecond for each atom, and five in any case; on a clock, not on a processor."
    return Behaving("B", lambda structure: time.sleep(5e-3 + 1e-4 * len(structure)))


def hungry():
    return Behaving("C", lambda structure: np.ones(len(structure) * 200_000).sum())


def mortal():
    return Behaving("D", lambda structure: len(structure) > 5 and os._exit(7))


def refusing():
    def refuse(structure):
        raise ValueError("not today")

    return Behaving("E", refuse)
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "behaviours.py").write_text(POTENTIALS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(*sizes: int, gigabytes: float = 8.0) -> Plan:
    """Return a plan with more time than even a busy machine needs, and little for each timing."""
    cell = common_cell(["Cu"])
    return Plan(sizes=sizes, cell=cell, max_seconds=600.0, seconds=0.02, max_gigabytes=gigabytes)


def silent(line: str) -> None:
    assert "\n" not in line


def test_potentials_are_measured_in_turn_and_every_task_is_there(workplace):
    found = bench(["behaviours:quick", "behaviours:costly"], plan(2, 8), silent, {"behaviours:quick": 3.0})
    quick, costly = found.potentials
    assert [one.spec for one in found.potentials] == ["behaviours:quick", "behaviours:costly"]
    assert (quick.error, costly.error) == (3.0, None)
    assert quick.stopped == ALL_SIZES
    for task in ("energy", "forces", "stress", "dynamics", "neighbours"):
        assert [timing.n_atoms for timing in quick.singles(task)] == [2, 8]
        for timing in quick.singles(task):
            assert 0 < timing.wall_low_s <= timing.wall_s <= timing.wall_high_s
            assert timing.first_s > 0
            assert timing.calls >= 1
            assert timing.peak_bytes is not None
            assert timing.peak_bytes > 10_000_000
    # It sleeps: that is on the clock, and not on the processor.
    for timing in costly.singles("energy"):
        assert timing.wall_s >= 5e-3 + 1e-4 * timing.n_atoms
        assert timing.cpu_s < timing.wall_s
    turns = "".join(letter for letter, _ in itertools.groupby((workplace / "calls").read_text()))
    assert turns.startswith("ABA")
    assert turns.count("AB") >= 3
    assert quick.subject.loading_s > 0
    assert quick.subject.cutoff == 6.0


def test_batches_grow_until_they_bring_nothing(workplace):
    (costly,) = bench(["behaviours:costly"], plan(2), silent).potentials
    batches = costly.batches()
    assert [timing.n_structures for timing in batches][:3] == [1, 2, 4]
    assert all(timing.n_atoms == 2 for timing in batches)
    assert costly.saturation is not None
    assert costly.saturation.n_atoms == 2


def test_it_stops_before_a_size_that_would_take_too_long():
    (found,) = bench(["behaviours:costly"], plan(2, 8, 1_000_000), silent).potentials
    assert [timing.n_atoms for timing in found.singles("energy")] == [2, 8]
    assert "1000000 atoms would take about" in found.stopped
    assert "--max-seconds 600" in found.stopped


def test_it_stops_before_a_size_that_would_need_too_much_memory():
    (found,) = bench(["behaviours:hungry"], plan(2, 500, gigabytes=0.5), silent).potentials
    assert "500 atoms would need about" in found.stopped
    assert [timing.n_atoms for timing in found.singles("energy")] == [2]


def test_a_process_that_dies_costs_the_others_nothing():
    dead, alive = bench(["behaviours:mortal", "behaviours:quick"], plan(2, 8), silent).potentials
    assert "its process ended with status 7" in dead.stopped
    assert alive.stopped == ALL_SIZES
    assert [timing.n_atoms for timing in alive.singles("forces")] == [2, 8]


def test_what_a_potential_says_when_it_fails_is_passed_on():
    (found,) = bench(["behaviours:refusing"], plan(2), silent).potentials
    assert found.timings == ()
    assert "ValueError: not today" in found.stopped


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(PotentialError, match="no attribute 'absent'"):
        bench(["behaviours:absent"], plan(2), silent)
    with pytest.raises(PotentialError, match="does not support Si"):
        bench(["behaviours:quick"], Plan(sizes=(2,), cell=common_cell(["Si"])), silent)


def test_a_process_that_takes_too_long_is_killed():
    process = Process()
    try:
        assert isinstance(process.ask(Load(spec="behaviours:costly", species=None)), Told)
        request = Measure(
            cell=to_json(common_cell(["Cu"])),
            n_atoms=2,
            n_structures=1,
            periodic=True,
            task="energy",
            seconds=0.02,
            warm_up=True,
            timestep_fs=1.0,
        )
        sample = process.ask(request)
        assert isinstance(sample, Sample)
        assert sample.first_s is not None
        assert len(sample.wall_s) == len(sample.cpu_s) >= 1
        with pytest.raises(Gone, match=r"it took longer than 0\.3 s"):
            process.ask(msgspec.structs.replace(request, seconds=60.0), seconds=0.3)
        other = Process()
        with pytest.raises(Gone, match="it needed more memory than 1e-06 GB"):
            other.ask(Load(spec="behaviours:costly", species=None), n_bytes=1000)
        other.close()
    finally:
        process.close()
    assert process.popen.poll() is not None


def test_a_process_with_nothing_loaded_says_so():
    process = Process()
    try:
        answer = process.ask(Load(spec="nothing:such", species=None))
        assert isinstance(answer, Refused)
        assert answer.clear
        assert "nothing" in answer.message
    finally:
        process.close()


def timed(batch: int, seconds: float) -> Timing:
    return Timing(
        task="forces",
        n_atoms=10,
        n_structures=batch,
        first_s=seconds,
        wall_s=seconds,
        wall_low_s=seconds,
        wall_high_s=seconds,
        cpu_s=seconds,
        calls=1,
    )


def test_saturation():
    # Throughputs: 10, 16, 20, 20.5 atoms per second.
    found = saturation([timed(1, 1.0), timed(2, 1.25), timed(4, 2.0), timed(8, 80 / 20.5)])
    assert found is not None
    assert (found.batch, found.atoms_per_s, found.reached) == (4, 20.0, True)
    found = saturation([timed(1, 1.0), timed(2, 1.0)])
    assert found is not None
    assert (found.batch, found.reached) == (2, False)
    assert saturation([timed(1, 1.0)]) is None
