"""The potentials under the laws: those that `--potential` names, else the default ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gnnp_bench.engine.settings import Settings
from tests.laws.potentials import default_potentials
from tests.laws.subject import Subject, subject_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" in metafunc.fixturenames:
        names = metafunc.config.getoption("potential") or list(default_potentials())
        metafunc.parametrize("subject", names, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Return the potential, loaded once and evaluated on first use."""
    if request.config.getoption("potential"):
        running = request.getfixturevalue("gnnp_bench_potentials").running(request.param)
        loaded = running.loaded()
        found = subject_of(running.settings, loaded.potential, loaded.reload)
    else:
        make = default_potentials()[request.param]
        found = subject_of(Settings(spec=request.param, budget="quick"), make(), make)
    yield found
    found.evaluator.close()
