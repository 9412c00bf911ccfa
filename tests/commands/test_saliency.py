"""`gnnp-bench saliency`: what is written, what is refused."""

import json

import ase.io
import pytest
from ase.build import bulk

from gnnp_bench.cli import main
from tests.commands.processes import refused


def test_it_tells_and_writes_what_it_measured(tmp_path, capsys):
    output, figure = tmp_path / "s.json", tmp_path / "s.png"
    assert main(["saliency", "reference", "--species", "Si", "--json", str(output), "--plot", str(figure)]) == 0
    assert "too few for a test" in capsys.readouterr().out
    found = json.loads(output.read_text())
    assert found["potential"]["spec"] == "reference"
    assert found["structures"]["kinds"] == ["bcc", "diamond", "fcc", "sc"]
    silicon = found["species"]["Si"]
    assert silicon["atoms"] == found["structures"]["evaluated"] * 2 + 6  # diamond has two atoms a cell
    assert all(value > 0.0 for value in silicon["saliency_ev"].values())
    assert found["correlations"]["layer 1"]["electronegativity"] == {
        "species": 1,
        "rho": None,
        "p": None,
        "p_corrected": None,
    }
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_structures_of_ones_own(tmp_path, capsys):
    file, output = tmp_path / "x.extxyz", tmp_path / "s.json"
    ase.io.write(file, [bulk("Si", a=5.4), bulk("Cu", a=3.6), bulk("Au", a=4.1)])
    assert main(["saliency", "reference", "--structures", str(file), "--json", str(output)]) == 0
    found = json.loads(output.read_text())
    assert list(found["species"]) == ["Si", "Cu"]
    assert found["structures"]["left_out"] == 1
    assert "left out, for they hold other species: 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ase:ase.calculators.emt:EMT"], "species"),
        (["ase:ase.calculators.emt:EMT", "--species", "Cu"], "shows no layers: chgnet, sevennet and reference do"),
        (["reference", "--species", "Si,Xe"], "does not support Xe"),
        (["reference", "--structures", "nothere.xyz"], "cannot read nothere.xyz"),
        (["reference", "--frequency", "nothere.json"], "cannot read nothere.json"),
        (["reference", "--species", "Si", "--layer", "last"], "there is no layer 'last'; choose from layer 1, layer 2"),
        (["reference", "--plot", "x.bmp"], "let its name end in .png"),
    ],
)
def test_requests_that_are_wrong_say_how_to_mend_them(arguments, words, capsys):
    assert words in refused(capsys, "saliency", *arguments)


def test_frequencies_are_a_number_for_each_species(tmp_path, capsys):
    file = tmp_path / "f.json"
    file.write_text('{"Si": "many"}')
    told = refused(capsys, "saliency", "reference", "--frequency", str(file))
    assert 'write for example {"Si": 812' in told
