"""The figures of the pages about families of laws: ``python docs/figures.py`` draws them into ``docs/images``.

Each is computed from a potential of a few lines, sound and with one defect, so that what a law says is seen at once.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

matplotlib.use("svg")
from matplotlib import pyplot as plt

IMAGES = Path(__file__).parent / "images"
SOUND, BROKEN = "#1b6ca8", "#c8553d"
Array = NDArray[np.float64]


def morse(r: Array) -> Array:
    """Return a Morse potential, eV, of a bond of 1 eV and 2.5 Å (Morse, Phys. Rev. 34, 57 (1929), eq. 4)."""
    return (1 - np.exp(-1.6 * (r - 2.5))) ** 2 - 1


def switch(r: Array, inner: float = 4.0, outer: float = 5.0) -> Array:
    """Return 1 below `inner`, 0 above `outer`, with two continuous derivatives between them."""
    t = np.clip((r - inner) / (outer - inner), 0, 1)
    return 1 - t**3 * (10 - 15 * t + 6 * t**2)


def symmetry(axes: Axes) -> None:
    """Draw the energy of a bond as it is turned."""
    angle = np.linspace(0, 360, 181)
    axes.plot(angle, np.zeros_like(angle), color=SOUND, label="sound")
    axes.plot(angle, 0.5 * np.cos(2 * np.radians(angle)), color=BROKEN, label="prefers an axis of the input")
    axes.set(
        xlabel="the dimer is turned by, degrees",
        ylabel="energy changes by, meV",
        xticks=range(0, 361, 90),
        ylim=(-0.6, 1),
    )


def periodicity(axes: Axes) -> None:
    """Draw the energy per atom of a chain against how often its cell is repeated: all images, or the nearest alone."""
    spacing, cutoff = 2.5, 12.0
    repeats = np.arange(1, 13)
    every = float(sum(morse(np.array(spacing * k)) for k in range(1, int(cutoff / spacing) + 1)))
    nearest = []
    for n in repeats:
        steps = np.minimum(np.arange(1, n), n - np.arange(1, n)) * spacing
        nearest.append(0.5 * float(morse(steps[steps < cutoff]).sum()))
    axes.plot(repeats, np.full(len(repeats), every), "o-", color=SOUND, label="every image is a neighbour")
    axes.plot(repeats, nearest, "o-", color=BROKEN, label="the nearest image alone")
    axes.set(xlabel="copies of the cell", ylabel="energy, eV/atom")


def conservation(axes: Axes) -> None:
    """Draw the work done along a circle, with and without a curl."""
    angle = np.linspace(0, 2 * np.pi, 201)
    work = 4 * (1 - np.cos(angle))
    axes.plot(np.degrees(angle), work, color=SOUND, label="forces are a gradient")
    axes.plot(np.degrees(angle), work + 1.2 * angle / np.pi, color=BROKEN, label="forces with a curl")
    axes.axhline(0, color="0.7", lw=0.8)
    axes.set(xlabel="way around the loop, degrees", ylabel="work, meV", xticks=range(0, 361, 90))


def smoothness(axes: Axes) -> None:
    """Draw the force between two atoms near a cutoff."""
    r = np.linspace(3.5, 5.5, 801)
    sound = -np.gradient(morse(r) * switch(r), r)
    broken = np.where(r < 4.8, -np.gradient(morse(r), r), 0.0)
    axes.plot(r, 1000 * sound, color=SOUND, label="switched off smoothly")
    axes.plot(r, 1000 * broken, color=BROKEN, label="cut off at 4.8 Å")
    axes.set(xlabel="distance, Å", ylabel="force, meV/Å")


def locality(axes: Axes) -> None:
    """Draw the energy of two dimers that are pulled apart, less twice that of one."""
    gap = np.linspace(2.5, 12, 200)
    between = 1000 * morse(gap) * switch(gap, 4.0, 8.0)
    axes.plot(gap, between, color=SOUND, label="adds up once they are apart")
    axes.plot(gap, between + 25, color=BROKEN, label="depends on the mean composition")
    axes.axhline(0, color="0.7", lw=0.8)
    axes.set(xlabel="gap between the fragments, Å", ylabel="E(A and B) − E(A) − E(B), meV", ylim=(-450, 120))


def robustness(axes: Axes) -> None:
    """Draw what rounding leaves of the energy on a very short line, in two precisions."""
    along = np.linspace(-1e-4, 1e-4, 81)
    for kind, colour, label in ((np.float64, SOUND, "double precision"), (np.float32, BROKEN, "single precision")):
        r = (2.7 + along).astype(kind)
        one, two = kind(1), kind(2.5)
        energy = ((one - np.exp(kind(-1.6) * (r - two))) ** 2 - one).astype(np.float64)
        left = energy - np.polynomial.Polynomial.fit(along, energy, 2)(along)
        axes.plot(1e4 * along, 1e6 * left, ".-", color=colour, label=label, lw=0.7, ms=3)
    axes.set(xlabel="the bond is stretched by, 10⁻⁴ Å", ylabel="energy less a parabola, µeV", ylim=(-0.12, 0.2))


def dynamics(axes: Axes) -> None:
    """Draw the total energy in motion, by velocity Verlet, with forces that are a gradient and that are not."""
    for excess, colour, label in ((0.0, SOUND, "conserved"), (0.004, BROKEN, "forces that are no gradient")):
        axes.plot(*_trajectory(excess), color=colour, label=label, lw=1)
    axes.set(xlabel="time, periods of the bond", ylabel="energy changes by, %")


def _trajectory(excess: float, dt: float = 0.15, steps: int = 800) -> tuple[Array, Array]:
    """Return times and energies of an oscillator in the plane; `excess` is the curl of its forces."""
    x, v = np.array([1.0, 0.0]), np.array([0.0, 0.6])

    def force(at: Array) -> Array:
        return -at + excess * np.array([-at[1], at[0]])

    energies = []
    for _ in range(steps):
        energies.append(0.5 * (v @ v + x @ x))
        half = v + 0.5 * dt * force(x)
        x = x + dt * half
        v = half + 0.5 * dt * force(x)
    told = np.array(energies)
    return np.arange(steps) * dt / (2 * np.pi), 100 * (told / told[0] - 1)


def physics(axes: Axes) -> None:
    """Draw the hole of a pair Si–O of silica, charges included, and the same with a wall in front of it.

    Parameters: van Beest, Kramer, van Santen, Phys. Rev. Lett. 64, 1955 (1990), table I.
    """
    r = np.linspace(0.9, 2.4, 800)
    pair = 18003.7572 * np.exp(-4.87318 * r) - 133.5381 / r**6 - 14.39964 * 2.4 * 1.2 / r
    deepest = float(pair[r > 1.25].min())
    axes.plot(r, pair + (1.2 / r) ** 24 - deepest, color=SOUND, label="with a wall")
    axes.plot(r, pair - deepest, color=BROKEN, label="as published")
    axes.axhline(0, color="0.7", lw=0.8)
    axes.set(xlabel="distance of Si and O, Å", ylabel="energy above the bond, eV", ylim=(-3, 5), xlim=(0.95, 2))


def main() -> None:
    """Draw all of them."""
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "gnnp_bench", "font.size": 9})
    for draw in (symmetry, periodicity, conservation, smoothness, locality, robustness, dynamics, physics):
        figure, axes = plt.subplots(figsize=(5, 2.6), layout="constrained")
        draw(axes)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(IMAGES / f"law_{draw.__name__}.svg", metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
