"""Which law decides which use of a potential, and why: one table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ANY = ("bulk", "slab", "wire", "molecule")
"""Kinds of structures, as matter goes on in three directions, in two, in one or in none."""
MOST_ATOMS = "large"
"""Kind of a case of more than 1,000 atoms."""


@dataclass(frozen=True, slots=True)
class Decides:
    """A law that decides a use.

    Attributes
    ----------
    law : str
        Id of the check.
    why : str
        What a violation does to this use.
    quantities : tuple of str
        Of which the use needs the law; empty for all that it speaks of.
    if_any : bool
        Where the law does not apply, there is nothing to be wrong; otherwise its absence leaves the use undecided.
    kinds : tuple of str
        On which the law is looked at, where these are others than those of the use.
    """

    law: str
    why: str
    quantities: tuple[str, ...] = ()
    if_any: bool = False
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Minds:
    """A law whose finding does not forbid a use, but has to be minded: a number, a step, a distance.

    Attributes
    ----------
    law : str
        Id of the check.
    advice : str
    remarks : bool
        Its remark is to be minded even where it holds.
    """

    law: str
    advice: str
    remarks: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """Something people do with a potential.

    Attributes
    ----------
    name : str
    kinds : tuple of str
        Kinds of structures on which the laws must have been looked at: at least one of them.
    decided_by : tuple of Decides
    minds : tuple of Minds
    smallest_force, displacements, mixes : bool
        Whether the noise floor bounds the forces that it can reach, or the displacements that it needs; and whether it
        compares species that must have been learnt together.
    """

    name: str
    kinds: tuple[str, ...]
    decided_by: tuple[Decides, ...]
    minds: tuple[Minds, ...] = ()
    smallest_force: bool = False
    displacements: bool = False
    mixes: bool = False


ENERGY = ("energy",)
FORCES = ("energy", "forces")


def _symmetric(quantities: tuple[str, ...]) -> tuple[Decides, ...]:
    """Return the laws by which an answer does not depend on how a structure is written down."""
    return (
        Decides("symmetry/translation", "the answer depends on the origin", quantities),
        Decides("symmetry/rotation", "the answer depends on the axes", quantities),
        Decides("symmetry/inversion", "mirror images differ", quantities),
        Decides("symmetry/permutation", "the answer depends on the order of the atoms", quantities),
        Decides("robustness/determinism", "asked twice it answers twice", quantities),
        Decides("robustness/call-history", "the answer depends on what was asked before", quantities),
        Decides("robustness/finite-output", "answers are missing or no numbers"),
        Decides("robustness/requested-properties", "the energy depends on what else is asked for"),
        Decides("robustness/input-intact", "structures are changed while they are looked at"),
        Decides("robustness/energies-agree", "which energy counts is not clear", if_any=True),
    )


def _periodic(quantities: tuple[str, ...]) -> tuple[Decides, ...]:
    return (
        Decides("periodicity/lattice-wrap", "it matters in which cell an atom is listed", quantities, if_any=True),
        Decides("periodicity/cell-choice", "it matters which cell describes the crystal", quantities, if_any=True),
        Decides("periodicity/supercell", "energies do not scale with the cell", quantities, if_any=True),
    )


CONSERVATIVE = (
    Decides("conservation/force-gradient", "forces do not lead downhill"),
    Decides("conservation/path-work", "the energy along a path is not the work done on it"),
    Decides("smoothness/continuity", "energy or forces jump where a neighbour comes or goes"),
)
UNTWISTED = (
    Decides("conservation/closed-loop", "work is gained on the way round a loop"),
    Decides("conservation/jacobian", "force constants are not symmetric: vibrations grow by themselves"),
)
OF_STRESS = (
    Decides("conservation/stress-strain", "the stress does not lead a cell downhill"),
    Decides("smoothness/continuity-cell", "energy or stress jump while the cell changes"),
)
VOLUME = Decides("physics/equation-of-state", "a crystal falls into a volume that it does not have", if_any=True)
CONE = Decides("smoothness/one-stiffness", "the force jumps at special geometries")
HELD = (
    Decides("symmetry/net-force", "the centre of mass takes off"),
    Decides("robustness/noise-floor", "rounding is more than what matters"),
    Decides("robustness/irrelevant-attributes", "masses, momenta, tags or constraints change the answer"),
)
ROUNDED = Minds("robustness/precision", "parts compute in float32")
KINKS = Minds("smoothness/stiffness-continuous", "stiffness jumps: halve the step and compare")
WAVES = Minds("smoothness/ripples", "forces ripple: displacements must be longer than the wave")
STEP = Minds("dynamics/order", "the time step")
DRIFT = Minds("dynamics/energy-conserved", "the time step")
BREATH = Minds("dynamics/stress-in-motion", "the time step under a barostat")
HANGS = Minds("smoothness/one-stiffness", "the force jumps at special geometries, and relaxations hang there")
HARD = Minds("physics/short-range", "keep atoms apart")

USES: tuple[Use, ...] = (
    Use("single energies", ANY, (*_symmetric(ENERGY), *_periodic(ENERGY)), (HARD,)),
    Use(
        "relaxation of atoms",
        ANY,
        (*_symmetric(FORCES), *_periodic(FORCES), *HELD, *CONSERVATIVE),
        (HANGS, HARD),
        smallest_force=True,
    ),
    Use(
        "relaxation of cells",
        ("bulk",),
        (*_symmetric(()), *_periodic(()), *HELD, *CONSERVATIVE, *OF_STRESS, VOLUME),
        (HANGS, HARD),
        smallest_force=True,
    ),
    Use(
        "NVE dynamics",
        ANY,
        (
            *_symmetric(FORCES),
            *_periodic(FORCES),
            *HELD,
            *CONSERVATIVE,
            *UNTWISTED,
            CONE,
            Decides("robustness/as-ase-drives-it", "a calculator answers for an earlier step", if_any=True),
            Decides("dynamics/energy-conserved", "the energy runs away"),
            Decides("dynamics/momentum", "the whole takes off or spins up"),
            Decides("dynamics/time-reversal", "the way back is another"),
            Decides("dynamics/no-blow-up", "hot runs explode, or atoms fall into each other"),
            Decides("physics/short-range", "atoms fall into each other"),
        ),
        (STEP, DRIFT, KINKS, ROUNDED, HARD),
    ),
    Use(
        "NVT and NPT dynamics",
        ("bulk",),
        (
            *_symmetric(()),
            *_periodic(()),
            *HELD,
            *CONSERVATIVE,
            *UNTWISTED,
            *OF_STRESS,
            VOLUME,
            CONE,
            Decides("conservation/closed-loop-cell", "work is gained while the cell breathes"),
            Decides("dynamics/energy-conserved", "a thermostat has to take away what the forces put in"),
            Decides("dynamics/no-blow-up", "hot runs explode, or atoms fall into each other", kinds=ANY),
            Decides("dynamics/stress-in-motion", "a barostat heats or cools"),
            Decides("physics/short-range", "atoms fall into each other", kinds=ANY),
        ),
        (STEP, DRIFT, BREATH, KINKS, ROUNDED, HARD),
    ),
    Use(
        "phonons and elasticity",
        ("bulk",),
        (
            *_symmetric(()),
            *_periodic(()),
            *HELD,
            *CONSERVATIVE,
            *OF_STRESS,
            CONE,
            Decides("conservation/jacobian", "force constants are not symmetric"),
            Decides("symmetry/space-group", "what symmetry forbids is there: bands split, constants differ"),
            Decides("physics/phonons", "a shift of the whole costs energy, or a stable crystal has imaginary modes"),
            Decides("physics/elasticity", "a crystal shears away, or its constants are not those of its energy"),
        ),
        (
            KINKS,
            WAVES,
            ROUNDED,
        ),
        displacements=True,
    ),
    Use(
        "free energies and paths",
        ANY,
        (*_symmetric(FORCES), *_periodic(FORCES), *CONSERVATIVE, *UNTWISTED, CONE),
        (KINKS, HARD),
    ),
    Use(
        "surfaces and slabs",
        ("slab",),
        (
            *_symmetric(FORCES),
            *_periodic(FORCES),
            Decides("periodicity/partial", "it matters how much vacuum there is", FORCES, if_any=True),
            *CONSERVATIVE,
        ),
        (HARD,),
    ),
    Use(
        "molecules",
        ("molecule",),
        (
            *_symmetric(FORCES),
            *CONSERVATIVE,
            Decides("symmetry/net-torque", "a molecule alone begins to spin", if_any=True),
            Decides("locality/lonely-atom", "no molecule comes apart as it should"),
        ),
        (Minds("smoothness/one-stiffness", "the force jumps at special geometries"), HARD),
    ),
    Use(
        "mixtures",
        ANY,
        (
            *_symmetric(ENERGY),
            Decides("locality/fragments-add-up", "what is far away and different changes the energy"),
            Decides("locality/detached-atom", "an atom far away is felt"),
            Decides("locality/lonely-atom", "energies of atoms do not fit together"),
        ),
        mixes=True,
    ),
    Use(
        "large systems",
        (MOST_ATOMS,),
        (
            Decides("robustness/size", "many atoms are not what few are, over and over"),
            Decides("robustness/memory-growth", "memory or files run out", kinds=ANY),
            Decides("locality/reach", "domains must overlap by more than it says", if_any=True, kinds=ANY),
        ),
        (Minds("robustness/size", "what was left out", remarks=True),),
    ),
    Use(
        "batched screening",
        ANY,
        (
            *_symmetric(ENERGY),
            Decides("robustness/batch", "the answer depends on what else is in the batch"),
        ),
        (Minds("robustness/refusals", "look at the input yourself"),),
    ),
    Use(
        "several threads and processes",
        ANY,
        (
            Decides("robustness/threads", "answers of one thread reach another"),
            Decides("robustness/processes", "processes answer differently"),
            Decides("robustness/process-state", "the program around it is changed"),
            Decides("robustness/device-parity", "devices answer differently", if_any=True),
        ),
    ),
)


def laws_of(uses: Iterable[Use]) -> set[str]:
    """Return the ids of all laws that these uses name."""
    return {by.law for use in uses for by in use.decided_by} | {minds.law for use in uses for minds in use.minds}
