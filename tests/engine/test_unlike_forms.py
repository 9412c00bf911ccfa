"""Sound potentials are certified although their forms are unlike those that the bounds were calibrated on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Potential
from tests.engine.unlike_forms import (
    behler_parrinello,
    message_passing,
    moment_tensor,
    shifted_force,
    triple_dipole,
)

SLOW = ("robustness/processes", "robustness/memory-growth")
"""Left out: they start processes and repeat calls, whatever the form is."""
CHECKS = tuple(check for check in all_checks() if check.id not in SLOW)


@pytest.mark.parametrize("seed", [0, 1, 3])
@pytest.mark.parametrize("make", [behler_parrinello, triple_dipole, moment_tensor, message_passing, shifted_force])
def test_a_sound_potential_of_another_form_is_certified(make: Callable[[], Potential], seed: int) -> None:
    *_, last = run(make(), CHECKS, Settings(spec="test", budget="quick", seed=seed), reload=make)
    told = {
        result.id: (result.status, result.measured, result.bound, result.reason)
        for result in last.certificate.checks
        if result.status not in ("pass", "not_applicable")
    }
    assert not told
    assert last.certificate.verdict == "certified"
