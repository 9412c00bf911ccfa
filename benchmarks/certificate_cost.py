"""What a certificate costs beside the potential: `elapsed_s` / `potential_s`, and the time of an analytic one.

    python -m benchmarks.certificate_cost [SPEC [BUDGET]]

Without a SPEC, an analytic potential at `quick`, the median of five runs.
"""

from __future__ import annotations

import os
import statistics
import sys
from typing import get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")

from gnnp_bench.adapters.registry import Loaded, load
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Budget, Settings
from tests.analytic import embedded_atom

RUNS = 5


def certify(loaded: Loaded, budget: Budget) -> Certificate:
    """Return the certificate of a run to its end."""
    *_, last = run(loaded.potential, all_checks(), Settings(spec=loaded.spec, budget=budget), reload=loaded.reload)
    return last.certificate


def report(name: str, budget: str, elapsed: float, potential: float, evaluations: int) -> None:
    """Print one line."""
    print(
        f"{name} {budget}: elapsed {elapsed:.2f} s, in the potential {potential:.2f} s, "
        f"ratio {elapsed / potential:.3f}, {evaluations} evaluations, {1e3 * potential / evaluations:.2f} ms each"
    )


def main() -> None:
    if len(sys.argv) > 1:
        asked = sys.argv[2] if len(sys.argv) > 2 else "standard"
        budgets: dict[str, Budget] = {name: name for name in get_args(Budget)}
        if asked not in budgets:
            raise SystemExit(f"budget must be one of {', '.join(budgets)}, got {asked!r}")
        budget = budgets[asked]
        certificate = certify(load(sys.argv[1]), budget)
        report(sys.argv[1], budget, certificate.elapsed_s, certificate.potential_s, certificate.evaluations)
        return
    analytic = Loaded("embedded atom", embedded_atom(), embedded_atom)
    certify(analytic, "quick")  # imports and caches
    runs = [certify(analytic, "quick") for _ in range(RUNS)]
    elapsed, potential = (statistics.median(getattr(c, key) for c in runs) for key in ("elapsed_s", "potential_s"))
    report("embedded atom (analytic)", "quick", elapsed, potential, runs[0].evaluations)


if __name__ == "__main__":
    main()
