"""The property tests themselves: they find what is wrong, shrink it, and are not confused by noise."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import hypothesis.errors
import numpy as np
import pytest
from ase import Atoms
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase

from gnnp_bench.engine.settings import Settings
from gnnp_bench.potential import Capabilities, Potential, Prediction, Property, Unsupported
from gnnp_bench.strategies import rotations
from gnnp_bench.suite.violation import LawViolated, NotJudged
from tests.analytic import smooth_pair
from tests.conftest import CI
from tests.laws.subject import Subject, Verdict, subject_of
from tests.laws.test_symmetry import quaternion
from tests.mutants import plant

ROOT = Path(__file__).parents[2]
SEARCH = settings(settings.get_profile("ci"), max_examples=12)


def sound() -> Potential:
    return smooth_pair(4.0, species=("Cu", "Au"))


def under_the_laws(potential: Potential) -> Subject:
    return subject_of(Settings(spec="test", budget="quick"), potential, lambda: potential)


def turn(subject: Subject) -> Callable[[], None]:
    @SEARCH
    @given(data=st.data())
    def law_of_rotation(data: st.DataObject) -> None:
        structure, rotation = data.draw(subject.structures()), data.draw(rotations())
        subject.law("symmetry/rotation").holds(structure, rotation=quaternion(rotation), start=None)

    return law_of_rotation


def pull(subject: Subject) -> Callable[[], None]:
    @SEARCH
    @given(data=st.data())
    def law_of_net_force(data: st.DataObject) -> None:
        subject.law("symmetry/net-force").holds(data.draw(subject.structures()), amplitude=0.0, seed=0)

    return law_of_net_force


@dataclass(slots=True)
class Behaving:
    """A sound potential that answers as it pleases.

    Attributes
    ----------
    answer : callable
        Takes the sound prediction, and the number of structures of the call.
    """

    answer: Callable[[Prediction, int], Prediction]
    capabilities: Capabilities = field(default_factory=lambda: sound().capabilities)
    name: str = "behaving"

    def evaluate(self, structures: Sequence[Atoms], properties: frozenset[Property]) -> list[Prediction]:
        predictions = sound().evaluate(structures, properties)
        return [self.answer(prediction, len(structures)) for prediction in predictions]


def pushed(prediction: Prediction, push: float) -> Prediction:
    return prediction if prediction.forces is None else replace(prediction, forces=prediction.forces + push)


def test_a_violation_is_shrunk_to_the_simplest_input_and_told_in_physics() -> None:
    subject = under_the_laws(plant("net-force", sound()))
    with pytest.raises(LawViolated) as found:
        pull(subject)()
    text = str(found.value)
    assert text.startswith("FAILED symmetry/net-force\n  law        Σᵢ Fᵢ = 0\n  missed by  ")
    assert "input      Au, 1 atom, periodic" in text or "input      Cu, 1 atom, periodic" in text
    assert "pytest tests/laws --potential 'test' replays it first" in text


def test_the_arithmetic_of_status_is_the_certificate_s() -> None:
    """A pull below what matters passes, unless the law is claimed by construction."""
    has = sound().capabilities
    assert "equivariant" in has.claims
    pull(under_the_laws(Behaving(lambda p, _: pushed(p, 1e-4), replace(has, claims=frozenset()))))()
    with pytest.raises(LawViolated, match=r"rounding explains .* starts to matter, but a law"):
        pull(under_the_laws(Behaving(lambda p, _: pushed(p, 1e-4), has)))()


def test_float32_is_excused_as_in_a_certificate() -> None:
    single = under_the_laws(smooth_pair(4.0, species=("Cu", "Au"), dtype="float32"))
    assert single.single
    turn(single)()
    assert not under_the_laws(sound()).single


def test_noise_explains_itself_and_proves_nothing() -> None:
    """Noise that differs from call to call is measured as ν, and what it hides is never a pass."""
    with pytest.raises(NotJudged, match="NOTHING PROVED symmetry/rotation"):
        turn(under_the_laws(plant("random-noise", sound(), 0.05)))()


def test_a_potential_that_is_wrong_now_and_then_is_violated_and_never_flaky() -> None:
    rng = np.random.default_rng(0)
    # Batches are spared: ν is measured in them, and would explain what it sees.
    subject = under_the_laws(Behaving(lambda p, n: pushed(p, float(n == 1 and rng.random() < 0.3))))
    with pytest.raises(LawViolated):
        pull(subject)()


@dataclass(slots=True)
class Once:
    """Wrong the first time after it is armed that a structure at which forces act is evaluated alone."""

    armed: bool = False

    def __call__(self, prediction: Prediction, n_structures: int) -> Prediction:
        acts = prediction.forces is not None and np.abs(prediction.forces).max() > 0.1
        if not self.armed or n_structures > 1 or not acts:
            return prediction
        self.armed = False
        return pushed(prediction, 1.0)


def test_a_verdict_is_said_again_when_the_example_is_run_again() -> None:
    once = Once()
    subject = under_the_laws(Behaving(once))
    once.armed = True
    with pytest.raises(LawViolated):
        pull(subject)()


def test_without_that_memory_the_same_potential_is_called_flaky() -> None:
    once = Once()
    subject = under_the_laws(Behaving(once))
    subject.verdicts, once.armed = Forgetful(), True
    with pytest.raises(hypothesis.errors.Flaky):
        pull(subject)()


class Forgetful(dict[str, Verdict]):
    """Loses what was read once."""

    def __getitem__(self, key: str) -> Verdict:
        return self.pop(key)


def test_a_law_that_nothing_proves_does_not_pass() -> None:
    at_rest = Behaving(lambda p, _: replace(p, forces=np.zeros_like(p.forces)))
    with pytest.raises(NotJudged) as found:
        pull(under_the_laws(at_rest))()
    assert "none of 30 examples tells whether the law holds" in str(found.value)
    assert "last       all forces vanish" in str(found.value)


def test_a_potential_that_refuses_everything_proves_nothing() -> None:
    def refuse(prediction: Prediction, n_structures: int) -> Prediction:
        raise Unsupported("not today")

    with pytest.raises(NotJudged, match="last       Unsupported: not today"):
        turn(under_the_laws(Behaving(refuse)))()


def test_a_potential_that_breaks_is_told_from_one_that_is_wrong() -> None:
    def fall_over(prediction: Prediction, n_structures: int) -> Prediction:
        raise RuntimeError("out of memory")

    with pytest.raises(NotJudged) as found:
        turn(under_the_laws(Behaving(fall_over)))()
    assert str(found.value).startswith("NOT MEASURED symmetry/rotation")
    assert "RuntimeError: out of memory" in str(found.value)


def test_laws_that_do_not_apply_are_skipped_with_the_reason() -> None:
    has = Capabilities(("Cu",), properties=frozenset({"energy"}), periodicity=frozenset({"isolated"}))
    subject = under_the_laws(Behaving(lambda p, _: p, has))
    with pytest.raises(pytest.skip.Exception, match="the potential has no forces"):
        subject.law("symmetry/net-force")
    with pytest.raises(pytest.skip.Exception, match="not for structures of the kind needed: periodic"):
        subject.structures("periodic")


def test_species_are_drawn_in_the_combinations_that_were_trained_on() -> None:
    together = (frozenset({"Cu"}), frozenset({"Au"}))
    subject = under_the_laws(Behaving(lambda p, _: p, replace(sound().capabilities, combinations=together)))
    seen = set()

    @settings(settings.get_profile("ci"), max_examples=100)
    @given(subject.structures())
    def look(structure: Atoms) -> None:
        seen.add(frozenset(structure.symbols))

    look()
    assert seen == set(together)


def test_every_setting_of_the_ci_profile_is_explicit() -> None:
    every = set(inspect.signature(settings.__init__).parameters) - {"self", "parent"}
    assert set(CI) == every
    ci = settings.get_profile("ci")
    assert (ci.derandomize, ci.deadline, ci.database) == (True, None, None)
    assert all(getattr(ci, name) == value for name, value in CI.items())


def test_named_potentials_are_searched_at_random_with_shrinking_and_a_memory() -> None:
    laws = settings.get_profile("laws")
    assert not laws.derandomize
    assert isinstance(laws.database, DirectoryBasedExampleDatabase)
    assert {Phase.reuse, Phase.generate, Phase.shrink} <= set(laws.phases)


@pytest.mark.parametrize("name", ["sound", "wrong"])
def test_the_laws_judge_a_potential_that_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "named.py").write_text(
        "from tests.analytic import smooth_pair\nfrom tests.mutants import plant\n\n\n"
        "def sound():\n    return smooth_pair(4.0, species=('Cu',))\n\n\n"
        "def wrong():\n    return plant('net-force', sound())\n"
    )
    code = f"import sys, pytest; sys.path.insert(0, {str(tmp_path)!r}); sys.exit(pytest.main())"
    arguments = ["tests/laws/test_symmetry.py", "--potential", f"named:{name}", "-k", "pulls_itself", "-q"]
    arguments += ["--hypothesis-profile", "ci", "-p", "no:cacheprovider"]
    command = [sys.executable, "-c", code.replace("pytest.main()", f"pytest.main({arguments!r})")]
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if name == "sound" else 1), done.stdout + done.stderr
    assert (f"test_no_structure_pulls_itself_along[named:{name}]" in done.stdout) is (name == "wrong")
    assert ("Σᵢ Fᵢ = 0" in done.stdout) is (name == "wrong")
    assert "Traceback" not in done.stdout
    assert "Evaluator(" not in done.stdout, "the arguments of the test are told in short"
