"""All checks: ours, in the order in which they run, and those of third parties."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

from gnnp_bench.check import Check
from gnnp_bench.checks.conservation.closed_loop import CLOSED_LOOP
from gnnp_bench.checks.conservation.closed_loop_cell import CLOSED_LOOP_CELL
from gnnp_bench.checks.conservation.force_gradient import FORCE_GRADIENT
from gnnp_bench.checks.conservation.jacobian import JACOBIAN
from gnnp_bench.checks.conservation.path_work import PATH_WORK
from gnnp_bench.checks.conservation.stress_strain import STRESS_STRAIN
from gnnp_bench.checks.dynamics.energy import ENERGY_CONSERVED
from gnnp_bench.checks.dynamics.momentum import MOMENTUM
from gnnp_bench.checks.dynamics.no_blow_up import NO_BLOW_UP
from gnnp_bench.checks.dynamics.order import ORDER
from gnnp_bench.checks.dynamics.reversal import TIME_REVERSAL
from gnnp_bench.checks.dynamics.stress_in_motion import STRESS_IN_MOTION
from gnnp_bench.checks.foreign import Foreign, NotLoaded, foreign, stand_in
from gnnp_bench.checks.locality.detached_atom import DETACHED_ATOM
from gnnp_bench.checks.locality.fragments_add_up import FRAGMENTS_ADD_UP
from gnnp_bench.checks.locality.lonely_atom import LONELY_ATOM
from gnnp_bench.checks.locality.reach import REACH
from gnnp_bench.checks.periodicity.cell_choice import CELL_CHOICE
from gnnp_bench.checks.periodicity.lattice_wrap import LATTICE_WRAP
from gnnp_bench.checks.periodicity.partial import PARTIAL
from gnnp_bench.checks.periodicity.supercell import SUPERCELL
from gnnp_bench.checks.physics.elasticity import ELASTICITY
from gnnp_bench.checks.physics.equation_of_state import EQUATION_OF_STATE
from gnnp_bench.checks.physics.frozen_phonon_stress import FROZEN_PHONON_STRESS
from gnnp_bench.checks.physics.phonons import PHONONS
from gnnp_bench.checks.physics.short_range import SHORT_RANGE
from gnnp_bench.checks.robustness.as_ase_drives_it import AS_ASE_DRIVES_IT
from gnnp_bench.checks.robustness.batch import BATCH
from gnnp_bench.checks.robustness.call_history import CALL_HISTORY
from gnnp_bench.checks.robustness.determinism import DETERMINISM
from gnnp_bench.checks.robustness.device_parity import DEVICE_PARITY
from gnnp_bench.checks.robustness.energies_agree import ENERGIES_AGREE
from gnnp_bench.checks.robustness.finite_output import FINITE_OUTPUT
from gnnp_bench.checks.robustness.input_intact import INPUT_INTACT
from gnnp_bench.checks.robustness.irrelevant_attributes import IRRELEVANT_ATTRIBUTES
from gnnp_bench.checks.robustness.memory_growth import MEMORY_GROWTH
from gnnp_bench.checks.robustness.noise_floor import NOISE_FLOOR
from gnnp_bench.checks.robustness.precision import PRECISION
from gnnp_bench.checks.robustness.process_state import PROCESS_STATE
from gnnp_bench.checks.robustness.processes import PROCESSES
from gnnp_bench.checks.robustness.refusals import REFUSALS
from gnnp_bench.checks.robustness.requested_properties import REQUESTED_PROPERTIES
from gnnp_bench.checks.robustness.size import SIZE
from gnnp_bench.checks.robustness.threads import THREADS
from gnnp_bench.checks.smoothness.continuity import CONTINUITY
from gnnp_bench.checks.smoothness.continuity_cell import CONTINUITY_CELL
from gnnp_bench.checks.smoothness.one_stiffness import ONE_STIFFNESS
from gnnp_bench.checks.smoothness.ripples import RIPPLES
from gnnp_bench.checks.smoothness.stiffness_continuous import STIFFNESS_CONTINUOUS
from gnnp_bench.checks.symmetry.inversion import INVERSION_CHECK
from gnnp_bench.checks.symmetry.net_force import NET_FORCE
from gnnp_bench.checks.symmetry.net_torque import NET_TORQUE
from gnnp_bench.checks.symmetry.permutation import PERMUTATION
from gnnp_bench.checks.symmetry.rotation import ROTATION
from gnnp_bench.checks.symmetry.space_group import SPACE_GROUP
from gnnp_bench.checks.symmetry.translation import FAR_TRANSLATION, TRANSLATION

BUILT_IN: tuple[Check, ...] = (
    TRANSLATION,
    FAR_TRANSLATION,
    ROTATION,
    INVERSION_CHECK,
    PERMUTATION,
    NET_FORCE,
    NET_TORQUE,
    SPACE_GROUP,
    LATTICE_WRAP,
    CELL_CHOICE,
    SUPERCELL,
    PARTIAL,
    FORCE_GRADIENT,
    STRESS_STRAIN,
    PATH_WORK,
    CLOSED_LOOP,
    CLOSED_LOOP_CELL,
    JACOBIAN,
    CONTINUITY,
    CONTINUITY_CELL,
    STIFFNESS_CONTINUOUS,
    ONE_STIFFNESS,
    RIPPLES,
    DETACHED_ATOM,
    FRAGMENTS_ADD_UP,
    LONELY_ATOM,
    REACH,
    SHORT_RANGE,
    EQUATION_OF_STATE,
    ELASTICITY,
    PHONONS,
    FROZEN_PHONON_STRESS,
    DETERMINISM,
    BATCH,
    INPUT_INTACT,
    CALL_HISTORY,
    AS_ASE_DRIVES_IT,
    PRECISION,
    NOISE_FLOOR,
    FINITE_OUTPUT,
    SIZE,
    REQUESTED_PROPERTIES,
    ENERGIES_AGREE,
    IRRELEVANT_ATTRIBUTES,
    THREADS,
    PROCESSES,
    PROCESS_STATE,
    DEVICE_PARITY,
    MEMORY_GROWTH,
    REFUSALS,
    ENERGY_CONSERVED,
    ORDER,
    MOMENTUM,
    TIME_REVERSAL,
    NO_BLOW_UP,
    STRESS_IN_MOTION,
)


@cache
def all_checks() -> tuple[Check, ...]:
    """Return the built-in checks with their calibrated factors, then those of the group `gnnp_bench.checks`.

    An entry point names a `Check` or a sequence of them. For what cannot be loaded there is a check that ends in an
    error and says why: `not_loaded`.
    """
    factors = calibration()
    own = [replace(check, factors=factors.get(check.id, {})) for check in BUILT_IN]
    return (*own, *_foreign().checks, *map(stand_in, not_loaded()))


def not_loaded() -> tuple[NotLoaded, ...]:
    """Return what other packages announce as checks, and is none."""
    return _foreign().missing


def packages() -> tuple[str, ...]:
    """Return the distributions of other packages whose checks are among all."""
    return _foreign().packages


@cache
def _foreign() -> Foreign:
    return foreign(check.id for check in BUILT_IN)


def calibration() -> Mapping[str, Mapping[str, float]]:
    """Return c per check and quantity, as the committed calibration found them."""
    text = files("gnnp_bench.checks").joinpath("calibration.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, float]] = json.loads(text)
    return table
