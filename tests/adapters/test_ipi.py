"""The i-PI protocol, both sides of it, with ASE's client and ASE's server on the other side."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.calculators.socketio import SocketIOCalculator

from gnnp_bench.adapters.socket import MOST_DRIVERS, IpiPotential, create
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, PotentialError, Unsupported

ASE = """
import sys
from ase.calculators.emt import EMT
from ase.calculators.socketio import SocketClient
from ase.io import read

atoms = read(sys.argv[1])
atoms.calc = EMT()
where, _, name = sys.argv[2].rpartition(":")
client = SocketClient(unixsocket=name) if where == "unix" else SocketClient(host=where, port=int(name))
client.run(atoms, use_stress=bool(atoms.pbc.all()))
"""
OWN = f"{sys.executable} -m gnnp_bench.adapters.ipi_driver ase:ase.calculators.emt:EMT {{structure}} {{address}}"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("a folder") / "driver.py"
    path.write_text(ASE)
    return path


def ase_command(script: Path) -> str:
    return f"{sys.executable} '{script}' {{structure}} {{address}}"


def made(command: str, **options: str) -> IpiPotential:
    return create(command, {"timeout": "60", **options}, ("Cu", "Au"))


def children() -> set[int]:
    import psutil

    return {process.pid for process in psutil.Process().children(recursive=True)}


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    before = children()
    yield
    deadline = time.monotonic() + 10
    while children() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not children() - before


def structures() -> list[Atoms]:
    crystal = bulk("Cu", cubic=True)
    crystal.symbols[0] = "Au"
    crystal.rattle(0.1, seed=0)
    other = crystal.copy()
    other.set_cell(crystal.cell.array @ (np.eye(3) + 0.02), scale_atoms=True)
    other.rattle(0.1, seed=1)
    slab = fcc111("Cu", (1, 1, 3), vacuum=4.0)
    slab.rattle(0.05, seed=2)
    return [crystal, slab, other, Atoms("Cu2", [[0, 0, 0], [2.3, 0.1, 0]])]


@pytest.mark.parametrize("transport", ["unix", "tcp"])
@pytest.mark.parametrize("driver", ["ase", "own"])
def test_the_driver_answers_what_the_calculator_would(transport: str, driver: str, script: Path) -> None:
    potential = made(ase_command(script) if driver == "ase" else OWN, transport=transport)
    for structure in structures():
        wanted = ALL_PROPERTIES if structure.pbc.all() else ENERGY_FORCES
        (found,) = potential.evaluate([structure], wanted)
        atoms: Any = structure.copy()
        atoms.calc = EMT()
        assert found.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
        np.testing.assert_allclose(np.array(found.forces), atoms.get_forces(), atol=1e-9)
        if structure.pbc.all():
            np.testing.assert_allclose(np.array(found.stress), atoms.get_stress(voigt=False), atol=1e-10)
    assert len(potential.drivers.running) == 3  # one composition was asked for twice
    del potential


def test_few_drivers_stay() -> None:
    potential = made(OWN)
    for n in range(1, MOST_DRIVERS + 3):
        potential.evaluate([Atoms(f"Cu{n}", np.arange(3 * n).reshape(-1, 3) * 2.0)], ENERGY)
    assert len(potential.drivers.running) == MOST_DRIVERS
    del potential


def test_a_refusal_is_a_refusal_and_the_next_structure_works() -> None:
    potential = made(OWN.replace("ase:ase.calculators.emt:EMT", "tests.adapters.test_ipi:picky"))
    with pytest.raises(Unsupported, match="only even numbers of atoms"):
        potential.evaluate([Atoms("Cu")], ENERGY)
    assert potential.evaluate([Atoms("Cu2", [[0, 0, 0], [2.3, 0, 0]])], ENERGY)[0].energy == 2.0
    del potential


def picky() -> Any:
    from tests.analytic import smooth_pair
    from tests.doctor.planted import Adapter

    def evaluation(given: Any, properties: Any) -> Any:
        from gnnp_bench.potential import Prediction

        if len(given[0]) % 2:
            raise Unsupported("only even numbers of atoms")
        return [Prediction(float(len(s)), np.full((len(s), 3), np.nan), np.zeros((3, 3))) for s in given]

    return Adapter(evaluation, smooth_pair(species=("Cu",)).capabilities)


def test_what_is_no_number_arrives_as_it_is() -> None:
    potential = made(OWN.replace("ase:ase.calculators.emt:EMT", "tests.adapters.test_ipi:picky"))
    (found,) = potential.evaluate([Atoms("Cu2", [[0, 0, 0], [2.3, 0, 0]])], ENERGY_FORCES)
    assert np.isnan(np.array(found.forces)).all()
    del potential


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('no such potential')", "ended with status 1: no such potential"),
        ("import time; time.sleep(100)", "did not connect within 2 s"),
        (
            "import socket, sys, time; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); time.sleep(100)",
            "silent for too long",
        ),
        (
            "import socket, sys, time; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
            "s.sendall(b'x' * 48); time.sleep(100)",
            "does not keep to the protocol",
        ),
        (
            "import socket, sys, os; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
            "s.recv(12); os._exit(9)",
            "ended with status 9",
        ),
    ],
)
def test_a_driver_that_goes_wrong(code: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "driver.py"
    path.write_text(code)
    potential = made(f"{sys.executable} {path} {{port}}", transport="tcp", timeout="2")
    for _ in range(2):
        with pytest.raises(RuntimeError, match=message):
            potential.evaluate([bulk("Cu")], ENERGY)
    assert not potential.drivers.running


def test_a_driver_that_dies_between_two_structures_is_started_anew() -> None:
    potential = made(OWN)
    before = potential.evaluate([bulk("Cu")], ENERGY)[0].energy
    (driver,) = potential.drivers.running.values()
    driver.process.kill()
    with pytest.raises(RuntimeError, match="ended with status -9"):
        potential.evaluate([bulk("Cu")], ENERGY)
    assert potential.evaluate([bulk("Cu")], ENERGY)[0].energy == before
    del potential


def test_nothing_is_left_in_the_file_system() -> None:
    def ours() -> list[str]:
        return [name for name in os.listdir("/tmp") if name.startswith(("ipi_gnnp-", "gnnp-ipi-"))]

    before = ours()
    potential = made(OWN)
    potential.evaluate([bulk("Cu")], ENERGY)
    with pytest.raises(RuntimeError):
        made(f"{sys.executable} -c 'import sys; sys.exit(1)' {{address}}").evaluate([bulk("Cu")], ENERGY)
    del potential
    assert set(ours()) <= set(before)


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_as_a_driver_of_ase(transport: str, tmp_path: Path) -> None:
    atoms = structures()[0]
    atoms.write(tmp_path / "structure.xyz")
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        port = some.getsockname()[1]
    name = f"gnnp-test-{os.getpid()}"
    where: dict[str, Any] = {"unixsocket": name} if transport == "unix" else {"port": port}
    command = [sys.executable, "-m", "gnnp_bench.adapters.ipi_driver", "ase:ase.calculators.emt:EMT"]
    command += [str(tmp_path / "structure.xyz"), f"unix:{name}" if transport == "unix" else f"127.0.0.1:{port}"]
    with SocketIOCalculator(timeout=60, **where) as server, subprocess.Popen(command) as process:
        atoms.calc = server
        told = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        server.server.protocol.end()
        assert process.wait(20) == 0
    alone = structures()[0]
    alone.calc = EMT()
    expected = alone.get_potential_energy(), alone.get_forces(), alone.get_stress()
    for one, other in zip(told, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_stress_is_for_crystals() -> None:
    with pytest.raises(Unsupported, match="three directions"):
        made(OWN).evaluate([fcc111("Cu", (1, 1, 2), vacuum=3.0)], ALL_PROPERTIES)
    with pytest.raises(Unsupported, match="without atoms"):
        made(OWN).evaluate([molecule("H2O")[:0]], ENERGY)
    assert "stress" not in made(OWN, stress="false").capabilities.properties


@pytest.mark.parametrize(
    ("argument", "options", "species", "message"),
    [
        (None, {}, ("Cu",), "needs the command of a driver"),
        ("python driver.py", {}, ("Cu",), "must say where the driver connects"),
        ("no-such-program {address}", {}, ("Cu",), "no program 'no-such-program'"),
        ("python 'driver.py {address}", {}, ("Cu",), "No closing quotation"),
        (OWN, {}, None, "--species"),
        (OWN, {"transports": "tcp"}, ("Cu",), "did you mean 'transport'"),
        (OWN, {"transport": "udp"}, ("Cu",), "unix or tcp"),
        (OWN, {"timeout": "-1"}, ("Cu",), "number of seconds"),
        (OWN, {"stress": "no"}, ("Cu",), "true or false"),
    ],
)
def test_wrong_requests(
    argument: str | None, options: dict[str, str], species: tuple[str, ...] | None, message: str
) -> None:
    with pytest.raises(PotentialError, match=message) as told:
        create(argument, options, species)
    assert "\n" not in str(told.value)
