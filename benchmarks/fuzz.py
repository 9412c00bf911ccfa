"""Look for what ends a parser in a traceback, guided by coverage: ``python -m benchmarks.fuzz certificate``.

It needs atheris (``pip install atheris``). What follows the parser's name goes to libFuzzer. The tests in
`tests/security` do the same without coverage, in seconds.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(tempfile.mkdtemp(prefix="gnnp-bench-fuzz-"))


def certificate(data: bytes) -> None:
    from gnnp_bench.certificate import chain, io

    for parse in (io.decode, chain.look):
        _refused(parse, data, ValueError)


def waivers(data: bytes) -> None:
    from gnnp_bench.certificate import waivers as parser

    _refused(parser.read, _file("w.toml", data), ValueError)


def labels(data: bytes) -> None:
    from gnnp_bench.accuracy.frames import read_frames
    from gnnp_bench.potential import PotentialError

    _refused(read_frames, _file("a.extxyz", data), PotentialError)


def structures(data: bytes) -> None:
    from gnnp_bench.commands.crystals import read_structures
    from gnnp_bench.commands.exits import BadRequest

    _refused(read_structures, str(_file("POSCAR", data)), BadRequest)


def project(data: bytes) -> None:
    from gnnp_bench.commands.configured import configured
    from gnnp_bench.commands.exits import BadRequest

    _file("pyproject.toml", data)
    os.chdir(FOLDER)
    _refused(configured, "chgnet", BadRequest)


def spec(data: bytes) -> None:
    from gnnp_bench.adapters import registry
    from gnnp_bench.potential import PotentialError

    text = data.decode(errors="replace")
    if "env=auto" not in text and "ssh:" not in text:
        _refused(lambda one: registry.load(one, ["Cu"]), text, PotentialError)


def frames(data: bytes) -> None:
    from gnnp_bench.environments import frames as parser

    here, there = os.pipe()
    os.write(there, data[:4096])
    os.close(there)
    try:
        _refused(parser.read, here, parser.Closed)
    finally:
        os.close(here)


PARSERS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (certificate, waivers, labels, structures, project, spec, frames)
}


def _refused(parse: Callable[[Any], object], given: Any, *refusals: type[Exception]) -> None:
    try:
        parse(given)
    except refusals as error:
        if "\n" in str(error).strip():
            raise AssertionError("a refusal of several lines") from error


def _file(name: str, data: bytes) -> Path:
    (FOLDER / name).write_bytes(data)
    return FOLDER / name


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in PARSERS:
        sys.exit(f"name a parser: {', '.join(PARSERS)}")
    atheris = importlib.import_module("atheris")
    parser = PARSERS[sys.argv.pop(1)]
    with atheris.instrument_imports(include=["gnnp_bench", "ase.io"]):
        parser(b"")  # imports what it needs
    atheris.Setup(sys.argv, parser)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
