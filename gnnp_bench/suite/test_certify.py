"""One test for each potential and law; ``pytest --pyargs gnnp_bench.suite --potential SPEC`` runs it."""

from __future__ import annotations

import pytest

from gnnp_bench.suite.ledger import REFUSED, id_of, pack
from gnnp_bench.suite.running import Potentials, registered, told
from gnnp_bench.suite.violation import WrongRequest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for every check of the registry, for every potential that was named."""
    specs = metafunc.config.getoption("potential") or []
    asked = [(spec, check_id) for spec in specs for check_id in registered()]
    metafunc.parametrize(("spec", "check_id"), asked, ids=[id_of(*one) for one in asked])


def test_certify(spec: str, check_id: str, gnnp_bench_potentials: Potentials, request: pytest.FixtureRequest) -> None:
    """The potential obeys the law."""
    __tracebackhide__ = True
    try:
        running = gnnp_bench_potentials.running(spec)
        start, judgement = running.judge(registered()[check_id])
    except WrongRequest as error:
        request.node.user_properties.append((REFUSED, str(error)))  # ends the session, where pytest was started
        raise
    result = running.excused(start, judgement.result)
    request.node.user_properties += [pack(spec, start, judgement), *told(result)]
    running.conclude(result, causes=judgement.causes)


# A foreign `python_functions` must not make the laws vanish.
test_certify.__test__ = True  # type: ignore[attr-defined]
