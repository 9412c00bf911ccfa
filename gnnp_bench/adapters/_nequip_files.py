"""Files of the NequIP framework: checkpoints and packages, which hold a model, and compiled ones, which hold code.

A model tells its layers. A compiled file tells types of atoms, cutoff and precision, but not what it was compiled from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from gnnp_bench.adapters._factory import suggestion
from gnnp_bench.potential import PotentialError

Kind: TypeAlias = Literal["saved", "compiled"]
Architecture: TypeAlias = Literal["nequip", "allegro", "unknown"]
KNOWN = frozenset(
    {
        # What NequIP's and Allegro's builders put in a row. Names, for a package brings classes of its own.
        "AddRadialCutoffToData",
        "Allegro_Module",
        "ApplyFactor",
        "AtomwiseReduce",
        "BesselEdgeLengthEncoding",
        "ConvNetLayer",
        "EdgeLengthNormalizer",
        "EdgewiseReduce",
        "NodeTypeEmbed",
        "PerTypeScaleShift",
        "ProductTypeEmbedding",
        "ScalarMLP",
        "SequentialGraphNetwork",
        "SphericalHarmonicEdgeAttrs",
        "TwoBodySphericalHarmonicTensorEmbed",
        "TwoBodySplineScalarEmbed",
        "ZBL",
    }
)


@dataclass(frozen=True, slots=True)
class File:
    """What a file holds.

    Attributes
    ----------
    model : callable
        Takes and returns a dict of tensors.
    metadata : mapping
    type_names : tuple of str
    cutoff : float, Å
    dtype : "float32", "float64" or None
    architecture : "nequip", "allegro" or "unknown"
    layers : int or None
        Steps along edges that an atom's energy depends on: NequIP's layers, 1 for Allegro; None if not told.
    parameters : int or None
    derivatives : bool
        Forces and stress come along.
    batched : bool
        Several structures at once.
    tf32 : bool
    """

    model: Any
    metadata: Mapping[str, Any]
    type_names: tuple[str, ...]
    cutoff: float
    dtype: Literal["float32", "float64"] | None
    architecture: Architecture
    layers: int | None
    parameters: int | None
    derivatives: bool
    batched: bool
    tf32: bool


def kind(argument: str, path: Path) -> Kind:
    """Return which kind of file a path names.

    Raises
    ------
    PotentialError
        It names a download, no file, or none that can be loaded.
    """
    if argument.startswith("nequip.net:"):
        raise PotentialError("nothing is downloaded: fetch the model by the package's own commands and name its file")
    if not path.is_file():
        raise PotentialError(f"there is no file {path}: nequip:FILE takes a .nequip.zip, .ckpt or .nequip.pt2")
    if path.name.endswith((".nequip.zip", ".ckpt")):
        return "saved"
    if path.name.endswith(".nequip.pt2"):
        return "compiled"
    if path.name.endswith(".nequip.pth"):
        raise PotentialError("TorchScript is not supported: compile the model anew, nequip-compile --mode aotinductor")
    raise PotentialError(f"{path.name} must end with .nequip.zip, .ckpt or .nequip.pt2, as the package names its files")


def load(path: Path, of: Kind, device: str, wanted: str | None) -> File:
    """Load a file; what the package sets for the whole process is for the caller to put back.

    Raises
    ------
    PotentialError
        The model asked for is not in the file, or reads or tells something else than is known here.
    """
    return _compiled(path, device, wanted) if of == "compiled" else _saved(path, device, wanted)


def _saved(path: Path, device: str, wanted: str | None) -> File:
    from nequip.model.saved_models.load_utils import load_saved_model
    from nequip.utils.global_state import set_global_state

    set_global_state(allow_tf32=False)
    models = load_saved_model(str(path), model_key=None)
    key = wanted or "sole_model"
    if key not in models:
        have = list(models)
        raise PotentialError(f"the file has no model {key!r}{suggestion(key, have)}: it has {', '.join(have)}")
    model = models[key].to(device).eval()
    model.requires_grad_(requires_grad=False)
    metadata = model.metadata
    given = {"pos", "edge_index", "edge_cell_shift", "cell", "batch", "num_atoms", "atom_types"}
    optional = {"edge_vectors", "edge_transpose_perm", "lmp_mliap_data", "num_local_ghost_atoms"}
    if reads := sorted(set(_reads(model)) - given - optional):
        raise PotentialError(f"the model reads {reads[0]!r} from its structures, which is not supported")
    names = [type(part).__name__ for part in model.modules()]
    architecture, layers = _architecture(model, names)
    return File(
        model=model,
        metadata=metadata,
        type_names=tuple(metadata["type_names"].split(" ")),
        cutoff=float(metadata["r_max"]),
        dtype=metadata["model_dtype"],
        architecture=architecture,
        layers=layers,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        derivatives=bool(getattr(model.model, "do_derivatives", False)),
        batched=True,
        tf32=False,
    )


def _reads(model: Any) -> list[str]:
    """Return what the parts of a model read that none of them makes."""
    return [key for key in model.model.irreps_in if key is not None]


def _architecture(model: Any, names: Sequence[str]) -> tuple[Architecture, int | None]:
    """Return what kind of model it is and how far it carries; nothing is known of one with foreign parts."""
    row = getattr(model.model, "func", None)
    parts = [type(part).__name__ for part in row.children()] if row is not None else ["?"]
    steps = names.count("ConvNetLayer")
    if type(model.model).__name__ != "ForceStressOutput" or not KNOWN.issuperset(parts):
        return "unknown", None
    if "Allegro_Module" in parts and not steps:
        return "allegro", 1
    return ("nequip", steps) if steps and "Allegro_Module" not in parts else ("unknown", None)


def _compiled(path: Path, device: str, wanted: str | None) -> File:
    from nequip.model.inference_models import load_compiled_model

    if wanted is not None:
        raise PotentialError("a compiled file holds one model: it has no option model")
    model, metadata = load_compiled_model(str(path), device)
    outputs = model.output_keys
    if lacks := [key for key in ("total_energy", "forces", "stress") if key not in outputs]:
        raise PotentialError(
            f"the file was compiled without {lacks[0]}: compile it with nequip-compile --target ase or --target batch"
        )
    return File(
        model=model,
        metadata=metadata,
        type_names=tuple(metadata["type_names"]),
        cutoff=float(metadata["r_max"]),
        dtype=metadata.get("model_dtype"),
        architecture="unknown",
        layers=None,
        parameters=None,
        derivatives=True,
        batched="batch" in model.input_keys,
        tf32=bool(int(metadata["allow_tf32"])),
    )
