"""Conservation: no work around a closed loop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gnnp_bench.strategies import loops
from tests.laws.subject import Subject


@given(data=st.data())
def test_forces_do_no_work_around_a_closed_loop(subject: Subject, data: st.DataObject) -> None:
    law = subject.law("conservation/closed-loop")
    structure = data.draw(subject.structures(max_atoms=4), "structure")
    loop = data.draw(loops(structure), "loop")
    law.holds(structure, u=loop.u.tolist(), v=loop.v.tolist(), radius=loop.radius)
