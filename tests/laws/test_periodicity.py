"""Periodicity: images, supercells, and other cells of the same lattice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnnp_bench.strategies import supercell_matrices, unimodular_matrices
from tests.laws.subject import Subject


@given(data=st.data(), matrix=supercell_matrices(max_images=4))
def test_a_supercell_is_the_same_crystal(subject: Subject, data: st.DataObject, matrix) -> None:
    law = subject.law("periodicity/supercell")
    # -h spans the lattice of h and has the other hand. Left-handed cells are a matter of the choice of cell, below.
    if np.linalg.det(matrix) < 0.0:
        matrix = -matrix
    law.holds(data.draw(subject.structures("periodic"), "structure"), matrix=matrix.tolist())


@given(data=st.data(), matrix=unimodular_matrices(max_shears=1), wrapped=st.booleans())
def test_another_cell_of_the_lattice_is_the_same_crystal(
    subject: Subject, data: st.DataObject, matrix, wrapped: bool
) -> None:
    law = subject.law("periodicity/cell-choice")
    law.holds(data.draw(subject.structures("periodic"), "structure"), matrix=matrix.tolist(), wrapped=wrapped)


@given(data=st.data())
def test_an_atom_and_its_images_are_one_atom(subject: Subject, data: st.DataObject) -> None:
    law = subject.law("periodicity/lattice-wrap")
    structure = data.draw(subject.structures("periodic", "partial"), "structure")
    whole = st.lists(st.integers(-2, 2), min_size=3, max_size=3)
    cells = data.draw(st.lists(whole, min_size=len(structure), max_size=len(structure)), "cells")
    law.holds(structure, cells=cells)
