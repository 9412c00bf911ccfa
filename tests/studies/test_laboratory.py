"""What studies have in common: nothing is done twice, nothing that is done is lost, other settings are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.studies import laboratory
from benchmarks.studies.laboratory import Key, Plan, Row, Study, carry_out, folder_of, main, read, spread, written
from gnnp_bench.accuracy.labels import DataError

KEYS: tuple[Key, ...] = tuple({"weight": weight, "seed": seed} for seed in (0, 1) for weight in (0.0, 0.5))
PLAN = Plan(settings={"epochs": 3}, keys=KEYS)


class Trainer:
    """Remembers what it was asked for, and fails at one of them."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[str] = []
        self.fails_at = fails_at

    def __call__(self, key: Key, folder: Path) -> Row:
        self.asked.append(folder.name)
        if len(self.asked) == self.fails_at:
            raise DataError("no space left")
        return {"error": float(key["weight"]) + float(key["seed"])}


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    path, first, second = tmp_path / "kept" / "found.json", Trainer(), Trainer()
    path.parent.mkdir()
    assert carry_out(PLAN, first, path, tmp_path, at_most=3) == 1
    assert carry_out(PLAN, second, path, tmp_path / "new") == 0
    assert first.asked + second.asked == [folder_of(key) for key in KEYS]
    rows = read(path, PLAN)["trainings"]
    assert [(row["weight"], row["seed"], row["error"]) for row in rows] == [
        (0.0, 0, 0.0),
        (0.5, 0, 0.5),
        (0.0, 1, 1.0),
        (0.5, 1, 1.5),
    ]
    assert all(row["measured"]["torch"] for row in rows)


def test_what_was_done_before_a_failure_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    with pytest.raises(DataError, match="no space left"):
        carry_out(PLAN, Trainer(fails_at=3), path, tmp_path)
    assert len(read(path)["trainings"]) == 2
    assert [one.name for one in tmp_path.iterdir()] == ["found.json"]  # nothing half-written beside it


def test_more_keys_may_be_asked_for_and_other_settings_may_not(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    carry_out(PLAN, Trainer(), path, tmp_path)
    more, trainer = Plan(settings=PLAN.settings, keys=(*KEYS, {"weight": 2.0, "seed": 0})), Trainer()
    assert carry_out(more, trainer, path, tmp_path) == 0
    assert trainer.asked == ["weight2.0-seed0"]
    with pytest.raises(DataError, match=r"epochs: 3, now 4"):
        carry_out(Plan(settings={"epochs": 4}, keys=KEYS), Trainer(), path, tmp_path)
    with pytest.raises(DataError, match=r"share: None, now 0\.1"):
        carry_out(Plan(settings={"epochs": 3, "share": 0.1}, keys=KEYS), Trainer(), path, tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1, "settings": {}}'])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(content)
    with pytest.raises(DataError, match="damaged"):
        read(path, PLAN)


def test_settings_are_compared_as_json_writes_them(tmp_path: Path) -> None:
    path, plan = tmp_path / "found.json", Plan(settings={"each": {1: (2, 3)}}, keys=KEYS)
    carry_out(plan, Trainer(), path, tmp_path, at_most=1)
    assert carry_out(plan, Trainer(), path, tmp_path) == 0


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setattr(laboratory, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(laboratory, "FIGURES", tmp_path)
    (tmp_path / "results").mkdir()

    def draw(found: Any) -> Any:
        from matplotlib.figure import Figure

        return Figure()

    return Study(
        name="trial",
        about="A trial.",
        plan=lambda smallest: Plan(settings={"epochs": 1}, keys=KEYS[:1]) if smallest else PLAN,
        trainer=lambda data, work, plan: Trainer(),
        rows=lambda found: (f"{row['error']}" for row in found["trainings"]),
        draw=draw,
        needs_data=False,
        cost=lambda work, smallest: {"networks": {}},
    )


def test_the_command_line(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = str(tmp_path / "work")
    with pytest.raises(SystemExit, match="2"):
        main(study, ["table"])
    assert "nothing is measured yet" in capsys.readouterr().err
    assert main(study, ["run", "--work", work, "--smallest"]) == 0
    assert not (tmp_path / "results" / "trial.json").exists()
    assert main(study, ["run", "--work", work, "--at-most", "1"]) == 1
    assert "1 of 4 trainings are done" in capsys.readouterr().err
    assert main(study, ["cost", "--work", work]) == 0
    assert main(study, ["run", "--work", work]) == 0
    found = json.loads((tmp_path / "results" / "trial.json").read_text())
    assert len(found["trainings"]) == 4
    assert found["cost"]["machine"]["cores"]
    capsys.readouterr()
    assert main(study, ["table"]) == 0
    assert capsys.readouterr().out == "0.0\n0.5\n1.0\n1.5\n"
    assert main(study, ["figure"]) == 0
    assert (tmp_path / "study-trial.png").read_bytes().startswith(b"\x89PNG")


def test_spreads_are_those_of_a_sample() -> None:
    mean, deviation = spread([1.0, 3.0])
    assert mean == 2.0
    assert deviation == pytest.approx(2.0**0.5)
    assert spread([4.0]) == (4.0, None)
    assert written([10.0, 12.0]) == "11 ± 1.4"
