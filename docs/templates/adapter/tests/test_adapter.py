"""The adapter is sound, and the potential obeys the laws."""

import pytest

from gnnp_bench.adapters.registry import load
from gnnp_bench.doctor import examine
from gnnp_bench.potential import PotentialError


def test_doctor_finds_nothing():
    loaded = load("morse")
    assert examine(loaded.potential, loaded.reload).findings == ()


@pytest.mark.parametrize("spec", ["morse:hard", "morse?cutoff=far", "morse?cutoff=1", "morse?skin=0.3"])
def test_wrong_request_is_refused_in_one_line(spec):
    with pytest.raises(PotentialError) as caught:
        load(spec)
    assert "\n" not in str(caught.value)
