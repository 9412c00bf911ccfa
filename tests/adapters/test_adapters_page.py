"""docs/adapters.md says what the code says."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from ase import Atoms
from ase.calculators import calculator
from ase.calculators.emt import EMT

import gnnp_bench
from gnnp_bench.adapters import chgnet, registry, sevennet
from gnnp_bench.certificate.verdict import CLAIMED_FRACTION
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.batches import MAX_BATCH_ATOMS
from gnnp_bench.potential import Capabilities, Claim, Identity, Periodicity, Potential, Prediction

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "adapters.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return what stands between a heading and the next one."""
    return re.split(r"^#+ ", PAGE.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(title: str) -> dict[str, str]:
    """Return the table of a section: what its last column says, by each name in its first."""
    table = re.findall(r"^\| (`.*?) \|(.*)\|$", section(title), re.MULTILINE)
    return {name: rest.split("|")[-1].strip() for first, rest in table for name in re.findall(r"`(\w[\w-]*)`", first)}


def names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}


def test_fields_are_all_there() -> None:
    assert set(rows("The protocol")) == names(Prediction)
    assert set(rows("Capabilities")) == names(Capabilities)
    assert set(rows("Identity")) == names(Identity)
    assert all(f"`{kind}`" in rows("Capabilities")["periodicity"] for kind in get_args(Periodicity))


def test_claims_bear_on_the_checks_that_look_at_them() -> None:
    said = rows("Claims")
    assert set(said) == set(get_args(Claim))
    for claim, text in said.items():
        found = {check.id.partition("/")[2] for check in all_checks() if check.claim == claim}
        assert set(text.split(", ")) == (found or {"no check yet"})
    assert CLAIMED_FRACTION == 0.01
    assert "fails at 1 % of what matters" in section("Claims")


def test_errors_are_those_that_are_exported() -> None:
    said = rows("Errors")
    of_ase = {"PropertyNotImplementedError", "CalculatorSetupError", "InputError"}
    assert all(issubclass(getattr(calculator, name), Exception) for name in of_ase)
    assert set(said) == {"PotentialError", "Unsupported", "NotImplementedError", "ValueError"} | of_ase
    assert set(said) & set(gnnp_bench.__all__) == {"PotentialError", "Unsupported"}
    features = {check.id for check in all_checks() if check.feature}
    assert features == {"periodicity/cell-choice", "periodicity/lattice-wrap", "periodicity/partial"}


def test_numbers_are_those_of_the_code() -> None:
    batching = section("Batching")
    assert f"up to {MAX_BATCH_ATOMS} atoms" in batching
    assert f"{chgnet.MAX_BATCH_ATOMS} atoms (CHGNet) and {sevennet.MAX_BATCH_EDGES} edges (SevenNet)" in batching
    assert f'[project.entry-points."{registry.GROUP}"]' in PAGE


def _sees_the_charge(method: str) -> bool:
    """Return whether a calculator with this `check_state` notices that the charge has changed."""
    lines = "".join(f"    {line}\n" for line in method.splitlines())
    scope: dict[str, Any] = {"EMT": EMT}
    exec(f"class Attached(EMT):\n{lines.replace('super()', 'super(Attached, self)')}", scope)
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]])
    atoms.calc = scope["Attached"]()
    atoms.get_potential_energy()
    unchanged = atoms.calc.check_state(atoms)
    atoms.info["charge"] = 1
    return not unchanged and atoms.calc.check_state(atoms) == ["info"]


def test_code_is_that_of_the_template() -> None:
    template = DOCS / "templates" / "adapter"
    test = (template / "tests" / "test_adapter.py").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 5
    protocol, entry, _, driven, example = blocks
    assert _sees_the_charge(driven)
    members = {name for name in vars(Potential) if not name.startswith("_")}
    assert set(re.findall(r"^    (?:def )?(\w+)", protocol, re.MULTILINE)) == members
    assert entry in (template / "pyproject.toml").read_text(encoding="utf-8")
    assert example.partition("\n\n\n")[2] in test
    assert all(line in test for line in example.splitlines())
