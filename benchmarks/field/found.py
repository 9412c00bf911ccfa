"""What the campaigns of the field have found, read from the files to which they export their results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.sources import ROOT
from gnnp_bench.campaign import exchange, store
from gnnp_bench.campaign.asked import read
from gnnp_bench.campaign.certificates import View, views
from gnnp_bench.campaign.kept import Ledger
from gnnp_bench.campaign.parts import Plan
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.checks.registry import all_checks

HERE = ROOT / "benchmarks" / "field"
CAMPAIGN = HERE / "campaign.toml"
STANDARD = HERE / "standard.toml"
WORDS = ("certified", "failed", "partial", "out of time", "not loaded")


@dataclass(frozen=True, slots=True)
class Judged:
    """One potential of the field.

    Attributes
    ----------
    spec : str
    kind : str
        Its functional form, or the package that it is of.
    word : str
        One of `WORDS`. A potential that failed is *failed* also where its time was over before all laws were asked.
    certificate : Certificate or None
    said : str
        Why there is none.
    """

    spec: str
    kind: str
    word: str
    certificate: Certificate | None
    said: str = ""

    @property
    def file(self) -> str:
        """The name of the file that its certificate is written to."""
        name = f"{self.spec.removeprefix('kim:')}-{self.certificate.budget if self.certificate else ''}"
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", name) + ".json"

    def of(self, *statuses: str) -> list[CheckResult]:
        """Return the laws that ended in one of these ways."""
        return [] if self.certificate is None else [one for one in self.certificate.checks if one.status in statuses]


def kind_of(spec: str) -> str:
    """Return the kind of a potential: of KIM models the form that their name begins with, of others the package."""
    scheme, _, rest = spec.partition(":")
    if scheme == "kim":
        return re.split(r"[_\d]", rest)[0]
    return {"ase": "ASE's calculators", "chgnet": "CHGNet", "sevennet": "SevenNet"}.get(scheme, scheme)


@dataclass(frozen=True, slots=True)
class Field:
    """What is known of the field.

    Attributes
    ----------
    found : tuple of Judged
        Potentials that have had their turn.
    asked : int
        How many are asked for.
    days : (str, str)
        The first and the last.
    outdated : int
        Results of laws that are of an earlier version of the law than others of the same file.
    """

    found: tuple[Judged, ...]
    asked: int
    days: tuple[str, str]
    outdated: int = 0


def field(campaign: Path = CAMPAIGN, results: Path | None = None) -> Field:
    """Return what a campaign has found so far; nothing where it has not begun.

    Parameters
    ----------
    campaign : Path
    results : Path, optional
        A file that it was exported to; by default that which it names.
    """
    asked = read(campaign)
    plan = Plan.of(asked, all_checks())
    results = results or asked.export
    if results is None or not results.exists():
        return Field((), len(asked.subjects), ("", ""))
    with TemporaryDirectory() as folder, store.writing(Path(folder) / "field.db") as opened:
        exchange.take_in(opened, exchange.imported_rows(results))
        laws = list(opened.rows("WHERE kind = 'law'"))
        days = sorted(row.made_at[:10] for row in laws)
        last = {(row.subject, row.name): row.version for row in laws}
        latest = {row.name: row.version for row in sorted(laws, key=lambda row: row.made_at)}
        outdated = sum(latest[name] != version for (_, name), version in last.items())
        ledger = Ledger.of(opened)
        found = [one for view in views(opened, plan, ledger, any_version=True) if (one := _judged(view)) is not None]
    return Field(tuple(found), len(plan.campaign.subjects), (days[0], days[-1]), outdated)


def _judged(view: View) -> Judged | None:
    """Return a potential, or None where its turn has not come."""
    spec, certificate = view.pool.spec, view.certificate
    if certificate is None:
        return Judged(spec, kind_of(spec), "not loaded", None, view.said) if view.said else None
    word = certificate.verdict.partition(" ")[0]
    if word != "failed" and not certificate.complete:
        word = "out of time"
    return Judged(spec, kind_of(spec), word, certificate)
