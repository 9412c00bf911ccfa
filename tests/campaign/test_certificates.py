"""A certificate of the store is the one that `certify` makes, whoever carried out its tasks and however often."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnp_bench.certificate.io import comparable, encode
from gnnp_bench.certificate.result import Certificate
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from gnnp_bench.one_thread import load_on_one_thread
from tests.campaign.leading import PAIR, Led, asked, lead, written

EMT = "ase:ase.calculators.emt:EMT"
LAWS = ("symmetry/*", "conservation/path-work", "physics/phonons", "physics/equation-of-state")


def certified(spec: str, seed: int = 0, laws: tuple[str, ...] = LAWS) -> bytes:
    settings = Settings(spec=spec, species=("Cu", "Au"), budget="quick", only=laws, seed=seed)
    loaded = load_on_one_thread(spec, settings.species)
    *_, last = run(loaded.potential, all_checks(), settings, reload=loaded.reload)
    return encode(comparable(last.certificate))


def kept(led: Led) -> list[bytes]:
    certificates = [view.certificate for view in led.views]
    assert all(isinstance(certificate, Certificate) for certificate in certificates)
    return [encode(comparable(certificate)) for certificate in certificates if certificate is not None]


@pytest.mark.parametrize("executor", ["here", "processes:2"])
def test_a_certificate_of_the_store_is_that_of_certify_to_the_byte(executor: str, tmp_path: Path) -> None:
    specs = (f"{PAIR}?dtype=float32", EMT)
    text = asked(*specs, laws=", ".join(f"{law!r}" for law in LAWS), executor=executor)
    led = lead(written(tmp_path, f"seeds = [3]\n{text}"))
    assert kept(led) == [certified(spec, 3) for spec in specs]


def test_what_laws_need_of_crystals_goes_with_the_pool(tmp_path: Path) -> None:
    laws = ("physics/elasticity", "physics/phonons", "physics/frozen-phonon-stress")
    spec = f"{PAIR}?dtype=float32"
    led = lead(written(tmp_path, asked(spec, laws=", ".join(f"{law!r}" for law in laws))))
    assert kept(led) == [certified(spec, 0, laws)]


def test_seeds_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    led = lead(written(tmp_path, f"seeds = [0, 1, 2]\n{asked(PAIR)}"))
    assert kept(led) == [certified(PAIR, seed, ("symmetry/net-force",)) for seed in (0, 1, 2)]


def test_what_is_finished_is_not_run_again(tmp_path: Path) -> None:
    path = written(tmp_path, asked(PAIR, laws='"symmetry/*"'))
    first = lead(path)
    again = lead(path)
    assert first.counts["run"] == len(first.results) + 2
    assert again.counts["run"] == 1  # what the potential is, is asked anew
    assert again.rows == first.rows
    assert kept(again) == kept(first)


def test_more_laws_run_what_is_missing_alone(tmp_path: Path) -> None:
    lead(written(tmp_path, asked(PAIR, laws='"symmetry/*"')))
    wider = lead(written(tmp_path, asked(PAIR, laws='"symmetry/*", "periodicity/lattice-wrap"')))
    assert wider.counts["run"] == 2
    assert "periodicity/lattice-wrap" in wider.results
