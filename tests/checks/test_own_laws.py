"""Laws that others write: what is wrong with one is told in one sentence, and costs no other law anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase import Atoms

import gnnp_bench
from gnnp_bench import Case, Check, Component, Request, Residual
from gnnp_bench.certificate.result import CheckResult
from gnnp_bench.check import DEFAULT_FACTOR, Binding, LawError, vacuous
from gnnp_bench.checks.registry import BUILT_IN, calibration
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Property
from tests.analytic import smooth_pair

ENERGY: frozenset[Property] = frozenset({"energy"})

ANY: Any = gnnp_bench
"""For what a type checker would find as well."""


def draw(rng, view):
    return view.pick(rng).case({"along": [1.0, 0.0, 0.0]})


def shifted(case):
    """Measure whether the energy stays when all atoms are shifted by 0.1 Å."""
    moved = case.structure.copy()
    moved.translate(0.1 * np.array(case.parameters["along"]))
    before, after = yield Request([case.structure, moved], ENERGY)
    return Residual((Component("energy of a shift", abs(after.energy - before.energy), 1e-3, "eV", case.nu.energy),))


LAW = Check(
    id="mylab/shifted",
    law="E(x + a) = E(x)",
    category="mandatory",
    needs=ENERGY,
    source="tests",
    tolerance="1 meV",
    physics="Nothing depends on where it is.",
    draw=draw,
    measure=shifted,
)


def judged(check: Check, potential: Any = None) -> CheckResult:
    """Return what a certificate says of a check; a sound one beside it has to be judged whatever happens."""
    subject = smooth_pair() if potential is None else potential
    sound = next(check for check in BUILT_IN if check.id == "symmetry/translation")
    checks = (check, replace(sound, factors=calibration()[sound.id]))
    *_, last = run(subject, checks, Settings(spec="own", budget="quick"), reload=lambda: subject)
    other = last.certificate.checks[1]
    assert (other.id, other.status) == ("symmetry/translation", "pass")
    return last.certificate.checks[0]


def test_a_quantity_without_a_factor_has_the_default() -> None:
    assert LAW.factors == {}
    found = judged(LAW)
    assert (found.status, found.grade) == ("pass", "exact")
    stated = judged(replace(LAW, factors={"energy of a shift": 10.0}))
    assert found.bound is not None
    assert stated.bound is not None
    assert found.bound == pytest.approx(DEFAULT_FACTOR / 10.0 * stated.bound)


def test_the_default_is_more_than_any_calibrated_law_needs() -> None:
    assert max(c for factors in calibration().values() for c in factors.values()) < DEFAULT_FACTOR


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "dimer"}, "the check 'dimer': the id must read family/name in lower case"),
        ({"id": "mylab/Dimer law"}, "the id must read family/name"),
        ({"category": "physics"}, "one of mandatory, claimed, informational, not 'physics'"),
        ({"category": "claimed"}, "a claimed law must name its claim, one of conservative,"),
        ({"claim": "equivarient"}, "the claim must be None or one of conservative, equivariant"),
        ({"binding": "smooth"}, "binding must be a Binding or None, not a str"),
        (
            {"binding": Binding("claimed", lambda c: True, "is smooth")},
            "binding where it is claimed must name its claim",
        ),
        ({"needs": {"energy"}}, "needs must be a frozenset such as frozenset({'energy', 'forces'}), not a set"),
        ({"needs": "energy"}, "needs must be a frozenset"),
        ({"needs": frozenset({"force"})}, "needs holds 'force': choose from energy, forces, stress"),
        ({"draw": None}, "draw must be a function, called as draw(rng, view), not None"),
        ({"draw": lambda view: None}, "draw is called as draw(rng, view), which a function with the arguments (view)"),
        ({"measure": lambda case, view: None}, "measure is called as measure(case), which"),
        ({"near": lambda case: case}, "near is called as near(rng, case), which"),
        ({"simpler": 3}, "simpler must be a function, called as simpler(case), not an int"),
        ({"applies": True}, "applies must be a function"),
        ({"factors": {"energy": 0.0}}, "the factor c of 'energy' must be a number above 0, not 0.0"),
        ({"factors": [("energy", 10.0)]}, "factors must be a mapping from quantities to c"),
        ({"factors": {"energy": float("nan")}}, "must be a number above 0, not nan"),
        ({"law": ""}, "law must be a text that is not empty"),
        ({"physics": None}, "physics must be a text that is not empty, not None"),
        ({"weight": -1.0}, "weight must be a number above 0, not -1.0"),
        ({"cost": 2.5}, "cost must be a whole number of at least 0, not 2.5"),
        ({"side_by_side": 0}, "side_by_side must be a whole number of at least 1, not 0"),
    ],
)
def test_a_check_is_looked_at_where_it_is_made(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(LawError) as caught:
        replace(LAW, **changed)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("the check '")


def returned(residual: Callable[[Case], Any]) -> Any:
    """Return a `measure` that asks for one thing and returns what it is told to."""

    def measure(case):
        yield Request([case.structure], ENERGY)
        return residual(case)

    return measure


def component(**changed: Any) -> Any:
    given = {"quantity": "energy", "residual": 0.0, "significance": 1e-3, "unit": "eV", **changed}
    return lambda case: Residual((Component(**given),))


def yields(request: Callable[[Case], Any]) -> Any:
    def measure(case):
        yield request(case)
        return vacuous("not reached")

    return measure


def breaks(rng: np.random.Generator, case: Case) -> Case:
    raise ZeroDivisionError


def raises(case):
    yield Request([case.structure], ENERGY)
    return dict[str, float]()["energy"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"draw": lambda rng, view: view.pick(rng)}, "draw of mylab/shifted returned a Sample: write sample.case({…})"),
        (
            {"draw": lambda rng, view: view.pick(rng).structure},
            "draw of mylab/shifted returned an Atoms, but must return",
        ),
        (
            {"draw": lambda rng, view: Case(view.pick(rng), None, {})},
            "a Case: its structure must be Atoms, not a Sample",
        ),
        ({"draw": lambda rng, view: view.pick(rng).case([1.0])}, "a Case: its parameters must be a dict, not a list"),
        (
            {"draw": lambda rng, view: view.pick(rng).case({"f": abs})},
            "returned parameters that a JSON file cannot keep",
        ),
        (
            {"draw": lambda rng, view: 1 / 0},
            "draw of mylab/shifted broke: ZeroDivisionError: division by zero (test_own",
        ),
        ({"near": lambda rng, case: None}, "near of mylab/shifted returned None, but must return a Case"),
        ({"applies": lambda capabilities: True}, "applies of mylab/shifted returned True: return None where the law"),
        ({"applies": lambda capabilities: capabilities.cut}, "applies of mylab/shifted broke: AttributeError"),
        ({"measure": lambda case: 0.3}, "measure of mylab/shifted returned a float and is no generator: ask by"),
        ({"measure": component()}, "measure of mylab/shifted returned a Residual and is no generator"),
        ({"measure": returned(lambda case: 0.3)}, "measure of mylab/shifted returned a float: return Residual((Com"),
        ({"measure": returned(lambda case: None)}, "measure of mylab/shifted returned None: return Residual"),
        (
            {"measure": yields(lambda case: case.structure)},
            "measure of mylab/shifted yielded an Atoms: yield a Request",
        ),
        (
            {"measure": yields(lambda case: ANY.Request(case.structure, ENERGY))},
            "must be a list: write Request([structure]",
        ),
        (
            {"measure": yields(lambda case: ANY.Request([case], ENERGY))},
            "a Request: its structures must be Atoms, not a Case",
        ),
        (
            {"measure": yields(lambda case: ANY.Request([case.structure], {"energy"}))},
            "a Request: properties must be a frozenset such as",
        ),
        ({"measure": returned(lambda case: Residual(()))}, "a Residual: it holds no component; where a case proves"),
        (
            {"measure": returned(lambda case: ANY.Residual([component()(case)]))},
            "components must be a tuple, not a list",
        ),
        ({"measure": returned(lambda case: ANY.Residual((1e-3,)))}, "of the class Component, not a float"),
        ({"measure": returned(component(residual=-0.2))}, "residual of 'energy' must be a size, 0 or more (take abs"),
        (
            {"measure": returned(component(residual=np.zeros(3)))},
            "residual of 'energy' must be a number, not an array of",
        ),
        (
            {"measure": returned(component(significance="eV", unit=1e-3))},
            "unit of 'energy' must be a text such as 'eV/Å'",
        ),
        ({"measure": returned(component(unit=None))}, "the unit of 'energy' must be a text such as 'eV/Å'"),
        ({"measure": returned(component(noise=float("nan")))}, "the noise of 'energy' must be a number, not NaN"),
        ({"measure": returned(component(significance=-1.0))}, "the significance of 'energy' must be 0 or more, not -1"),
        ({"measure": returned(component(bound="0"))}, "the bound of 'energy' must be None or a number, 0 or more"),
        ({"measure": returned(component(quantity=""))}, "a Component: its quantity must be a text such as 'forces'"),
        ({"measure": raises}, "the check itself broke: KeyError: 'energy' (test_own_laws.py, line "),
    ],
)
def test_what_a_law_returns_is_told_in_one_sentence(
    changed: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = judged(replace(LAW, **changed))
    assert found.status == "error"
    assert found.reason is not None
    assert said in found.reason
    assert "\n" not in found.reason
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (lambda told: None, "not drawn: pictures of mylab/shifted returned None: return a tuple of Series"),
        (lambda told: (1,), "not drawn: pictures of mylab/shifted returned a tuple: return a tuple of Series"),
        (lambda told: told[0], "not drawn: pictures of mylab/shifted broke: IndexError"),
    ],
)
def test_what_cannot_be_drawn_changes_no_verdict(pictures: Any, said: str) -> None:
    found = judged(replace(LAW, pictures=pictures))
    assert found.status == "pass"
    assert found.reason is not None
    assert said in found.reason


def spoils(rng, view):
    sample = view.pick(rng)
    sample.structure.rattle(0.1, seed=1)
    return sample.case({})


def moves(case):
    case.structure.positions += 0.1
    answer = yield Request([case.structure], ENERGY)
    return component()(case) if answer else vacuous("no answer")


def own(rng, view):
    return Case(Atoms("Cu2", [(0, 0, 0), (0, 0, 2.5)]), None, {})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"draw": spoils, "measure": returned(component())}, "mylab/shifted changed a structure of the pool: copy it"),
        ({"measure": moves}, "mylab/shifted changed a structure of the pool: copy it"),
        ({"draw": own, "measure": moves}, "measure of mylab/shifted changed the structure of its case: work on case"),
    ],
)
def test_a_law_that_changes_a_structure_is_told_and_spoils_no_other(changed: dict[str, Any], said: str) -> None:
    found = judged(replace(LAW, **changed))  # with another law after it
    assert found.status == "error"
    assert found.reason is not None
    assert said in found.reason


def test_a_residual_that_is_not_a_number_is_a_violation() -> None:
    found = judged(replace(LAW, measure=returned(component(residual=float("nan")))))
    assert (found.status, found.measured) == ("fail", None)


@pytest.mark.parametrize(
    "simpler",
    [lambda case: None, lambda case: [case.structure], lambda case: iter([1 / 0]), lambda case: (1 / 0 for _ in "a")],
)
def test_a_violation_stands_though_it_cannot_be_simplified(simpler: Callable[[Case], Any]) -> None:
    found = judged(replace(LAW, measure=returned(component(residual=1.0)), simpler=simpler))
    assert found.status == "fail"
    assert found.reason is not None
    assert "not simplified: simpler of mylab/shifted" in found.reason
    assert found.counterexample is not None


def test_a_violation_stands_though_no_neighbour_can_be_found() -> None:
    found = judged(replace(LAW, measure=returned(component(residual=1.0)), near=breaks))
    assert found.status == "fail"
    assert found.reason is not None
    assert "near of mylab/shifted broke: ZeroDivisionError" in found.reason


def test_what_the_potential_raises_is_not_put_down_to_the_law() -> None:
    class Breaks:
        name, capabilities = "breaks", smooth_pair().capabilities

        def evaluate(self, structures, properties):
            if any(atoms.positions[0, 0] == 77.0 for atoms in structures):
                raise RuntimeError("out of range")
            return smooth_pair().evaluate(structures, properties)

    def far(case):
        moved = case.structure.copy()
        moved.positions[0, 0] = 77.0
        yield Request([moved], ENERGY)
        return vacuous("not reached")

    found = judged(replace(LAW, measure=far), Breaks())
    assert found.status == "error"
    assert found.reason is not None
    assert found.reason.startswith("RuntimeError: out of range")


def test_a_law_may_catch_what_the_potential_raises() -> None:
    class Picky:
        name, capabilities = "picky", smooth_pair().capabilities

        def evaluate(self, structures, properties):
            if any(len(atoms) > 500 for atoms in structures):
                raise MemoryError("too large")
            return smooth_pair().evaluate(structures, properties)

    def careful(case):
        try:
            yield Request([Atoms("Cu501")], ENERGY)
        except MemoryError:
            (base,) = yield Request([case.structure], ENERGY)
            return Residual((Component("energy", 0.0 * base.energy, 1e-3, "eV"),))
        return vacuous("nothing was refused")

    found = judged(replace(LAW, measure=careful), Picky())
    assert found.status == "pass", found.reason
