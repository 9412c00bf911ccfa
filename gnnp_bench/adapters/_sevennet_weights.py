"""Where the weights of SevenNet lie: in its package, where it keeps what it downloaded before, or at a path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sevenn
from sevenn import _const
from sevenn.checkpoint import SevenNetCheckpoint

from gnnp_bench.adapters._factory import one_line, suggestion
from gnnp_bench.potential import PotentialError

NAMES = {
    "7net-0": "SEVENNET_0_11Jul2024",
    "7net-0_22May2024": "SEVENNET_0_22May2024",
    "7net-l3i5": "SEVENNET_l3i5",
    "7net-mf-0": "SEVENNET_MF_0",
    "7net-mf-ompa": "SEVENNET_MF_ompa",
    "7net-omat": "SEVENNET_omat",
    "7net-omni": "SEVENNET_omni",
    "7net-omni-i8": "SEVENNET_omni_i8",
    "7net-omni-i12": "SEVENNET_omni_i12",
}
"""Names of pretrained weights, and of the constants in which the package keeps the paths of their files."""


def find(wanted: str | None) -> tuple[str, Path]:
    """Return the name of weights and the file that holds them; the first of `NAMES` where none is wanted.

    Raises
    ------
    PotentialError
        There is no such name, or its file is not on this machine.
    """
    wanted = wanted or next(iter(NAMES))
    if Path(wanted).is_file():
        return Path(wanted).stem, Path(wanted)
    by_name = {name.lower(): name for name in NAMES} | {"7net-0_11jul2024": "7net-0"}
    name = by_name.get(wanted.lower().replace("sevennet-", "7net-", 1))
    shipped = choices([known for known in NAMES if _files(known)])
    if name is None:
        raise PotentialError(
            f"sevennet knows no weights {wanted!r}{suggestion(wanted, NAMES)}; {shipped}, or give a checkpoint's path"
        )
    if not (files := _files(name)):
        raise PotentialError(
            f"the weights {name} do not come with sevenn {sevenn.__version__} and nothing is downloaded here;"
            f" {shipped}, or give a checkpoint's path"
        )
    return name, files[0]


def _files(name: str) -> list[Path]:
    """Return where the weights lie: in the package, or where it keeps what it has downloaded before."""
    shipped = getattr(_const, NAMES[name], None)
    if shipped is None:
        return []
    kept = shipped.replace(_const._prefix, str(Path("~/.cache/sevennet").expanduser()))
    return [Path(path) for path in (shipped, kept) if Path(path).is_file()]


def opened(path: Path) -> SevenNetCheckpoint:
    """Return the checkpoint in a file.

    Raises
    ------
    PotentialError
        The file holds something else.
    """
    checkpoint = SevenNetCheckpoint(str(path))
    try:
        known = bool(checkpoint.config)
    except Exception as error:  # anything can be wrong with a file
        raise PotentialError(f"{path} is no checkpoint of SevenNet: {one_line(error)}") from error
    if not known:
        raise PotentialError(f"{path} is no checkpoint of SevenNet: it holds no configuration")
    return checkpoint


def choices(values: Sequence[str]) -> str:
    """Return what a message says where one of several is wanted."""
    return f"choose from {', '.join(values)}"
