"""A real browser for pages: one for each module of tests, where there is a Chromium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="no chromium with its chromedriver here (Debian: apt-get install chromium chromium-driver)",
)
SECONDS = 60
"""On a busy machine a browser takes its time."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def until(browser: Any, holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, SECONDS, 0.05).until(lambda _: holds(), "not within a minute")


def rows(browser: Any, table: str = "laws-table") -> list[str]:
    """Return the first cell's value of each row of a table that is seen."""
    script = f"return [...document.querySelectorAll('#{table} tbody tr')].filter((r) => r.checkVisibility())"
    values: list[str] = browser.execute_script(f"{script}.map((r) => r.cells[0].dataset.value)")
    return values


def asked_for(browser: Any) -> list[str]:
    """Return the addresses that a page asked for."""
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]


def narrow(browser: Any, scheme: str) -> None:
    """Make the window as wide as a telephone; `widen` takes that back."""
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    size = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    until(browser, lambda: browser.execute_script("return innerWidth") == 400)


def widen(browser: Any) -> None:
    """Give the window its own size back."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
