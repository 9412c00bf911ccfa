"""How Hypothesis works in this project, `ci` by default, `laws` on a potential that was named; and what tests share."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.database import DirectoryBasedExampleDatabase

COMMON: dict[str, Any] = {
    "deadline": None,  # the first evaluation of a potential may compile, and machines are shared
    # One bug per test, its smallest example: others are often the same defect in another guise.
    "report_multiple_bugs": False,
    # `explain` runs hundreds of variations more. The report of a law says what is wrong without it.
    "phases": (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
    # Potentials are slow; and an example on which a law holds trivially is given back, however many there are.
    "suppress_health_check": (HealthCheck.too_slow, HealthCheck.filter_too_much),
    "stateful_step_count": 50,
    "verbosity": Verbosity.normal,
    "backend": "hypothesis",
}
CI: dict[str, Any] = COMMON | {"max_examples": 20, "derandomize": True, "database": None, "print_blob": False}

settings.register_profile("ci", **CI)
settings.register_profile(
    "laws",
    **COMMON
    | {
        "max_examples": 100,
        "derandomize": False,
        "database": DirectoryBasedExampleDatabase(Path(__file__).parents[1] / ".hypothesis" / "examples"),
        "print_blob": True,
    },
)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is kept for a user out of the cache of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--hypothesis-profile", None):
        settings.load_profile("laws" if config.getoption("potential", None) else "ci")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is imported out of every later search for garbage: 700,000 objects take half a second each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    if not gc.get_freeze_count():  # robustness/memory-growth freezes as well, and thaws everything
        gc.freeze()
