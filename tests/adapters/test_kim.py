"""Portable models of OpenKIM against ASE's calculator for them, where that is right, and against differences."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.cluster import Octahedron

from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, PotentialError, Unsupported

kimpy = pytest.importorskip("kimpy", reason="kimpy is not installed: its KIM API and models come from the system")

from gnnp_bench.adapters import _kim_api  # noqa: E402  # needs kimpy
from gnnp_bench.adapters.kim import KimPotential, create  # noqa: E402

SW = "SW_StillingerWeber_1985_Si__MO_405512056662_005"
EAM = "EAM_Dynamo_ErcolessiAdams_1994_Al__MO_123629422045_005"
EDIP = "EDIP_JustoBazantKaxiras_1998_Si__MO_958932894036_002"
TERSOFF = "Tersoff_LAMMPS_Tersoff_1988T3_Si__MO_186459956893_003"
CUTOFFS = "ex_model_Ar_SLJ_MultiCutoff"
FORCES_REQUIRED = "LennardJones_Ar"
INSTALLED = set(_kim_api.installed())
MODELS = {SW: "Si", EAM: "Al", EDIP: "Si", TERSOFF: "Si", CUTOFFS: "Ar"}
pytestmark = pytest.mark.skipif(not set(MODELS) <= INSTALLED, reason="the models of OpenKIM are not all installed")
LATTICE = {"Si": "diamond", "Al": "fcc", "Ar": "fcc"}
SIZE = {"Si": 5.43, "Al": 4.05, "Ar": 5.26}


def close(a: Any, b: Any, **within: Any) -> None:
    np.testing.assert_allclose(a, b, **within)


@pytest.fixture(scope="module", params=MODELS)
def potential(request: pytest.FixtureRequest) -> KimPotential:
    return create(request.param, {}, None)


def crystal(potential: KimPotential, seed: int = 0, cubic: bool = True) -> Atoms:
    symbol = MODELS[potential.name]
    atoms = bulk(symbol, LATTICE[symbol], a=SIZE[symbol], cubic=cubic)
    atoms.rattle(0.1, seed=seed)
    strain = np.eye(3) + 0.03 * np.random.default_rng(seed).normal(size=(3, 3))
    atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    return atoms


@pytest.mark.parametrize("cubic", [True, False])
def test_as_ase_has_it_where_atoms_are_within_the_cell(
    potential: KimPotential, cubic: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ase.calculators.kim import KIM

    monkeypatch.chdir(tmp_path)  # where ASE's calculator leaves its kim.log
    atoms = crystal(potential, cubic=cubic)
    atoms.wrap()
    found = potential.evaluate([atoms], ALL_PROPERTIES)[0]
    atoms.calc = KIM(potential.name)
    close(found.energy, atoms.get_potential_energy(), rtol=1e-11)
    close(found.forces, atoms.get_forces(), atol=1e-10)
    close(found.stress, atoms.get_stress(voigt=False), atol=1e-11)


def test_any_cell_of_the_same_crystal(potential: KimPotential) -> None:
    atoms = crystal(potential)
    same = atoms.copy()
    same.set_cell(np.array([[0, 1, 0], [1, 3, 0], [2, -5, 1]]) @ atoms.cell.array)  # skewed and left-handed
    same.positions += np.random.default_rng(1).integers(-9, 10, (len(atoms), 3)) @ atoms.cell.array
    a, b = potential.evaluate([atoms, same], ALL_PROPERTIES)
    close(a.energy, b.energy, rtol=1e-11)
    close(a.forces, b.forces, atol=1e-9)
    close(a.stress, b.stress, atol=1e-11)


def test_a_supercell_has_so_many_times_the_energy(potential: KimPotential) -> None:
    atoms = crystal(potential, cubic=False)  # smaller than the cutoff
    a, b = potential.evaluate([atoms, atoms * (3, 2, 2)], ENERGY_FORCES)
    close(12 * a.energy, b.energy, rtol=1e-11)
    close(np.tile(np.array(a.forces), (12, 1)), b.forces, atol=1e-10)


@pytest.mark.parametrize("pbc", [(True, True, False), (False, True, True), (False, False, True), (False, False, False)])
def test_slabs_wires_and_clusters_are_what_they_are_in_a_vacuum(potential: KimPotential, pbc: tuple[bool, ...]) -> None:
    some = crystal(potential) * (1, 1, 2)
    some.pbc = pbc
    boxed = some.copy()
    for k in range(3):
        if not pbc[k]:
            boxed.cell[k] *= 1 + (2 * potential.influence + 1) / boxed.cell.lengths()[k]
            some.cell[k] = 0
    boxed.pbc = True
    a, b = potential.evaluate([some, boxed], ENERGY_FORCES)
    close(a.energy, b.energy, rtol=1e-11)
    close(a.forces, b.forces, atol=1e-10)


def test_forces_and_stress_are_derivatives(potential: KimPotential) -> None:
    atoms, rng = crystal(potential, seed=3), np.random.default_rng(4)
    direction, strain, step = rng.normal(size=(len(atoms), 3)), rng.normal(size=(3, 3)), 1e-5
    strain += strain.T
    moved, strained = [], []
    for sign in (1, -1):
        moved.append(atoms.copy())
        moved[-1].positions += sign * step * direction
        strained.append(atoms.copy())
        strained[-1].set_cell(atoms.cell.array @ (np.eye(3) + sign * step * strain), scale_atoms=True)
    told = potential.evaluate([atoms], ALL_PROPERTIES)[0]
    up, down, wider, narrower = (one.energy for one in potential.evaluate([*moved, *strained], ENERGY))
    assert told.forces is not None
    assert told.stress is not None
    assert (down - up) / (2 * step) == pytest.approx(float((told.forces * direction).sum()), abs=1e-6)
    work = float((told.stress * strain).sum()) * atoms.get_volume()
    assert (wider - narrower) / (2 * step) == pytest.approx(work, abs=1e-5)


def test_energies_of_atoms_add_up(potential: KimPotential) -> None:
    found = potential.evaluate([crystal(potential), crystal(potential, cubic=False)], ENERGY_FORCES)
    for one in found:
        assert (one.energies is None) == (potential.name == EDIP)
        if one.energies is not None:
            assert one.energies.sum() == pytest.approx(one.energy, rel=1e-11)


def test_what_a_model_says_of_itself() -> None:
    has = create(SW, {}, None)
    assert has.capabilities.species == ("Si",)
    assert has.capabilities.cutoff == has.capabilities.receptive_field == pytest.approx(3.77118)
    assert has.identity.version == "MO_405512056662_005"
    assert len(has.identity.weights_sha256 or "") == 64
    assert create(TERSOFF, {}, None).padding_neighbours
    assert len(create(CUTOFFS, {}, None).cutoffs) == 2


@pytest.mark.skipif(FORCES_REQUIRED not in INSTALLED, reason=f"{FORCES_REQUIRED} is not installed")
def test_a_model_that_must_be_asked_for_forces_tells_its_energy_too() -> None:
    potential, crystal = create(FORCES_REQUIRED, {}, None), bulk("Ar", a=5.26)
    assert potential.required == {"partialEnergy", "partialForces"}
    asked_for_both = potential.evaluate([crystal], ENERGY_FORCES)[0].energy
    assert potential.evaluate([crystal], ENERGY)[0].energy == asked_for_both < -0.05
    assert create(SW, {}, None).required == frozenset()


def test_an_error_of_the_model_is_told_in_its_words_and_the_next_structure_works() -> None:
    potential, dense = create(EAM, {}, None), bulk("Al", a=2.5)
    before = potential.evaluate([bulk("Al")], ENERGY)[0].energy
    with pytest.raises(RuntimeError, match="density value outside of embedding function"):
        potential.evaluate([dense], ENERGY)
    assert potential.evaluate([bulk("Al")], ENERGY)[0].energy == before


AUGMENTED = "MEAM_LAMMPS_FernandezPascuet_2014_U__MO_399431830125_000"


@pytest.mark.skipif(AUGMENTED not in INSTALLED, reason=f"{AUGMENTED} is not installed")
def test_what_a_refresh_changes_is_seen_as_users_of_ase_see_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ase.calculators.kim import KIM

    monkeypatch.chdir(tmp_path)
    atoms = bulk("U", "fcc", a=4.4, cubic=True)
    atoms.rattle(0.1, seed=0)
    atoms.wrap()
    ours, theirs = create(AUGMENTED, {}, None), KIM(AUGMENTED)
    energies = [ours.evaluate([atoms], ENERGY)[0].energy for _ in range(3)]
    expected = []
    for step in range(3):
        moved = atoms.copy()
        moved.positions[0, 0] += 1e-12 * step
        moved.calc = theirs
        expected.append(moved.get_potential_energy())
    close(energies, expected, atol=1e-6)
    assert abs(energies[2] - energies[0]) > 0.01  # eV: the model's own, see docs/findings/openkim.md


def test_refusals() -> None:
    potential = create(SW, {}, None)
    with pytest.raises(Unsupported, match="does not support Al"):
        potential.evaluate([bulk("Al")], ENERGY)
    with pytest.raises(Unsupported, match="without atoms"):
        potential.evaluate([Atoms()], ENERGY)
    with pytest.raises(Unsupported, match="no meaning"):
        potential.evaluate([Atoms("Si")], ALL_PROPERTIES)
    with pytest.raises(ValueError, match="finite"):
        potential.evaluate([Atoms("Si", [[np.inf, 0, 0]])], ENERGY)


@pytest.mark.parametrize(
    ("argument", "options", "message"),
    [
        (None, {}, "needs the name of a model"),
        ("SW_StillingerWeber_1985_Si", {}, f"did you mean '{SW}'"),
        ("Sim_LAMMPS_ADP_Test__SM_000000000000_000", {}, "simulator model"),
        ("nothing", {}, "no portable model 'nothing'"),
        (SW, {"device": "cuda"}, "no option 'device'"),
    ],
)
def test_wrong_requests(argument: str | None, options: dict[str, str], message: str) -> None:
    with pytest.raises(PotentialError, match=message) as told:
        create(argument, options, None)
    assert "\n" not in str(told.value)


def test_no_log_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    potential = create(EAM, {}, None)
    potential.evaluate([bulk("Al")], ENERGY)
    with pytest.raises(RuntimeError):
        potential.evaluate([bulk("Al", a=2.5)], ENERGY)
    with pytest.raises(PotentialError):
        create("nothing", {}, None)
    assert os.listdir(tmp_path) == []


def test_far_away_and_large() -> None:
    potential = create(EAM, {}, None)
    cluster = Octahedron("Al", 4)
    apart = cluster.copy()
    apart.positions[0] += [1e7, 0, 0]
    alone, rest = cluster[:1], cluster[1:]
    a, b, c = (one.energy for one in potential.evaluate([apart, alone, rest], ENERGY))
    assert a == pytest.approx(b + c, rel=1e-12)
    slab = fcc111("Al", (30, 30, 4), vacuum=5.0)
    whole, cell = potential.evaluate([slab, fcc111("Al", (1, 1, 4), vacuum=5.0)], ENERGY)
    assert whole.energy == pytest.approx(900 * cell.energy, rel=1e-11)
