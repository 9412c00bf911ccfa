"""Figures of a run: a config type has one colour in all of them, and titles say what energies are."""

from __future__ import annotations

import numpy as np

from reference_model.train.figures import COLOURS, Names, _groups, draw_curves, draw_parity, palette
from reference_model.train.metrics import Comparison


def comparison(counts, seed=0):
    """Return labels and predictions of two-atom structures with so many of each config type."""
    types = np.array([kind for kind, count in counts.items() for _ in range(count)])
    random, n = np.random.default_rng(seed), len(types)
    energies, forces = random.normal(size=n), random.normal(size=(2 * n, 3))
    stresses = random.normal(size=(n, 3, 3)) / 100
    return Comparison(
        energies=np.stack([energies, energies + 0.1 * random.normal(size=n)]),
        forces=np.stack([forces, forces + 0.1 * random.normal(size=forces.shape)]),
        stresses=np.stack([stresses, stresses + 0.001 * random.normal(size=stresses.shape)]),
        config_types=types,
        species=np.array(["Si"] * (2 * n)),
        owners=np.repeat(np.arange(n), 2),
    )


def test_a_config_type_has_one_colour_in_all_figures():
    valid, test = comparison({"Vacancy": 3, "AIMD": 2, "Surface": 1}), comparison({"AIMD": 9, "Vacancy": 4, "New": 1})
    colours = palette([valid, test])
    drawn = [
        {name: colour for name, (colour, _) in _groups(one.config_types, colours).items()} for one in (valid, test)
    ]
    assert drawn[0]["AIMD"] == drawn[1]["AIMD"] == COLOURS[0]
    assert drawn[0]["Vacancy"] == drawn[1]["Vacancy"] == COLOURS[1]
    assert len(set(colours.values())) == 4
    # The most frequent of each set is drawn first, so that it hides none.
    assert list(drawn[0]) == ["Vacancy", "AIMD", "Surface"]
    assert next(iter(drawn[1])) == "AIMD"


def test_more_config_types_than_colours_share_the_last():
    many = comparison({f"kind{i:02}": 20 - i for i in range(12)})
    groups = _groups(many.config_types, palette([many]))
    assert len(groups) == len(COLOURS)
    assert groups["others"] == (COLOURS[-1], [f"kind{i:02}" for i in range(7, 12)])
    eight = comparison({f"kind{i}": 20 - i for i in range(8)})
    assert "others" not in _groups(eight.config_types, palette([eight]))


def test_structures_without_a_type_have_no_legend():
    plain = comparison({"": 4})
    assert list(_groups(plain.config_types, palette([plain]))) == [""]
    mixed = comparison({"": 4, "hot": 1})
    assert list(_groups(mixed.config_types, palette([mixed]))) == ["(none)", "hot"]


def test_figures_are_drawn(tmp_path):
    names = Names("ge (lmax2)", "Ge_train.extxyz, Ge_test.extxyz", fitted=True)
    found = comparison({"Vacancy": 30, "AIMD": 20, "Surface": 10})
    draw_parity(found, tmp_path / "parity.png", names, "test", palette([found]))
    row = {"loss": 1.0, "energy_mae_mev_per_atom": 3.0, "energy_rmse_mev_per_atom": 4.0, "forces_mae_mev_per_ang": 99.0}
    row |= {"forces_rmse_mev_per_ang": 120.0, "stress_mae_gpa": 0.2, "stress_rmse_gpa": 0.3}
    history = [{key: value / epoch**0.5 for key, value in row.items()} | {"epoch": epoch} for epoch in range(1, 20)]
    draw_curves(history, tmp_path / "learning.png", names)
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("parity.png", "learning.png"))
    assert palette([]) == {}
