"""How far atoms feel each other: a number for all, a law for those that say how far."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest

from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.potential import Claim, Potential
from tests.analytic import embedded_atom, smooth_pair
from tests.checks.test_detached_atom import AnyDistance, coulomb, in_boxes_only
from tests.engine.judging import judged
from tests.engine.readers import SOUND
from tests.mutants import plant

SPECIES = ("C", "Cu", "Au")
LAW = "locality/reach"


def reaches(found: CheckResult) -> dict[str, float]:
    """Return the reach that stands in the certificate for each species, Å."""
    return {
        part.quantity.removeprefix("reach of "): float(part.measured or 0.0)
        for part in found.components
        if part.quantity.startswith("reach of ")
    }


@pytest.mark.parametrize(("make", "layers"), [(smooth_pair, 1), (embedded_atom, 2)])
@pytest.mark.parametrize("cutoff", [4.0, 6.0])
def test_reach_is_told_for_each_species(make: functools.partial[Potential], layers: int, cutoff: float) -> None:
    found = judged(lambda: make(cutoff, species=SPECIES), LAW, budget="standard")
    assert (found.category, found.status, found.grade) == ("claimed", "pass", "exact")
    assert reaches(found).keys() == set(SPECIES)
    for reach in reaches(found).values():
        assert 0.6 * layers * cutoff < reach <= layers * cutoff
    assert "forces are felt up to" in (found.reason or "")


def test_more_than_is_declared_fails_where_it_is_claimed() -> None:
    sound = embedded_atom(6.0, species=SPECIES)

    def short(*claims: Claim) -> Potential:
        known = replace(sound.capabilities, cutoff=3.0, receptive_field=3.0, claims=frozenset(claims))
        return replace(sound, capabilities=known)

    found = judged(lambda: short("strictly-local"), LAW)
    assert (found.category, found.status) == ("claimed", "fail")
    told = judged(short, LAW)
    assert (told.category, told.status, told.grade) == ("informational", "pass", "violated")


@pytest.mark.parametrize("name", ["pairs-per-atom", "shared-charge"])
def test_averages_reach_anywhere(name: str) -> None:
    found = judged(lambda: plant(name, embedded_atom(species=SPECIES)), LAW)
    assert found.status == "fail"


def test_nothing_is_judged_where_nothing_is_declared() -> None:
    found = judged(functools.partial(AnyDistance, coulomb), LAW)
    assert (found.category, found.status) == ("informational", "pass")
    assert max(reaches(found).values()) > 25.0
    assert judged(lambda: in_boxes_only(lambda: embedded_atom(species=SPECIES)), LAW).grade == "exact"


@pytest.mark.parametrize("name", SOUND)
def test_what_a_structure_carries_is_no_defect(name: str) -> None:
    assert judged(SOUND[name], LAW).status in ("pass", "not_applicable")
