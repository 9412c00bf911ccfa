"""robustness/as-ase-drives-it: a calculator attached to a structure answers for the structure as it is now."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Json,
    Measurement,
    Noise,
    OverwrittenPrediction,
    PoolView,
    Request,
    Residual,
    base_prediction,
    vacuous,
    with_parameters,
)
from gnnp_bench.checks.common import LADDER, SAME_INPUT, on_simpler_structures, same_input
from gnnp_bench.checks.common import energy as energy_component
from gnnp_bench.checks.robustness.in_place import CHANGES, NUDGE, changed, whole_copy
from gnnp_bench.potential import (
    ALL_PROPERTIES,
    ENERGY,
    ENERGY_FORCES,
    Capabilities,
    Prediction,
    Property,
    Unsupported,
    periodicity_of,
)

STEPS = 6
"""Changes of one structure, one after the other."""
WALK = 4
"""Steps of a gradual change that are asked about and not compared, as those of an optimiser."""
ENERGY_STRESS: frozenset[Property] = frozenset({"energy", "stress"})
ASKED: Mapping[str, Sequence[frozenset[Property]]] = {
    "energy, then all": (ENERGY, ALL_PROPERTIES),
    "all": (ALL_PROPERTIES,),
    "forces, then stress": (ENERGY_FORCES, ENERGY_STRESS),
    "stress, then forces": (ENERGY_STRESS, ENERGY_FORCES),
    "all, twice": (ALL_PROPERTIES, ALL_PROPERTIES),
}
"""What is asked for after a change, in which order."""


def _applies(capabilities: Capabilities) -> str | None:
    return None if capabilities.driven else "the potential is no ASE calculator: no program attaches it to a structure"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    sample = view.pick(rng)
    steps: list[Json] = []
    atoms = whole_copy(sample.structure)
    for _ in range(STEPS):
        step: dict[str, Json] = {"change": view.next_of(list(CHANGES)), "asked": "", "seed": int(rng.integers(2**31))}
        step["asked"] = list(ASKED)[int(rng.integers(len(ASKED)))]
        trial = whole_copy(atoms)
        possible = changed(trial, str(step["change"]), int(step["seed"]))
        if not possible or periodicity_of(trial) not in view.capabilities.periodicity:
            step["change"], trial = "positions += ...", whole_copy(atoms)
            changed(trial, str(step["change"]), int(step["seed"]))
        atoms = trial
        steps.append(step)
    return sample.case({"steps": steps})


def _simpler(case: Case) -> Iterator[Case]:
    steps = list(case.parameters["steps"])
    if len(steps) > 1:
        for step in steps:
            yield with_parameters(case, steps=[step])
        for k in range(len(steps)):
            yield with_parameters(case, steps=steps[:k] + steps[k + 1 :])
    yield from on_simpler_structures(case)


@dataclass(slots=True)
class _Compared:
    """What the comparisons of one case found: the worst per quantity, and after which change."""

    worst: dict[str, Component] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, components: Sequence[Component], step: Mapping[str, Json]) -> None:
        for found in components:
            if found.quantity not in self.worst or _excess(found) > _excess(self.worst[found.quantity]):
                self.worst[found.quantity] = found
        if any(_excess(found) > 1.0 for found in components):
            self.notes.append(f"wrong after {step['change']}, asked for {step['asked']}")

    def residual(self) -> Residual:
        return Residual(tuple(self.worst.values()), note=self.notes[0] if self.notes else None)


def _excess(component: Component) -> float:
    # Not of rounding alone, for a component without significance has no bound either.
    scale = max(component.bound or 0.0, component.significance)
    if not np.isfinite(component.residual):
        return np.inf
    return component.residual / scale if scale > 0.0 else (np.inf if component.residual > 0.0 else 0.0)


def _measure(case: Case) -> Measurement:
    atoms = whole_copy(case.structure)
    compared = _Compared()
    base = known = yield from base_prediction(case)
    # A calculator that has just been loaded, or what happened in the case before would have a part in this one.
    yield Request([atoms], ALL_PROPERTIES, driven=True, fresh=True)
    told = False
    for step in case.parameters["steps"]:
        name, seed = str(step["change"]), int(step["seed"])
        trial = whole_copy(atoms)
        if not changed(trial, name, seed):
            continue
        try:
            (expected,) = yield Request([trial], ALL_PROPERTIES)
        except Exception:  # which the laws about such structures judge: here only what it answers when driven
            continue
        nu = _rounding(case.nu, base, expected)
        told = told or _differ(known, expected, nu, len(trial))
        known = expected
        try:
            atoms = yield from _step(atoms, name, seed)
            for properties in ASKED[step["asked"]]:
                (found,) = yield Request([atoms], properties, driven=True)
                compared.add(_components(expected, found, nu, len(trial)), step)
        except (Unsupported, NotImplementedError):
            raise
        except Exception as error:
            what = "forces returned before have changed" if isinstance(error, OverwrittenPrediction) else repr(error)
            component = Component("answers that failed", 1.0, 0.0, "", bound=0.0)
            return Residual(
                (*compared.worst.values(), component), note=f"after {name}, asked for {step['asked']}: {what}"
            )
    if not compared.worst or not told:
        return vacuous("no change changes anything")
    yield from _atoms_energies(atoms, case, compared)
    return compared.residual()


def _step(atoms: Atoms, name: str, seed: int) -> Generator[Request, list[Prediction], Atoms]:
    """Change the structure in place; return it, or the one that has taken its place."""
    if name == "step by step":
        target = whole_copy(atoms)
        changed(target, name, seed)
        way = target.positions - atoms.positions
        for _ in range(WALK):
            atoms.positions += way / WALK
            yield Request([atoms], ENERGY_FORCES, driven=True)
        atoms.positions[:] = target.positions
        return atoms
    if name == "another structure between":  # two structures share one calculator, as the images of a band may
        other = whole_copy(atoms)
        other.positions += np.random.default_rng(seed).normal(scale=NUDGE, size=other.positions.shape)
        yield Request([other], ALL_PROPERTIES, driven=True)
        return atoms
    if name == "a copy in its place":  # another object, perhaps at the very address of the one before
        taken = whole_copy(atoms)
        taken.positions += np.random.default_rng(seed).normal(scale=NUDGE, size=taken.positions.shape)
        yield Request([taken], ENERGY_FORCES, driven=True)
        taken.positions[:] = atoms.positions
        return taken
    changed(atoms, name, seed)
    return atoms


def _components(expected: Prediction, found: Prediction, nu: Noise, n_atoms: int) -> tuple[Component, ...]:
    components = same_input(expected, found, nu, n_atoms)
    if expected.reported_energy is None or found.reported_energy is None:
        return components
    gap = energy_component(found.reported_energy - expected.reported_energy, nu, n_atoms, 1.0)
    scale = components[0].significance
    return (*components, replace(gap, quantity="reported energy", significance=scale, bound=SAME_INPUT * gap.noise))


def _rounding(nu: Noise, base: Prediction, expected: Prediction) -> Noise:
    """Return ν where atoms were moved so that forces are larger: rounding is in proportion to what is summed."""
    if base.forces is None or expected.forces is None:
        return nu
    largest = max(float(np.abs(base.forces).max(initial=0.0)), 1.0)
    grown = max(1.0, float(np.abs(expected.forces).max(initial=0.0)) / largest)
    return Noise(nu.energy * grown, nu.forces * grown, nu.stress * grown)


def _differ(known: Prediction, expected: Prediction, nu: Noise, n_atoms: int) -> bool:
    """Return whether the answer to a change is another than the one before, so that one that is kept is seen."""
    if known.forces is not None and expected.forces is not None and known.forces.shape != expected.forces.shape:
        return True
    return any(c.residual > SAME_INPUT * c.noise for c in same_input(known, expected, nu, n_atoms))


def _atoms_energies(atoms: Atoms, case: Case, compared: _Compared) -> Generator[Request, list[Prediction], None]:
    """Compare the energies of atoms, where there are any, with those of a calculator just loaded."""
    (kept,) = yield Request([atoms], ALL_PROPERTIES, driven=True)
    if kept.energies is None:
        return
    (fresh,) = yield Request([whole_copy(atoms)], ALL_PROPERTIES, driven=True, fresh=True)
    if fresh.energies is None or fresh.energies.shape != kept.energies.shape:
        return
    largest = float(np.abs(fresh.energies - kept.energies).max())
    noise = case.nu.energy * len(atoms)
    component = energy_component(largest, case.nu, 1, 1.0)
    compared.add(
        [replace(component, quantity="energies of atoms", noise=noise, bound=SAME_INPUT * noise)],
        {"change": "all of it", "asked": "energies of atoms"},
    )


AS_ASE_DRIVES_IT = Check(
    id="robustness/as-ase-drives-it",
    law="X(x) of a calculator attached to a structure that was changed in place = X(x) of a copy, asked from scratch",
    category="mandatory",
    needs=ENERGY,
    source="ASE documentation, Calculator.check_state and calculation_required; docs/design.md, section 3",
    tolerance=LADDER,
    physics=(
        "Programs attach a calculator to one structure and change that structure in place: optimisers move atoms, cell "
        "filters strain, Monte Carlo exchanges, inserts and deletes, a scan changes the charge. ASE's calculators keep "
        "their results until they see a change. One that does not see a change of cell, periodicity, species or charge "
        "goes on answering for the structure before, a relaxation of the cell stops where it began, and a scan is "
        "flat. Other laws hand a copy to a calculator that was reset, and cannot see this."
    ),
    draw=_draw,
    simpler=_simpler,
    measure=_measure,
    applies=_applies,
    weight=4.0,
    cost=3 * STEPS,
    side_by_side=1,
)
