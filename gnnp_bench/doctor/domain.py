"""Whether a potential handles the species and the periodicity that it declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols, reference_states

from gnnp_bench.doctor import probes
from gnnp_bench.doctor.delivery import examine_delivery
from gnnp_bench.doctor.finding import Finding
from gnnp_bench.doctor.patient import Patient, told
from gnnp_bench.potential import ENERGY, FloatArray, Periodicity
from gnnp_bench.structures.radii import contact_distance

KINDS: Mapping[Periodicity, Callable[[Sequence[str]], Atoms]] = {
    "periodic": probes.crystal,
    "partial": probes.slab,
    "isolated": probes.cluster,
}
SCALES = np.linspace(0.7, 1.45, 16)
FEW = 5
"""Sizes of fewer metals than this tell nothing about the periodic table."""
METALS = 10
"""How many metals are squeezed to see whose radius they have."""
TELLING = 0.05
"""Of the logarithm of distances: where a potential misses radii by less, nothing is wrong with its species."""


def examine_domain(patient: Patient) -> Iterator[Finding]:
    """Yield what the potential declares and does not handle."""
    unhandled = _unhandled(patient)
    for kind, failed in unhandled.items():
        yield _periodicity(patient, kind, failed, [k for k in KINDS if k in unhandled])
    handled = [kind for kind in KINDS if kind in patient.potential.capabilities.periodicity and kind not in unhandled]
    yield from examine_delivery(patient, handled)
    refused = _refused(patient, patient.potential.capabilities.species)
    if refused:
        yield _refusals(patient, refused)
    else:
        yield from _radii(patient)


def _unhandled(patient: Patient) -> dict[Periodicity, str]:
    """Return the kinds of structures that are declared and get no finite energy, with what they get instead."""
    unhandled: dict[Periodicity, str] = {}
    for kind, build in KINDS.items():
        if kind not in patient.potential.capabilities.periodicity:
            continue
        try:
            energy = patient.ask([build(patient.species)], ENERGY)[0].energy
            if not np.isfinite(energy):
                unhandled[kind] = f"gets the energy {energy}"
        except (Exception, SystemExit) as error:  # somebody else's code
            unhandled[kind] = f"makes evaluate raise {told(error)}"
    return unhandled


def _periodicity(patient: Patient, kind: Periodicity, failed: str, unhandled: Sequence[Periodicity]) -> Finding:
    left = ",".join(k for k in KINDS if k in patient.potential.capabilities.periodicity and k not in unhandled)
    spec = patient.spec
    ask_less = "" if spec is None or not left else f"; or ask for the others alone: '{restricted_spec(spec, left)}'"
    return Finding(
        "periodicity-declared-but-refused",
        f"capabilities.periodicity holds {kind!r}; such a structure {failed}",
        "all three kinds declared by default, as those of every ASE calculator are",
        f"leave {kind!r} out of capabilities.periodicity, or handle it{ask_less}",
    )


def restricted_spec(spec: str, periodicity: str) -> str:
    """Return a spec that asks for structures of these kinds alone.

    Examples
    --------
    >>> restricted_spec("my:make", "periodic,isolated"), restricted_spec("my:make?a=1&periodicity=partial", "isolated")
    ('my:make?periodicity=periodic,isolated', 'my:make?a=1&periodicity=isolated')
    """
    body, _, query = spec.partition("?")
    kept = [option for option in query.split("&") if option and not option.startswith("periodicity=")]
    return f"{body}?{'&'.join([*kept, f'periodicity={periodicity}'])}"


def _element(patient: Patient, symbol: str) -> Atoms:
    build = probes.crystal if patient.periodic else probes.cluster
    return build((symbol,), n_atoms=2)


def _refused(patient: Patient, symbols: Sequence[str]) -> list[str]:
    """Return the elements whose crystal gets no finite energy."""
    refused = []
    for begin in range(0, len(symbols), 8):
        some = symbols[begin : begin + 8]
        try:
            energies = patient.energies([_element(patient, symbol) for symbol in some])
            refused += [s for s, energy in zip(some, energies, strict=True) if not np.isfinite(energy)]
        except Exception:  # one of them: which?
            refused += some if len(some) == 1 else [s for s in some if _refused(patient, [s])]
    return refused


def _refusals(patient: Patient, refused: Sequence[str]) -> Finding:
    declared = {atomic_numbers[s] for s in patient.potential.capabilities.species}
    missing = {atomic_numbers[s] for s in refused}
    for shift in (1, -1):
        handled = {z + shift for z in declared}
        beyond = [chemical_symbols[z] for z in sorted(handled - declared) if 0 < z < len(chemical_symbols)]
        if missing == declared - handled and beyond and not _refused(patient, beyond):
            return Finding(
                "species-off-by-one",
                f"{', '.join(refused)} are declared and refused; {', '.join(beyond)} are not declared and handled",
                "atomic numbers off by one between the package's table and the chemical symbols declared",
                f"declare the element {'after' if shift == 1 else 'before'} each: chemical_symbols[z"
                f" {'+' if shift == 1 else '-'} 1]",
            )
    return Finding(
        "species-declared-but-refused",
        f"{len(refused)} of {len(declared)} declared species get no finite energy: {', '.join(refused[:12])}"
        + (", …" if len(refused) > 12 else ""),
        "species declared that the parameters do not know",
        "declare in capabilities.species what the parameters hold, and nothing else",
    )


def _radii(patient: Patient) -> Iterator[Finding]:
    metals = _telling_metals(patient.potential.capabilities.species)
    if len(metals) < FEW:
        return
    found = {symbol: _preferred(patient, symbol) for symbol in metals}
    sizes = {symbol: size for symbol, size in found.items() if size is not None}
    if len(sizes) < FEW:
        return
    misfits = {shift: _misfit(sizes, shift) for shift in (0, 1, -1)}
    shift = min(misfits, key=misfits.__getitem__)
    if shift and misfits[0] > TELLING and misfits[shift] < 0.4 * misfits[0]:
        yield Finding(
            "atomic-number-off-by-one",
            f"the sizes of {', '.join(sizes)} are those of the elements {'after' if shift == 1 else 'before'} them"
            f" (off by {misfits[shift]:.0%}; as themselves, by {misfits[0]:.0%})",
            "an index into the package's table of elements that starts at 0 where atomic numbers start at 1",
            f"{'subtract' if shift == 1 else 'add'} one where atomic numbers are turned into indices",
        )


def _telling_metals(species: Sequence[str]) -> list[str]:
    """Return the metals that differ most in size from their neighbours in the periodic table."""

    def contrast(symbol: str) -> float:
        z = atomic_numbers[symbol]
        return float(min(abs(_log_size(z + 1) - _log_size(z)), abs(_log_size(z - 1) - _log_size(z))))

    metals = [s for s in species if _is_metal(atomic_numbers[s])]
    return sorted(metals, key=contrast, reverse=True)[:METALS]


def _is_metal(z: int) -> bool:
    state = reference_states[z] if 2 < z < 95 else None
    return state is not None and state["symmetry"] in ("fcc", "bcc", "hcp") and z not in (2, 10, 18, 36, 54)


def _log_size(z: int) -> float:
    symbol = chemical_symbols[min(max(z, 1), 118)]
    return float(np.log(contact_distance(symbol, symbol)))


def _preferred(patient: Patient, symbol: str) -> float | None:
    """Return the logarithm of the distance, Å, at which the energy of an element's crystal is least, if it has one."""
    if not patient.periodic:
        return None
    energies: FloatArray = patient.energies([probes.crystal((symbol,), scale=scale) for scale in SCALES])
    least = int(np.argmin(energies))
    if least in (0, len(SCALES) - 1):
        return None
    curvature = np.polyfit(SCALES[least - 1 : least + 2], energies[least - 1 : least + 2], 2)
    return float(np.log(-curvature[1] / (2 * curvature[0])) + _log_size(atomic_numbers[symbol]))


def _misfit(sizes: dict[str, float], shift: int) -> float:
    """Return how far sizes are from those of the elements `shift` places further.

    The median: next to a metal may stand a non-metal, which has no size in a crystal of metals.
    """
    return float(np.median([abs(size - _log_size(atomic_numbers[symbol] + shift)) for symbol, size in sizes.items()]))
