"""Defects of the stress. Energy and forces are sound in all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from gnnp_bench.potential import FloatArray, Potential, Prediction, Property
from tests.analytic.graph import DType, Graph, Real, sum_by
from tests.mutants.base import CHECKS, Extra, Mutant, Planted, add_term, change_predictions, planted, precision_of
from tests.mutants.forces import pair_amplitudes

_COVARIANCE = frozenset({"symmetry/rotation", "symmetry/inversion", "symmetry/space-group"})
IN_MOTION = "dynamics/stress-in-motion"
MODES = "physics/frozen-phonon-stress"
_YZ_AND_XY = (2, 1, 0)
"""Relabelling x ↔ z exchanges yz and xy off the diagonal."""
OFF_DIAGONAL = 1.0 - np.eye(3)


def _blend(change: Callable[[FloatArray, Atoms], Real]) -> Callable[[Prediction, Atoms, float, DType], Prediction]:
    """Return σ + ε (change(σ) − σ) in the precision of the potential."""

    def changed(prediction: Prediction, structure: Atoms, strength: float, dtype: DType) -> Prediction:
        if prediction.stress is None:
            return prediction
        difference = (change(prediction.stress, structure) - prediction.stress).astype(dtype)
        stress = prediction.stress.astype(dtype) + strength * difference
        return replace(prediction, stress=stress.astype(np.float64))

    return changed


def _signed_volume(stress: FloatArray, structure: Atoms) -> Real:
    return np.asarray(stress * np.sign(np.linalg.det(structure.cell.array)))


def _swapped(stress: FloatArray, structure: Atoms) -> Real:
    relabelled = stress[np.ix_(_YZ_AND_XY, _YZ_AND_XY)]
    return np.where(OFF_DIAGONAL > 0, relabelled, stress)


def _with_momenta(sign: float) -> Callable[[Prediction, Atoms, float, DType], Prediction]:
    """Return σ + sign·ε Σ p⊗p/mV: with −, what ASE calls the stress of an ideal gas."""

    def changed(prediction: Prediction, structure: Atoms, strength: float, dtype: DType) -> Prediction:
        if prediction.stress is None:
            return prediction
        momenta = structure.get_momenta()
        of_motion = momenta.T @ (momenta / structure.get_masses()[:, None]) / abs(np.linalg.det(structure.cell.array))
        stress = prediction.stress.astype(dtype) + (sign * strength * of_motion).astype(dtype)
        return replace(prediction, stress=stress.astype(np.float64))

    return changed


def _of_forces(potential: Potential, strength: float) -> Planted:
    """Return σ + ε Σ|F|²/V on the diagonal: nothing where atoms are at rest."""
    dtype = precision_of(potential)

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        predictions = potential.evaluate(structures, properties | {"forces"})
        changed = []
        for prediction, structure in zip(predictions, structures, strict=True):
            if prediction.stress is not None and prediction.forces is not None:
                squares = float((prediction.forces**2).sum()) / float(abs(np.linalg.det(structure.cell.array)))
                stress = prediction.stress.astype(dtype) + (strength * squares * np.eye(3)).astype(dtype)
                prediction = replace(prediction, stress=stress.astype(np.float64))
            changed.append(prediction if "forces" in properties else replace(prediction, forces=None))
        return changed

    return planted(potential, "stress-of-forces", evaluation)


def _stale_volume(potential: Potential, strength: float) -> Planted:
    earlier: list[float] = []
    dtype = precision_of(potential)

    def evaluation(structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        predictions = potential.evaluate(structures, properties)
        changed = []
        for prediction, structure in zip(predictions, structures, strict=True):
            volume = float(abs(np.linalg.det(structure.cell.array)))
            if prediction.stress is not None:
                factor = 1.0 + strength * (volume / earlier[-1] - 1.0) if earlier else 1.0
                stress = prediction.stress.astype(dtype) * np.asarray(factor, dtype)
                prediction = replace(prediction, stress=stress.astype(np.float64))
                earlier[:] = [volume]
            changed.append(prediction)
        return changed

    return planted(potential, "stale-volume", evaluation)


def _pair_stress(graph: Graph) -> Extra:
    """Return the virial of the pair forces of the mutant `curl`, without those forces."""
    outer = (0.1 * pair_amplitudes(graph))[:, None, None] * graph.vectors[:, :, None] * graph.vectors[:, None, :]
    nothing = np.zeros_like(graph.positions)
    return Extra(nothing[:, 0], nothing, sum_by(graph.owner[graph.centres], outer, graph.n_structures))


STRESS_MUTANTS = (
    Mutant(
        "left-handed-stress",
        "Stress has the wrong sign in left-handed cells.",
        0.02,
        "fraction",
        frozenset({"periodicity/cell-choice"}),
        frozenset(
            {
                "symmetry/inversion",
                "symmetry/space-group",
                "periodicity/supercell",
                "periodicity/partial",
                "conservation/stress-strain",
                "conservation/closed-loop-cell",
                IN_MOTION,
            }
        ),
        change_predictions("left-handed-stress", _blend(_signed_volume)),
        needs="a left-handed cell beside a right-handed one",
    ),
    Mutant(
        "stress-sign",
        "Stress has the wrong sign.",
        0.02,
        "fraction",
        frozenset({"conservation/stress-strain"}),
        frozenset({"conservation/closed-loop-cell", "physics/elasticity", MODES, IN_MOTION}),
        change_predictions("stress-sign", _blend(lambda stress, structure: -stress)),
    ),
    Mutant(
        "stress-order",
        "The components yz and xy of the stress are exchanged.",
        0.1,
        "fraction",
        frozenset({"conservation/stress-strain", "symmetry/rotation"}),
        (_COVARIANCE - {"symmetry/rotation"})
        | {"conservation/closed-loop-cell", "physics/elasticity", MODES, IN_MOTION},
        change_predictions("stress-order", _blend(_swapped)),
        needs="shear stress",
    ),
    Mutant(
        "shear-halved",
        "The shear components of the stress are half of what they should be.",
        0.1,
        "fraction",
        frozenset({"conservation/stress-strain", "symmetry/rotation"}),
        (_COVARIANCE - {"symmetry/rotation"})
        | {"conservation/closed-loop-cell", "physics/elasticity", MODES, IN_MOTION},
        change_predictions("shear-halved", _blend(lambda stress, structure: stress * (1.0 - 0.5 * OFF_DIAGONAL))),
        needs="shear stress",
    ),
    Mutant(
        "shear-doubled",
        "The shear components of the stress are twice what they should be.",
        0.1,
        "fraction",
        frozenset({"conservation/stress-strain", "symmetry/rotation"}),
        (_COVARIANCE - {"symmetry/rotation"})
        | {"conservation/closed-loop-cell", "physics/elasticity", MODES, IN_MOTION},
        change_predictions("shear-doubled", _blend(lambda stress, structure: stress * (1.0 + OFF_DIAGONAL))),
        needs="shear stress",
    ),
    Mutant(
        "stale-volume",
        "Stress is divided by the volume of the structure evaluated before.",
        0.5,
        "fraction",
        frozenset({"robustness/call-history"}),
        CHECKS - {"robustness/call-history", "symmetry/net-force", "symmetry/net-torque"},
        _stale_volume,
        needs="structures of different volumes in turn",
    ),
    Mutant(
        "cell-curl",
        "Stress contains the virial of pair forces that belong to no energy and do not act on the atoms.",
        0.01,
        "eV/Å³",
        frozenset({"conservation/stress-strain", "conservation/closed-loop-cell"}),
        frozenset({"physics/elasticity", MODES, IN_MOTION}),
        add_term("cell-curl", _pair_stress),
    ),
    Mutant(
        "stress-of-forces",
        "Stress holds ε times the mean square of the forces: it is right for atoms at rest, wrong for displaced ones.",
        0.1,
        "Å²/eV",
        frozenset({MODES}),
        frozenset({"conservation/stress-strain", "conservation/closed-loop-cell", "physics/elasticity", IN_MOTION}),
        _of_forces,
        needs="atoms that are not at rest",
    ),
    *(
        Mutant(
            name,
            f"Stress holds ε of what the momenta of the atoms do, {which}.",
            1.0,
            "fraction",
            frozenset({IN_MOTION}),
            frozenset({"robustness/irrelevant-attributes"}),
            change_predictions(name, _with_momenta(sign)),
            needs="structures that carry momenta, and a cell that moves",
        )
        for name, which, sign in (
            ("kinetic-stress", "as ASE adds it for an ideal gas", -1.0),
            ("kinetic-stress-reversed", "with the opposite sign of what ASE adds for an ideal gas", 1.0),
        )
    ),
)
