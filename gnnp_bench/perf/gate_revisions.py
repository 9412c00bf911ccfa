"""Two revisions side by side: their files in a cache, and interpreters that have what they need."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

DEPENDENCY_FILES = ("pyproject.toml", "setup.cfg", "setup.py", "constraints.txt", "requirements.txt")
Environments: TypeAlias = Literal["auto", "current", "own"]


class CannotMeasure(Exception):
    """The gate cannot be carried out. The message says in one line why, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Revision:
    """Code that can be run.

    Attributes
    ----------
    name : str
        As the user wrote it.
    commit : str or None
        Full hash; None for the working tree.
    root : Path
        Where its files are.
    python : Path
        Interpreter of its environment.
    """

    name: str
    commit: str | None
    root: Path
    python: Path


def git(repository: Path, *arguments: str) -> bytes:
    """Return what git prints.

    Raises
    ------
    CannotMeasure
        It failed, or there is no git.
    """
    try:
        done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False)
    except OSError as error:
        raise CannotMeasure(f"git cannot be run: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise CannotMeasure(f"git {arguments[0]} failed: {said[-1] if said else f'status {done.returncode}'}")
    return done.stdout


def repository_of(directory: Path) -> Path:
    """Return the top of the repository that a directory is in.

    Raises
    ------
    CannotMeasure
        It is in none.
    """
    try:
        return Path(git(directory, "rev-parse", "--show-toplevel").decode().strip())
    except CannotMeasure as error:
        raise CannotMeasure(
            f"{directory} is in no git repository: run it in one, or name it by --repository"
        ) from error


def check_out(repository: Path, name: str, cache: Path) -> Revision:
    """Return a revision whose files lie in the cache.

    They are exported, not checked out as a worktree: a worktree would be recorded in the user's repository, and two
    gates at once would fight for it. Submodules stay empty.

    Raises
    ------
    CannotMeasure
        There is no such revision, or its files cannot be written to the cache.
    """
    try:
        commit = git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except CannotMeasure as error:
        raise CannotMeasure(f"there is no revision {name!r} in {repository.name}; is the history complete?") from error
    sha = commit.decode().strip()
    root = cache / "revisions" / sha
    if not root.is_dir():
        files = git(repository, "archive", "--format=tar", sha)
        temporary = root.with_name(f".{sha}-{secrets.token_hex(4)}")
        try:
            temporary.mkdir(parents=True)
            with tarfile.open(fileobj=io.BytesIO(files)) as archive:
                archive.extractall(temporary, filter="data")
            if not root.is_dir():
                os.replace(temporary, root)
        except (OSError, tarfile.TarError) as error:
            # Among the latter: links that lead out of the revision.
            raise CannotMeasure(f"the files of {name} cannot be written to {cache}: {error}; see --cache") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Revision(name, sha, root, Path(sys.executable))


def dependency_key(root: Path, extras: Sequence[str]) -> str:
    """Return a hash of the files that say what a revision depends on, of the extras and of the interpreter."""
    digest = hashlib.sha256(f"{sys.version_info[:3]} {sorted(extras)}".encode())
    for name in DEPENDENCY_FILES:
        file = root / name
        digest.update(name.encode() + b"\0" + (file.read_bytes() if file.is_file() else b"") + b"\0")
    return digest.hexdigest()[:16]


def with_environments(
    base: Revision,
    head: Revision,
    environments: Environments,
    extras: Sequence[str],
    cache: Path,
    tell: Callable[[str], None],
) -> tuple[Revision, Revision]:
    """Return both revisions with the interpreter each is to run with.

    "current" is the one that runs this; "own" builds a virtual environment for each, kept in the cache by the files
    that state its dependencies; "auto" takes the current one where these files are the same in both revisions.

    Raises
    ------
    CannotMeasure
        An environment cannot be built.
    """
    keys = [dependency_key(revision.root, extras) for revision in (base, head)]
    if environments == "current" or (environments == "auto" and keys[0] == keys[1]):
        return base, head
    found = []
    for revision, key in zip((base, head), keys, strict=True):
        python = _environment(revision, cache / "environments" / key, extras, tell)
        found.append(Revision(revision.name, revision.commit, revision.root, python))
    return found[0], found[1]


def _environment(revision: Revision, place: Path, extras: Sequence[str], tell: Callable[[str], None]) -> Path:
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = place / "complete"  # an environment cannot be moved into place when it is done
    if complete.is_file():
        return python
    tell(f"building an environment for {revision.name} ...")
    shutil.rmtree(place, ignore_errors=True)
    requirements, constraints = revision.root / "requirements.txt", revision.root / "constraints.txt"
    wanted = f"{revision.root}[{','.join(extras)}]" if extras else str(revision.root)
    # The pip at hand installs into it: to give it one of its own takes seconds.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    limits = ["-c", str(constraints)] if constraints.is_file() else []
    commands = [[sys.executable, "-m", "venv", "--without-pip", str(place)], [*pip, wanted, *limits]]
    if requirements.is_file():
        commands.append([*pip, "-r", str(requirements), *limits])
    for command in commands:
        # Paths in requirements are those of the revision.
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=revision.root)
        if done.returncode:
            said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            last = next((line for line in said if line.startswith("ERROR:")), said[-1] if said else "it says nothing")
            raise CannotMeasure(f"no environment could be built for {revision.name}: {last}")
    try:
        complete.touch()
    except OSError as error:
        raise CannotMeasure(f"{place} cannot be written: {error.strerror}; see --cache") from error
    return python
