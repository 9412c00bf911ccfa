"""The certificate of untrained networks: sound ones are certified, and the negative control fails where it must."""

from __future__ import annotations

from benchmarks.certify_variants import surprises
from gnnp_bench.adapters.registry import load
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.engine.settings import Budget, Settings
from tests.engine.judging import certified_from

SEARCHED_LONGER = ("conservation/*", "dynamics/no-blow-up")
"""A quick search runs around four loops, on none of which a curl need be large, and heats one structure."""


def judged(spec: str, budget: Budget, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> Certificate:
    loaded = load(spec, ("Na", "Cl"))
    settings = Settings(spec=spec, budget=budget, only=only, skip=skip)
    return certified_from(loaded.potential, loaded.reload, settings)


def failed(certificate: Certificate) -> frozenset[str]:
    return frozenset(check.id for check in certificate.checks if check.status == "fail")


def test_an_untrained_sound_network_is_certified() -> None:
    found = judged("reference:untrained-lmax2?dtype=float32", "quick")
    assert not surprises("lmax2", found.verdict, failed(found))


def test_untrained_direct_forces_fail_where_they_must_and_nowhere_else() -> None:
    spec = "reference:untrained-direct?dtype=float64"
    quick = judged(spec, "quick", skip=SEARCHED_LONGER)
    standard = judged(spec, "standard", only=SEARCHED_LONGER)
    assert standard.verdict == "failed"
    assert not surprises("direct", quick.verdict, failed(quick) | failed(standard))


def test_surprises_are_told():
    assert surprises("lmax2", "certified", frozenset()) == []
    assert surprises("lmax2", "partial", frozenset()) == ["the verdict is partial, not certified"]
    told = surprises("ordered", "failed", frozenset({"symmetry/permutation", "symmetry/rotation"}))
    assert told == ["periodicity/supercell held", "robustness/size held", "symmetry/rotation failed"]
