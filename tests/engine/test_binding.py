"""A law may be told of every potential and bind those that claim something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gnnp_bench.check import Binding, for_potential, nothing_simpler
from gnnp_bench.engine.evaluate import Evaluator
from gnnp_bench.engine.pool import draw_structures, evaluate_pool
from gnnp_bench.engine.run import judge_check
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Claim
from gnnp_bench.report.catalogue import facts
from tests.analytic import smooth_pair
from tests.engine.test_search import residuals

BINDING = Binding("mandatory", lambda capabilities: "smooth" in capabilities.claims, "claims to be smooth")


@pytest.mark.parametrize(
    ("claims", "category", "status"), [({"smooth"}, "mandatory", "fail"), (set(), "informational", "pass")]
)
def test_category_depends_on_what_is_claimed(claims: set[Claim], category: str, status: str) -> None:
    check = replace(residuals(2.0), category="informational", binding=BINDING, simpler=nothing_simpler)
    check = replace(check, factors={"x": 10.0})
    sound = smooth_pair(species=("Cu",))
    potential = replace(sound, capabilities=replace(sound.capabilities, claims=frozenset(claims)))
    assert for_potential(check, potential.capabilities).category == category
    evaluator = Evaluator(potential, lambda: potential)
    pool = evaluate_pool(evaluator, draw_structures(potential.capabilities, 2, 0))
    found = judge_check(check, pool, evaluator, Settings(spec="test", budget="quick"))
    assert (found.category, found.status, found.grade) == (category, status, "violated")


def test_the_catalogue_says_for_whom_a_law_is_binding() -> None:
    check = replace(residuals(0.0), category="informational", binding=BINDING)
    assert facts(check)["category"].endswith("; mandatory for one that claims to be smooth")
    assert for_potential(replace(check, binding=None), smooth_pair().capabilities).category == "informational"
