"""`?info=`, `arrays` and `totals`: what a spec says of what structures carry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gnnp_bench.adapters import _carried
from gnnp_bench.adapters.registry import load
from gnnp_bench.potential import Capabilities, Carried, PotentialError

EMT = "ase:ase.calculators.emt:EMT"


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("info=charge:0,spin:1", (Carried("charge", "charge", 0), Carried("spin", "multiplicity", 1))),
        ("info=charge:0,spin:0", (Carried("charge", "charge", 0), Carried("spin", "unpaired", 0))),
        ("info=Q:0:charge,S:1:multiplicity", (Carried("Q", "charge", 0), Carried("S", "multiplicity", 1))),
        ("info=head:omol,T:300.5", (Carried("head", "constant", "omol"), Carried("T", "constant", 300.5))),
        ("info=charge:1:constant", (Carried("charge", "constant", 1),)),
        ("arrays=initial_magmoms", (Carried("initial_magmoms", "moments", 0.0),)),
    ],
)
def test_a_spec_says_what_is_read(query: str, reads: tuple[Carried, ...]) -> None:
    capabilities = load(f"{EMT}?{query}", ["Cu"]).potential.capabilities
    assert capabilities.reads == reads
    assert not capabilities.totals_add


def test_totals_add_and_all_of_it_goes_with_a_restriction() -> None:
    spec = f"{EMT}?info=charge:0&arrays=initial_charges&totals=sum&periodicity=isolated"
    capabilities = load(spec, ["Cu"]).potential.capabilities
    assert [one.key for one in capabilities.reads] == ["charge", "initial_charges"]
    assert capabilities.totals_add
    assert capabilities.periodicity == {"isolated"}


def test_without_options_nothing_is_carried() -> None:
    assert load(EMT, ["Cu"]).potential.capabilities.reads == ()


def test_an_entry_of_the_spec_wins_over_the_potential_s_own() -> None:
    has = Capabilities(species=("Cu",), reads=(Carried("charge", "charge", 0), Carried("head", "constant", "mp")))
    asked = _carried.take({"info": "head:omol"}).on(has)
    assert asked.reads == (Carried("charge", "charge", 0), Carried("head", "constant", "omol"))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("info=charge", r"info must read key:value,key:value as in \?info=charge:0,spin:1, not 'charge'"),
        ("info=spin:2", "write spin:0 if it counts unpaired electrons, spin:1 if it is a multiplicity"),
        ("info=charge:1", "charge:0, or charge:1:constant for one that is the same"),
        ("info=charge:0:chrge", "not 'chrge': did you mean 'charge'"),
        ("info=charge:0,charge:0", "charge is named twice"),
        ("info=recipe:1", "taken for notes"),
        ("arrays=initial_magmom", "did you mean 'initial_magmoms'"),
        ("info=charge:0&totals=average", "totals is sum"),
        ("totals=sum", "add info=charge:0,spin:1"),
    ],
)
def test_what_is_malformed_is_named_in_one_line(query: str, message: str) -> None:
    with pytest.raises(PotentialError, match=message) as refused:
        load(f"{EMT}?{query}", ["Cu"])
    assert "\n" not in str(refused.value)


def faults() -> Iterator[tuple[object, str]]:
    yield ("charge", 0), "must hold gnnp_bench.Carried, not tuple"
    yield Carried("charge", "total", 0), "holds the kind 'total'"  # type: ignore[arg-type]
    yield Carried("magmoms", "moments", 0.0), "read from ASE's array, initial_magmoms, not 'magmoms'"
    yield Carried("spin", "multiplicity", 0), "the default of spin must be 1, not 0"
    yield Carried("totals", "charge", 0), "which is taken"


@pytest.mark.parametrize(("one", "message"), list(faults()))
def test_what_an_adapter_declares_wrongly_is_named(one: object, message: str) -> None:
    (said,) = _carried.problems([one])
    assert message in said
