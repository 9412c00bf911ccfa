"""Learning curves and parity plots."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import units
from numpy.typing import NDArray

from gnnp_bench.potential import FloatArray
from reference_model.train.files import write_whole
from reference_model.train.metrics import Comparison

CURVES = (("energy", "mev_per_atom", "meV/atom"), ("forces", "mev_per_ang", "meV/Å"), ("stress", "gpa", "GPa"))
"""What validation errors are of, their unit in `metrics`, and as it is written in figures."""
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31", "#999999")
"""Told apart by the colour-blind (M. Okabe and K. Ito); the last one is for all further groups."""

FEWEST, MOST = 4, 10
"""Numbers along an axis: of fewer, finer steps are taken; of more, every second one or fewer."""
ROUND: tuple[tuple[float, ...], ...] = (
    (1,),
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 7),
    (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9),
    tuple(k / 20 for k in range(20, 200)),
    tuple(k / 100 for k in range(100, 1000)),
    tuple(k / 200 for k in range(200, 2000)),
)
"""Steps of a decade that numbers along an axis are taken from, coarsest first."""


@dataclass(frozen=True, slots=True)
class Names:
    """What stands above the figures of a run.

    Attributes
    ----------
    network : str
        Its folder and its variant.
    data : str
        Names of the files.
    fitted : bool
        Whether reference energies were fitted to whole structures, so that no energy is one above isolated atoms.
    """

    network: str
    data: str
    fitted: bool

    def over(self, what: str) -> str:
        """Return the title of a figure."""
        return f"{self.network}: {what}\n{self.data}"


def palette(sets: Iterable[Comparison]) -> dict[str, str]:
    """Return a colour for each config type: the same in the figures of all sets.

    The most frequent ones of all sets together have colours of their own; the others share the last one.
    """
    types = [found.config_types for found in sets]
    kinds, counts = np.unique(np.concatenate(types) if types else np.zeros(0, str), return_counts=True)
    frequent = [str(kind) for kind in kinds[np.argsort(-counts, kind="stable")]]
    own = len(COLOURS) if len(frequent) <= len(COLOURS) else len(COLOURS) - 1
    return {kind: COLOURS[min(index, own)] for index, kind in enumerate(frequent)}


def draw_curves(history: Sequence[Mapping[str, Any]], path: Path, names: Names) -> None:
    """Draw loss and validation errors against epochs as PNG."""
    from matplotlib.ticker import MaxNLocator

    shown = [curve for curve in CURVES if history[0].get(f"{curve[0]}_mae_{curve[1]}") is not None]
    figure, axes = _axes(1 + len(shown), columns=2)
    epochs = [row["epoch"] for row in history]
    # A single epoch is a point.
    style: dict[str, Any] = {"marker": "." if len(history) < 30 else None}
    axes[0].plot(epochs, [row["loss"] for row in history], color="black", **style)
    axes[0].set(title="training loss", ylabel="loss (log scale)")
    for axis, (name, unit, written) in zip(axes[1:], shown, strict=True):
        for kind, line, colour in (("mae", "-", COLOURS[0]), ("rmse", "--", COLOURS[1])):
            values = [row[f"{name}_{kind}_{unit}"] for row in history]
            axis.plot(epochs, values, line, color=colour, label=f"{kind.upper()} {values[-1]:.3g}", **style)
        axis.set(title=f"validation: {name}", ylabel=f"error, {written} (log scale)")
        axis.legend(title="after the last epoch", frameon=False, fontsize="small", title_fontsize="small")
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        _logarithmic(axis)
        axis.grid(which="both", linewidth=0.4, alpha=0.4)
    figure.suptitle(names.over("training"), fontsize=10)
    _save(figure, path)


def draw_parity(found: Comparison, path: Path, names: Names, use: str, colours: Mapping[str, str]) -> None:
    """Draw predictions against labels as PNG: energies, forces, and stresses where there are any.

    Parameters
    ----------
    found : Comparison
    path : Path
    names : Names
    use : str
        Which set it is, "valid" or "test".
    colours : mapping of str to str
        By config type; see `palette`.
    """
    above = "reference energies (fitted)" if names.fitted else "isolated atoms"
    panels: list[tuple[str, str, float, FloatArray, NDArray[np.str_]]] = [
        (f"energy above {above}", "eV/atom", 1.0, found.energies, found.config_types),
        ("forces", "eV/Å", 1.0, found.forces.reshape(2, -1), np.repeat(found.config_types[found.owners], 3)),
    ]
    labelled = np.isfinite(found.stresses).all(axis=(0, 2, 3))
    if labelled.any():
        stresses = found.stresses[:, labelled].reshape(2, -1)
        panels.append(("stress", "GPa", units.GPa, stresses, np.repeat(found.config_types[labelled], 9)))
    groups = _groups(found.config_types, colours)
    figure, axes = _axes(len(panels), columns=3)
    for axis, (title, unit, size, both, owners) in zip(axes, panels, strict=True):
        known, predicted = both / size
        for name, (colour, members) in groups.items():
            mine = np.isin(owners, members)
            axis.plot(known[mine], predicted[mine], ".", color=colour, markersize=4, alpha=0.6, label=name)
        low, high = float(min(known.min(), predicted.min())), float(max(known.max(), predicted.max()))
        margin = 0.04 * (high - low) or 1.0
        ends = [low - margin, high + margin]
        axis.plot(ends, ends, color="black", linewidth=0.6, zorder=0)
        axis.set(xlim=ends, ylim=ends, aspect="equal", title=title)
        axis.locator_params(nbins=5)
        axis.set_xlabel(f"label, {unit}")
        axis.set_ylabel(f"prediction, {unit}")
        difference = predicted - known
        mae, rmse = np.abs(difference).mean(), np.sqrt((difference**2).mean())
        factor, small = (1e3, f"m{unit}") if unit != "GPa" else (1.0, unit)
        errors = f"MAE {factor * mae:.3g} {small}\nRMSE {factor * rmse:.3g} {small}"
        axis.text(0.04, 0.96, errors, transform=axis.transAxes, va="top")
    if list(groups) != [""]:
        axes[0].legend(loc="lower right", fontsize="small", markerscale=3, handletextpad=0.1, frameon=False)
    count = len(found.config_types)
    figure.suptitle(names.over(f"{use}, {count} structure{'s' if count > 1 else ''}"), fontsize=10)
    _save(figure, path)


def _groups(config_types: NDArray[np.str_], colours: Mapping[str, str]) -> dict[str, tuple[str, list[str]]]:
    """Return colour and members of what is drawn in one colour, by name: the largest first, which hides nothing."""
    kinds, counts = np.unique(config_types, return_counts=True)
    ordered = [str(kind) for kind in kinds[np.argsort(-counts, kind="stable")]]
    shared = list(colours.values()).count(COLOURS[-1]) > 1
    groups: dict[str, tuple[str, list[str]]] = {}
    for kind in ordered:
        rest = shared and colours[kind] == COLOURS[-1]
        name = "others" if rest else kind or ("(none)" if len(colours) > 1 else "")
        groups.setdefault(name, (colours[kind], []))[1].append(kind)
    return groups


def _logarithmic(axis: Any) -> None:
    """Make the vertical axis logarithmic, with plain numbers even where it spans less than a decade."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axis.get_lines()] or [np.zeros(0)])
    if not (values > 0.0).any():  # forces that symmetry forbids are right from the start
        return
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(FixedLocator(_round_numbers(*axis.get_ylim())))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _round_numbers(low: float, high: float) -> list[float]:
    """Return a few round numbers from `low` to `high`, spread over all of a logarithmic axis.

    Examples
    --------
    >>> _round_numbers(9.1, 43.0)
    [10.0, 15.0, 20.0, 30.0, 40.0]
    >>> _round_numbers(0.66, 1.45)
    [0.7, 0.8, 0.9, 1.0, 1.2, 1.4]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ROUND:
        found = [float(f"{step}e{decade}") for decade in decades for step in steps]
        found = [value for value in found if low <= value <= high]
        if len(found) >= FEWEST:
            break
    return found[:: max(1, math.ceil(len(found) / MOST))]


def _axes(n: int, columns: int) -> tuple[Any, Any]:
    # Without pyplot, which would choose a display and keep every figure.
    from matplotlib.figure import Figure

    columns = min(n, columns)
    rows = -(-n // columns)
    figure = Figure(figsize=(4.2 * columns, 3.6 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in axes[n:]:
        spare.remove()
    return figure, axes[:n]


def _save(figure: Any, path: Path) -> None:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    write_whole(path, content.getvalue())
