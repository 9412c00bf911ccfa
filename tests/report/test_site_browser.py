"""Certificates side by side and the site of a folder of them in a real browser."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gnnp_bench.cli import main
from tests.report.browsing import asked_for, browser, narrow, needs_browser, rows, until, widen
from tests.report.test_html_comparison import BAD, GOOD, THIRD, shown
from tests.report.test_leaderboard import fill

__all__ = ["browser"]  # a fixture
pytestmark = needs_browser
DRAWN = "return document.querySelectorAll('.scatterlayer path.point').length"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    assert main(["leaderboard", str(fill(place / "certs")), "--out", str(place / "site")]) == 0
    return place / "site"


@pytest.fixture
def board(browser: Any, site: Path) -> Any:
    browser.get((site / "index.html").as_uri())
    return browser


def names(browser: Any) -> list[str]:
    """Return the files of the rows that are seen."""
    script = "return [...document.querySelectorAll('#board tbody tr')].filter((r) => r.checkVisibility())"
    found: list[str] = browser.execute_script(f"{script}.map((r) => r.querySelector('a').getAttribute('href'))")
    return [one.removeprefix("certificates/").removesuffix(".html") for one in found]


def heads(browser: Any) -> list[Any]:
    return [one for one in browser.find_elements("css selector", "#board th button") if one.is_displayed()]


def choose(browser: Any, name: str, value: str) -> None:
    script = "const e = document.querySelector(`form.filter [name=${arguments[0]}]`); e.value = arguments[1];"
    browser.execute_script(f"{script} e.dispatchEvent(new Event('input', {{bubbles: true}}))", name, value)


def test_certificates_side_by_side_are_drawn_sorted_and_filtered(browser, tmp_path):
    file = tmp_path / "compared.html"
    file.write_bytes(shown(GOOD, BAD, THIRD))
    browser.get(file.as_uri())
    until(browser, lambda: browser.execute_script("return document.documentElement.dataset.figures"))
    browser.execute_script("document.querySelector('figure.plot').scrollIntoView()")
    until(browser, lambda: browser.execute_script(DRAWN) == 2)
    everything = rows(browser)
    browser.find_element("css selector", "#laws-table th button").click()
    assert rows(browser) == sorted(everything)
    assert "Sorted by law: from A to Z." in browser.find_element("id", "laws-order").text
    browser.find_element("css selector", "form.filter input[value=worse]").click()
    assert rows(browser) == ["symmetry/net-torque", "symmetry/rotation"]
    narrow(browser, "dark")
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    finally:
        widen(browser)
    assert browser.get_log("browser") == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked_for(browser))


def test_the_table_of_a_site_sorts_and_says_by_what(board):
    assert names(board) == ["zinc", "bad", "full", "good"]
    verdict = heads(board)[1]
    verdict.click()
    assert names(board)[-2:] == ["bad", "full"]
    said = board.find_element("id", "board-order").text
    assert said == "Sorted by verdict: certified first, then what is not certified, then failed."
    cost = heads(board)[4]
    cost.click()
    assert names(board)[:2] == ["good", "full"]
    assert names(board)[-1] == "zinc"  # not measured
    cost.click()
    assert names(board)[0] == "bad"
    assert names(board)[-1] == "zinc"
    assert board.find_element("id", "board-order").text.startswith("Sorted by µs/atom at 64 atoms: slowest first")


def test_the_table_of_a_site_filters(board):
    told = board.find_element("css selector", "form.filter output")
    choose(board, "elements", "zn")
    assert names(board) == ["zinc"]
    choose(board, "elements", "Si, cu")
    assert names(board) == ["bad", "full", "good"]
    choose(board, "elements", "")
    choose(board, "cost", "45")
    assert names(board) == ["full", "good"]
    assert told.text == "2 of 4; of 1 left out, no cost is known"
    choose(board, "cost", "")
    board.find_element("css selector", "form.filter input[value=failed]").click()
    assert names(board) == ["zinc", "good"]
    before = [one.text for one in heads(board)]
    choose(board, "family", "periodicity")
    assert [one.text for one in heads(board)] == [*before[:5], "left-handed-cell"]
    choose(board, "family", "")
    assert [one.text for one in heads(board)] == before


def test_links_lead_to_the_law_and_back(board, site):
    choose(board, "family", "periodicity")
    row = next(r for r in board.find_elements("css selector", "#board tbody tr") if "full.json" in r.text)
    (link,) = [
        one
        for one in row.find_elements("css selector", "a")
        if one.is_displayed() and "left-handed" in one.get_attribute("href")
    ]
    link.click()
    until(board, lambda: board.current_url.endswith("full.html#law-periodicity-left-handed-cell"))
    assert board.execute_script("return document.querySelector(':target h3').textContent").startswith("periodicity/")
    board.find_element("css selector", ".back a").click()
    until(board, lambda: names(board))


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """Serve the site as the web does."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("way", ["file", "http"])
def test_pages_of_a_site_draw_with_the_script_beside_them(way, browser, site, served):
    browser.get(f"{served if way == 'http' else site.as_uri()}/certificates/full.html")
    until(browser, lambda: browser.execute_script("return document.documentElement.dataset.figures"))
    browser.execute_script("document.querySelector('#bench figure.plot').scrollIntoView()")
    until(browser, lambda: browser.execute_script(DRAWN) >= 2)
    beyond = [line for line in browser.get_log("browser") if "favicon" not in line["message"]]
    assert beyond == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_sorts_without_scrolling_sideways(board, scheme):
    narrow(board, scheme)
    try:
        assert board.execute_script("return document.documentElement.scrollWidth") <= 400
        board.execute_script(
            "const s = document.querySelector('.narrow select'); s.value = 1;"
            "s.dispatchEvent(new Event('input', {bubbles: true}))"
        )
        assert names(board)[-2:] == ["bad", "full"]
        board.find_element("css selector", ".narrow button").click()
        assert set(names(board)[:2]) == {"bad", "full"}
        assert board.get_log("browser") == []
    finally:
        widen(board)


def test_without_scripts_the_whole_table_is_there(board):
    board.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        board.refresh()
        text = board.find_element("id", "board").text
        assert all(words in text for words in ("left-handed-cell", "violated", "0.031 eV/Å³", "not measured"))
        assert not board.find_element("css selector", "form.filter").is_displayed()
    finally:
        board.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
