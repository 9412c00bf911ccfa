"""What a run leaves in its folder. Every file is written whole or not at all."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from gnnp_bench.accuracy.labels import DataError

MODEL = "model.safetensors"
CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.json"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part of either.

    Raises
    ------
    DataError
        It cannot be written, for want of space or permission. What was there before is still there.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                os.chmod(file.name, 0o644)
                os.replace(file.name, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(file.name)
                raise
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror or error}") from error


def remove_leftovers(folder: Path) -> None:
    """Remove what a process that was killed while it wrote has left."""
    for name in (MODEL, CHECKPOINT, METRICS):
        for path in folder.glob(f".{name}.*"):
            with contextlib.suppress(OSError):
                path.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and text of a run that goes on."""
    content = io.BytesIO()
    torch.save(state, content)
    write_whole(path, content.getvalue())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote; nothing in the file can run.

    Raises
    ------
    DataError
        The file is damaged, or something else.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch fails in many ways
        raise DataError(
            f"{path} is no checkpoint of a training run, or it is damaged: remove it to start anew"
        ) from error
    if not isinstance(state, dict) or "course" not in state:
        raise DataError(f"{path} is no checkpoint of a training run: remove it to start anew")
    return state
