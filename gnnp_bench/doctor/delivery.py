"""Whether all that is declared comes for every structure: lone atoms, and cells that are part vacuum."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from ase import Atoms

from gnnp_bench.check import InvalidPrediction, MissingPrediction, NonFinitePrediction
from gnnp_bench.doctor import probes
from gnnp_bench.doctor.finding import Finding
from gnnp_bench.doctor.patient import Patient, told
from gnnp_bench.engine.contract import validated
from gnnp_bench.potential import Periodicity, Property, Unsupported, periodicity_of

CORNERS: Mapping[str, Callable[[Sequence[str]], Atoms]] = {
    "a single atom": probes.single_atom,
    "a single atom in a periodic box": probes.boxed_atom,
    "two atoms out of each other's reach": probes.strangers,
    "a slab": probes.slab,
    "a wire": probes.wire,
}


def examine_delivery(patient: Patient, kinds: Collection[Periodicity]) -> Iterator[Finding]:
    """Yield what is declared and does not come for structures of these kinds, one finding for each structure."""
    for name, build in CORNERS.items():
        structure = build(patient.species)
        if periodicity_of(structure) in kinds:
            yield from _examined(patient, name, structure)


def _examined(patient: Patient, name: str, structure: Atoms) -> Iterator[Finding]:
    declared, kind = patient.potential.capabilities.properties, periodicity_of(structure)
    tries = [declared] if kind == "periodic" else [declared - {"stress"}]
    if kind == "partial" and "stress" in declared:
        tries.insert(0, declared)  # of slabs and wires there may be a stress, and need not be
    for properties in tries:
        try:
            (found,) = patient.ask([structure], properties)
            validated(found, len(structure), properties)
        except (Unsupported, NotImplementedError):
            continue
        except MissingPrediction as error:
            if properties == tries[-1]:
                yield _missing(name, error)
            continue
        except InvalidPrediction as error:
            yield _unusable(name, error)
        except (Exception, SystemExit) as error:  # somebody else's code
            if properties == tries[-1]:
                yield _raised(name, properties, error)
            continue
        return


def _missing(name: str, error: MissingPrediction) -> Finding:
    return Finding(
        "missing-somewhere",
        f"of {name}, {error}, which it declares",
        "a branch for structures without neighbours, or a result that is left out where it would be zero",
        "give all that capabilities.properties (of an ASE calculator, implemented_properties) hold for every structure,"
        " zeros included; or refuse the structure: raise gnnp_bench.Unsupported, in ASE NotImplementedError",
    )


def _unusable(name: str, error: InvalidPrediction) -> Finding:
    if isinstance(error, NonFinitePrediction):
        return Finding(
            "not-finite-somewhere",
            f"of {name}, {error}",
            "a division by a volume, a distance or a number of neighbours that is zero",
            "give the number that it should be, or refuse: raise gnnp_bench.Unsupported, in ASE"
            " PropertyNotImplementedError",
        )
    return Finding(
        "wrong-form-somewhere",
        f"of {name}, {error}",
        "a special case that returns another kind of array",
        "return the same kind of array for every structure: float64, of the shape that the contract says",
    )


def _raised(name: str, properties: Collection[Property], error: BaseException) -> Finding:
    return Finding(
        "breaks-somewhere",
        f"asked for {', '.join(sorted(properties))} of {name}, evaluate raised {told(error)}",
        "an empty list of neighbours, or a cell that is not periodic throughout, not thought of",
        "handle it, or refuse it: raise gnnp_bench.Unsupported, in ASE NotImplementedError",
    )
