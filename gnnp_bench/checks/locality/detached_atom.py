"""locality/detached-atom: what is far away from everything else is as if it were alone."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Request,
    Residual,
    Sample,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import (
    ENERGY_S,
    EXTREME,
    FORCES_S,
    converged,
    grown,
    on_simpler_structures,
    pressed,
)
from gnnp_bench.checks.locality.adding_up import outwards
from gnnp_bench.checks.locality.falls_off import far_limit
from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.numerics.rounding import beyond_digits
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, Capabilities, FloatArray, Prediction
from gnnp_bench.structures.apart import Apart, open_directions, out_of, set_apart
from gnnp_bench.structures.carried import is_neutral, made_legal, totals
from gnnp_bench.structures.serialise import from_json, to_json
from gnnp_bench.structures.transform import supercell

KINDS = ("last", "first", "middle", "two", "gas", "anywhere")
"""Where in the list the atom stands that is far away; two of them; nothing but atoms far from one another."""
GAS = 4
"""Atoms of a gas."""
UNKNOWN_CUTOFF = 10.0
"""Å, from where on distances double if no cutoff is declared."""
DISTANCES, IN_A_BOX = 8, 4
"""Distances at most, where something is left at the first; fewer in a periodic box, which has to hold them."""
FEWEST = 3
"""Distances before an extrapolation is believed."""
MOST_ATOMS = 48
"""Of a slab or wire that is repeated until a single atom above it does not see its own images."""


def nearest_far(capabilities: Capabilities) -> float:
    """Return the first distance, Å, at which an atom has no neighbours as far as the cutoff tells."""
    return float(math.ceil((capabilities.cutoff or UNKNOWN_CUTOFF) + 0.5))


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    kind = view.next_of(KINDS)
    sample = view.pick(rng, _has_room, "with room for an atom far away")
    distance = nearest_far(view.capabilities)
    host = sample.structure
    add = view.capabilities.totals_add
    repeat = _repeats(host, distance)
    n_atoms = len(host) * math.prod(repeat)
    count = {"two": 2, "gas": GAS - 1}.get(kind, 1)
    places = {"last": n_atoms, "first": 0, "middle": n_atoms // 2}
    fragments = [Atoms(_symbol(rng, host, view.capabilities)) for _ in range(count)]
    parameters = {
        "fragments": [to_json(fragment) for fragment in fragments],
        "places": [places[kind] if kind in places else int(rng.integers(n_atoms + 1)) for _ in fragments],
        "direction": out_of(host, outwards(rng, host)).tolist(),
        "distance": distance,
        "repeat": list(repeat),
    }
    if add:
        parameters["totals_add"] = True
    if kind != "gas":
        return sample.case(parameters)
    # Where no atom has a neighbour, the list of pairs is empty.
    one: Atoms = made_legal(host[[int(rng.integers(len(host)))]])
    return Case(one, None, {**parameters, "places": [int(rng.integers(2)) for _ in fragments], "repeat": [1, 1, 1]})


def _has_room(sample: Sample) -> bool:
    return _room(sample.structure)


def _room(structure: Atoms) -> bool:
    return bool(open_directions(structure).any())


def _symbol(rng: np.random.Generator, host: Atoms, capabilities: Capabilities) -> str:
    """Return a species of the host, or any that may stand beside it."""
    allowed = sorted(set(host.symbols))
    if not capabilities.combinations and rng.random() < 0.5:
        allowed = list(capabilities.species)
    if totals(host) and not capabilities.totals_add:  # atoms without an unpaired electron
        allowed = [symbol for symbol in capabilities.species if atomic_numbers[symbol] % 2 == 0] or allowed
    return str(allowed[int(rng.integers(len(allowed)))])


def _repeats(host: Atoms, width: float) -> tuple[int, int, int]:
    """Return how often a slab or wire is repeated for images of an atom above it to be so far apart, if affordable."""
    repeat = [1, 1, 1]
    endless = np.flatnonzero(~open_directions(host))
    if len(endless):
        spacings = 1.0 / np.linalg.norm(np.linalg.pinv(host.cell.array[endless]), axis=0)
        for axis, spacing in zip(endless, spacings, strict=True):
            repeat[axis] = math.ceil(width / spacing)
    a, b, c = repeat
    return (a, b, c) if len(host) * a * b * c <= MOST_ATOMS else (1, 1, 1)


def _near(rng: np.random.Generator, case: Case) -> Case:
    n_atoms = len(case.structure) * math.prod(case.parameters["repeat"])
    places = [int(rng.integers(n_atoms + 1)) for _ in case.parameters["fragments"]]
    return with_parameters(case, places=places, direction=outwards(rng, case.structure).tolist())


def _simpler(case: Case) -> Iterator[Case]:
    fragments, places = case.parameters["fragments"], case.parameters["places"]
    if len(fragments) > 1:
        for index in range(len(fragments)):
            yield with_parameters(case, fragments=[fragments[index]], places=[places[index]])
    if case.parameters["repeat"] != [1, 1, 1]:
        yield with_parameters(case, repeat=[1, 1, 1], places=[min(p, len(case.structure)) for p in places])
    for simpler in on_simpler_structures(case):
        if _room(simpler.structure):
            end = len(simpler.structure)
            kept = [min(place, end) for place in places]
            if case.parameters["repeat"] == [1, 1, 1]:
                yield with_parameters(simpler, places=kept)
                yield with_parameters(simpler, places=[end for _ in places])
    symbol = case.structure.get_chemical_symbols()[0]
    if any(from_json(fragment).get_chemical_symbols() != [symbol] for fragment in fragments):
        yield with_parameters(case, fragments=[to_json(Atoms(symbol)) for _ in fragments])
    for axis in np.eye(3):
        try:
            plain = out_of(case.structure, axis).tolist()
        except ValueError:  # along the plane of a slab
            continue
        if not np.allclose(plain, case.parameters["direction"]):
            yield on_structure(case, case.structure, direction=plain)


def _measure(case: Case) -> Measurement:
    host, _ = supercell(case.structure, np.diag(case.parameters["repeat"]))
    boxed = bool(host.pbc.all())
    alone: list[Prediction] = []
    energies: list[float] = []
    forces: list[FloatArray] = []
    components: list[Component] = []
    largest = 1.0
    for level in range(IN_A_BOX if boxed else DISTANCES):
        placed = _placed(case, host, case.parameters["distance"] * 2**level)
        if not (case.parameters.get("totals_add") or all(map(is_neutral, (placed.together, *placed.alone)))):
            return vacuous("the energy of a charge or spin in all need not be a sum")
        if boxed or not alone:  # a box that holds more is larger, and all are compared in one box
            alone = yield from _alone(case, placed)
        (together,) = yield Request([placed.together], ALL_PROPERTIES)
        noise = grown(case.nu, case.structure, placed.together if boxed else host)
        told = [part.energy for part in (together, *alone)]
        # ν is that of the host, and an atom beside it may have an energy of more digits.
        energies.append(beyond_digits(told[0] - sum(told[1:]), told))
        if together.forces is not None:
            forces.append(_beyond_alone(together.forces, alone, placed))
        largest = max(largest, pressed(alone[0]))
        if level:
            total = noise.energy * len(placed.together)
            components = [far_limit("energy", np.array(energies)[:, None], total, largest * ENERGY_S, "eV")]
            if forces:
                components.append(far_limit("forces", np.array(forces), noise.forces, largest * FORCES_S, "eV/Å"))
            gone = abs(energies[-1]) <= ALLOWANCE * total and (
                not forces or np.abs(forces[-1]).max() <= ALLOWANCE * noise.forces
            )
            if gone or (level + 1 >= FEWEST and all(converged(c.error, c.noise, c.significance) for c in components)):
                break
    if not any(part.energy for part in alone):
        return vacuous("there is no energy to lose")
    return Residual(tuple(components))


def _placed(case: Case, host: Atoms, distance: float) -> Apart:
    fragments = [from_json(fragment) for fragment in case.parameters["fragments"]]
    direction = np.asarray(case.parameters["direction"], dtype=float)
    return set_apart(host, fragments, case.parameters["places"], direction, distance)


def _alone(case: Case, placed: Apart) -> Generator[Request, list[Prediction], list[Prediction]]:
    """Return the predictions for each part alone: that of the host is known where it stands as it does in the pool."""
    host, *fragments = placed.alone
    known = case.base if not host.pbc.all() and len(host) == len(case.structure) else None
    asked = fragments if known is not None else placed.alone
    found = yield Request(list(asked), ALL_PROPERTIES)
    return found if known is None else [known, *found]


def _beyond_alone(together: FloatArray, alone: list[Prediction], placed: Apart) -> FloatArray:
    """Return what the forces are beyond those on each part alone, one row of numbers."""
    beyond = together.copy()
    for rows, part in zip(placed.rows, alone, strict=True):
        assert part.forces is not None
        beyond[rows] -= part.forces
    flat: FloatArray = beyond.ravel()
    return flat


DETACHED_ATOM = Check(
    id="locality/detached-atom",
    law="E(A + B) → E(A) + E(B), F → those of A and of B alone, as the distance of an atom B from A doubles",
    category="mandatory",
    needs=ENERGY,
    source=(
        "size consistency: Pople, Binkley and Seeger, doi:10.1002/qua.560100802; extrapolation in 1/d: Press et al., "
        "Numerical Recipes, 3rd ed., section 5.7"
    ),
    tolerance=f"s = 0.1 meV in all, 1 meV/Å; {EXTREME}",
    physics=(
        "A neutral atom that has left a molecule, a cluster or a surface has the energy of a lone atom, and what it "
        "left does not notice that it is there. Codes lose such atoms: they count atoms from the list of pairs, divide "
        "by the number of neighbours, or normalise over the structure. Energies of desorption, of dissociation and of "
        "gases are then wrong by the energy of whole atoms. What falls off with the distance, as dispersion and "
        "multipoles do, is extrapolated away; a charge that is shared out over any distance is not, and is told."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    cost=4,
)
