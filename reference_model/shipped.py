"""Trained networks that travel with the package; docs/training.md says how they were made."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "weights"
DEFAULT = "default"
"""What plain `reference` means."""
MADE_FOR = ("Si:diamond", "Ge:diamond", "Cu:fcc", "Ni:fcc", "Mo:bcc")
"""Crystals that the default was made for, as its training data says; of lithium's bcc nobody says that it is stable."""
MODEL = "model.safetensors"
"""What `gnnp-bench train` calls the network in its folder."""


def shipped() -> dict[str, Path]:
    """Return the files of shipped networks by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}


def made_for(path: Path) -> tuple[str, ...]:
    """Return the crystals that the network of a file was made for, as far as anybody says."""
    return MADE_FOR if path == shipped().get(DEFAULT) else ()


def find(argument: str | None) -> tuple[str, Path] | None:
    """Return name and file of the network that the argument of a spec string means, or None if it means none.

    A shipped network is meant by its name; any other by its path, or by the folder of the run that made it.
    """
    known = shipped()
    if argument is None:
        return (DEFAULT, known[DEFAULT]) if DEFAULT in known else None
    if argument in known:
        return argument, known[argument]
    path = Path(argument)
    if path.is_dir():
        return path.resolve().name, path / MODEL
    if "/" in argument or argument.endswith(".safetensors") or path.is_file():
        return path.stem, path
    return None
