"""Whether `evaluate` returns what the contract says: predictions, with arrays of the right shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gnnp_bench.doctor.finding import Finding
from gnnp_bench.doctor.patient import Patient, told
from gnnp_bench.potential import ENERGY, PotentialError, Prediction, Unsupported


def examine_shapes(patient: Patient) -> Iterator[Finding]:
    """Yield what is wrong with the form of the predictions; after any of it nothing else can be examined."""
    structure, properties = patient.probe(), patient.properties
    what = f"evaluate of one structure, {structure.get_chemical_formula()}, for {', '.join(sorted(properties))}"
    try:
        found = patient.ask([structure], properties)
    except Exception as error:  # somebody else's code
        yield _raised(patient, what, error)
        return
    if not isinstance(found, list | tuple):
        yield Finding(
            "not-a-list",
            f"{what} returned {_a(found)}",
            "one prediction, or a package's own result, instead of a list of predictions",
            "return [gnnp_bench.Prediction(energy, forces, stress), …], one for each structure, also for a single one",
        )
        return
    if len(found) != 1:
        yield Finding(
            "wrong-number-of-predictions",
            f"{what} returned {len(found)} predictions",
            "a list over atoms, or an empty one, instead of one over structures",
            "return as many predictions as there are structures, in their order",
        )
        return
    if not isinstance(found[0], Prediction):
        yield Finding(
            "not-a-prediction",
            f"{what} returned a list of {_a(found[0])}",
            "a package's own result handed through",
            "convert it: gnnp_bench.Prediction(energy, forces, stress), eV, eV/Å, eV/Å³ with tension positive",
        )
        return
    yield from _energy(found[0].energy)
    n_atoms = len(structure)
    for name, shape in (("forces", (n_atoms, 3)), ("stress", (3, 3))):
        if name in properties:
            yield from _array(name, getattr(found[0], name), shape)
    if found[0].energies is not None:
        yield from _array("energies", found[0].energies, (n_atoms,))


def _raised(patient: Patient, what: str, error: Exception) -> Finding:
    message = f"{what} raised {told(error)}"
    declared = ", ".join(sorted(patient.potential.capabilities.properties))
    if isinstance(error, Unsupported | NotImplementedError):
        try:
            patient.ask([patient.probe()], ENERGY)
        except Exception:  # then it is not the properties
            return Finding(
                "refuses-what-it-declares",
                message,
                "species or periodicity declared that the potential does not handle",
                "declare in Capabilities what evaluate accepts, and nothing else",
            )
        return Finding(
            "property-declared-but-refused",
            message,
            f"capabilities.properties holds {declared}, not all of which the potential has",
            "leave what it does not have out of capabilities.properties (an ASE calculator: implemented_properties)",
        )
    if isinstance(error, PotentialError):
        return Finding(
            "reads-what-structures-lack",
            f"{what} raised {told(error.__cause__ or error)}",
            "a charge, a spin or another entry of info that the potential reads and nothing declares",
            f"declare it in Capabilities.reads, or in the spec: {error}",
        )
    return Finding(
        "does-not-evaluate",
        message,
        "a mistake in evaluate, or in the package behind it",
        "run it in Python with the structure printed by gnnp_bench.doctor.probes.crystal and follow the traceback",
    )


def _energy(energy: Any) -> Iterator[Finding]:
    if isinstance(energy, bool) or not isinstance(energy, int | float | np.floating):
        yield Finding(
            "energy-type",
            f"the energy is {_a(energy)}",
            "an array or a tensor of one value handed through",
            "give a float: float(energy), energy.item()",
        )
    elif not np.isfinite(energy):
        yield Finding(
            "not-finite",
            f"the energy of an ordinary structure is {energy}",
            "overflow, a division by zero, or parameters that were not loaded",
            "look at the structure's closest atoms and at the parameters of its species",
        )


def _array(name: str, value: Any, shape: tuple[int, ...]) -> Iterator[Finding]:
    if value is None:
        yield Finding(
            f"{name}-missing",
            f"{name} were asked for and are declared; the prediction holds None"
            if name != "stress"
            else "stress was asked for and is declared; the prediction holds None",
            f"{name} declared by default (capabilities.properties names all three), or left out of the prediction",
            f"compute {name} when they are asked for, or leave {name!r} out of capabilities.properties",
        )
        return
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or np.ma.isMaskedArray(value):
        yield Finding(
            f"{name}-type",
            f"{name} come as {_a(value)}",
            "tensors, lists or integers handed through",
            f"convert to a NumPy array of float64: np.array({name}, dtype=np.float64), after .detach().cpu() for torch",
        )
        return
    if value.shape != shape:
        yield Finding(f"{name}-shape", f"{name} have the shape {value.shape}, not {shape}", *_misshapen(name, value))
    elif not np.isfinite(value).all():
        yield Finding(
            "not-finite",
            f"{np.count_nonzero(~np.isfinite(value))} values of the {name} of an ordinary structure are not finite",
            "overflow, a division by zero (an atom's own image, a zero volume), or parameters that were not loaded",
            "look for distances of zero and for 0/0 in derivatives",
        )


def _misshapen(name: str, value: Any) -> tuple[str, str]:
    if name == "stress" and value.size == 6:
        return (
            "Voigt's six components",
            "give the symmetric 3×3 tensor: ase.stress.voigt_6_to_full_3x3_stress, if their order is ASE's xx, yy, zz,"
            " yz, xz, xy",
        )
    if name == "stress" and value.size == 9:
        return "a tensor with another axis, or flattened", "stress.reshape(3, 3)"
    if name == "forces" and value.ndim == 2 and value.shape[0] == 3:
        return "components along the first axis, atoms along the second", "transpose: forces.T"
    if name == "forces" and value.ndim == 1:
        return "forces in one row", "forces.reshape(-1, 3), if the components of one atom follow one another"
    if name == "energies" and value.ndim == 2:
        return "a column instead of a row", "energies.ravel()"
    return "padding, ghost atoms, or another batch axis left on", "give one row for each atom of the structure"


def _a(value: object) -> str:
    kind = type(value)
    module = "" if kind.__module__ in ("builtins", "numpy") else f"{kind.__module__}."
    dtype = f" of {value.dtype}" if isinstance(value, np.ndarray) else ""
    return f"an object of type {module}{kind.__qualname__}{dtype}"
