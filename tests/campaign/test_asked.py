"""A campaign file says in one line what is wrong with it, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnp_bench.campaign.asked import Subject, read
from gnnp_bench.campaign.executors import is_known
from gnnp_bench.campaign.looking import FileError
from gnnp_bench.cli import main

ONE = '[[potential]]\nspec = "chgnet"\n'
LAWS = ("symmetry/rotation", "symmetry/translation")


def mistakes(folder: Path, text: str) -> list[str]:
    path = folder / "c.toml"
    path.write_text(text)
    with pytest.raises(FileError) as raised:
        read(path, LAWS)
    return [line.removeprefix(f"{path}: ") for line in raised.value.mistakes]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'names no potential: write [[potential]] and below it spec = "chgnet"'),
        (f"buget = 1\n{ONE}", "buget is not known: did you mean 'budgets'?"),
        (f'budgets = ["fast"]\n{ONE}', "budgets must be a list of quick, standard, thorough, and 'fast' is none"),
        (f"seeds = [1, 1]\n{ONE}", "seeds names 1 twice"),
        (f"seeds = []\n{ONE}", "seeds must be a list of whole numbers of at least 0, not []"),
        (f"timeout = 0\n{ONE}", "timeout must be a number of seconds above 0, not 0"),
        (f"timeout = nan\n{ONE}", "timeout must be a number of seconds above 0, not nan"),
        (f'laws = ["symetry/rotation"]\n{ONE}', "matches no law: did you mean 'symmetry/rotation'?"),
        (f'executor = "thread"\n{ONE}', "executor must be one of here, processes:N, "),
        ("[[potential]]\nspeck = 1\n", "potential 1: speck is not known: did you mean 'spec'?"),
        ("[[potential]]\nspecies = ['Cu']\n", "potential 1: spec is missing"),
        (f"{ONE}species = ['Cv']\n", "potential 1 (chgnet): species must be a list of chemical symbols, and 'Cv'"),
        (f"{ONE}stable = ['Si:hcp']\n", "potential 1 (chgnet): stable must be a list of crystals that"),
        (f"{ONE}{ONE}", "potential 2 (chgnet): is potential 1 once more"),
        ('[[potential]]\nspec = "x?env=a"\nenv = "b"\n', "potential 1 (x?env=a): env stands in its spec as well"),
        ("seeds = [1,\n", "(at end of document)"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    assert any(line.startswith(said) or said in line for line in mistakes(tmp_path, text))


def test_all_mistakes_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text(f"buget = 1\nseeds = [-1]\n{ONE}kind = 1\n")
    assert main(["campaign", "run", str(tmp_path / "c.toml")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
    assert list(tmp_path.iterdir()) == [tmp_path / "c.toml"]


def test_options_of_a_potential_become_a_part_of_its_spec(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[[potential]]\nspec = "x?a=1"\nenv = "auto"\nstable = ["Si:diamond"]\nspecies = ["Si"]\n')
    asked = read(path)
    assert asked.subjects == (Subject("x?a=1&env=auto&stable=Si:diamond", ("Si",)),)
    assert asked.store == tmp_path / "c.db"


@pytest.mark.parametrize("text", ["here", "processes:3", "dask:", "dask:4", "dask:tcp://h:1", "dask-slurm:2", "a.b:c"])
def test_executors_that_are_known(text: str) -> None:
    assert is_known(text)


@pytest.mark.parametrize("text", ["", "there", "processes:", "processes:0", "dask", "dask-slurm:", "here:2", "a/b:c"])
def test_executors_that_are_not(text: str) -> None:
    assert not is_known(text)


def test_the_first_campaign_of_the_page_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text()
    (tmp_path / "campaign.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    assert len(read(tmp_path / "campaign.toml").subjects) == 2


def test_the_campaign_of_the_field_is_read() -> None:
    field = read(Path(__file__).parents[2] / "benchmarks" / "field" / "campaign.toml")
    assert len(field.subjects) > 400
    assert field.model_timeout == 120
