"""The file that makes a folder a committee."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gnnp_bench.potential import PotentialError

NAME = "committee.json"
SCHEMA = 1


def member(index: int) -> str:
    """Return the folder of a member."""
    return f"member{index}"


def read_committee(folder: Path) -> dict[str, Any]:
    """Return the content of the file of a committee that is finished.

    Raises
    ------
    PotentialError
        There is none, it is not finished, or the file is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        raise PotentialError(f"{folder} is no committee: make one with gnnp-bench train --committee N --out {folder}")
    try:
        found = json.loads(path.read_bytes())
        if found["schema"] != SCHEMA:
            raise PotentialError(f"{path} has schema {found['schema']}, and this version reads {SCHEMA}")
        members = [str(one) for one in found["members"]]
        finished = bool(found["complete"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PotentialError(f"{path} describes no committee, or it is damaged") from error
    if not finished:
        raise PotentialError(f"the committee in {folder} is not finished: repeat the command that began it")
    if len(members) < 2 or any(Path(one).name != one or one in ("", "..") for one in members):
        raise PotentialError(f"{path} describes no committee: it names no two folders beside it")
    result: dict[str, Any] = found
    return result
