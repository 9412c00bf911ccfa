"""Learning curves and parity plots."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import units

from gnnp_bench.potential import FloatArray
from reference_model.train.files import write_whole
from reference_model.train.metrics import Comparison


def draw_curves(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw loss and validation errors against epochs as PNG."""
    figure, axes = _axes(2)
    epochs = [row["epoch"] for row in history]
    axes[0].plot(epochs, [row["loss"] for row in history])
    axes[0].set_ylabel("training loss")
    for key, label in (
        ("energy_mae_mev_per_atom", "energy, meV/atom"),
        ("forces_mae_mev_per_ang", "forces, meV/Å"),
        ("stress_mae_gpa", "stress, GPa"),
    ):
        if history[0].get(key) is not None:
            axes[1].plot(epochs, [row[key] for row in history], label=label)
    axes[1].set_ylabel("validation error (MAE)")
    axes[1].legend()
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.set_yscale("log")
    _save(figure, path)


def draw_parity(found: Comparison, path: Path) -> None:
    """Draw predictions against labels as PNG: energies, forces, and stresses where there are any."""
    stresses = found.stresses.reshape(2, -1) / units.GPa
    stresses = stresses[:, np.isfinite(stresses).all(axis=0)]
    panels: list[tuple[str, FloatArray]] = [
        ("energy without references, eV/atom", found.energies),
        ("forces, eV/Å", found.forces.reshape(2, -1)),
    ]
    if stresses.size:
        panels.append(("stress, GPa", stresses))
    figure, axes = _axes(len(panels))
    for axis, (label, (known, predicted)) in zip(axes, panels, strict=True):
        axis.plot(known, predicted, ".", markersize=2, rasterized=True)
        ends = [float(known.min()), float(known.max())]
        axis.plot(ends, ends, color="black", linewidth=0.5)
        axis.set_xlabel(f"labelled {label}")
        axis.set_ylabel("predicted")
    _save(figure, path)


def _axes(n: int) -> tuple[Any, Any]:
    # Without pyplot, which would choose a display and keep every figure.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.0 * n, 3.6), layout="constrained")
    return figure, np.atleast_1d(figure.subplots(1, n))


def _save(figure: Any, path: Path) -> None:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    write_whole(path, content.getvalue())
