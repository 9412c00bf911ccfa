"""Whether what is left between free fragments falls off as something in nature does: charges, moments, dispersion."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree

from gnnp_bench.check import Case, Component, Request
from gnnp_bench.checks.common import ENERGY_S
from gnnp_bench.checks.locality.adding_up import bare, left, placed
from gnnp_bench.numerics.convergence import ALLOWANCE
from gnnp_bench.numerics.far import CLEAR, SETTLES_OVER, Power, limit_far_away, settled_power
from gnnp_bench.numerics.rounding import DIGITS
from gnnp_bench.potential import ENERGY, FloatArray, Prediction
from gnnp_bench.structures.apart import Apart
from gnnp_bench.structures.carried import OF_CHARGE, charge_and_unpaired, is_neutral, totals
from gnnp_bench.structures.serialise import to_json

QUANTITY = "energy at a distance"
COULOMB = Hartree * Bohr
"""k_e = e²/(4πε₀), eV Å."""
NEAR = 0.1
"""By how much a power may differ from one that is told by it."""
SLOWER = 0.25
"""Of a power, by which one that is slower than that of charges may still change: more where a constant is left."""
FLAT = 0.05
"""Powers within which what is left is a constant."""
JUDGED_BELOW = 4.5
"""Powers from there on are legal for all, or pass too quickly to be told."""
DIPOLE = 1.0
"""e for each atom: with the size of a fragment, a dipole that is larger than any."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How what is left falls off, and whether anything in nature does.

    Attributes
    ----------
    component : Component or None
        What of it at the first distance no charge, moment or dispersion explains; None where that is not certain.
    note : str
        In words.
    """

    component: Component | None
    note: str


@dataclass(frozen=True, slots=True)
class _Strength:
    """S of what tends to S/R, divided by the first distance: eV there, with its standard deviation and its error."""

    energy: float
    noise: float = 0.0
    error: float = 0.0

    @property
    def doubt(self) -> float:
        return ALLOWANCE * (self.noise + self.error)

    @property
    def stands_out(self) -> bool:
        return abs(self.energy) > self.doubt

    @property
    def most(self) -> float:
        return abs(self.energy) + self.doubt


def falls_off(case: Case, settings: Sequence[Apart], energies: Sequence[float], blur: FloatArray) -> Power | None:
    """Return the power by which free fragments feel each other, if it has settled."""
    if settings[0].together.pbc.any() or case.parameters["local"]:
        return None
    return settled_power(_distances(settings), np.array(energies), blur)


def too_slow(power: Power) -> bool:
    """Return whether a settled power is less than that of charges, and stays so; a constant has none."""
    leaves = 1.0 - power.value > max(NEAR, power.doubt)
    return leaves and abs(power.value) > FLAT and abs(power.drift) <= SLOWER * abs(power.value)


def judged_rate(
    case: Case,
    settings: Sequence[Apart],
    energies: Sequence[float],
    blur: FloatArray,
    power: Power,
    noise: float,
    scale: float,
    alone: Sequence[Prediction],
) -> Generator[Request, list[Prediction], Rate]:
    """Return whether energies that fall off with a settled power do so as charges, moments or dispersion would.

    Net charges Q of fragments, declared or not, give E(A and B) → k_e Q_A Q_B/R: so S of E → S/R is a product,
    S_AB² = S_AA S_BB, and copies of one fragment do not attract each other. R⁻² takes a charge and a dipole, R⁻³ two
    dipoles, or a charge and a quadrupole. Single atoms have neither dipole nor, by symmetry, anything between R⁻¹ of
    two charges and the R⁻⁴ of a charge and what it induces; without charges, R⁻⁶ of dispersion (Stone, The Theory of
    Intermolecular Forces, 2nd ed., chapters 3 and 4). R⁻⁵ is left to the quadrupoles of open shells.

    Parameters
    ----------
    case : Case
    settings : sequence of Apart
        Free fragments at distances that double.
    energies : sequence of float, eV
        What is left at each.
    blur : (n,) array, eV
        By how much noise may change each.
    power : Power
        By which they fall off.
    noise : float, eV
        Standard deviation of the noise on each.
    scale : float
        Factor on what matters.
    alone : sequence of Prediction
        For each of both fragments.
    """
    first, distance, s = energies[0], case.parameters["distance"], scale * ENERGY_S
    falls = f"falls off as R^-{power.value:.1f}" if power.value > FLAT else "does not fall off"
    words = f"{abs(first):.1e} eV is left at {distance:g} Å and {falls}"
    # With less than that, its power would not be told.
    least = abs(first) * float((CLEAR * blur / np.abs(energies))[:SETTLES_OVER].max())
    all_of_it = Component(QUANTITY, abs(first), s, "eV", bound=least)
    if too_slow(power):
        return Rate(all_of_it, f"{words}, more slowly than charges do" if power.value > FLAT else words)
    if power.value > JUDGED_BELOW or abs(first) <= s:
        return Rate(None, words)
    parts = settings[0].alone
    both = _strength(energies[: power.clear], noise)
    given = bool(OF_CHARGE & set(totals(settings[0].together).values()))
    if given:
        charges = [charge_and_unpaired(part)[0] for part in parts]
        expected = COULOMB * charges[0] * charges[1] / distance
        like = [_Strength(COULOMB * charge**2 / distance) for charge in charges]
        beyond = Component(QUANTITY, abs(both.energy - expected), s, "eV", bound=both.doubt)
        why = f"not as k_e q_A q_B/R of the charges that are given, {charges[0]} e and {charges[1]} e"
    else:
        found = yield from _like(case, parts, alone, power.clear, noise)
        if found is None:
            return Rate(None, words)
        like = found
        beyond, why = _beyond_products(both, like, parts, s, distance)
    if _violates(beyond):
        return Rate(beyond, f"{words}, {why}")
    illegal = _illegal(power, abs(first), like, parts, distance)
    if illegal:
        return Rate(all_of_it, f"{words}, {illegal}")
    if abs(power.value - 1.0) < 2.0 * NEAR and not given and all(one.stands_out for one in (both, *like)):
        words = f"{words}, {_as_charges(both, like, parts, distance)}"
    certain = (beyond.bound or 0.0) <= s
    return Rate(beyond if certain else None, words)


def _distances(settings: Sequence[Apart]) -> FloatArray:
    """Return the distance between the centres of both fragments in each setting, Å."""
    centres = [[part.positions.mean(axis=0) for part in one.alone] for one in settings]
    return np.array([np.linalg.norm(two - one) for one, two in centres])


def _strength(energies: Sequence[float], noise: float) -> _Strength:
    """Return the limit of E R, by the first distance; what is left at distances that double is a series in 1/R.

    Noise grows with the distance. It is not taken out of the error: an entry made of the nearest distances, which have
    not settled, would pass for one that agrees with the farthest as far as their noise tells.
    """
    grows: FloatArray = np.exp2(np.arange(len(energies), dtype=float))
    limit = limit_far_away((np.array(energies) * grows)[:, None], 0.0, grows)
    return _Strength(float(limit.values[0]), noise * limit.noise, limit.error)


def _like(
    case: Case, parts: Sequence[Atoms], alone: Sequence[Prediction], count: int, noise: float
) -> Generator[Request, list[Prediction], list[_Strength] | None]:
    """Return the strengths between copies of the one fragment, and of the other, at the same distances."""
    rows = [
        [
            placed(case, part, case.parameters["distance"] * 2**level, fragment=to_json(bare(part)), place=len(part))
            for level in range(count)
        ]
        for part in parts
    ]
    asked = [setting for row in rows for setting in row]
    if not all(is_neutral(setting.together) for setting in asked):
        return None
    answers = yield Request([setting.together for setting in asked], ENERGY)
    lefts = [
        left(answer, [alone[number // count]] * 2, setting)
        for number, (answer, setting) in enumerate(zip(answers, asked, strict=True))
    ]
    return [
        _strength([one.told for one in row], max(2.0 * noise, row[0].digits / DIGITS))
        for row in (lefts[:count], lefts[count:])
    ]


def _beyond_products(
    both: _Strength, like: Sequence[_Strength], parts: Sequence[Atoms], s: float, distance: float
) -> tuple[Component, str]:
    """Return by how much strengths are no products of charges, eV at the first distance, and what they are instead."""
    names = [part.get_chemical_formula() for part in parts]
    for name, one in zip(names, like, strict=True):
        attracts = Component(QUANTITY, max(0.0, -one.energy), s, "eV", bound=one.doubt)
        if _violates(attracts):
            return attracts, f"and {name} attracts {name} so, which like charges do not"
    product = np.sqrt(max(like[0].energy, 0.0) * max(like[1].energy, 0.0))
    doubts = [one.doubt for one in like]
    largest = np.sqrt(np.prod([max(one.energy, 0.0) + doubt for one, doubt in zip(like, doubts, strict=True)]))
    least = np.sqrt(np.prod([max(one.energy - doubt, 0.0) for one, doubt in zip(like, doubts, strict=True)]))
    bound = both.doubt + float(max(largest - product, product - least))
    found = [strength.energy * distance for strength in (both, *like)]
    why = (
        f"but not as charges do, whose strengths are products: {found[0]:.2g} eV Å between {names[0]} and {names[1]}, "
        f"{found[1]:.2g} between {names[0]} and {names[0]}, {found[2]:.2g} between {names[1]} and {names[1]}"
    )
    return Component(QUANTITY, abs(abs(both.energy) - float(product)), s, "eV", bound=bound), why


def _illegal(
    power: Power, first: float, like: Sequence[_Strength], parts: Sequence[Atoms], distance: float
) -> str | None:
    """Return in words why nothing between such fragments falls off with such a power; None where something may."""
    atoms = [len(part) == 1 for part in parts]
    # Charges that are too small to be seen may still have an effect on a dipole, or induce one.
    charged = [one.stands_out and one.energy > 0.0 for one in like]
    hidden = [
        10.0 * (np.sqrt(COULOMB * one.most * distance) * DIPOLE * len(other) * _size(other) / distance**2 + one.most)
        >= first
        for one, other in zip(like, reversed(parts), strict=True)
    ]
    maybe = [seen or may for seen, may in zip(charged, hidden, strict=True)]
    legal = [1.0]
    for one, other in ((0, 1), (1, 0)):
        if maybe[one]:
            legal += [4.0] if atoms[other] else [2.0, 3.0, 4.0]
    legal += [5.0, 6.0] if any(atoms) else [3.0, 4.0, 5.0, 6.0]
    if any(abs(power.value - p) <= max(NEAR, power.doubt) for p in legal):
        return None
    if all(atoms):
        return "as nothing does between single atoms: charges R^-1, what a charge induces R^-4, neutral atoms R^-6"
    if any(atoms):
        return "as nothing does between a molecule and an atom without charge: what it induces R^-6"
    return "as nothing does between molecules: charges R^-1, a charge and a dipole R^-2, dipoles R^-3"


def _size(part: Atoms) -> float:
    """Return how far atoms are from the middle of a fragment, and 1 Å, Å."""
    return 1.0 + float(np.linalg.norm(part.positions - part.positions.mean(axis=0), axis=1).max())


def _as_charges(both: _Strength, like: Sequence[_Strength], parts: Sequence[Atoms], distance: float) -> str:
    """Return in words which charges would do the same."""
    sizes = [float(np.sqrt(max(one.energy, 0.0) * distance / COULOMB)) for one in like]
    names = [part.get_chemical_formula() for part in parts]
    sign = "like" if both.energy > 0.0 else "opposite"
    return f"as charges of {sizes[0]:.2g} e ({names[0]}) and {sizes[1]:.2g} e ({names[1]}) of {sign} sign do"


def _violates(component: Component) -> bool:
    return component.residual > max(component.bound or 0.0, component.significance)
