"""Symmetry: turns, mirrors, shifts, orders; no net force, no net torque."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnp_bench.potential import FloatArray
from gnnp_bench.strategies import improper_rotations, permutations, rotations
from tests.laws.subject import Subject


def quaternion(rotation: FloatArray) -> list[float]:
    found: list[float] = Rotation.from_matrix(rotation).as_quat().tolist()
    return found


@given(data=st.data())
def test_forces_and_stress_turn_with_the_structure(subject: Subject, data: st.DataObject) -> None:
    law = subject.law("symmetry/rotation")
    structure = data.draw(subject.structures(), "structure")
    start, rotation = data.draw(st.none() | rotations(), "start"), data.draw(rotations(), "rotation")
    law.holds(structure, rotation=quaternion(rotation), start=None if start is None else quaternion(start))


@given(data=st.data())
def test_mirror_images_have_one_energy(subject: Subject, data: st.DataObject) -> None:
    law = subject.law("symmetry/inversion")
    structure, mirror = data.draw(subject.structures(), "structure"), data.draw(improper_rotations(), "mirror")
    law.holds(structure, rotation=quaternion(-mirror), start=None)


@given(data=st.data(), shift=st.tuples(*[st.integers(-50, 50)] * 3))
def test_it_does_not_matter_where_a_structure_is(
    subject: Subject, data: st.DataObject, shift: tuple[int, int, int]
) -> None:
    law = subject.law("symmetry/translation")
    law.holds(data.draw(subject.structures(), "structure"), shift=[k / 10 for k in shift])


@given(data=st.data(), like_only=st.booleans())
def test_the_order_of_atoms_means_nothing(subject: Subject, data: st.DataObject, like_only: bool) -> None:
    law = subject.law("symmetry/permutation")
    structure = data.draw(subject.structures(), "structure")
    order = data.draw(permutations(structure, like_only), "order")
    law.holds(structure, order=order.tolist(), moments=None)


@given(data=st.data())
def test_no_structure_pulls_itself_along(subject: Subject, data: st.DataObject) -> None:
    law = subject.law("symmetry/net-force")
    law.holds(data.draw(subject.structures(), "structure"), amplitude=0.0, seed=0)


@given(data=st.data())
def test_no_isolated_structure_sets_itself_spinning(subject: Subject, data: st.DataObject) -> None:
    law = subject.law("symmetry/net-torque")
    structure, rotation = data.draw(subject.structures("isolated"), "structure"), data.draw(rotations(), "rotation")
    law.holds(structure, amplitude=0.0, seed=0, rotation=quaternion(rotation))


def test_quaternions_stand_for_the_rotations_that_were_drawn() -> None:
    """R = Rz(90°): x goes to y."""
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(quaternion(turn), [0, 0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-15)
