"""The certificate of untrained networks: sound ones are certified, and the negative control fails where it must."""

from __future__ import annotations

import pytest

from benchmarks.certify_variants import surprises, violated


@pytest.mark.parametrize(("variant", "dtype"), [("lmax2", "float32"), ("direct", "float64")])
def test_untrained_networks_get_the_certificate_that_they_deserve(variant, dtype):
    # A quick search runs around four loops, on none of which a curl need be large.
    verdict, failed = violated(variant, dtype, "standard" if variant == "direct" else "quick")
    assert not surprises(variant, verdict, failed)


def test_surprises_are_told():
    assert surprises("lmax2", "certified", frozenset()) == []
    assert surprises("lmax2", "partial", frozenset()) == ["the verdict is partial, not certified"]
    told = surprises("ordered", "failed", frozenset({"symmetry/permutation", "symmetry/rotation"}))
    assert told == ["periodicity/supercell held", "robustness/size held", "symmetry/rotation failed"]
