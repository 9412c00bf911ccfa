"""What goes wrong by company or by place in the list fails the law that a reader would look at."""

from __future__ import annotations

import pytest

from tests.analytic import embedded_atom
from tests.engine.judging import certified, statuses
from tests.mutants import plant

SPECIES = ("C", "Cu", "Au")


@pytest.mark.parametrize("seed", range(4))
def test_images_that_are_lost_beside_a_large_cell_are_a_matter_of_batches(seed: int) -> None:
    found = certified(
        lambda: plant("images-by-company", embedded_atom(5.0, species=SPECIES)), "robustness/batch", seed=seed
    )
    assert statuses(found) == {"batch": "fail"}


@pytest.mark.parametrize("seed", range(4))
def test_energies_that_go_by_the_place_in_the_list_are_a_matter_of_permutations(seed: int) -> None:
    found = certified(
        lambda: plant("index-order", embedded_atom(species=SPECIES), 2e-4), "symmetry/permutation", seed=seed
    )
    assert statuses(found) == {"permutation": "fail"}
