"""Surface energies against lattice sums and plain scripts of ASE."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc110
from ase.calculators import emt as effective_medium
from ase.optimize import BFGS

from gnnp_bench.properties.surfaces import JOULE, summary, surfaces
from gnnp_bench.structures import crystal
from tests.properties.crystals import EMT, measured, relaxed
from tests.properties.driven import LENNARD_JONES, evaluator


def test_a_pair_potential_cut_in_two_loses_the_bonds_across():
    argon = evaluator(LENNARD_JONES, "Ar")
    solid = relaxed(argon, bulk("Ar", a=5.2))
    a = solid.structure.cell.array[0, 1] * 2
    found = measured(argon, solid, surfaces)

    def energy(r: float) -> float:
        return argon.potential.evaluate([Atoms("Ar2", [[0, 0, 0], [0, 0, r]])], frozenset({"energy"}))[0].energy

    points = (np.indices((9, 9, 9)).reshape(3, -1).T - 4) * a / 2
    points = points[np.rint(points.sum(axis=1) * 2 / a) % 2 == 0]
    for normal, spacing in (((1, 0, 0), 0.5), ((1, 1, 0), 8**-0.5), ((1, 1, 1), 3**-0.5)):
        heights = points @ np.array(normal) / np.linalg.norm(normal)
        # A bond that spans h is cut if it starts within h below the plane: h / V of them per area, V per atom.
        across = [(p, h) for p, h in zip(points, heights, strict=True) if h > 1e-9 and np.linalg.norm(p) < 6]
        expected = -JOULE * sum(h * energy(float(np.linalg.norm(p))) for p, h in across) / (2 * a**3 / 4)
        (one,) = (s for s in found.surfaces if s.facet.indices == normal)
        assert one.facet.spacing == pytest.approx(a * spacing)
        np.testing.assert_allclose(one.unrelaxed, expected, rtol=1e-9)
        assert one.energies[-1] < expected


def test_copper_relaxed_as_a_plain_script_does_it():
    emt = evaluator(EMT, "Cu")
    copper = relaxed(emt, bulk("Cu"))
    a = float(copper.structure.cell.lengths()[0] * 2**0.5)
    (one,) = (s for s in measured(emt, copper, surfaces).surfaces if s.facet.name == "110")
    slab = fcc110("Cu", (1, 1, one.layers[-1]), a=a, vacuum=10.0)
    slab.calc = effective_medium.EMT()
    assert BFGS(slab, logfile=None).run(fmax=0.01)
    inside = bulk("Cu", a=a)
    inside.calc = effective_medium.EMT()
    excess = slab.get_potential_energy() - len(slab) * inside.get_potential_energy()
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    assert one.energies[-1] == pytest.approx(JOULE * excess / (2 * area), abs=1e-4)
    assert one.energies[-1] < one.unrelaxed[-1]
    assert one.error < 1e-3


def test_what_is_told():
    emt = evaluator(EMT, "Cu")
    told = summary(measured(emt, relaxed(emt, bulk("Cu")), surfaces))
    assert [quantity.name for quantity in told.quantities] == [
        "surface_energy_111",
        "surface_energy_100",
        "surface_energy_110",
    ]
    assert all(quantity.converged and quantity.unit == "J/m²" for quantity in told.quantities)


def test_faces_of_a_compound_that_differ_are_told():
    emt = evaluator(EMT, "Cu", "Au")
    found = measured(emt, relaxed(emt, crystal("CsCl", ("Cu", "Au"))), surfaces)
    by_name = {one.facet.name: one for one in found.surfaces}
    assert by_name["100"].unlike
    assert not by_name["110"].unlike
    assert len(by_name["100"].terminations) == 2
    assert any(note.startswith("(100)") and "the two faces differ" in note for note in summary(found).notes)
