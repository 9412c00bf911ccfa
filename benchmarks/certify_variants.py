"""Certifies every variant of the reference potential, untrained, and compares with what each must get.

    python -m benchmarks.certify_variants [--variants lmax2,direct] [--dtypes float32,float64] [--budget quick]

Ends with 0 if every variant gets what `EXPECTED` says and with 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reference_model.variants import VARIANTS

DIRECT = frozenset(
    {
        "conservation/force-gradient",
        "conservation/stress-strain",
        "conservation/path-work",
        "conservation/closed-loop",
        "conservation/closed-loop-cell",
        "conservation/jacobian",
        "symmetry/net-force",
        "symmetry/net-torque",
        "dynamics/energy-conserved",
        "dynamics/momentum",
        "dynamics/no-blow-up",
        "dynamics/stress-in-motion",
        "physics/elasticity",
        "physics/phonons",
    }
)
ORDERED = frozenset({"symmetry/permutation", "periodicity/supercell", "robustness/size"})  # which asks in another order
EXPECTED = {"direct": DIRECT, "ordered": ORDERED}
"""The laws that a variant must violate; the others must be certified."""


def violated(variant: str, dtype: str, budget: str = "quick", species: str = "Na,Cl") -> tuple[str, frozenset[str]]:
    """Return the verdict and the checks that failed."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder) / "certificate.json"
        command = [sys.executable, "-m", "gnnp_bench.cli", "certify", f"reference:untrained-{variant}?dtype={dtype}"]
        options = ["--species", species, "--budget", budget, "--json", str(certificate)]
        run = subprocess.run([*command, *options], capture_output=True, text=True)
        if not certificate.exists():
            raise RuntimeError(f"no certificate of {variant} in {dtype}: {run.stderr or run.stdout}")
        found = json.loads(certificate.read_text())
    failed = frozenset(check["id"] for check in found["checks"] if check["status"] == "fail")
    return found["verdict"], failed


def surprises(variant: str, verdict: str, failed: frozenset[str]) -> list[str]:
    """Return what is not as expected, one sentence each."""
    expected = EXPECTED.get(variant, frozenset())
    wanted = "failed" if expected else "certified"
    found = [f"{law} held" for law in sorted(expected - failed)] + [
        f"{law} failed" for law in sorted(failed - expected)
    ]
    return found + ([f"the verdict is {verdict}, not {wanted}"] if verdict != wanted else [])


def main(arguments: Sequence[str] | None = None) -> int:
    """Certify and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--dtypes", default="float32,float64")
    parser.add_argument("--budget", default="quick")
    asked = parser.parse_args(arguments)
    total = 0
    for variant in asked.variants.split(","):
        for dtype in asked.dtypes.split(","):
            verdict, failed = violated(variant, dtype, asked.budget)
            strange = surprises(variant, verdict, failed)
            total += bool(strange)
            print(f"{variant} {dtype}: {verdict}; {'; '.join(strange) or 'as expected'}", flush=True)
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
