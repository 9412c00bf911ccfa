"""What a certificate costs beside the potential: `elapsed_s` / `potential_s`, and the time of an analytic one.

    python -m benchmarks.certificate_cost [SPEC [BUDGET [JOBS]]]

Without a SPEC, an analytic potential at `quick`, the median of five runs. With JOBS, one process and several in turn,
1 N N 1, and whether their certificates are equal.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
from functools import partial
from typing import get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")

from gnnp_bench.adapters.registry import Loaded, load
from gnnp_bench.certificate.io import comparable, encode
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.parallel import run_in_processes
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Budget, Settings
from tests.analytic import embedded_atom

RUNS = 5


def certify(loaded: Loaded, budget: Budget) -> Certificate:
    """Return the certificate of a run to its end."""
    *_, last = run(loaded.potential, all_checks(), Settings(spec=loaded.spec, budget=budget), reload=loaded.reload)
    return last.certificate


def compare(spec: str, budget: Budget, jobs: int) -> None:
    """Print what one process and several take."""
    settings = Settings(spec=spec, budget=budget)
    found: dict[int, list[Certificate]] = {1: [], jobs: []}
    for n in (1, jobs, jobs, 1):
        *_, last = run_in_processes(partial(load, spec), all_checks(), settings, jobs=n)
        found[n].append(last.certificate)
        report(f"{spec} --jobs {n}", budget, *_cost(last.certificate))
    ratio = math.prod(a.elapsed_s / b.elapsed_s for a, b in zip(found[1], found[jobs], strict=True)) ** 0.5
    texts = {encode(comparable(certificate)) for certificates in found.values() for certificate in certificates}
    print(f"{ratio:.2f} times as fast; certificates {'equal' if len(texts) == 1 else 'DIFFER'}")


def _cost(certificate: Certificate) -> tuple[float, float, int]:
    return certificate.elapsed_s, certificate.potential_s, certificate.evaluations


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
        if len(sys.argv) > 3:
            compare(sys.argv[1], budget, int(sys.argv[3]))
            return
        certificate = certify(load(sys.argv[1]), budget)
        report(sys.argv[1], budget, *_cost(certificate))
        return
    analytic = Loaded("embedded atom", embedded_atom(), embedded_atom)
    certify(analytic, "quick")  # imports and caches
    runs = [certify(analytic, "quick") for _ in range(RUNS)]
    elapsed, potential = (statistics.median(getattr(c, key) for c in runs) for key in ("elapsed_s", "potential_s"))
    report("embedded atom (analytic)", "quick", elapsed, potential, runs[0].evaluations)


if __name__ == "__main__":
    main()
