"""The pytest plugin: options, header, certificates. Hooks only; the work is done in `gnnp_bench.suite`.

Every pytest of an environment where gnnp_bench is installed loads this module, so it imports the standard library and
pytest and nothing else until a potential is to be judged.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gnnp_bench.suite.asked import MODULE, NO_POTENTIAL, Asked, add_options, asked_for, names_the_suite, verify
from gnnp_bench.suite.violation import NotCertified

if TYPE_CHECKING:
    from gnnp_bench.suite.running import Potentials

ASKED = pytest.StashKey[Asked]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--potential` and its companions."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot be done before anything is collected; keep the certificates where pytest was started."""
    asked = config.stash[ASKED] = asked_for(config)
    suite_named = names_the_suite(config)
    if suite_named and not asked.specs:
        raise pytest.UsageError(NO_POTENTIAL)
    if asked.specs and not hasattr(config, "workerinput"):
        from gnnp_bench.suite.ledger import Ledger

        verify(asked)
        config.pluginmanager.register(Ledger.of(asked, suite_named=suite_named), "gnnp_bench_ledger")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which potentials are judged, and how."""
    asked = config.stash[ASKED]
    how = f"budget {asked.budget}, profile {asked.profile}, seed {asked.seed}"
    return [f"gnnp_bench: {', '.join(asked.specs)}; {how}"] if asked.specs else []


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the suite where a foreign `python_files` leaves it out."""
    if file_path != MODULE or parent.session.isinitpath(file_path):
        return None
    if any(file_path.match(pattern) for pattern in parent.config.getini("python_files")):
        return None
    module: pytest.Collector = parent.session.gethookproxy(file_path).pytest_pycollect_makemodule(
        module_path=file_path, parent=parent
    )
    return module


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse the suite without a potential, by whichever way it came to be collected."""
    if not config.stash[ASKED].specs and any(item.path == MODULE for item in items):
        raise pytest.UsageError(NO_POTENTIAL)


@pytest.fixture(scope="session")
def gnnp_bench_potentials(request: pytest.FixtureRequest) -> Potentials:
    """Return the potentials that `--potential` names: each loaded, and its pool evaluated, when asked for first."""
    from gnnp_bench.suite.running import potentials_of

    return potentials_of(request.config.stash[ASKED])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a violated law in its own words, without a stack."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, NotCertified):
        report.longrepr = "\n".join([str(call.excinfo.value), *getattr(call.excinfo.value, "__notes__", ())])
    return report
