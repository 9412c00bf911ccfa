"""The page in a real browser: nothing complains, figures are drawn, tables sort and filter, structures turn."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gnnp_bench.report.html.page import page
from tests.report.browsing import asked_for, browser, narrow, needs_browser, rows, until, widen
from tests.report.test_html import CHECKS, FULL

__all__ = ["browser"]  # a fixture

pytestmark = needs_browser


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Any:
    file = tmp_path / "page.html"
    file.write_bytes(page(FULL, CHECKS))
    browser.get(file.as_uri())
    until(browser, lambda: browser.execute_script("return document.documentElement.dataset.figures"))
    return browser


def test_nothing_complains_and_nothing_is_fetched(shown):
    assert shown.get_log("browser") == []
    asked = asked_for(shown)
    assert asked
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)


def test_every_figure_is_drawn_when_it_comes_near(shown):
    figures = shown.find_elements("css selector", "figure.plot")
    assert len(figures) == 4  # a curve of a law, errors, times, properties
    for figure in figures:
        shown.execute_script("arguments[0].scrollIntoView()", figure)
        until(shown, partial(figure.find_elements, "css selector", ".canvas svg.main-svg"))
    lines = (
        "return document.querySelectorAll('.scatterlayer path.js-line, .scatterlayer path.point, .bars path').length"
    )
    assert shown.execute_script(lines) >= 8


def test_all_figures_are_drawn_on_paper(shown):
    shown.execute_script("dispatchEvent(new Event('beforeprint'))")
    until(shown, lambda: len(shown.find_elements("css selector", "figure.plot .canvas .plot-container")) == 4)


def test_the_table_sorts_and_filters(shown):
    everything = rows(shown)
    assert len(everything) == len(FULL.checks)
    head = shown.find_element("css selector", "#laws-table th button")
    head.click()
    assert rows(shown) == sorted(everything)
    head.click()
    assert rows(shown) == sorted(everything, reverse=True)
    assert shown.execute_script("return document.querySelector('#laws-table th').ariaSort") == "descending"
    box = shown.find_element("css selector", "form.filter input[type=search]")
    box.send_keys("rotation eV/Å")
    assert rows(shown) == ["symmetry/rotation"]
    assert shown.find_element("css selector", "form.filter output").text == "1 of 4"
    box.clear()
    box.send_keys(" ")
    shown.find_element("css selector", "form.filter input[value=held]").click()
    assert "symmetry/rotation" not in rows(shown)


def places(browser: Any) -> list[str]:
    seen = "(c) => `${c.dataset.at} ${c.getAttribute('cx')}`"
    found: list[str] = browser.execute_script(f"return [...document.querySelectorAll('svg.turn circle')].map({seen})")
    return sorted(found)


def test_the_counterexample_turns(shown):
    from selenium.webdriver import ActionChains, Keys

    picture = shown.find_element("css selector", "svg.turn")
    before = places(shown)
    shown.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", picture)
    ActionChains(shown).click_and_hold(picture).move_by_offset(60, 25).release().perform()
    dragged = places(shown)
    assert dragged != before
    picture.send_keys(Keys.ARROW_LEFT)
    assert places(shown) != dragged


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_needs_no_scrolling_sideways(shown, scheme):
    narrow(shown, scheme)
    try:
        assert shown.execute_script("return document.documentElement.scrollWidth") <= 400
        paper = shown.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
        assert len(rows(shown)) == len(FULL.checks)
    finally:
        widen(shown)


def test_without_scripts_everything_but_figures_is_there(shown):
    shown.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        shown.refresh()
        text = shown.find_element("css selector", "body").text
        assert "Drawn where scripts run." in text
        assert len(shown.find_elements("css selector", "#laws-table tbody tr")) == len(FULL.checks)
        assert shown.find_elements("css selector", "svg.turn circle")
        assert not shown.find_element("css selector", "form.filter").is_displayed()
    finally:
        shown.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
