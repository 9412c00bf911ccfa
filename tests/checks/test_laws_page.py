"""docs/laws.md says what the code says."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path

import gnnp_bench
from gnnp_bench.check import DEFAULT_FACTOR, Check
from gnnp_bench.checks.foreign import FAMILY
from gnnp_bench.checks.registry import calibration
from gnnp_bench.engine.settings import EVALUATIONS
from tests.analytic import smooth_pair

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "laws.md").read_text(encoding="utf-8")
TEMPLATE = (DOCS / "templates" / "law" / "src" / "gnnp_bench_mylab" / "laws.py").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return what stands between a heading and the next one."""
    return re.split(r"^## ", PAGE.partition(f"## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_example_is_that_of_the_template() -> None:
    blocks = re.findall(r"```python\n(.*?)```", section("The example"), re.DOTALL)
    assert len(blocks) == 3
    assert all(block in TEMPLATE for block in blocks)


def test_fields_and_defaults_are_all_there() -> None:
    rows = dict(re.findall(r"^\| (`.*?) \|.*\| (.*)\|$", section("What a law is made of"), re.MULTILINE))
    said = {name: default.strip() for names, default in rows.items() for name in re.findall(r"`(\w+)`", names)}
    assert set(said) == {field.name for field in fields(Check)}
    for field in fields(Check):
        needed = field.default is MISSING and field.default_factory is MISSING
        assert (said[field.name] == "") is needed
    for name in ("weight", "cost", "base_points", "side_by_side"):
        (default,) = (field.default for field in fields(Check) if field.name == name)
        assert float(said[name]) == default
    assert float(said["factors"]) == DEFAULT_FACTOR
    assert f"at `quick`, {EVALUATIONS['quick']} evaluations" in PAGE


def test_factors_are_those_of_the_calibration() -> None:
    c = [factor for factors in calibration().values() for factor in factors.values()]
    assert f"need {min(c):g} to {max(c):g}." in PAGE
    assert f"`{FAMILY}/…`" in PAGE


def test_c_is_measured_as_the_page_says() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", section("Is it missed, or is that rounding?"), re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    needed = names["needed"]
    assert callable(needed)
    law = "symmetry/net-force"
    c = calibration()[law]["net force"]
    found = needed(law, [smooth_pair], ["Cu"], c=c, seeds=range(2))
    assert set(found) == {"net force"}
    assert 10.0 <= found["net force"] <= 3 * c
    assert gnnp_bench.Check is Check
