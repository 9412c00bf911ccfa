"""locality/reach: how far an atom feels another through the atoms between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from gnnp_bench.check import (
    Binding,
    Case,
    Check,
    Component,
    Measurement,
    PoolView,
    Request,
    Residual,
    on_structure,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import ENERGY_S, FORCES_S, displaced, pressed
from gnnp_bench.checks.periodicity.partial import boxed
from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES, Capabilities, FloatArray, Prediction
from gnnp_bench.structures.carried import is_neutral
from gnnp_bench.structures.palette import palette
from gnnp_bench.structures.radii import contact_distance

UNKNOWN = 30.0
"""Å, length of the chain where no receptive field is declared."""
FARTHEST = 1000.0
"""Å. Any reach is legal: it is told, and judged by what is declared alone."""
STEP = 0.1
"""Å, by which the first atom is moved."""
SIDEWAYS = 0.6
"""Å, by which atoms stand off the axis of the chain."""
STRETCHES = (0.92, 1.2)
AT_ONCE = 4
"""Species of a chain."""
MOVED = (0, 1, -1)
"""Atoms that are moved, one at a time."""
BEYOND = 3
"""Atoms beyond the declared reach of forces."""
ROOM = 12.0
"""Å of vacuum around the chain in a periodic box, beyond what is felt."""


def declared(capabilities: Capabilities) -> float | None:
    """Return the receptive field that is declared for the whole of a potential, Å, or None."""
    whole = "strictly-local" in capabilities.claims or capabilities.cutoff is not None
    return capabilities.receptive_field if whole else None


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    capabilities = view.capabilities
    allowed = palette(tuple(capabilities.species), tuple(capabilities.combinations)).allows
    chosen: list[str] = []
    for _ in range(AT_ONCE):
        symbol = view.next_of(capabilities.species)
        if symbol not in chosen and allowed(frozenset({symbol, *chosen})):
            chosen.append(symbol)
    reach = declared(capabilities)
    length = UNKNOWN if reach is None else 2.0 * reach
    chain = _chain(rng, chosen, length)
    if "isolated" not in capabilities.periodicity:
        chain = boxed(chain, ROOM + length)
    return Case(chain, None, {"step": _step(rng), "stretch": 1.0, "reach": reach})


def _chain(rng: np.random.Generator, species: list[str], length: float) -> Atoms:
    """Return a crooked chain of these species that ends some atoms beyond a length, Å."""
    symbols, positions = [species[0]], [np.zeros(3)]
    beyond = 0
    while beyond < BEYOND:
        symbols.append(species[int(rng.integers(len(species)))])
        along = contact_distance(symbols[-2], symbols[-1]) * rng.uniform(0.95, 1.1)
        aside = rng.uniform(-SIDEWAYS, SIDEWAYS, 2)
        # The distance to the atom before is the contact distance, more or less, wherever both stand off the axis.
        rise = math.sqrt(max(0.5 * along**2, along**2 - float(((aside - positions[-1][:2]) ** 2).sum())))
        positions.append(np.array([*aside, positions[-1][2] + rise]))
        beyond += int(np.linalg.norm(positions[-1]) > length)
    return Atoms(symbols, positions=positions)


def _step(rng: np.random.Generator) -> list[float]:
    step = rng.normal(size=3)
    direction: list[float] = (STEP * step / np.linalg.norm(step)).tolist()
    return direction


def _near(rng: np.random.Generator, case: Case) -> Case:
    """Return the chain a little longer or shorter: what is felt at all is felt where an atom stands."""
    return with_parameters(case, step=_step(rng), stretch=float(rng.uniform(*STRETCHES)))


def _simpler(case: Case) -> Iterator[Case]:
    chain = case.structure
    alike: Atoms = chain.copy()
    alike.symbols[:] = chain.symbols[0]
    if len(set(chain.symbols)) > 1:
        yield on_structure(case, alike)
    if len(chain) > 3:
        yield on_structure(case, chain[[0, 1, *range(3, len(chain))]])
        yield on_structure(case, chain[: len(chain) - 1])
    if case.parameters["stretch"] != 1.0:
        yield with_parameters(case, stretch=1.0)
    for axis in np.eye(3):
        if not np.allclose(axis * STEP, case.parameters["step"]):
            yield with_parameters(case, step=(STEP * axis).tolist())


def _measure(case: Case) -> Measurement:
    chain: Atoms = case.structure.copy()
    chain.positions = chain.positions * case.parameters["stretch"]
    if not is_neutral(chain):
        return vacuous("charge and spin in all may be shared over any distance")
    moved = [_moved(chain, atom, case.parameters["step"]) for atom in _ends(len(chain))]
    before, *after = yield Request([chain, *moved], ALL_PROPERTIES)
    if before.forces is None:
        return vacuous("the potential has no forces")
    felt = [
        _felt(chain, atom, one, before, found) for atom, one, found in zip(_ends(len(chain)), moved, after, strict=True)
    ]
    distances, forces, energies = (np.concatenate(parts) for parts in zip(*felt, strict=True))
    if not forces.any():
        return vacuous("nothing feels the atoms that are moved")
    reach: float | None = case.parameters["reach"]
    symbols = np.tile(chain.get_chemical_symbols(), len(moved))
    components = _reaches(symbols, distances, forces > ALLOWANCE * case.nu.forces)
    note = _words(components)
    scale = max(map(pressed, (before, *after)))
    if reach is not None:
        left = float(forces[distances > 2.0 * reach].max(initial=0.0))
        components.append(Component("forces", left, scale * FORCES_S, "eV/Å", noise=case.nu.forces))
    if before.energies is not None:
        # An atom of a sum is rounded as the sum is, at least.
        of_one = case.nu.energy * math.sqrt(len(chain))
        note += f"; energies of atoms up to {distances[energies > ALLOWANCE * of_one].max(initial=0.0):.1f} Å"
        if reach is not None:
            left = float(energies[distances > reach].max(initial=0.0))
            components.append(Component("energies of atoms", left, scale * ENERGY_S, "eV", noise=of_one))
    if not components:
        return vacuous("nothing is felt of the atoms that are moved beyond rounding")
    return Residual(tuple(components), note=note)


def _ends(n_atoms: int) -> tuple[int, ...]:
    """Return which atoms are moved, one at a time: some at either end of the chain."""
    return tuple(dict.fromkeys(index % n_atoms for index in MOVED))


def _moved(chain: Atoms, atom: int, step: Sequence[float]) -> Atoms:
    displacements = np.zeros((len(chain), 3))
    displacements[atom] = step
    return displaced(chain, displacements)


def _felt(
    chain: Atoms, atom: int, moved: Atoms, before: Prediction, after: Prediction
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return, for each atom, how near the one that is moved comes, and by how much force and energy change."""
    ends = [np.linalg.norm(chain.positions - atoms.positions[atom], axis=1) for atoms in (chain, moved)]
    assert before.forces is not None
    assert after.forces is not None
    forces = np.abs(after.forces - before.forces).max(axis=1)
    told = before.energies is not None and after.energies is not None
    energies = np.abs(np.asarray(after.energies) - np.asarray(before.energies)) if told else np.zeros(len(chain))
    return np.minimum(*ends), forces, energies


def _reaches(symbols: NDArray[np.str_], distances: FloatArray, felt: NDArray[np.bool_]) -> list[Component]:
    """Return up to which distance forces on each species change, Å, for those that feel anything."""
    reaches = {
        str(symbol): float(distances[felt & (symbols == symbol)].max()) for symbol in dict.fromkeys(symbols[felt])
    }
    return [Component(f"reach of {symbol}", reach, FARTHEST, "Å", bound=FARTHEST) for symbol, reach in reaches.items()]


def _words(reaches: list[Component]) -> str:
    if not reaches:
        return "no change of forces stands out from rounding"
    told = ", ".join(f"{c.residual:.1f} Å on {c.quantity.removeprefix('reach of ')}" for c in reaches)
    return f"forces are felt up to {told}"


def _claims(capabilities: Capabilities) -> bool:
    return "strictly-local" in capabilities.claims and capabilities.receptive_field is not None


REACH = Check(
    id="locality/reach",
    law="∂E_i/∂x_j = 0 where |x_i − x_j| > R, ∂F_i/∂x_j = 0 where |x_i − x_j| > 2R, R = n_layers · r_c",
    category="informational",
    binding=Binding("claimed", _claims, "claims to be strictly local and declares its receptive field R"),
    claim="strictly-local",
    needs=ENERGY_FORCES,
    source=(
        "the receptive field of n layers of message passing: Batzner et al., doi:10.1038/s41467-022-29939-5, and "
        "Musaelian et al., doi:10.1038/s41467-023-36329-y; nearsightedness: Prodan and Kohn, "
        "doi:10.1073/pnas.0505436102"
    ),
    tolerance="s = 0.1 meV of an atom, 1 meV/Å; the reach itself is told in Å, species by species, and not judged",
    physics=(
        "Atoms at the ends of a crooked chain are moved by 0.1 Å, and the change of forces and of energies of atoms "
        "is followed along the chain. How far it is felt is a number that users of a potential need: it says how large "
        "a cell has to be for a defect not to feel its images, how thick a slab, and how wide the halo of ghost atoms "
        "of a parallel run. A potential that claims to be strictly local and feels more than it declares gives wrong "
        "forces at the boundaries of such domains, and its energy is not conserved across them."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    cost=4,
)
