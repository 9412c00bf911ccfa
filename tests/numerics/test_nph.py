"""Atoms and cell move as Lagrange's equations say, and the shadow of the enthalpy stays where it is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from ase import units
from scipy import integrate

from gnnp_bench.numerics import nph
from gnnp_bench.numerics.nph import Barostat, Kick, Path, State, enthalpies, real_momenta, shadow_enthalpies
from gnnp_bench.potential import ALL_PROPERTIES, FloatArray, Prediction
from tests.analytic import smooth_pair
from tests.analytic.geometries import alloy, left_handed
from tests.analytic.values import forces_of, stress_of

POTENTIAL = smooth_pair(5.0)
STRUCTURES = {"alloy": alloy(), "left-handed": left_handed()}
MOVES = ("freely", "evenly")


def _start(name: str, moves: str) -> tuple[Barostat, State]:
    structure = STRUCTURES[name]
    cell, masses, rng = structure.cell.array, structure.get_masses(), np.random.default_rng(4)
    directions = np.eye(9).reshape(9, 3, 3) if moves == "freely" else (cell / np.linalg.norm(cell))[None]
    barostat = Barostat(directions, 0.25 * float(masses.sum()), 0.03, masses)
    p = rng.normal(size=(len(structure), 3)) * np.sqrt(masses * units.kB * 300.0)[:, None]
    push = rng.normal(size=len(directions)) * np.sqrt(barostat.mass * units.kB * 300.0)
    return barostat, State(structure.positions @ np.linalg.inv(cell), p @ cell.T, barostat.along(cell), push)


def _answer(name: str, positions: FloatArray, cell: FloatArray) -> Prediction:
    moved = STRUCTURES[name].copy()
    moved.set_cell(cell)
    moved.positions = positions
    (found,) = POTENTIAL.evaluate([moved], ALL_PROPERTIES)
    return found


def _kick(name: str, barostat: Barostat, state: State) -> Kick:
    cell = barostat.cell(state.y)
    found = _answer(name, state.s @ cell, cell)
    return nph.kick_of(barostat, state.y, found.energy, forces_of(found), stress_of(found))


def _path(name: str, moves: str, timestep: float, steps: int, start: State | None = None) -> Path:
    barostat, state = _start(name, moves)
    state, step = state if start is None else start, timestep * units.fs
    states, kicks, between = [state], [_kick(name, barostat, state)], []
    for _ in range(steps):
        state, there = nph.moved(barostat, nph.kicked(state, kicks[-1], step), step)
        kick = _kick(name, barostat, state)
        state = nph.kicked(state, kick, step)
        states.append(state)
        kicks.append(kick)
        between.append(there)
    return Path(barostat, step, tuple(states), tuple(kicks), tuple(between))


@cache
def _reference(name: str, moves: str, time: float) -> tuple[FloatArray, FloatArray]:
    """Return positions and cell after so many fs by Lagrange's equations in s and h, not written with momenta.

    s'' = F h⁻¹/m − s' G' G⁻¹, G = h hᵀ, and W h'' = V h⁻ᵀ(Π − P) with VΠ = Σ m v⊗v − Vσ, v = s' h
    (Parrinello and Rahman, doi:10.1063/1.328693); of a cell that moves evenly its part along h.
    """
    barostat, state = _start(name, moves)
    n, masses = len(state.s), barostat.masses[:, None]
    cell = barostat.cell(state.y)
    s_rate = real_momenta(barostat, state) / masses @ np.linalg.inv(cell)
    begin = np.concatenate([state.s.ravel(), s_rate.ravel(), state.y, state.cell_momenta / barostat.mass])

    def rates(_: float, z: FloatArray) -> FloatArray:
        s, s_rate = z[: 3 * n].reshape(n, 3), z[3 * n : 6 * n].reshape(n, 3)
        y, y_rate = np.split(z[6 * n :], 2)
        h, h_rate = barostat.cell(y), barostat.cell(y_rate)
        found, inverse = _answer(name, s @ h, h), np.linalg.inv(h)
        metric_rate = h_rate @ h.T + h @ h_rate.T
        s_rate2 = forces_of(found) @ inverse / masses - s_rate @ metric_rate @ np.linalg.inv(h @ h.T)
        v = s_rate @ h
        volume = abs(np.linalg.det(h))
        inner = v.T @ (masses * v) - volume * (stress_of(found) + barostat.pressure * np.eye(3))
        return np.concatenate(
            [s_rate.ravel(), s_rate2.ravel(), y_rate, barostat.along(inverse.T @ inner) / barostat.mass]
        )

    end = integrate.solve_ivp(rates, (0.0, time * units.fs), begin, rtol=1e-9, atol=1e-10, method="DOP853").y[:, -1]  # type: ignore[attr-defined]
    h = barostat.cell(end[6 * n :][: len(state.y)])
    return end[: 3 * n].reshape(n, 3) @ h, h


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("moves", MOVES)
def test_atoms_and_cell_go_where_the_equations_of_motion_take_them(name: str, moves: str) -> None:
    positions, cell = _reference(name, moves, 24.0)
    missed = []
    for timestep, steps in ((1.0, 24), (0.5, 48)):
        path = _path(name, moves, timestep, steps)
        h = path.barostat.cell(path.states[-1].y)
        assert np.abs(h - STRUCTURES[name].cell.array).max() > 0.01, "the cell does not move"
        missed.append(max(np.abs(h - cell).max(), np.abs(path.states[-1].s @ h - positions).max()))
    assert missed[1] < 1e-3
    assert missed[0] / missed[1] == pytest.approx(4.0, abs=0.4)


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("moves", MOVES)
def test_the_enthalpy_swings_as_the_square_of_the_step_and_its_shadow_does_not(name: str, moves: str) -> None:
    coarse, fine = _path(name, moves, 1.0, 40), _path(name, moves, 0.5, 80)
    swings = [float(np.std(enthalpies(path))) for path in (coarse, fine)]
    assert swings[0] / swings[1] == pytest.approx(4.0, abs=0.6)
    shadows = [float(np.std(shadow_enthalpies(path))) for path in (coarse, fine)]
    assert shadows[0] < 1e-3 * swings[0]
    assert shadows[1] < shadows[0] / 50.0
    assert abs(float(np.mean(shadow_enthalpies(fine)) - np.mean(enthalpies(fine)))) < 5.0 * swings[1]


def test_the_way_back_is_the_way_there() -> None:
    out = _path("alloy", "freely", 1.0, 30)
    end = out.states[-1]
    turned = replace(end, pi=-end.pi, cell_momenta=-end.cell_momenta)
    back = _path("alloy", "freely", 1.0, 30, turned).states[-1]
    np.testing.assert_allclose(back.s, out.states[0].s, atol=1e-10)
    np.testing.assert_allclose(back.y, out.states[0].y, atol=1e-9)


@pytest.mark.parametrize("defect", ["none", "kinetic sign", "thermostat", "pressure"])
def test_what_is_wrong_in_the_integrator_shows_in_its_shadow(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    force, moved, kick_of = nph.kinetic_force, nph.moved, nph.kick_of

    def cooled(*given: Any) -> tuple[State, tuple[FloatArray, FloatArray]]:
        state, there = moved(*given)
        return replace(state, pi=0.9999 * state.pi), there

    def less(barostat: Barostat, *given: Any) -> Kick:
        wrong = kick_of(replace(barostat, pressure=0.9 * barostat.pressure), *given)
        return replace(wrong, energy=kick_of(barostat, *given).energy)

    if defect == "kinetic sign":
        monkeypatch.setattr(nph, "kinetic_force", lambda *given: -force(*given))
    elif defect == "thermostat":
        monkeypatch.setattr(nph, "moved", cooled)
    elif defect == "pressure":
        monkeypatch.setattr(nph, "kick_of", less)
    spread = float(np.ptp(shadow_enthalpies(_path("alloy", "freely", 1.0, 40))))
    assert spread < 1e-6 if defect == "none" else spread > 1e-4


def test_a_wrong_mass_shows_in_the_enthalpy_however_short_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves as another system would, whose shadow is as steady."""
    sound = float(np.ptp(enthalpies(_path("alloy", "freely", 0.25, 80))))
    moved = nph.moved
    monkeypatch.setattr(nph, "moved", lambda b, *given: moved(replace(b, masses=1.01 * b.masses), *given))
    assert float(np.ptp(enthalpies(_path("alloy", "freely", 0.25, 80)))) > 10.0 * sound


def test_too_short_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 8"):
        shadow_enthalpies(_path("left-handed", "evenly", 1.0, 5))
