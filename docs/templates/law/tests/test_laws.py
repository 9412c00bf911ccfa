"""The law holds for a sound potential, and fails for one with a hole."""

from ase.calculators.emt import EMT

import gnnp_bench


class Hole(EMT):
    """Atoms closer than 0.55 sums of covalent radii attract each other."""

    def calculate(self, *arguments, **keywords):
        super().calculate(*arguments, **keywords)
        if len(self.atoms) == 2 and self.atoms.get_distance(0, 1) < 0.55 * 2.64:
            self.results["forces"] = -self.results["forces"]


def test_atoms_of_a_sound_potential_repel_each_other():
    found = gnnp_bench.certify(EMT, species="Cu,Au", only="mylab/*")["mylab/repulsion"]
    assert (found.status, found.grade) == ("pass", "exact")


def test_a_hole_is_found_and_made_simple():
    certificate = gnnp_bench.certify(Hole, species="Cu", only="mylab/*")
    assert certificate["mylab/repulsion"].status == "fail"
    assert certificate.structure("mylab/repulsion").get_distance(0, 1) < 0.55 * 2.64
