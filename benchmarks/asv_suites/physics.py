"""Accuracy, physics and counts, tracked like speed: they are the same on every machine, or nearly so."""

from __future__ import annotations

import contextlib
from typing import Any

from benchmarks import alloy, kernels

NETWORKS = tuple(name for name in kernels.POTENTIALS if name.startswith("reference-"))


class Physics:
    """By how much what must vanish does not, for each potential and precision."""

    params = (kernels.POTENTIALS, kernels.DTYPES)
    param_names = ("potential", "dtype")
    timeout = 120.0

    def setup(self, potential: str, dtype: str) -> None:
        kernels.potential(potential, dtype)

    def track_rotation(self, potential: str, dtype: str) -> float:
        return kernels.rotation_residual(potential, dtype)

    def track_loop_force(self, potential: str, dtype: str) -> float:
        return kernels.loop_force(potential, dtype)

    def track_force_error(self, potential: str, dtype: str) -> float:
        return kernels.force_error(potential, dtype)

    def track_noise_floor(self, potential: str, dtype: str) -> float:
        return float(kernels.make_noise_floor(potential, dtype)().forces)


for _method in (Physics.track_rotation, Physics.track_loop_force, Physics.track_force_error, Physics.track_noise_floor):
    _method.unit = "eV/Å"  # type: ignore[attr-defined]


class Accuracy:
    """What the defaults of training reach on structures of our own making."""

    params = (("lmax1", "lmax2", "equivariant"), tuple(alloy.KEYS))
    param_names = ("variant", "of")
    timeout = 600.0

    def setup_cache(self) -> dict[str, dict[str, float]]:
        found = {}
        for variant in self.params[0]:
            with contextlib.suppress(NotImplementedError):
                found[variant] = alloy.trained_errors(variant)
        return found

    def setup(self, found: dict[str, dict[str, float]], variant: str, of: str) -> None:
        if variant not in found:
            raise NotImplementedError(f"this revision does not train {variant}")

    def track_error_after_training(self, found: dict[str, dict[str, float]], variant: str, of: str) -> float:
        return found[variant][of]


class Fitted:
    """What the committed network reaches on the same structures."""

    params = (tuple(alloy.KEYS),)
    param_names = ("of",)

    def setup(self, of: str) -> None:
        self.kernel = kernels.make_fitted()

    def track_error(self, of: str) -> float:
        return alloy.errors(self.kernel())[of]


class Counts:
    """What a network costs, without noise."""

    params = (NETWORKS,)
    param_names = ("potential",)
    timeout = 120.0

    def setup(self, potential: str) -> None:
        kernels.potential(potential, "float32")

    def track_flops(self, potential: str) -> int:
        return kernels.flops(kernels.make_evaluation(potential, 64, "float32", "stress"))

    def track_parameters(self, potential: str) -> int:
        return kernels.n_parameters(potential, "float32")


def track_edges() -> int:
    return kernels.n_edges(64)


track_edges.unit = "edges of 64 atoms"  # type: ignore[attr-defined]
# asv leaves out what raises NotImplementedError here, and calls it failed where a benchmark itself does.
track_edges.setup = lambda: kernels.make_neighbours(64)  # type: ignore[attr-defined]


class Certificates:
    """What a certificate at `quick` takes and finds. Made once for all of these."""

    params = (("pair", "embedded-atom"),)
    param_names = ("potential",)
    timeout = 300.0

    def setup_cache(self) -> dict[str, dict[str, Any]]:
        found = {}
        for potential in self.params[0]:
            try:
                kernel = kernels.make_certificate(potential, "float64")
            except NotImplementedError:
                continue
            certificate = kernel()
            margins = [c.measured / c.bound for c in certificate.checks if c.measured is not None and c.bound]
            found[potential] = {
                "evaluations": certificate.evaluations,
                "failed": sum(
                    check.status != "pass" for check in certificate.checks if check.category != "informational"
                ),
                "largest margin": max(margins),
            }
        return found

    def setup(self, found: dict[str, dict[str, Any]], potential: str) -> None:
        if potential not in found:
            raise NotImplementedError(f"this revision cannot certify {potential}")

    def track_evaluations(self, found: dict[str, dict[str, Any]], potential: str) -> int:
        return int(found[potential]["evaluations"])

    def track_laws_not_passed(self, found: dict[str, dict[str, Any]], potential: str) -> int:
        return int(found[potential]["failed"])

    def track_largest_residual_over_bound(self, found: dict[str, dict[str, Any]], potential: str) -> float:
        return float(found[potential]["largest margin"])
