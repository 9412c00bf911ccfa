"""A potential in another Python answers as it does here, and what goes wrong with it there is told here."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms

from gnnp_bench.adapters import registry
from gnnp_bench.environments.elsewhere import Elsewhere
from gnnp_bench.environments.process import Lost
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, PotentialError, Unsupported

EMT = "ase:ase.calculators.emt:EMT"


def there(spec: str, python: str, species: tuple[str, ...] | None = None) -> Elsewhere:
    mark = "&" if "?" in spec else "?"
    potential: Any = registry.load(f"{spec}{mark}env={python}", species).potential
    assert isinstance(potential, Elsewhere)
    return potential


def pid(potential: Elsewhere) -> int:
    return potential.home.process().popen.pid


def test_the_other_python_has_neither_gnnp_bench_nor_what_it_needs(python: str):
    code = (
        "import importlib.util as u; print([u.find_spec(n) is None for n in ('gnnp_bench','msgspec','typer','psutil')])"
    )
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[True, True, True, True]"


def test_answers_are_those_of_this_process_bit_by_bit(python: str, copper: Atoms, alloy: Atoms):
    here, other = registry.load(EMT, ("Cu", "Au")).potential, there(EMT, python, ("Cu", "Au"))
    assert other.name == here.name
    assert other.capabilities == here.capabilities
    structures = [copper, alloy, copper[:1]]
    for properties in (ALL_PROPERTIES, ENERGY_FORCES, ENERGY):
        for mine, theirs in zip(
            here.evaluate(structures, properties), other.evaluate(structures, properties), strict=True
        ):
            assert theirs.energy == mine.energy
            assert theirs.reported_energy == mine.reported_energy
            np.testing.assert_array_equal(theirs.forces, mine.forces)
            np.testing.assert_array_equal(theirs.stress, mine.stress)


def test_an_empty_batch_and_an_empty_structure_travel(python: str, hazards: Path):
    potential = there("hazards:sound", python)
    assert potential.evaluate([], ALL_PROPERTIES) == []
    assert potential.evaluate([Atoms()], ENERGY)[0].energy == 0.0


def test_positions_that_are_no_numbers_travel(python: str, hazards: Path, copper: Atoms):
    copper.positions[0, 0] = np.nan
    (found,) = there("hazards:sound", python).evaluate([copper], ENERGY)
    assert np.isnan(found.forces[0, 0])  # type: ignore[index]


@pytest.mark.parametrize(("spec", "told"), [("dies", "SIGSEGV .*the kernel panicked"), ("leaves", "exit status 7")])
def test_a_process_that_dies_costs_its_own_call_alone(
    python: str, hazards: Path, copper: Atoms, alloy: Atoms, spec: str, told: str
):
    potential = there(f"hazards:{spec}", python)
    before = potential.evaluate([copper], ENERGY)[0].energy
    for _ in range(2):
        with pytest.raises(Lost, match=told):
            potential.evaluate([copper, alloy], ENERGY)
        assert potential.evaluate([copper], ENERGY)[0].energy == before


def test_a_process_that_hangs_is_ended_with_all_that_it_has_started(
    python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hazards: Path, copper: Atoms, alloy: Atoms
):
    (tmp_path / "hazards.py").write_text((hazards / "hazards.py").read_text())
    monkeypatch.chdir(tmp_path)
    potential = there("hazards:hangs_with_another", python)
    monkeypatch.setenv("GNNP_BENCH_ENV_TIMEOUT", "2")
    with pytest.raises(Lost, match="did not answer within 2 s"):
        potential.evaluate([alloy], ENERGY)
    assert potential.evaluate([copper], ENERGY)[0].energy > 0.0
    for number in (tmp_path / "numbers").read_text().split():
        assert not _runs(int(number))


def _runs(number: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_it_prints_stays_off_the_channel(
    python: str, hazards: Path, copper: Atoms, alloy: Atoms, capfd: pytest.CaptureFixture[str]
):
    potential = there("hazards:prints", python)
    assert potential.evaluate([alloy, copper], ALL_PROPERTIES)[0].energy > 0.0
    assert capfd.readouterr() == ("", "")


def test_exceptions_are_those_that_were_raised(python: str, hazards: Path, copper: Atoms, alloy: Atoms):
    with pytest.raises(Unsupported, match="no gold"):
        there("hazards:refuses", python).evaluate([alloy], ENERGY)
    with pytest.raises(KeyError) as caught:
        there("hazards:breaks", python).evaluate([alloy], ENERGY)
    assert type(caught.value).__name__ == "OwnError"
    assert caught.value.args == ("charge",)
    with pytest.raises(SystemExit) as ended:
        there("hazards:quits", python).evaluate([alloy], ENERGY)
    assert ended.value.code == "enough"


@pytest.mark.parametrize(
    "kind", ["nan", "shape", "complex", "masked", "objects", "rows", "text", "none", "float32", "fewer", "nothing"]
)
def test_wrong_answers_are_judged_as_those_of_this_process(python: str, hazards: Path, copper: Atoms, kind: str):
    from gnnp_bench.engine.calling import evaluated

    def judged(potential: Any) -> str:
        try:
            (found,) = evaluated(potential, [copper.copy()], ALL_PROPERTIES)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return repr((found.energy, found.forces, found.stress))

    spec = f"hazards:answers?kind={kind}"
    assert judged(there(spec, python)) == judged(registry.load(spec).potential)


def test_what_it_changes_in_its_input_is_changed_here(python: str, hazards: Path, copper: Atoms, alloy: Atoms):
    first, second = copper.copy(), alloy.copy()
    second.set_constraint(FixAtoms([0]))
    second.info["list"] = [1, (2.0, "three"), {"four": np.arange(3)}]
    there("hazards:meddles", python).evaluate([first, second], ENERGY)
    assert first == copper
    np.testing.assert_array_equal(second.positions, alloy.positions + 1.0)
    assert second.info["seen"] is True
    assert second.info["list"][:2] == [1, (2.0, "three")]
    assert second.arrays["rank"].tolist() == [0, 1, 2, 3]
    assert second.constraints[0].index.tolist() == [0]


def test_everything_that_a_structure_carries_is_left_as_it_is(python: str, hazards: Path, alloy: Atoms):
    alloy.set_constraint(FixAtoms([0]))
    alloy.set_celldisp([0.1, 0.0, 0.0])
    alloy.set_momenta(np.ones((4, 3)))
    alloy.info["what"] = object()
    alloy.calc = calculator = SinglePointCalculator(alloy, energy=1.0)
    positions = alloy.positions
    there("hazards:sound", python).evaluate([alloy], ENERGY)
    assert alloy.positions is positions
    assert alloy.calc is calculator
    assert type(alloy.info["what"]) is object


def test_a_buffer_that_is_used_again_changes_what_was_returned_before(python: str, hazards: Path, copper: Atoms):
    potential = there("hazards:reuses", python)
    (first,) = potential.evaluate([copper], ALL_PROPERTIES)
    assert first.forces is not None
    kept = first.forces.copy()
    copper.rattle(0.1, seed=2)
    (second,) = potential.evaluate([copper], ALL_PROPERTIES)
    np.testing.assert_array_equal(first.forces, second.forces)
    assert not np.array_equal(first.forces, kept)


def test_a_calculator_is_attached_to_one_structure_there_from_call_to_call(python: str, hazards: Path, copper: Atoms):
    stale = there("ase:hazards:Stale", python, ("Cu",))
    honest = there("ase:hazards:Stale?honest=true", python, ("Cu",))
    before = stale.driven([copper], ALL_PROPERTIES)[0].energy
    copper.positions[0] += 0.3
    now = honest.driven([copper], ALL_PROPERTIES)[0].energy
    assert now != before
    assert stale.driven([copper], ALL_PROPERTIES)[0].energy == before  # as it is here
    assert stale.driven([copper.copy()], ALL_PROPERTIES)[0].energy == now
    del copper[0]
    assert honest.driven([copper], ALL_PROPERTIES)[0].energy != now
    assert copper.calc is None


def test_it_is_loaded_anew_in_its_process_and_let_go_of(python: str, hazards: Path, copper: Atoms):
    potential = there("hazards:hoards", python)
    loaded = registry.load(f"hazards:hoards?env={python}")
    again = [loaded.reload() for _ in range(3)]
    assert {pid(one) for one in (potential, loaded.potential, *again)} == {pid(potential)}  # type: ignore[arg-type]
    assert len({one.known[1] for one in again}) == 3  # type: ignore[attr-defined]
    for one in again:
        for _ in range(50):
            one.evaluate([copper], ENERGY)
    full, _, files = potential.held()
    assert 3 < files < 100
    del again, one
    gc.collect()
    potential.evaluate([copper], ENERGY)
    assert full - potential.held()[0] > 10_000_000


def test_the_way_to_load_it_can_be_sent_to_another_process(python: str, hazards: Path, copper: Atoms):
    loaded = registry.load(f"hazards:sound?env={python}")
    copied = cloudpickle.loads(cloudpickle.dumps(loaded.reload))  # type: ignore[attr-defined]
    assert copied == loaded.reload
    assert copied().evaluate([copper], ENERGY)[0].energy == loaded.potential.evaluate([copper], ENERGY)[0].energy


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot split processes")
def test_a_process_that_was_split_off_gets_one_of_its_own(python: str, hazards: Path, copper: Atoms):
    potential = there("hazards:sound", python)
    expected = potential.evaluate([copper], ENERGY)[0].energy
    number = pid(potential)
    child = os.fork()
    if child == 0:
        good = potential.evaluate([copper], ENERGY)[0].energy == expected and pid(potential) != number
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert potential.evaluate([copper], ENERGY)[0].energy == expected
    assert pid(potential) == number


def test_its_process_ends_with_the_last_that_uses_it(python: str, hazards: Path):
    potential = there("hazards:sound", python)
    number = pid(potential)
    assert _runs(number)
    del potential
    gc.collect()
    assert not _runs(number)


def test_its_process_ends_when_the_one_that_asks_is_killed(python: str, hazards: Path):
    code = (
        "from gnnp_bench.adapters import registry; import time;"
        f"p = registry.load('hazards:sound?env={python}').potential;"
        "print(p.home.process().popen.pid, flush=True); time.sleep(100)"
    )
    asking = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert asking.stdout is not None
    number = int(asking.stdout.readline())
    assert _runs(number)
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    asking.stdout.close()
    until = time.monotonic() + 20.0
    while _runs(number) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _runs(number)


def test_molecules_and_other_arrays_travel(python: str, hazards: Path):
    water = molecule("H2O")
    water.set_initial_charges([0.1, 0.2, -0.3])
    water.arrays["numbers"] = water.numbers.astype(np.int32)
    here = registry.load("hazards:sound").potential
    assert there("hazards:sound", python).evaluate([water], ENERGY_FORCES)[0].energy == pytest.approx(
        here.evaluate([water], ENERGY_FORCES)[0].energy, abs=0.0
    )


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("hazards:nothing_of_that_name", "no attribute 'nothing_of_that_name'"),
        ("nowhere:make", "no module 'nowhere'"),
        ("chgnet", "chgnet is not installed"),
        ("ase:ase.calculators.emt:EMT?asap=1", "no keyword 'asap'"),
        ("chg", "unknown potential 'chg': did you mean 'chgnet'"),
        (EMT, "--species"),
    ],
)
def test_what_cannot_be_loaded_there_is_told_in_one_line(python: str, hazards: Path, spec: str, told: str):
    with pytest.raises(PotentialError, match=told) as caught:
        there(spec, python)
    assert "\n" not in str(caught.value)


def test_it_tells_where_it_lives(python: str):
    told = there(EMT, python, ("Cu",)).environment()
    assert told["packages"]["ase"] == "3.29.0"
    assert "gnnp-bench" not in told["packages"]
    assert told["env"] == python
    assert len(told["sha256"]) == 64
