"""`gnnp-bench train --committee` and `select`: what they leave, and what they refuse."""

import json
from typing import Any

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from gnnp_bench.cli import main
from gnnp_bench.potential import ALL_PROPERTIES, PotentialError
from reference_model import potential as single
from reference_model.calculator import ReferenceCalculator
from reference_model.committee.choose import choose, descriptors
from reference_model.committee.potential import Committee, create
from reference_model.files import read_notes
from reference_model.potential import from_network
from reference_model.train.origin import read_origin
from reference_model.untrained import untrained
from reference_model.variants import hyperparameters
from tests.reference_model.train.frames import crystals, save

SMALL = ["--variant", "invariant", "--cutoff", "4", "--epochs", "2", "--batch", "4", "--trust-labels"]


def command(data, out, *more):
    return ["train", str(data), "--out", str(out), "--committee", "3", "--dropout", "0.3", *SMALL, *more]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("committee")
    data = save(folder / "train.extxyz", crystals(20))
    assert main(command(data, folder / "mine")) == 0
    return folder


def refused(capsys, *arguments):
    assert main([*map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_it_leaves_members_that_differ_and_what_their_spread_is_worth(trained):
    out = trained / "mine"
    assert {path.name for path in out.iterdir()} == {
        "member0",
        "member1",
        "member2",
        "committee.json",
        "reliability.png",
    }
    notes = [read_notes(out / f"member{k}" / "model.safetensors")["training"] for k in range(3)]
    assert [one["recipe"]["seed"] for one in notes] == [0, 1, 2]
    assert {one["structures"] for one in notes} == {13}  # 20, less 2 held out from all, less 30 %
    assert len({one["data_sha256"] for one in notes}) == 3
    assert len({json.dumps(one["valid"]) for one in notes}) == 3
    found = json.loads((out / "committee.json").read_text())
    assert found["complete"]
    assert found["errors"]["valid"]["structures"] == 2
    forces = found["reliability"]["valid"]["forces"]
    assert forces["values"] == 8
    assert forces["factor"] == found["calibration"]["forces"] > 0.0
    assert (out / "reliability.png").read_bytes().startswith(b"\x89PNG")


def test_the_mean_is_the_prediction_and_the_spread_is_told(trained):
    out = trained / "mine"
    committee = create(str(out), {}, None)
    assert isinstance(committee, Committee)
    members = [single.create(str(out / f"member{k}"), {}, None) for k in range(3)]
    structures = crystals(2, seed=5)
    found: Any = committee.evaluate(structures, ALL_PROPERTIES)
    each: Any = [one.evaluate(structures, ALL_PROPERTIES) for one in members]
    for k, structure in enumerate(structures):
        assert found[k].energy == pytest.approx(np.mean([one[k].energy for one in each]))
        assert found[k].forces == pytest.approx(np.mean([one[k].forces for one in each], axis=0))
        assert found[k].stress == pytest.approx(np.mean([one[k].stress for one in each], axis=0))
        assert found[k].energies.sum() == pytest.approx(found[k].energy)
        spread = committee.spreads([structure])[0]
        assert spread.energy == pytest.approx(np.std([one[k].energy / 4 for one in each], ddof=1))
        variances = np.var([one[k].forces for one in each], axis=0, ddof=1)
        assert spread.forces == pytest.approx(np.sqrt(variances.mean(1)))
    assert committee.identity.parameters == 3 * (members[0].identity.parameters or 0)
    atoms = structures[0].copy()
    atoms.calc = ReferenceCalculator(committee)
    assert atoms.get_potential_energy() == pytest.approx(found[0].energy)


def test_it_is_a_potential_for_every_other_command(trained, capsys):
    data = save(trained / "other.extxyz", crystals(3, seed=9))
    assert main(["accuracy", f"reference:{trained / 'mine'}", str(data), "--trust-labels"]) == 0
    assert "3" in capsys.readouterr().out


def test_the_same_command_goes_on_and_other_settings_are_refused(trained, capsys):
    data, out = trained / "train.extxyz", trained / "mine"
    before = (out / "committee.json").read_bytes()
    assert main(command(data, out)) == 0
    assert (out / "committee.json").read_bytes() == before
    capsys.readouterr()
    assert "holds a run with other settings (train data" in refused(capsys, *command(data, out), "--dropout", "0.2")
    assert (out / "committee.json").read_bytes() == before
    assert "holds a committee: name another folder" in refused(capsys, "train", data, "--out", out, *SMALL)


def test_a_committee_that_is_not_finished_or_damaged_is_refused(trained, tmp_path, capsys):
    folder = tmp_path / "c"
    folder.mkdir()
    for text, words in (
        ('{"schema": 1, "complete": false, "members": ["member0", "member1"]}', "is not finished: repeat the command"),
        ('{"schema": 2}', "has schema 2, and this version reads 1"),
        ("{", "describes no committee, or it is damaged"),
        ('{"schema": 1, "complete": true, "members": ["../x", "y"]}', "it names no two folders beside it"),
        ('{"schema": 1, "complete": true, "members": ["x", "y"]}', "there is no file"),
    ):
        (folder / "committee.json").write_text(text)
        with pytest.raises(PotentialError, match=words):
            create(str(folder), {}, None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dropout", "0.2"], "--dropout is for the members of a --committee"),
        (["--committee", "3", "--dropout", "1"], "--dropout must be a share from 0 up to 1, not 1"),
        (["--committee", "1"], "Invalid value for '--committee'"),
        (["--committee", "3", "--minutes", "1"], "unequally long: give --epochs"),
    ],
)
def test_requests_that_are_wrong(tmp_path, capsys, arguments, words):
    data = save(tmp_path / "train.extxyz", crystals(4))
    assert words in refused(capsys, "train", data, "--out", tmp_path / "out", "--trust-labels", *arguments)


def test_selecting_takes_the_unsure_and_unlike(trained, capsys):
    known = crystals(6, seed=0)
    strained = bulk("Cu", cubic=True)
    strained.set_cell(strained.cell.array * 0.85, scale_atoms=True)
    strained.rattle(0.1, seed=1)
    pool = trained / "pool.extxyz"
    ase.io.write(pool, [*known, strained, strained, bulk("Ag", cubic=True)])
    chosen, told = trained / "chosen.extxyz", trained / "told.json"
    arguments = ["select", str(pool), "--committee", str(trained / "mine"), "--out", str(chosen), "--n", "3"]
    assert main([*arguments, "--json", str(told)]) == 0
    captured = capsys.readouterr()
    assert "1 of 9 structures left out: they hold other species than Cu" in captured.err
    found: Any = ase.io.read(chosen, ":")
    assert len(found) == 3
    assert found[0].positions == pytest.approx(strained.positions, abs=1e-6)  # beyond all that was learnt
    assert not any(np.allclose(one.positions, strained.positions) for one in found[1:])  # once is enough
    assert found[0].info["grade"] > 1.0
    rows = json.loads(told.read_text())["structures"]
    assert [row["chosen"] for row in rows].count(None) == 5
    assert main([*arguments[:-1], "8"]) == 0
    assert "7 were chosen" in capsys.readouterr().err


def test_selecting_refuses_what_it_cannot_do(trained, tmp_path, capsys):
    data, mine = trained / "train.extxyz", trained / "mine"
    out = tmp_path / "x.extxyz"
    asked = ["select", data, "--committee", mine, "--out"]
    assert "is no committee: make one with gnnp-bench train" in refused(
        capsys, "select", data, "--committee", tmp_path, "--out", out
    )
    assert "there is no file" in refused(capsys, "select", tmp_path / "no.xyz", "--committee", mine, "--out", out)
    assert "its folder is missing" in refused(capsys, *asked, tmp_path / "no" / "x.xyz")
    assert "--json and --out must be different files" in refused(capsys, *asked, out, "--json", out)
    before = data.read_bytes()
    assert "is a file of the pool, and would be lost" in refused(capsys, *asked, data)
    assert "is a file of the pool, and would be lost" in refused(capsys, *asked, out, "--json", data)
    assert data.read_bytes() == before
    silver = save(tmp_path / "ag.extxyz", crystals(1, symbol="Ag"))
    told = refused(capsys, "select", silver, "--committee", mine, "--out", out)
    assert "no structure of the pool can be evaluated by the committee" in told


def test_unusable_structures_cost_no_other(trained, tmp_path, capsys):
    twice = bulk("Cu", cubic=True)
    twice.positions[1] = twice.positions[0]
    pool = tmp_path / "pool.extxyz"
    ase.io.write(pool, [twice, *crystals(3, seed=2)])
    out = tmp_path / "x.extxyz"
    assert main(["select", str(pool), "--committee", str(trained / "mine"), "--out", str(out), "--n", "5"]) == 0
    told = capsys.readouterr().err
    assert "1 of 4 structures left out as unusable" in told
    assert "frame 0 (Cu4): two atoms of the structure coincide" in told
    assert "--n 5 asks for more than the pool has: 3 structures" in told
    assert "the same, or surely known" not in told
    assert len(ase.io.read(out, ":")) == 3


def test_without_features_the_spread_decides(tmp_path):
    member = from_network(untrained(hyperparameters(["Cu"], "twobody"), seed=1), "x")
    assert descriptors(member, crystals(3)).shape == (3, 0)


def test_going_on_from_a_committee_names_its_members(trained):
    with pytest.raises(PotentialError, match="is a committee: name one of its members"):
        read_origin(str(trained / "mine"))


def test_choosing_on_a_line():
    places = np.array([[0.0], [0.1], [5.0], [10.0]])
    assert choose(np.ones(4), places, 3) == [0, 3, 2]
    assert choose(np.array([1.0, 1.0, 1.0, 0.001]), places, 2) == [0, 2]
    assert choose(np.array([1.0, 2.0, 1.5]), np.zeros((3, 0)), 2) == [1, 2]  # nothing but the spread
    assert choose(np.array([1.0, 2.0, 1.5]), np.zeros((3, 2)), 2) == [1]  # copies of one structure
    assert choose(np.array([1.0, 2.0, 0.0]), np.array([[0.0], [1.0], [9.0]]), 3) == [1, 0]  # surely known


def test_descriptors_know_supercells_and_order(trained):
    member = single.create(str(trained / "mine" / "member0"), {}, None)
    one = crystals(1, seed=3)[0]
    other = one.repeat((2, 1, 1))[[*reversed(range(8))]]
    found = descriptors(member, [one, other, crystals(1, seed=4)[0]])
    assert np.linalg.norm(found[0] - found[1]) < 1e-3 * np.linalg.norm(found[0] - found[2])
