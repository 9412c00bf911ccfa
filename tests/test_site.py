"""What the site generates says what the code says; Sphinx itself runs in ``.ci/run``."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import gnnp_bench
from benchmarks.field.found import CAMPAIGN, field
from gnnp_bench import strategies
from gnnp_bench.certificate.schema import schema
from gnnp_bench.cli import app, main
from gnnp_bench.commands import plugins

DOCS = Path(__file__).parents[1] / "docs"


def module(name: str) -> ModuleType:
    """Return a module of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


PARTS = module("site_parts")


def test_every_command_and_option_is_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    page = PARTS.commands()
    names = [info.name for info in app.registered_commands] + [
        info.typer_instance.info.name for info in app.registered_groups if info.typer_instance is not None
    ]
    for name in [*names, *plugins.installed()]:
        assert f"## gnnp-bench {name}\n" in page
        assert main([str(name), "--help"]) == 0
        section = page.partition(f"## gnnp-bench {name}\n")[2].partition("\n## ")[0]
        options = set(re.findall(r"^ +(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE)) - {"--help"}
        assert not [option for option in options if f"`{option}" not in section]
        assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in re.findall(r"^\| `.*$", section, re.MULTILINE))


def test_every_public_name_is_on_the_page() -> None:
    page = PARTS.python()
    for package in (gnnp_bench, strategies):
        for name in package.__all__:
            assert re.search(rf"^\.\. auto(class|function|data):: {package.__name__}\.{name}$", page, re.MULTILINE)


def test_every_field_of_the_schema_is_on_the_page() -> None:
    page = PARTS.schema()
    objects = schema()["$defs"]
    for name, entry in objects.items():
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert not [field for field in entry["properties"] if f"| `{field}`" not in section]
    assert set(re.findall(r"\(#(\w+)\)", page)) <= {name.lower() for name in objects}


def test_contents_are_the_links_in_lists_and_tables() -> None:
    page = (
        "[no](a.md)\n\n- [b](b.md) [x](x.md#y) [c](c/d.md)\n  [e](e.md)\n\n| [f](f.md) |\n\n<!-- site: contents -->\n"
    )
    made = PARTS.completed(page, DOCS)
    assert re.findall(r"^[\w/]+$", made.partition(":hidden:")[2], re.MULTILINE) == ["b", "c/d", "e", "f"]


def test_a_link_to_a_folder_becomes_its_words() -> None:
    assert PARTS.completed("[tests](../tests) [page](uses.md)", DOCS) == "tests [page](uses.md)"


def test_addresses_are_listed_with_their_pages() -> None:
    found = module("addresses").addresses()
    assert "docs/strategies.md" in found["https://hypothesis.readthedocs.io"]
    assert all(re.fullmatch(r"https?://\S+[^.,;:]", address) for address in found)


def test_the_leaderboard_has_a_page_for_each_certificate_of_the_field(tmp_path: Path) -> None:
    some = field(CAMPAIGN).found[:8]
    PARTS.write_leaderboard(tmp_path, some)
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    pages = {path.name for path in (tmp_path / "certificates").iterdir()}
    expected = {one.file.replace(".json", ".html") for one in some if one.certificate is not None}
    assert pages == expected
    assert len(pages) > 4
    assert set(re.findall(r'href="certificates/([^"#]+)"', index)) == pages
    assert f'href="{PARTS.LEADERBOARD}/index.html"' in PARTS.leaderboard()
