"""locality/fragments-add-up: molecules and slabs that are far apart are what each of them is alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from gnnp_bench.check import (
    Case,
    Check,
    Component,
    Measurement,
    Noise,
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
    STRESS_S,
    converged,
    on_simpler_structures,
    pressed,
)
from gnnp_bench.checks.locality.adding_up import (
    KINDS,
    Left,
    companion,
    host_of,
    is_free,
    is_layer,
    known_reach,
    left,
    matter_of,
    nearest_far,
    outwards,
    placed,
    possible_kinds,
    repeats,
    wider,
)
from gnnp_bench.checks.locality.falls_off import far_limit, told
from gnnp_bench.checks.locality.felt import what_is_felt
from gnnp_bench.checks.locality.rates import falls_off, judged_rate, too_slow
from gnnp_bench.checks.virial import virial_noise
from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.numerics.rounding import DIGITS, beyond_digits, ulp
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, FloatArray
from gnnp_bench.structures.apart import Apart, out_of
from gnnp_bench.structures.carried import is_neutral, made_legal
from gnnp_bench.structures.serialise import from_json, to_json

DISTANCES, IN_A_BOX = 8, 4
"""Distances at most, where something is left at the first; fewer in a periodic box, which has to hold them."""
FEWEST = 3
"""Distances before an extrapolation is believed."""
FEWEST_FREE = 4
"""The same between free fragments: a power of the distance has to settle as well."""
IN_A_LARGER_BOX = "energy in a larger box"


def _draw(rng: np.random.Generator, view: PoolView) -> Case:
    kind = view.next_of(possible_kinds(view) or KINDS)
    suitable = is_layer if kind in ("slabs", "above") else is_free
    sample = view.pick(rng, lambda s: _fits(s, kind) and suitable(s.structure), "neutral, with room for another")
    host = sample.structure
    if kind == "atoms":
        host = made_legal(host[[int(rng.integers(len(host)))]])
    fragment, noise = companion(rng, view, host, kind)
    parameters = {
        "fragment": to_json(fragment),
        "place": int(rng.choice((0, len(host), int(rng.integers(len(host) + 1))))),
        "direction": outwards(rng, host).tolist(),
        "distance": nearest_far(view.capabilities),
        "boxed": kind == "box",
        "local": known_reach(view.capabilities) is not None,
    }
    if kind == "above" and len(fragment) > 1:
        parameters["repeat"] = list(repeats(host, fragment))
    if noise is not None:
        parameters["noise"] = [noise.energy, noise.forces]
    if view.capabilities.totals_add:
        parameters["totals_add"] = True
    return Case(host, None, parameters) if kind == "atoms" else sample.case(parameters)


def _fits(sample: Sample, kind: str) -> bool:
    return kind != "box" or not sample.structure.pbc.any()


def _near(rng: np.random.Generator, case: Case) -> Case:
    place = int(rng.integers(len(case.structure) + 1))
    return with_parameters(case, place=place, direction=outwards(rng, case.structure).tolist())


def _simpler(case: Case) -> Iterator[Case]:
    fragment = from_json(case.parameters["fragment"])
    if case.parameters["boxed"]:
        yield with_parameters(case, boxed=False)
    if "repeat" in case.parameters and len(fragment) == 1:
        yield with_parameters(case, repeat=[1, 1, 1])
    if len(fragment) > 1:
        for atom in range(min(len(fragment), 6)):
            yield with_parameters(case, fragment=to_json(fragment[[atom]]))
        yield with_parameters(case, fragment=to_json(fragment[: len(fragment) // 2]))
    for simpler in on_simpler_structures(case):
        if (is_free(case.structure) and is_free(simpler.structure)) or len(fragment) == 1:
            if not (is_free(simpler.structure) or is_layer(simpler.structure)):
                continue
            try:
                direction = out_of(simpler.structure, np.asarray(case.parameters["direction"]))
            except ValueError:
                continue
            yield with_parameters(simpler, place=len(simpler.structure), direction=direction.tolist())
    symbol = case.structure.get_chemical_symbols()[0]
    if len(fragment) == 1 and fragment.get_chemical_symbols() != [symbol]:
        yield with_parameters(case, fragment=to_json(Atoms(symbol)))
    for axis in np.eye(3):
        try:
            plain = out_of(case.structure, axis).tolist()
        except ValueError:  # along the plane of a slab
            continue
        if not np.allclose(plain, case.parameters["direction"]):
            yield on_structure(case, case.structure, direction=plain)


def _measure(case: Case) -> Measurement:
    host = host_of(case)
    in_a_box = bool(host.pbc.all())
    fewest = FEWEST if host.pbc.any() else FEWEST_FREE
    settings: list[Apart] = []
    found: list[Left] = []
    changes: list[float] = []
    components: list[Component] = []
    scale, gone = 1.0, False
    # What is declared to feel nothing beyond a distance has nothing to be extrapolated away there.
    levels = 1 if case.parameters["local"] else IN_A_BOX if in_a_box else DISTANCES
    for level in range(levels):
        apart = placed(case, host, case.parameters["distance"] * 2**level)
        if not (case.parameters.get("totals_add") or all(map(is_neutral, (apart.together, *apart.alone)))):
            return vacuous("the energy of a charge or spin in all need not be a sum")
        larger = [wider(apart.together)] if in_a_box else []
        together, *others = yield Request([apart.together, *larger, *apart.alone], ALL_PROPERTIES)
        alone = others[len(larger) :]
        if not level and not any(part.energy for part in (together, *alone)):
            return vacuous("there is no energy to lose")
        scale = max(scale, *map(pressed, alone))
        settings.append(apart)
        found.append(left(together, alone, apart))
        pairs = [(other.energy, together.energy) for other in others[: len(larger)]]
        changes += [beyond_digits(one - other, (one, other)) for one, other in pairs]
        noise = _noise(case, apart, [part.energy for part in (together, *alone)])
        before, gone = gone, _gone(noise, found[-1], changes[-1:])
        # Of what has a finite range, nothing is left to be extrapolated.
        components = _components(noise, found[-1:] if gone else found, changes[-1:] if gone else changes, scale)
        # What is within the noise and yet matters is asked for once more, farther away.
        if gone and (before or all(c.residual <= c.significance for c in components)):
            break
        # What stands out is followed to the end: shifted charges leave a constant until they are cut off.
        settled = all(converged(c.error, c.noise, c.significance) for c in components)
        if level + 1 >= fewest and settled and not _missed(components):
            break
    note = None
    missed = _missed(components)
    energies = [one.told for one in found]
    blur = np.array([max(ALLOWANCE * noise.energy, one.digits) for one in found])
    power = falls_off(case, settings, energies, blur)
    if power is not None and (not missed or too_slow(power)):
        doubt = max(noise.energy, max(one.digits for one in found) / DIGITS)
        rate = yield from judged_rate(case, settings, energies, blur, power, doubt, scale, alone)
        components, note = [*components, *filter(None, [rate.component])], rate.note
    elif missed & {"energy", IN_A_LARGER_BOX}:
        note = yield from what_is_felt(case, apart, found[-1])
    elif missed:
        formula = apart.together.get_chemical_formula()
        note = f"far away, the {' and '.join(sorted(missed))} of the parts of {formula} are not what they are alone"
    elif not _gone(noise, found[0], []):
        note = told([one.energy for one in found], case.parameters["distance"])
    return Residual(tuple(components), note=note)


def _noise(case: Case, apart: Apart, energies: list[float]) -> Noise:
    """Return ν of energy, eV in all, of forces, and of V·σ by the volume of matter.

    Each part stands alone where it stands beside the other, so that its coordinates round alike however large they
    are. What remains is that of the sums: relative to them it grows as the root of the number of terms, see `grown`.
    """
    host, fragment = map(len, apart.alone)
    of_fragment = case.parameters.get("noise", (case.nu.energy, case.nu.forces))
    terms = np.sqrt([max(1.0, fragment / host), max(1.0, host / fragment)])
    energy = float(terms @ [case.nu.energy * host, of_fragment[0] * fragment])
    energy = max(energy, sum(ulp(abs(told), single=False) for told in energies))
    forces = max(case.nu.forces, of_fragment[1])
    return Noise(energy, forces, virial_noise(forces, host + fragment) / matter_of(apart))


def _components(noise: Noise, found: list[Left], changes: list[float], scale: float) -> list[Component]:
    """Return what is left at infinite distance, of each quantity that the potential has."""
    energies = np.array([[one.energy] for one in found])
    components = [far_limit("energy", energies, noise.energy, scale * ENERGY_S, "eV")]
    forces = [one.forces for one in found if one.forces is not None]
    if forces:
        components.append(far_limit("forces", np.array(forces), noise.forces, scale * FORCES_S, "eV/Å"))
    stresses = [one.stress for one in found if one.stress is not None]
    if stresses:
        components.append(far_limit("stress", np.array(stresses), noise.stress, scale * STRESS_S, "eV/Å³"))
    if changes:
        grew: FloatArray = np.array(changes)[:, None]
        components.append(far_limit(IN_A_LARGER_BOX, grew, noise.energy, scale * ENERGY_S, "eV"))
    return components


def _missed(components: list[Component]) -> set[str]:
    """Return what is left by more than matters, and more than noise and error explain."""
    return {c.quantity for c in components if c.residual > max(c.significance, ALLOWANCE * (c.noise + c.error))}


def _gone(noise: Noise, last: Left, changes: list[float]) -> bool:
    """Return whether nothing is left above the noise at one distance."""
    parts = ((last.energy, noise.energy), (last.forces, noise.forces), (last.stress, noise.stress))
    return all(
        np.abs(values).max(initial=0.0) <= ALLOWANCE * nu
        for values, nu in (*parts, (np.array(changes), noise.energy))
        if values is not None
    )


FRAGMENTS_ADD_UP = Check(
    id="locality/fragments-add-up",
    law=(
        "E(A and B) → E(A) + E(B), forces and V·σ → those of A and of B alone, as the gap between them grows, and the "
        "box around them; not more slowly than k_e Q_A Q_B/R"
    ),
    category="mandatory",
    needs=ENERGY,
    source=(
        "size consistency: Pople, Binkley and Seeger, doi:10.1002/qua.560100802; powers of the distance: Stone, The "
        "Theory of Intermolecular Forces, 2nd ed., chapters 3 and 4; extrapolation: Press et al., Numerical Recipes, "
        "3rd ed., section 5.7"
    ),
    tolerance=f"s = 0.1 meV in all, 1 meV/Å, 1e-4 eV/Å³ of the matter; {EXTREME}",
    physics=(
        "Two neutral molecules, or two slabs, that are far apart do not know of each other: the energy of both is the "
        "sum, and forces and stress are what each has alone. A potential that averages over all atoms of a structure, "
        "normalises by their number, reads the density of the box, or shares charge out over any distance lets a "
        "molecule feel what stands at the other end of the box. Energies of reaction, of adsorption and of mixing, "
        "which are differences between structures of different composition, are then wrong, and so are all energies "
        "in boxes of different size. What falls off with the distance as charges, multipoles and dispersion do is "
        "extrapolated away and told. What nature does not have fails, where its power has settled over three "
        "doublings: anything slower than charges; R⁻¹ whose strengths are no products of charges, as told from copies "
        "of each fragment, or with which like fragments attract each other; R⁻² to R⁻⁴ where no charge, dipole or "
        "quadrupole can be, as between single neutral atoms."
    ),
    draw=_draw,
    near=_near,
    simpler=_simpler,
    measure=_measure,
    cost=4,
)
