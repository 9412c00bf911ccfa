"""A run from potential to certificate: steps, verdicts, misbehaviour, interruption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from ase import Atoms

from gnnp_bench.certificate.io import comparable, decode, encode
from gnnp_bench.certificate.result import Certificate, CheckResult
from gnnp_bench.check import Check
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.replay import replay
from gnnp_bench.engine.run import run, select
from gnnp_bench.engine.settings import Settings, Step
from gnnp_bench.potential import Potential, Prediction, Property, Unsupported, periodicity_of
from tests.analytic import embedded_atom, smooth_pair
from tests.engine.recording import Recording
from tests.mutants import plant

SPECIES = ("Cu", "Au")


def certify(potential: Potential, checks: tuple[Check, ...] | None = None, **settings: Any) -> Certificate:
    chosen = Settings(**{"spec": "test", "budget": "quick", **settings})
    *_, last = run(potential, checks or all_checks(), chosen, reload=lambda: potential)
    return last.certificate


def some(*ids: str) -> tuple[Check, ...]:
    """Return these checks as if they were all there are."""
    return tuple(check for check in all_checks() if check.id in ids)


def by_id(certificate: Certificate) -> dict[str, CheckResult]:
    return {result.id: result for result in certificate.checks}


APART = ("robustness/memory-growth", "robustness/process-state", "robustness/processes")
"""Start processes and repeat calls, whatever the potential declares."""
MOST = tuple(check for check in all_checks() if check.id not in APART)


@pytest.fixture(scope="module")
def sound() -> Certificate:
    """The certificate of a sound potential by every law."""
    return certify(smooth_pair(species=SPECIES))


def test_a_sound_float64_potential_is_certified_exact(sound: Certificate) -> None:
    for certificate in (sound, certify(embedded_atom(species=SPECIES), MOST)):
        assert (certificate.verdict, certificate.grade, certificate.complete) == ("certified", "exact", True)


def test_a_sound_float32_potential_is_certified_physical() -> None:
    certificate = certify(smooth_pair(species=SPECIES, dtype="float32"))
    assert (certificate.verdict, certificate.grade) == ("certified", "physical")


def test_steps_grow_and_only_the_last_is_complete() -> None:
    potential = smooth_pair(species=SPECIES)
    checks = some("symmetry/rotation", "robustness/determinism")
    steps = list(run(potential, checks, Settings(spec="test", budget="quick"), reload=lambda: potential))
    assert [step.done for step in steps] == [0, 1, 2]
    assert [step.certificate.complete for step in steps] == [False, False, True]
    assert [step.certificate.verdict for step in steps] == ["partial", "partial", "certified"]
    assert steps[0].result is None
    assert steps[1].seconds_left is not None


def test_the_same_seed_gives_the_same_certificate_and_another_seed_another() -> None:
    potential = smooth_pair(species=SPECIES, dtype="float32")
    first, second, other = (certify(potential, MOST, seed=seed) for seed in (3, 3, 4))
    assert comparable(first) == comparable(second)
    assert comparable(first) != comparable(replace(other, seed=3))


def test_a_part_of_the_checks_is_never_certified() -> None:
    assert certify(smooth_pair(species=SPECIES), only=("symmetry/*",)).verdict == "partial"
    skip = ("conservation/*", "periodicity/*", *APART)
    assert certify(smooth_pair(species=SPECIES), skip=skip).verdict == "partial"


def test_selecting_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no check matches 'chemistry"):
        select(all_checks(), ("chemistry/*",), ())
    with pytest.raises(ValueError, match="leave no check"):
        select(all_checks(), ("symmetry/*",), ("symmetry/*",))


def test_a_failure_has_a_counterexample_that_replays_from_the_file_alone() -> None:
    potential = plant("direction-dependent", embedded_atom(species=SPECIES))
    certificate = certify(potential, some("symmetry/rotation"))
    assert certificate.verdict == "failed"
    reread = decode(encode(certificate))
    recorded = by_id(reread)["symmetry/rotation"].counterexample
    assert recorded is not None
    again = replay(potential, all_checks(), reread, "symmetry/rotation", reload=lambda: potential)
    assert again.status == "fail"
    assert again.measured == pytest.approx(recorded.case["measured"], rel=1e-6)
    assert len(recorded.structure["numbers"]) <= 2


def test_replaying_what_is_not_there_is_refused() -> None:
    certificate = certify(smooth_pair(species=SPECIES), some("symmetry/rotation"))
    with pytest.raises(ValueError, match="no counterexample of 'symmetry/rotation'"):
        replay(smooth_pair(), all_checks(), certificate, "symmetry/rotation", reload=smooth_pair)


def misbehaving(answer: Callable[[Atoms, Prediction], Prediction]) -> Recording:
    return Recording(answer)


def nan_in_large_structures(structure: Atoms, prediction: Prediction) -> Prediction:
    forces = None if prediction.forces is None else prediction.forces.copy()
    if len(structure) > 20 and forces is not None:
        forces[0, 0] = np.nan
    return replace(prediction, forces=forces)


def wrong_shape_in_large_structures(structure: Atoms, prediction: Prediction) -> Prediction:
    large = len(structure) > 20 and prediction.forces is not None
    return replace(prediction, forces=np.zeros((1, 3))) if large else prediction


def raises_in_large_structures(structure: Atoms, prediction: Prediction) -> Prediction:
    if len(structure) > 20:
        raise RuntimeError("out of memory")
    return prediction


def refuses_large_structures(structure: Atoms, prediction: Prediction) -> Prediction:
    if len(structure) > 20:
        raise Unsupported("no more than 20 atoms")
    return prediction


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (nan_in_large_structures, "not finite"),
        (wrong_shape_in_large_structures, "forces has shape"),
        (raises_in_large_structures, "RuntimeError: out of memory"),
    ],
)
def test_what_breaks_in_the_middle_costs_that_check_alone(
    answer: Callable[[Atoms, Prediction], Prediction], message: str
) -> None:
    certificate = certify(misbehaving(answer), some("periodicity/supercell", "symmetry/rotation"))
    results = by_id(certificate)
    assert results["periodicity/supercell"].status == "error"
    assert message in str(results["periodicity/supercell"].reason)
    assert results["symmetry/rotation"].status == "pass"
    assert (certificate.verdict, certificate.complete) == ("partial", True)


def test_a_clear_refusal_of_some_cases_is_noted_and_the_rest_is_judged() -> None:
    result = by_id(certify(misbehaving(refuses_large_structures), some("periodicity/supercell")))[
        "periodicity/supercell"
    ]
    assert result.status == "pass"
    assert "no more than 20 atoms" in str(result.reason)


def always_raises(structure: Atoms, prediction: Prediction) -> Prediction:
    raise RuntimeError("broken")


def always_refuses(structure: Atoms, prediction: Prediction) -> Prediction:
    raise Unsupported("nothing")


@pytest.mark.parametrize("answer", [always_raises, always_refuses])
def test_a_potential_that_answers_nothing_is_not_certified(answer: Callable[[Atoms, Prediction], Prediction]) -> None:
    certificate = certify(misbehaving(answer))
    assert certificate.verdict == "partial"
    assert not any(result.status == "pass" for result in certificate.checks)
    assert certificate.noise.energy is None


def test_nan_on_one_structure_of_the_pool_bars_the_certificate() -> None:
    def nan_for_gold(structure: Atoms, prediction: Prediction) -> Prediction:
        return replace(prediction, energy=float("nan")) if set(structure.symbols) == {"Au"} else prediction

    checks = some("symmetry/rotation", "robustness/noise-floor")
    seed = next(s for s in range(20) if _has_pure_gold(s))
    certificate = certify(misbehaving(nan_for_gold), checks, seed=seed)
    assert certificate.verdict == "partial"
    assert by_id(certificate)["robustness/noise-floor"].status == "error"
    assert "not finite" in str(by_id(certificate)["robustness/noise-floor"].reason)


def _has_pure_gold(seed: int) -> bool:
    from gnnp_bench.engine.pool import draw_structures

    structures = draw_structures(smooth_pair(species=SPECIES).capabilities, 8, seed)
    return any(set(s.symbols) == {"Au"} for s in structures)


def test_an_interrupted_run_leaves_the_last_step() -> None:
    calls = 0

    def interrupt(structure: Atoms, prediction: Prediction) -> Prediction:
        nonlocal calls
        calls += 1
        if calls > 2000:
            raise KeyboardInterrupt
        return prediction

    potential = misbehaving(interrupt)
    steps: list[Step] = []
    running = run(potential, all_checks(), Settings(spec="test", budget="standard"), reload=lambda: potential)
    with pytest.raises(KeyboardInterrupt):
        steps.extend(running)
    last = steps[-1].certificate
    assert last.checks
    assert not last.complete
    assert last.verdict == "partial"


def test_an_interrupted_run_that_has_seen_a_violation_has_failed() -> None:
    potential = plant("net-force", embedded_atom(species=SPECIES))
    checks = some("symmetry/net-force", "symmetry/rotation")
    seen = [
        (step.certificate.verdict, step.certificate.complete, step.result and step.result.status)
        for step in run(potential, checks, Settings(spec="test", budget="quick"), reload=lambda: potential)
    ]
    assert seen[0] == ("partial", False, None)
    first = next(place for place, (_, _, status) in enumerate(seen) if status == "fail")
    assert {verdict for verdict, _, _ in seen[:first]} == {"partial"}
    assert [(verdict, complete) for verdict, complete, _ in seen[first:]] == [("failed", False)] * (
        len(seen) - 1 - first
    ) + [("failed", True)]
    assert first < len(seen) - 1


def test_costs_are_counted(sound: Certificate) -> None:
    assert sound.structures == 10
    assert sound.evaluations > sum(result.evaluations for result in sound.checks)
    assert 0.0 < sound.potential_s < sound.elapsed_s


def test_no_check_is_lost_between_registry_and_certificate(sound: Certificate) -> None:
    assert [result.id for result in sound.checks] == [check.id for check in all_checks()]
    assert msgspec.json.decode(encode(sound))["schema_version"] == 3


class Restricted:
    """A sound potential that can do less than the one inside."""

    name = "restricted"

    def __init__(self, **capabilities: Any) -> None:
        self.inside = embedded_atom(species=SPECIES)
        self.capabilities = replace(self.inside.capabilities, **capabilities)

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        assert properties <= self.capabilities.properties
        for structure in structures:
            if periodicity_of(structure) not in self.capabilities.periodicity:
                raise Unsupported(f"{periodicity_of(structure)} structures")
        return self.inside.evaluate(structures, properties)


@pytest.mark.parametrize(
    ("capabilities", "not_applicable"),
    [
        ({"properties": frozenset({"energy"})}, "conservation/force-gradient"),
        ({"properties": frozenset({"energy", "forces"})}, "conservation/stress-strain"),
        ({"periodicity": frozenset({"isolated"})}, "periodicity/supercell"),
        ({"periodicity": frozenset({"periodic"})}, "periodicity/partial"),
        ({"species": ("Cu",)}, None),
        ({"claims": frozenset()}, None),
        ({"dtype": None}, "robustness/precision"),
    ],
)
def test_potentials_that_can_do_less_are_certified_for_what_they_can(
    capabilities: dict[str, Any], not_applicable: str | None
) -> None:
    certificate = certify(Restricted(**capabilities), MOST)
    results = by_id(certificate)
    assert certificate.verdict == "certified", [(r.id, r.status, r.reason) for r in certificate.checks]
    if not_applicable is not None:
        assert results[not_applicable].status == "not_applicable"
        assert results[not_applicable].reason
