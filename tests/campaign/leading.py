"""How tests lead campaigns: in this process, told as a list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnnp_bench.campaign import executors, store
from gnnp_bench.campaign.asked import read
from gnnp_bench.campaign.certificates import View, views
from gnnp_bench.campaign.drive import Lead
from gnnp_bench.campaign.filesystem import Mounts
from gnnp_bench.campaign.kept import Ledger
from gnnp_bench.campaign.parts import Plan
from gnnp_bench.campaign.store import Row
from gnnp_bench.checks.registry import all_checks

HAZARDS = "tests.engine.hazards"
PAIR = "tests.analytic:smooth_pair"


@dataclass(frozen=True, slots=True)
class Led:
    """A campaign that has ended."""

    lines: list[str]
    counts: dict[str, int]
    views: list[View]
    rows: list[Row]

    @property
    def results(self) -> dict[str, tuple[str, str | None]]:
        """Status and reason of each law of the first potential."""
        certificate = self.views[0].certificate
        assert certificate is not None
        return {result.id: (result.status, result.reason) for result in certificate.checks}


def written(folder: Path, text: str, name: str = "campaign.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def asked(*specs: str, laws: str = '"symmetry/net-force"', **more: Any) -> str:
    """Return a campaign file."""
    lines = ['budgets = ["quick"]', f"laws = [{laws}]", *(f"{key} = {value!r}" for key, value in more.items())]
    lines += [f'[[potential]]\nspec = "{spec}"\nspecies = ["Cu", "Au"]' for spec in specs]
    return "\n".join(lines)


def lead(
    path: Path,
    executor: str | None = None,
    *,
    mounts: Mounts | None = None,
    during: Callable[[Lead], object] = lambda lead: None,
) -> Led:
    """Run what is left of a campaign; `during` is called after each thing that is told."""
    plan = Plan.of(read(path), all_checks())
    with store.writing(plan.campaign.store, mounts) as opened:
        workers = executors.workers(
            executor or plan.campaign.executor, gpus=plan.campaign.gpus, memory_gb=plan.campaign.memory_gb
        )
        leading = Lead(plan, opened, workers, Ledger.of(opened))
        lines = list(opened.notes)
        try:
            for told in leading.run():
                lines += [told.line] if told.line else []
                during(leading)
        finally:
            workers.close()
        found = list(views(opened, plan, leading.ledger))
        return Led(lines, dict(leading.tally.counts), found, list(opened.rows()))
