"""A potential on another machine, which is this one, over ssh: a server of our own on the loopback interface."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms

from gnnp_bench.adapters import registry
from gnnp_bench.environments.place import SSH_COMMAND
from gnnp_bench.environments.process import Lost
from gnnp_bench.potential import ENERGY, PotentialError
from tests.environments.test_elsewhere import EMT, pid

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None, reason="no ssh server is installed (Debian: openssh-server)"
)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a server that lets its own key in, and return the command that reaches it."""
    assert SSHD is not None
    folder = tmp_path_factory.mktemp("ssh")
    port = free_port()
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "key.pub", folder / "authorized")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile {folder}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where the server, run by root, insists on an empty folder
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.PIPE)
    until = time.monotonic() + 20.0
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    known = f"-o UserKnownHostsFile={folder}/known -o StrictHostKeyChecking=accept-new"
    yield f"ssh -F none -p {port} -i {shlex.quote(str(folder / 'key'))} -o IdentitiesOnly=yes {known}"
    server.terminate()
    server.wait()
    assert server.stderr is not None
    server.stderr.close()


def test_answers_come_from_a_python_over_ssh(
    ssh: str, python: str, monkeypatch: pytest.MonkeyPatch, copper: Atoms, alloy: Atoms
):
    monkeypatch.setenv(SSH_COMMAND, ssh)
    here = registry.load(EMT, ("Cu", "Au")).potential.evaluate([copper, alloy], ENERGY)
    for env in (f"ssh:127.0.0.1//{python}", f"ssh:127.0.0.1/{python}"):  # as a path, and as the path of an address
        potential: Any = registry.load(f"{EMT}?env={env}", ("Cu", "Au")).potential
        assert [one.energy for one in potential.evaluate([copper, alloy], ENERGY)] == [one.energy for one in here]
    assert potential.environment()["packages"]["ase"] == "3.29.0"


def test_a_broken_connection_costs_its_own_call_alone(
    ssh: str, python: str, monkeypatch: pytest.MonkeyPatch, copper: Atoms
):
    monkeypatch.setenv(SSH_COMMAND, ssh)
    potential: Any = registry.load(f"{EMT}?env=ssh:127.0.0.1//{python}", ("Cu",)).potential
    before = potential.evaluate([copper], ENERGY)[0].energy
    os.kill(pid(potential), signal.SIGSTOP)
    monkeypatch.setenv("GNNP_BENCH_ENV_TIMEOUT", "1")
    with pytest.raises(Lost, match="within 1 s"):
        potential.evaluate([copper], ENERGY)
    monkeypatch.delenv("GNNP_BENCH_ENV_TIMEOUT")
    assert potential.evaluate([copper], ENERGY)[0].energy == before


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ("ssh:127.0.0.1//nothing-of-that-name", "nothing-of-that-name"),
        ("ssh:nowhere.invalid//python3", "nowhere.invalid"),
        ("ssh:127.0.0.1", "does not name a Python on another machine"),
        ("ssh:-oProxyCommand=true//python3", "does not name a Python on another machine"),
    ],
)
def test_what_cannot_be_reached_is_told_in_one_line(ssh: str, monkeypatch: pytest.MonkeyPatch, env: str, told: str):
    monkeypatch.setenv(SSH_COMMAND, ssh)
    with pytest.raises(PotentialError, match=told) as caught:
        registry.load(f"{EMT}?env={env}", ("Cu",))
    assert "\n" not in str(caught.value)
