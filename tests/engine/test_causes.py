"""A mistake is named as the cause of a failure if, and only if, the law holds without it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.units import GPa

from gnnp_bench.certificate.io import decode, encode
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Potential
from tests.analytic import smooth_pair
from tests.doctor import planted
from tests.mutants import plant

ROTATION, INVERSION = "symmetry/rotation", "symmetry/inversion"
STRESS, FORCES = "conservation/stress-strain", "conservation/force-gradient"
VASP = (0, 1, 2, 5, 3, 4)


def certify(make: Callable[[], Potential], *only: str) -> Certificate:
    settings = Settings(spec="test", budget="quick", only=only)
    *_, last = run(make(), all_checks(), settings, reload=make)
    return decode(encode(last.certificate))


def failed(certificate: Certificate) -> set[str]:
    return {result.id for result in certificate.checks if result.status == "fail"}


def test_one_voigt_order_explains_every_law_that_fails_by_it() -> None:
    certificate = certify(planted.stress(planted.reordered(VASP)), ROTATION, INVERSION, STRESS, FORCES)
    (cause,) = certificate.causes
    assert cause.name == "stress-order"
    assert set(cause.explains) == failed(certificate) == {ROTATION, INVERSION, STRESS}
    assert "xx, yy, zz, xy, yz, xz stand where ASE has xx, yy, zz, yz, xz, xy" in cause.measured


def sorted_forces(forces, structure):
    return forces[np.argsort(structure.numbers, kind="stable")]


@pytest.mark.parametrize(
    ("make", "law", "names"),
    [
        (planted.stress(lambda t, s: -t), STRESS, {"stress-sign"}),
        (planted.stress(lambda t, s: t / GPa), STRESS, {"stress-unit"}),
        (planted.stress(lambda t, s: -t / GPa), STRESS, {"stress-sign", "stress-unit"}),
        (planted.stress(lambda t, s: t * s.get_volume()), STRESS, {"stress-virial"}),
        (planted.stress(lambda t, s: t * (2.0 - np.eye(3))), STRESS, {"stress-shear-doubled"}),
        (planted.forces(lambda f, s: -f), FORCES, {"forces-sign"}),
        (planted.forces(lambda f, s: f[:, [1, 2, 0]]), FORCES, {"forces-axes"}),
        (planted.forces(sorted_forces), FORCES, {"forces-order"}),
        (planted.energy(1 / 27.211386), FORCES, {"energy-unit"}),
        (planted.energy(-1.0), FORCES, {"energy-sign"}),
    ],
)
def test_each_mistake_explains_the_law_that_fails_by_it(make, law, names) -> None:
    certificate = certify(make, law)
    assert failed(certificate) == {law}
    assert {cause.name for cause in certificate.causes} == names
    assert all(cause.explains == (law,) for cause in certificate.causes)


def test_a_mistake_that_does_not_explain_a_failure_is_not_its_cause() -> None:
    def make() -> Potential:
        return plant("direction-dependent", planted.stress(lambda t, s: -t)(), 0.05)

    certificate = certify(make, ROTATION, STRESS)
    assert ROTATION in failed(certificate)
    assert all(ROTATION not in cause.explains for cause in certificate.causes)


def test_a_sound_potential_has_no_causes() -> None:
    certificate = certify(smooth_pair, ROTATION)
    assert failed(certificate) == set()
    assert certificate.causes == ()
