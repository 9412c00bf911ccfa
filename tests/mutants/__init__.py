"""Planted defects: each turns a sound potential into one that breaks named laws by a tunable amount."""

from gnnp_bench.potential import Potential
from tests.mutants.apart import APART_MUTANTS
from tests.mutants.attached import ATTACHED_MUTANTS
from tests.mutants.base import CHECKS, Mutant
from tests.mutants.crystals import BEYOND_A_THRESHOLD, CRYSTAL_MUTANTS
from tests.mutants.dynamics import DYNAMICS_MUTANTS
from tests.mutants.energies import ENERGY_MUTANTS
from tests.mutants.forces import FORCE_MUTANTS
from tests.mutants.history import HISTORY_MUTANTS
from tests.mutants.jumps import JUMP_MUTANTS
from tests.mutants.kinks import KINK_MUTANTS
from tests.mutants.neighbours import NEIGHBOUR_MUTANTS
from tests.mutants.outputs import OUTPUT_MUTANTS
from tests.mutants.stresses import STRESS_MUTANTS
from tests.mutants.walls import WALL_MUTANTS

MUTANTS: dict[str, Mutant] = {
    mutant.name: mutant
    for family in (
        ENERGY_MUTANTS,
        NEIGHBOUR_MUTANTS,
        FORCE_MUTANTS,
        KINK_MUTANTS,
        STRESS_MUTANTS,
        HISTORY_MUTANTS,
        ATTACHED_MUTANTS,
        OUTPUT_MUTANTS,
        JUMP_MUTANTS,
        APART_MUTANTS,
        DYNAMICS_MUTANTS,
        WALL_MUTANTS,
        CRYSTAL_MUTANTS,
    )
    for mutant in family
}

WITHOUT_STRENGTHS = BEYOND_A_THRESHOLD
"""Of these `benchmarks.strengths` has no rows."""


def plant(name: str, potential: Potential, strength: float | None = None) -> Potential:
    """Return the potential with one defect, at its own strength if none is given.

    Raises
    ------
    ValueError
        If the strength is negative, or no mutant has this name.
    """
    known = {**MUTANTS, **{mutant.name: mutant for mutant in WITHOUT_STRENGTHS}}
    if name not in known:
        raise ValueError(f"no mutant is called {name!r}; the names are {', '.join(MUTANTS)}")
    mutant = known[name]
    if strength is None:
        strength = mutant.strength
    if not strength >= 0.0:
        raise ValueError(f"the strength of a defect is at least 0, got {strength}")
    return mutant.plant(potential, float(strength))


__all__ = ["CHECKS", "MUTANTS", "WITHOUT_STRENGTHS", "Mutant", "plant"]
