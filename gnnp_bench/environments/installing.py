"""A virtual environment made and filled, by uv where there is one, else by venv and pip; and why it failed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gnnp_bench.environments.asked import Asked
from gnnp_bench.environments.place import LEFT_OUT
from gnnp_bench.potential import PotentialError

REASONS = (
    (r"No space left on device|Errno 28|os error 28|Disk quota exceeded", "the disk is full"),
    (
        r"name resolution|NewConnectionError|Failed to establish|Network is unreachable|Connection refused|dns error"
        r"|error sending request|ProxyError|ConnectTimeout|Could not connect",
        "no package index can be reached over the network",
    ),
    (r"ensurepip is not available", "this Python has no venv: on Debian install python3-venv"),
)
"""Patterns in what the tools say, and what they mean; the first that fits counts."""
FULL = 4_000_000
"""Bytes free, below which nothing can be installed."""
CHECK = (
    "import json, importlib.metadata as m, ase, numpy;"
    "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions() if d.metadata['Name']}))"
)


def install(asked: Asked, folder: Path, lock: int) -> dict[str, str]:
    """Make an environment in a folder, and return the versions of what it holds.

    Parameters
    ----------
    asked : Asked
    folder : Path
    lock : int
        Descriptor of a lock that the tools are to hold as well: they may outlive this process.

    Raises
    ------
    PotentialError
        If that fails. The folder is left as it is.
    """
    shutil.rmtree(folder, ignore_errors=True)
    python = str(folder / "bin" / "python")
    uv = shutil.which("uv")
    if uv is not None:
        # uv heeds the settings of a project that it is called in, its constraints too: it is called beside the folder.
        wanted = [os.path.abspath(one) if os.sep in one and os.path.exists(one) else one for one in asked.requirements]
        there = str(folder.parent)
        _run(asked, folder, lock, [uv, "venv", "--quiet", "--python", asked.python.path, str(folder)], there)
        _run(asked, folder, lock, [uv, "pip", "install", "--quiet", "--python", python, *wanted], there)
        if asked.alone:
            alone = [uv, "pip", "install", "--quiet", "--python", python, "--no-deps", *asked.alone]
            _run(asked, folder, lock, alone, there)
    else:
        _run(asked, folder, lock, [asked.python.path, "-I", "-m", "venv", str(folder)])
        pip = [python, "-I", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        pip += ["--retries", "2", "--no-compile"]
        _run(asked, folder, lock, [*pip, *asked.requirements])
        if asked.alone:
            _run(asked, folder, lock, [*pip, "--no-deps", "--ignore-requires-python", *asked.alone])
    told = _run(asked, folder, lock, [python, "-I", "-c", CHECK])
    packages: dict[str, str] = json.loads(told.strip().splitlines()[-1])
    return dict(sorted(packages.items()))


def _run(asked: Asked, folder: Path, lock: int, command: Sequence[str], cwd: str | None = None) -> str:
    """Run a tool, and end it with this process's own work if that is interrupted."""
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    with tempfile.TemporaryFile() as said:
        try:
            popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=environment,
                cwd=cwd,
                start_new_session=True,
                pass_fds=(lock,),
            )
        except OSError as error:
            raise PotentialError(
                f"the environment {asked.name} could not be built: {command[0]}: {error.strerror or error}"
            ) from error
        try:
            status = popen.wait()
        except BaseException:
            with contextlib.suppress(OSError):
                os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
            raise
        said.seek(0)
        text = said.read().decode(errors="replace")
    if status:
        # pip's own installer does not pass on what it was told, but a disk that is full is seen.
        full = shutil.disk_usage(folder.parent).free < FULL
        why = "the disk is full" if full else _why(text, status)
        raise PotentialError(f"the environment {asked.name} could not be built: {why}; nothing is left of it")
    return text


def _why(text: str, status: int) -> str:
    for pattern, reason in REASONS:
        if re.search(pattern, text):
            return reason
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(?i)error|.*Error:", line)]
    line = (errors or lines or [f"exit status {status}"])[0 if errors else -1]
    return re.sub(r"(?i)^error:\s*", "", line)[:300]
