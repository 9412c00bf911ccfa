"""What is declared and not delivered is told as such: by the law that speaks of it, and by a certificate that fails."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from gnnp_bench.adapters.registry import Loaded, load, load_from
from gnnp_bench.certificate.io import comparable, encode
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.parallel import run_in_processes
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.report.words import sentence
from tests.engine.judging import certified_from
from tests.engine.unkept import KEPT, REFUSING, UNKEPT, Pair, closed_shells_only, three_or_none

FINITE = "robustness/finite-output"
ASKING = (FINITE, "robustness/noise-floor", "robustness/requested-properties", "conservation/stress-strain")


def certificate(
    make: Callable[[], object], only: tuple[str, ...] = ASKING, species: tuple[str, ...] = ("Cu", "Au")
) -> Certificate:
    loaded = load_from(make, "unkept", species)
    settings = Settings(spec="unkept", budget="quick", only=only)
    return certified_from(loaded.potential, loaded.reload, settings)


def by_id(found: Certificate) -> dict[str, CheckResult]:
    return {result.id: result for result in found.checks}


@pytest.mark.parametrize("fault", UNKEPT)
def test_what_is_declared_and_not_delivered_fails_by_the_law_that_speaks_of_it(fault: str) -> None:
    found = certificate(UNKEPT[fault])
    result = by_id(found)[FINITE]
    assert (found.verdict, result.status) == ("failed", "fail"), [(r.id, r.status, r.reason) for r in found.checks]
    assert result.quantity == "unusable answers"
    assert result.reason
    assert "Prediction" not in result.reason, "names of classes say nothing to a physicist"


@pytest.mark.parametrize("fault", UNKEPT)
def test_what_is_not_delivered_has_a_counterexample(fault: str) -> None:
    loaded = load_from(UNKEPT[fault], "unkept", ("Cu", "Au"))
    settings = Settings(spec="unkept", budget="quick", only=(FINITE,))
    *_, last = run(loaded.potential, all_checks(), settings, reload=loaded.reload)
    assert by_id(last.certificate)[FINITE].counterexample is not None


@pytest.mark.parametrize("kind", KEPT)
def test_what_is_unusual_and_harmless_holds(kind: str) -> None:
    found = certificate(KEPT[kind], (*ASKING, "robustness/batch", "robustness/refusals", "periodicity/partial"))
    assert {r.id: r.status for r in found.checks if r.status in ("fail", "error", "inconclusive")} == {}


@pytest.mark.parametrize("kind", REFUSING)
def test_a_refusal_in_words_of_its_own_stays_one(kind: str) -> None:
    result = by_id(certificate(REFUSING[kind]))[FINITE]
    assert result.status == "pass"
    assert "cases refused" in str(result.reason)
    assert "this potential is not for such structures" in str(result.reason)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("no forces of single atoms", "the potential returned no forces"),
        ("infinite stress of slabs and wires", "stress has 9 values that are not finite"),
        ("nine numbers of stress", "stress has shape (9,), expected (3, 3)"),
        ("complex forces", "forces is not an array of numbers, but of complex128"),
        ("masked forces", "forces has 1 values that are masked"),
        ("ends the program", "the potential ended the program: box skew is too large"),
    ],
)
def test_it_is_told_in_a_sentence(fault: str, said: str) -> None:
    assert said in str(by_id(certificate(UNKEPT[fault], (FINITE,)))[FINITE].reason)


def test_structures_that_dropped_out_of_the_pool_are_told_of_where_they_are_lacking() -> None:
    found = by_id(certificate(UNKEPT["nine numbers of stress"], ("conservation/closed-loop-cell", "*/noise-floor")))
    for check_id in ("conservation/closed-loop-cell", "robustness/noise-floor"):
        assert found[check_id].status == "error"
        assert "structures could not be evaluated, the first:" in str(found[check_id].reason)
        assert "stress has shape (9,), expected (3, 3)" in str(found[check_id].reason)


def test_a_property_that_is_missing_where_it_is_asked_for_alone_violates_the_law_of_requests() -> None:
    class Lean(Pair):
        def get_property(self, name, atoms=None, allow_calculation=True):
            self.asked = name if name != "energy" else getattr(self, "asked", name)
            return super().get_property(name, atoms, allow_calculation)

    def needs_the_stress(results, atoms):
        if atoms.pbc.all() and getattr(calculators[-1], "asked", "") == "forces":
            results.pop("forces")

    calculators: list[Pair] = []

    def make() -> Pair:
        calculators.append(Lean(needs_the_stress))
        return calculators[-1]

    result = by_id(certificate(partial(make)))["robustness/requested-properties"]
    assert result.status == "fail"
    assert "asked for energy and forces alone: the potential returned no forces" in str(result.reason)


def test_the_way_out_is_said_where_a_whole_kind_of_structures_has_no_answer() -> None:
    result = by_id(certificate(three_or_none, ("robustness/noise-floor",)))["robustness/noise-floor"]
    assert result.status == "error"
    assert str(result.reason).startswith("2 of the pool's 10 structures could not be evaluated, the first: Au2Cu4: ")
    assert str(result.reason).endswith(
        "function failed; no answer for those that are periodic in some directions only: if it is not for these, add "
        "?periodicity=periodic,isolated to its spec"
    )
    wrong_form = by_id(certificate(UNKEPT["nine numbers of stress"], ("robustness/noise-floor",)))
    assert "?periodicity" not in str(wrong_form["robustness/noise-floor"].reason), "that would hide a mistake"


def test_with_the_way_out_it_is_certified_and_the_certificate_says_for_what() -> None:
    spec = "tests.engine.unkept:three_or_none?periodicity=periodic,isolated"
    loaded = load(spec, ("Cu", "Au"))
    settings = Settings(spec=spec, budget="quick")
    *_, last = run(loaded.potential, all_checks(), settings, reload=loaded.reload)
    found = last.certificate
    assert found.verdict == "certified", [(r.id, r.status, r.reason) for r in found.checks]
    assert (found.potential.periodicity, found.potential.restricted) == (("periodic", "isolated"), True)
    assert sentence(found).startswith("Pair is certified (exact) for periodic and isolated structures only: ")


def test_a_potential_that_ends_the_program_has_one_certificate_whatever_the_number_of_processes() -> None:
    only = ("robustness/finite-output", "robustness/noise-floor", "periodicity/cell-choice")
    settings = Settings(spec="unkept", budget="quick", only=only)
    loaded = _ends_the_program()
    *_, alone = run(loaded.potential, all_checks(), settings, reload=loaded.reload)
    *_, together = run_in_processes(_ends_the_program, all_checks(), settings, jobs=2)
    assert encode(comparable(together.certificate)) == encode(comparable(alone.certificate))
    assert alone.certificate.verdict == "failed"


def _ends_the_program() -> Loaded:
    return load_from(UNKEPT["ends the program"], "unkept", ("Cu", "Au"))


@pytest.mark.parametrize("species", [("H",), ("Cu",), ("H", "C", "N", "O")])
def test_enough_is_left_to_judge_for_who_refuses_open_shells(species: tuple[str, ...]) -> None:
    found = certificate(closed_shells_only, (*ASKING, "symmetry/*"), species)
    assert {r.id: r.status for r in found.checks if r.status in ("fail", "error", "inconclusive")} == {}
    assert by_id(found)["symmetry/permutation"].status == "pass"
    if species != ("Cu",):
        assert "open shells are not supported" in str(by_id(found)["robustness/noise-floor"].reason)
