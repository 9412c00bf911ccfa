"""Going on from a trained network: the same function for what it knew, a beginning for what it did not."""

import json

import numpy as np
import pytest
import torch

from gnnp_bench.accuracy.labels import DataError
from gnnp_bench.cli import main
from gnnp_bench.potential import ALL_PROPERTIES
from reference_model.files import load_network, read_notes
from reference_model.potential import from_network
from reference_model.train.data import prepare
from reference_model.train.origin import read_origin, restricted, with_references
from reference_model.untrained import untrained
from reference_model.variants import hyperparameters
from tests.reference_model.train.frames import as_frames, crystals, molecules, save


def said(network, structures):
    found = from_network(network, "x", dtype="float64").evaluate(structures, ALL_PROPERTIES - {"stress"})
    return [one.energy for one in found], np.concatenate([one.forces for one in found if one.forces is not None])


@pytest.mark.parametrize("variant", ["lmax2", "equivariant", "twobody", "direct", "adaptive", "ordered"])
@pytest.mark.parametrize("species", [("Cu",), ("C", "O"), ("H", "C", "O", "Cu")])
def test_what_both_know_is_said_alike(variant, species):
    origin = untrained(hyperparameters(["H", "C", "O", "Cu"], variant), seed=1).double()
    # Elements differ in everything that belongs to an element.
    for name, one in origin.named_parameters():
        if one.requires_grad and name.endswith(("offset", "gain", "embedding")):
            one.data += 0.3 * torch.randn(one.shape, generator=torch.Generator().manual_seed(2), dtype=one.dtype)
    structures = crystals(1) if "Cu" in species else molecules(4)[1::2]  # copper, or carbon dioxide
    other = restricted(origin, species)
    assert other.hyper.species == species
    for mine, theirs in zip(said(other, structures), said(origin, structures), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_a_new_element_begins_as_the_mean_of_those_known():
    origin = untrained(hyperparameters(["H", "O"], "lmax2"), seed=1).double()
    other = restricted(origin, ("H", "C", "O"))
    offsets = other.state_dict()["readouts.0.offset"]
    assert offsets[1].numpy() == pytest.approx(offsets[[0, 2]].mean(0).numpy())
    energies, forces = said(other, molecules(2))
    assert np.isfinite(energies).all()
    assert np.isfinite(forces).all()
    one = restricted(untrained(hyperparameters(["Cu"], "lmax2"), seed=1).double(), ("Cu", "Ag"))
    assert said(one, crystals(1))[0] == pytest.approx(
        said(untrained(hyperparameters(["Cu"], "lmax2"), seed=1).double(), crystals(1))[0], rel=1e-9
    )


def test_more_elements_than_can_be_told_apart_are_refused():
    names = [
        str(one) for one in ("H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S")
    ]
    origin = untrained(hyperparameters(names[:3], "invariant"), seed=0).double()
    restricted(origin, names)
    with pytest.raises(DataError, match="tells 3 elements apart in its first layer, and there are 17 in the data"):
        restricted(origin, [*names, "Cl"])


def test_references_of_another_functional_are_found():
    network = restricted(untrained(hyperparameters(["Cu"], "lmax2"), seed=1).double(), ("Cu",))
    structures = crystals(6)
    energies, _ = said(network, structures)
    for atoms, energy in zip(structures, energies, strict=True):
        atoms.calc.results["energy"] = energy - 7.25 * len(atoms)
    found = with_references(network, prepare(as_frames(structures), network.hyper.cutoff, "x"))
    assert found.energies["Cu"] == pytest.approx(float(network.reference_energies[0]) - 7.25, abs=1e-9)


def test_networks_are_found_by_their_names():
    assert read_origin("reference").network.hyper.species == ("Li", "Si", "Ni", "Cu", "Ge", "Mo")
    assert read_origin("reference:lmax3").name == "lmax3"
    with pytest.raises(DataError, match="there is no such network; name reference"):
        read_origin("nosuch")


SMALL = ["--epochs", "6", "--batch", "4", "--trust-labels"]


def test_fewer_structures_are_enough_and_the_run_goes_on(tmp_path, capsys):
    """What was learned of copper serves again, from other labels: all energies moved by one number per atom."""
    before = save(tmp_path / "before.extxyz", crystals(30))
    out = tmp_path / "before"
    first = ["--variant", "invariant", "--cutoff", "4", "--epochs", "25", "--batch", "4", "--trust-labels"]
    assert main(["train", str(before), "--out", str(out), *first]) == 0
    few = crystals(6, seed=7)
    for atoms in few:
        atoms.calc.results["energy"] += 100.0 * len(atoms)
    data = save(tmp_path / "few.extxyz", few)
    held = crystals(10, seed=8)
    for atoms in held:
        atoms.calc.results["energy"] += 100.0 * len(atoms)
    valid = ["--valid", str(save(tmp_path / "valid.extxyz", held))]
    mine, fresh = tmp_path / "mine", tmp_path / "fresh"
    assert main(["train", str(data), "--out", str(mine), "--from", str(out), *valid, *SMALL]) == 0
    told = capsys.readouterr().err
    assert (
        "cohesive energies and lone atoms are not learnt"
        not in told.partition("going on from before")[0].rpartition("next: ")[2]
    )
    assert "going on from before: variant invariant, cutoff 4 Å" in told
    rest = ["--variant", "invariant", "--cutoff", "4"]
    assert main(["train", str(data), "--out", str(fresh), *rest, *valid, *SMALL]) == 0
    found, other = (json.loads((one / "metrics.json").read_text())["valid"] for one in (mine, fresh))
    assert found["forces_mae_mev_per_ang"] < 0.7 * other["forces_mae_mev_per_ang"]
    assert found["energy_mae_mev_per_atom"] < 0.7 * other["energy_mae_mev_per_atom"]
    notes = read_notes(mine / "model.safetensors")["training"]
    assert notes["from"] == {"name": "before", "weights_sha256": read_origin(str(out)).digest}
    capsys.readouterr()
    assert main(["train", str(data), "--out", str(mine), "--from", str(fresh), *valid, *SMALL]) == 2
    assert "holds a run with other settings (from: " in capsys.readouterr().err


def test_new_elements_are_told_and_learned(tmp_path, capsys):
    out = tmp_path / "one"
    data = save(tmp_path / "cu.extxyz", crystals(6))
    small = ["--variant", "invariant", "--cutoff", "4", *SMALL]
    assert main(["train", str(data), "--out", str(out), *small]) == 0
    both = save(tmp_path / "both.extxyz", [*crystals(6, seed=3), *crystals(6, seed=4, symbol="Ag")])
    assert main(["train", str(both), "--out", str(tmp_path / "two"), "--from", str(out), *SMALL]) == 0
    assert "one does not know Ag: begun as the mean of the elements that it knows" in capsys.readouterr().err
    network = load_network(tmp_path / "two" / "model.safetensors")
    assert network.hyper.species == ("Cu", "Ag")
    assert float(network.crowding_limits.min()) > 0.0
    metrics = json.loads((tmp_path / "two" / "metrics.json").read_text())
    assert metrics["history"][-1]["loss"] < metrics["history"][0]["loss"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "nosuch"], "--from nosuch: there is no such network"),
        (["--from", "reference", "--cutoff", "4"], "--from brings the variant and the cutoff of its network"),
        (["--from", "reference", "--committee", "2"], "members that begin alike end alike"),
        (["--from", "./nosuch"], "there is no file"),
    ],
)
def test_requests_that_are_wrong(tmp_path, capsys, arguments, words):
    data = save(tmp_path / "train.extxyz", crystals(4))
    assert main(["train", str(data), "--out", str(tmp_path / "out"), "--trust-labels", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
