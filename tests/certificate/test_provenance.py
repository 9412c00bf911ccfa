"""What a certificate tells of where it was made, and what it keeps to itself."""

from __future__ import annotations

import getpass
import json
import platform
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from gnnp_bench.certificate.provenance import anonymous, command_line, environment, usable_cores, versions


def test_it_tells_what_may_change_a_number(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    told = environment()
    assert told["python"] == platform.python_version()
    assert platform.machine() in told["platform"]
    assert told["cores"] == usable_cores()
    assert told["threads"]["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in told["threads"]
    for package in ("gnnp-bench", "numpy", "ase", "scipy"):
        assert told["versions"][package] == version(package)


def test_the_processor_is_named_on_linux():
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    assert environment()["cpu"] in {*names, platform.processor() or None}


def test_the_date_is_utc_and_now():
    date = datetime.fromisoformat(environment()["date"])
    assert date.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - date) < timedelta(minutes=1)


def test_packages_of_a_potential_are_told_and_absent_ones_are_not():
    assert environment(["hypothesis", "no-such-package"])["versions"]["hypothesis"] == version("hypothesis")
    assert versions(["no-such-package"]) == {}


@pytest.mark.parametrize(
    ("argument", "kept"),
    [
        ("/home/someone/models/best.pt", "best.pt"),
        ("--json=/home/someone/out.json", "--json=out.json"),
        ("ase:/home/some one/best model.pt?device=cpu", "ase:best model.pt?device=cpu"),
        ("~/models/best.pt", "best.pt"),
        ("~someone/best.pt", "best.pt"),
        (r"C:\Users\someone\best.pt", "best.pt"),
        (
            "mypackage.module:factory?path=/scratch/someone/w.pt&device=cuda",
            "mypackage.module:factory?path=w.pt&device=cuda",
        ),
        ("/", ""),
        ("symmetry/*", "symmetry/*"),
        ("models/best.pt", "models/best.pt"),
        ("chgnet:0.3.0", "chgnet:0.3.0"),
        ("Cu,Au", "Cu,Au"),
    ],
)
def test_absolute_paths_are_cut_down_to_their_last_part(argument, kept):
    assert anonymous(argument) == kept


def test_the_command_is_one_line():
    arguments = ["/opt/env/bin/gnnp-bench", "certify", "chgnet", "--json", "/home/someone/a.json"]
    assert command_line(arguments) == "gnnp-bench certify chgnet --json a.json"
    assert command_line([]) == ""


def test_it_names_no_one_and_no_place():
    program = "import json; from gnnp_bench.certificate.provenance import environment; print(json.dumps(environment()))"
    arguments = [sys.executable, "-c", program, str(Path.home() / "certificate.json")]
    told = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert "certificate.json" in json.loads(told)["command"]
    assert socket.gethostname() not in told
    assert not re.search(rf"\b{re.escape(getpass.getuser())}\b", told)
    assert not re.search(r'"[^"]*(?<![\w.:])/(home|root|tmp|usr|Users)/', told)


def test_nothing_heavy_is_imported_for_it():
    program = (
        "import sys; from gnnp_bench.certificate.provenance import environment; environment()\n"
        "print(sorted(m for m in ('torch', 'scipy', 'ase.build', 'pytest') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
