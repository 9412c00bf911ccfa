"""Crystals that a command is asked about: what is wrong with them is the answer to the request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gnnp_bench import crystals
from gnnp_bench.commands.exits import BadRequest

if TYPE_CHECKING:
    from ase import Atoms

    from gnnp_bench.potential import Capabilities
    from gnnp_bench.properties.named import Given


def given_crystals(texts: Sequence[str], capabilities: Capabilities, chosen: Iterable[str]) -> list[Given]:
    """Do as `crystals.given_crystals`.

    Raises
    ------
    BadRequest
        If one cannot be read, or holds what the potential does not know.
    """
    with _refused():
        return crystals.given_crystals(texts, capabilities, chosen)


def crystals_of(text: str) -> list[Given]:
    """Do as `crystals.crystals_of`.

    Raises
    ------
    BadRequest
        If there is none.
    """
    with _refused():
        return crystals.crystals_of(text)


def check_species(name: str, structure: Atoms, capabilities: Capabilities) -> None:
    """See that a potential knows the species of a structure.

    Raises
    ------
    BadRequest
        If it does not.
    """
    with _refused():
        crystals.check_species(name, structure, capabilities)


def read_structures(path: str) -> list[Atoms]:
    """Return all structures of a file, without constraints and calculators.

    Raises
    ------
    BadRequest
        If there is none.
    """
    with _refused():
        return crystals.read_structures(path)


def slug(name: str) -> str:
    """Return a crystal's name as part of a file's: letters, digits and hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in name).split())[:80] or "crystal"


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except crystals.CrystalError as error:
        raise BadRequest(str(error)) from error
