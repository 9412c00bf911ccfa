"""How soon a page of the report is there: cold, in a browser just started, and warm, in the same one once more.

    python -m benchmarks.page_time [--starts N] report.html site/index.html

Needs Debian's chromium with its driver, and selenium (extra `test`). Times are milliseconds from the request of the
page: what is read is painted; plotly's script is there. How long it takes to draw all figures, as for paper, comes on
top of that. On a busy machine these depend on the company; processor time, of the page's own thread until its script is
there, does so far less.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path
from statistics import median
from typing import Any

STARTS = 5
WATCH = """
new MutationObserver((_, self) => {
  if (document.documentElement.dataset.figures) { window.ready = performance.now(); self.disconnect(); }
}).observe(document, { subtree: true, attributes: true, childList: true });
"""
ALL = """
const done = arguments[0], started = performance.now();
const wanted = document.querySelectorAll("figure.plot").length;
const look = () => document.querySelectorAll("figure.plot .plot-container").length >= wanted
  ? done(performance.now() - started) : setTimeout(look, 10);
dispatchEvent(new Event("beforeprint"));
look();
"""
PAINTED = "return performance.getEntriesByName('first-contentful-paint')[0].startTime"


def loaded(browser: Any, address: str) -> tuple[float, float, float, float]:
    """Return when the page was painted, when figures could be drawn, how long all took; and processor time before."""
    browser.get("about:blank")
    browser.get(address)
    if not browser.execute_script("return document.getElementById('plotly') !== null"):
        raise SystemExit(f"{address} draws no figure: nothing is waited for")
    while (ready := browser.execute_script("return window.ready")) is None:
        time.sleep(0.02)
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    busy = 1e3 * next(one["value"] for one in metrics if one["name"] == "TaskDuration")
    return browser.execute_script(PAINTED), ready, browser.execute_async_script(ALL), busy


def main() -> None:
    """Print medians and extremes of a few starts, with the load of the machine."""
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(argument)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("pages", nargs="+", metavar="PAGE")
    asked = parser.parse_args()
    for page in asked.pages:
        found: dict[str, list[tuple[float, float, float, float]]] = {"cold": [], "warm": []}
        before = os.getloadavg()[0]
        for _ in range(asked.starts):
            browser = Chrome(options=options, service=Service(shutil.which("chromedriver")))
            browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
            browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
            try:
                for way in found:
                    found[way].append(loaded(browser, Path(page).resolve().as_uri()))
            finally:
                browser.quit()
        print(
            f"{page}: load average {before:.1f} to {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores,"
            f" {asked.starts} starts"
        )
        for way, times in found.items():
            told = (f"{median(t):.0f} ({min(t):.0f}-{max(t):.0f})" for t in zip(*times, strict=True))
            print(
                f"  {way}: painted {next(told)}, figures ready {next(told)}, "
                f"all of them drawn after {next(told)}"
                f"; processor {next(told)}"
            )


if __name__ == "__main__":
    main()
