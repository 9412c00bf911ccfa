"""Potentials that read charge, spin, charges and moments of atoms: sound ones are certified, others are told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from gnnp_bench.certificate.io import comparable, decode, encode
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.parallel import run_in_processes
from gnnp_bench.engine.pool import draw_structures
from gnnp_bench.engine.replay import replay
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.one_thread import load_on_one_thread
from gnnp_bench.potential import PotentialError
from gnnp_bench.structures.carried import charge_and_unpaired, is_legal, is_neutral
from gnnp_bench.structures.serialise import from_json
from tests.engine.readers import CHARGE, FAULTY, MULTIPLICITY, SOUND, Reader, first_digit, needed

READ_BY = (
    "symmetry/permutation",
    "symmetry/rotation",
    "periodicity/*",
    "locality/*",
    "conservation/path-work",
    "conservation/stress-strain",
    "robustness/batch",
    "robustness/call-history",
    "robustness/determinism",
    "robustness/input-intact",
    "robustness/requested-properties",
    "robustness/size",
)
TABLE: dict[str, float] = {}
"""A potential's own, in which nothing is found."""
EVERY_LAW = ("forces that depend on the charge", "both, beside the totals")
SKIPPED = ("robustness/memory-growth", "robustness/processes", "robustness/refusals", "robustness/threads")
"""What starts processes and threads, and looks at other things."""


def judged(make: Callable[[], Reader], only: tuple[str, ...] = (), seed: int = 0) -> Certificate:
    settings = Settings(spec="reader", budget="quick", seed=seed, only=only, skip=() if only else SKIPPED)
    *_, last = run(make(), all_checks(), settings, reload=make)
    return last.certificate


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_reader_holds_the_laws(name: str) -> None:
    found = judged(SOUND[name], () if name in EVERY_LAW else READ_BY)
    assert {r.id: r.reason for r in found.checks if r.status not in ("pass", "not_applicable")} == {}
    assert all(result.grade == "exact" for result in found.checks if result.grade and result.category == "mandatory")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FAULTY)
def test_a_wrong_reader_is_told_by_the_law_and_replays(name: str, seed: int) -> None:
    make, law = FAULTY[name]
    found = judged(make, (law,), seed)
    (result,) = found.checks
    assert result.status == "fail", result.reason
    assert result.counterexample is not None
    structure = from_json(result.counterexample.structure)
    assert is_legal(structure)
    again = replay(make(), all_checks(), decode(encode(found)), law, reload=make)
    assert (again.status, again.measured) == ("fail", result.counterexample.case.get("measured", result.measured))


@pytest.mark.parametrize("name", SOUND)
def test_drawn_structures_carry_other_totals_and_legal_ones(name: str) -> None:
    capabilities = SOUND[name]().capabilities
    structures = draw_structures(capabilities, 10, 0)
    assert all(is_legal(structure) for structure in structures)
    others = [structure for structure in structures if not is_neutral(structure)]
    kinds = {one.kind for one in capabilities.reads}
    assert len(structures) == (10 if kinds == {"constant"} else 14)
    if kinds & {"charge", "charges"}:
        assert any(charge_and_unpaired(structure)[0] for structure in others)
    if kinds & {"unpaired", "multiplicity", "moments"}:
        assert any(charge_and_unpaired(structure)[1] for structure in others)
    if not capabilities.totals_add:  # nobody said what a charged crystal is
        assert all(charge_and_unpaired(s)[0] == 0 for s in structures if s.pbc.any())


def test_a_key_that_is_missing_is_named_with_its_option() -> None:
    with pytest.raises(PotentialError, match=r"needs info\['charge'\] and info\['spin'\]: add \?info=charge:0,spin:1"):
        judged(lambda: Reader(term=needed))


def test_a_key_that_belongs_to_something_else_is_not_advised() -> None:
    found = judged(lambda: Reader(term=lambda s: TABLE["charge"]), ("symmetry/permutation",))
    assert found.verdict == "partial"
    assert "KeyError: 'charge'" in str(found.checks[0].reason)


def test_a_charge_read_as_text_breaks_and_bars_a_certificate() -> None:
    found = judged(lambda: Reader((CHARGE,), term=first_digit), ("robustness/noise-floor",))
    assert [result.status for result in found.checks] == ["error"]
    assert "invalid literal for int() with base 10: '-'" in str(found.checks[0].reason)


def needy() -> Reader:
    return Reader((CHARGE, MULTIPLICITY), term=needed)


def test_the_certificate_does_not_depend_on_the_number_of_processes() -> None:
    spec = "tests.engine.test_carried:needy"
    only = ("symmetry/permutation", "robustness/batch", "robustness/call-history", "robustness/processes")
    settings = Settings(spec=spec, budget="quick", only=only)
    loaded = load_on_one_thread(spec, None)
    *_, alone = run(loaded.potential, all_checks(), settings, reload=loaded.reload)
    load = partial(load_on_one_thread, spec, None)
    *_, together = run_in_processes(load, all_checks(), settings, jobs=2, timeout=60.0)
    assert encode(comparable(alone.certificate)) == encode(comparable(together.certificate))
    assert {result.status for result in alone.certificate.checks} == {"pass"}
