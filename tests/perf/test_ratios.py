"""Which of two is faster: the ratio, its noise, and what is said where noise hides it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gnnp_bench.perf import company
from gnnp_bench.perf.messages import Sample
from gnnp_bench.perf.ratios import (
    FEWEST_CALLS,
    against_the_fastest,
    common_size,
    common_task,
    ratios,
    told_apart,
    turned,
)
from gnnp_bench.perf.results import Bench, Measured, Ratio, Subject
from gnnp_bench.perf.summary import summary
from gnnp_bench.report.speed import verdict


def sample(wall, n_atoms=8):
    return Sample(
        n_atoms=n_atoms,
        first_s=1.0,
        wall_s=tuple(float(x) for x in wall),
        cpu_s=tuple(float(x) for x in wall),
        peak_bytes=None,
        device_peak_bytes=None,
    )


def rounds(median, *, noise=0.03, calls=30, seed=0, n_atoms=8, drift=(1.0, 1.0)):
    """Return two rounds of noisy calls."""
    random = np.random.default_rng(seed)
    return [sample(median * d * np.exp(noise * random.standard_normal(calls)), n_atoms) for d in drift]


def of(first, second):
    (ratio,) = ratios({"A": {("forces", 8, 1): first}, "B": {("forces", 8, 1): second}})
    return ratio


def test_the_ratio_is_that_of_the_medians_within_its_noise():
    ratio = of(rounds(1e-3), rounds(2.1e-2, seed=1))
    assert (ratio.task, ratio.n_atoms, ratio.spec, ratio.than) == ("forces", 8, "B", "A")
    assert ratio.value == pytest.approx(21.0, rel=0.03)
    assert 19.0 < ratio.low < ratio.value < ratio.high < 23.5
    assert told_apart(ratio)
    assert verdict(ratio).startswith("E, F of 8 atoms: A is faster: B takes 2")
    assert verdict(turned(ratio)) == verdict(ratio)


def test_a_drift_that_strikes_both_alike_changes_nothing():
    ratio = of(rounds(1e-3, drift=(1.0, 5.0)), rounds(2e-3, seed=1, drift=(1.0, 5.0)))
    assert ratio.value == pytest.approx(2.0, rel=0.03)
    assert ratio.high < 2.2


def test_a_drift_that_strikes_one_is_noise():
    ratio = of(rounds(1e-3), rounds(1e-3, seed=1, drift=(1.6, 0.8)))
    assert ratio.low == pytest.approx(0.8, rel=0.1)
    assert ratio.high > 1.5
    assert not told_apart(ratio)
    assert "no difference that this run can tell" in verdict(ratio)


def test_the_same_potential_twice_is_never_told_apart():
    for seed in range(200):
        noise, calls = ((0.02, 40), (0.1, 12), (0.3, 12), (0.03, 2))[seed % 4]
        # Two processes of the same code differ by a few per cent as well.
        ratio = of(
            rounds(1e-3, noise=noise, calls=calls, seed=seed),
            rounds(1.03e-3, noise=noise, calls=calls, seed=seed + 1000),
        )
        assert not told_apart(ratio), (seed, ratio)


def test_a_tenth_is_told_where_noise_is_small_and_not_where_it_is_large():
    assert told_apart(of(rounds(1e-3, noise=0.01), rounds(1.1e-3, noise=0.01, seed=1)))
    assert not told_apart(of(rounds(1e-3, noise=0.1), rounds(1.1e-3, noise=0.1, seed=1)))


def test_few_calls_are_told_and_their_whole_range_counts():
    ratio = of([sample([1.0, 3.0])], [sample([4.0, 4.0])])
    assert ratio.calls == 2
    assert ratio.calls < FEWEST_CALLS
    assert (ratio.low, ratio.high) == (4 / 3, 4.0)
    assert "of 2 calls only" in verdict(ratio)


def test_what_only_one_measured_is_not_compared():
    one, two = rounds(1e-3), rounds(1e-3, seed=1)
    found = ratios({"A": {("forces", 8, 1): one, ("forces", 32, 1): one}, "B": {("forces", 8, 1): two}})
    assert [ratio.n_atoms for ratio in found] == [8]
    # A batch is no single structure, and dynamics are not compared.
    assert ratios({"A": {("forces", 8, 4): one}, "B": {("forces", 8, 4): two}}) == ()
    assert ratios({"A": {("dynamics", 8, 1): one}, "B": {("dynamics", 8, 1): two}}) == ()


SUBJECT = Subject(
    name="x", species=("Cu",), properties=(), periodic=True, cutoff=None, dtype=None, device="cpu", parameters=None,
    loading_s=0.0, loaded_bytes=0,
)  # fmt: skip


def bench_of(samples):
    measured = tuple(summary(spec, SUBJECT, found, "", None) for spec, found in samples.items())
    return Bench(
        environment={}, system="Cu", timestep_fs=1.0, max_seconds=1.0, max_gigabytes=1.0, potentials=measured,
        ratios=ratios(samples),
    )  # fmt: skip


def test_all_are_compared_with_the_fastest_at_the_largest_size_that_both_measured():
    def times(median, *sizes):
        return {("forces", n, 1): rounds(median * n, n_atoms=n, seed=n) for n in sizes}

    bench = bench_of({"slow": times(4.0, 8, 32), "quick": times(1.0, 8, 32, 128), "broken": {}, "fair": times(2.0, 8)})
    assert common_size(bench) == 8
    assert common_task(bench) == "forces"
    found = against_the_fastest(bench)
    assert [(ratio.spec, ratio.than, ratio.n_atoms) for ratio in found] == [("slow", "quick", 32), ("fair", "quick", 8)]
    assert found[0].value == pytest.approx(4.0, rel=0.05)


def test_without_a_common_size_nothing_is_compared():
    bench = bench_of({"A": {("forces", 8, 1): rounds(1.0)}, "B": {("forces", 32, 1): rounds(1.0, n_atoms=32)}})
    assert common_size(bench) is None
    assert against_the_fastest(bench) == []
    assert isinstance(bench.potentials[0], Measured)


def test_work_of_others_is_what_is_left_of_all_work():
    begin, end = company.Moment(0.0, 100.0, 3.0), company.Moment(10.0, 118.0, 11.0)
    assert company.others(begin, end) == pytest.approx(1.0)
    assert company.others(None, end) is None
    assert company.others(begin, begin) is None


def test_own_work_is_not_that_of_others():
    begin = company.moment()
    if begin is None:
        pytest.skip("this system keeps no record")
    until = begin.own_work + 0.5
    while (end := company.moment()) is not None and end.own_work < until:
        sum(range(100_000))
    assert end is not None
    assert end.own_work - begin.own_work == pytest.approx(0.5, abs=0.1)
    assert end.all_work - begin.all_work > 0.3


def test_the_work_of_processes_begun_here_is_own_work():
    if (begin := company.moment()) is None:
        pytest.skip("this system keeps no record")
    # A process that works in a process of its own, as a potential in another Python does, and stays.
    inner = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
    outer = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {inner!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end = company.moment()
        process.communicate(b"\n")
    assert end is not None
    assert end.own_work - begin.own_work >= 0.5


def test_a_quiet_machine_is_not_remarked(monkeypatch):
    monkeypatch.setattr(company, "usable_cores", lambda: 4)
    assert company.remark(None) is None
    assert company.remark(0.3) is None
    assert "other programs kept 1.2 of 4 cores at work" in str(company.remark(1.2))


def test_turned_is_the_same_comparison():
    ratio = Ratio(task="forces", n_atoms=8, spec="B", than="A", value=2.0, low=1.0, high=4.0, calls=10)
    assert turned(turned(ratio)) == ratio
    assert (turned(ratio).low, turned(ratio).high) == (0.25, 1.0)
