"""The report as a person reads it: in a terminal, in a pipe, at 80 columns, in ASCII."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from rich.console import Console

from gnnp_bench.certificate.result import Fitness
from gnnp_bench.engine.settings import Step
from gnnp_bench.report import terminal
from gnnp_bench.report.failures import missed_by
from gnnp_bench.report.live import live
from gnnp_bench.report.next_steps import next_steps
from gnnp_bench.report.stream import console
from gnnp_bench.report.table import ID, row, table
from gnnp_bench.report.text import (
    species_line,
)
from gnnp_bench.report.uses import uses
from tests.certificate.examples import COUNTEREXAMPLE, FAILED, PASSED, POTENTIAL, certificate, result
from tests.report.printing import check, printed

LONG_ID = "conservation/closed-loop-in-positions-and-cell-at-once"
RESULTS = (
    PASSED,
    result("symmetry/permutation", grade="approximate", unit="eV/atom"),
    FAILED,
    result(LONG_ID, "inconclusive", None, reason="the integrand is rough near the cutoff; 256 points are not enough"),
    result("periodicity/slab", "not_applicable", reason="the potential is for periodic structures only"),
    result("robustness/hard-inputs", "error", reason="RuntimeError: \x1b[31mboom\x1b[0m\nsecond line"),
    result("smoothness/dimers", "waived", "violated", reason="known, until the next release"),
    result("physics/saliency", "fail", "violated", category="informational"),
)
CERTIFICATE = certificate(*RESULTS, verdict="failed", grade=None)

CHECKS = {r.id: check(r.id) for r in RESULTS}


def whole(out: Console) -> None:
    """A run from its first line to its verdict."""
    terminal.progress(out, Step(certificate=CERTIFICATE, result=None, done=0, total=len(RESULTS), seconds_left=None))
    for done, found in enumerate(RESULTS, 1):
        left = 40.0 * (len(RESULTS) - done)
        step = Step(certificate=CERTIFICATE, result=found, done=done, total=len(RESULTS), seconds_left=left)
        terminal.progress(out, step)
    terminal.summary(out, CERTIFICATE, checks=CHECKS, path="certificate.json", rows=False)
    next_steps(out, CERTIFICATE, "certificate.json")


def on_a_terminal(show: Callable[[Console], None]) -> str:
    """Return what a real terminal of 80 columns receives."""
    import fcntl
    import struct
    import termios
    import threading

    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    received = bytearray()

    def receive() -> None:
        try:
            while part := os.read(master, 4096):
                received.extend(part)
        except OSError:
            return  # Linux says that the other end was closed

    reader = threading.Thread(target=receive)
    reader.start()
    with open(slave, "w", encoding="utf-8") as stream:
        show(console(stream))
    reader.join()
    os.close(master)
    return received.decode().replace("\r\n", "\n")


def test_it_fits_80_columns_and_holds_every_id_uncut():
    text = printed(whole)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "…" not in text
    rows = [line.split()[1] for line in text.splitlines() if re.match(r"(?!FAILED)\S+ +\S+/\S+", line)]
    assert rows == [found.id for found in RESULTS]  # once each, as it finished


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_width_cuts_an_id_or_a_number(width):
    text = printed(whole, width=width)
    for found in RESULTS:
        assert re.search(rf"(^|\s){re.escape(found.id)}(\s|:|,|\.|$)", text, re.MULTILINE), found.id
    assert "3.1e-06   1e-05   0.001 eV/Å" in text
    assert "gnnp-bench reproduce certificate.json periodicity/left-handed-cell" in text


def test_time_inside_the_potential_is_a_part_of_the_run_or_the_sum_over_processes():
    assert "480 evaluations in 12.2 s, 11.5 s of it inside the potential" in printed(whole)
    parallel = replace(CERTIFICATE, elapsed_s=6.5)
    text = " ".join(printed(lambda out: terminal.summary(out, parallel)).split())
    assert "480 evaluations in 6.5 s, 11.5 s in all processes inside the potential" in text


def test_a_pipe_gets_no_control_characters():
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", printed(whole)) == []


def test_a_pipe_of_another_width_is_asked_for_by_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert console(io.StringIO()).width == 120
    monkeypatch.delenv("COLUMNS")
    assert console(io.StringIO()).width == 80


def test_a_terminal_gets_the_same_text_with_colours(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = on_a_terminal(whole)
    assert "\x1b[1;31mfail" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == printed(whole)


def test_no_color_is_heeded(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert on_a_terminal(whole) == printed(whole)


def test_a_stream_that_knows_only_ascii_gets_the_signs_spelled_out():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    out = console(stream)
    whole(out)
    out.print(PASSED.law)
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert "3.1e-06   1e-05   0.001 eV/A\n" in text
    assert "sigma(Rx) = R sigma(x) R^T" in text
    assert "eV/A^3" in text
    assert "?" not in text


def test_every_law_of_ours_can_be_spelled_in_ascii():
    from gnnp_bench.checks.registry import all_checks

    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    signs = sorted({sign for known in all_checks() for sign in f"{known.law}{known.physics}{known.source}"} - {"?"})
    for sign in signs:
        console(stream).print(sign)
    stream.flush()
    lost = [
        sign for sign, spelled in zip(signs, raw.getvalue().decode("ascii").splitlines(), strict=True) if "?" in spelled
    ]
    assert lost == [], "give them a spelling in gnnp_bench/report/stream.py"


def test_nobody_reading_ends_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stream:
        whole(console(stream))
        whole(console(stream))


def test_the_header_says_who_is_judged_and_how():
    text = printed(lambda out: terminal.header(out, CERTIFICATE))
    for word in ("CHGNet", "0.3.0", "chgnet:0.3.0", "sha256 3f2a91bc0d12,", "412,525", "float32 on cpu", "Si Cu Au"):
        assert word in text, word
    for word in ("budget quick", "profile default", "seed 0", "8 structures"):
        assert word in text, word
    assert "3f2a91bc0d12e" not in text


def test_the_header_says_what_is_not_known():
    unknown = replace(POTENTIAL, version=None, weights_sha256=None, dtype=None, parameters=None)
    text = printed(lambda out: terminal.header(out, certificate(potential=unknown)))
    assert "None" not in text
    assert "no file of weights known" in text
    assert "precision not stated on cpu" in text


def test_the_header_says_which_energies_mean_nothing():
    potential = replace(POTENTIAL, fitted_alone=("Cu", "O"), undetermined=("Cu", "O"))
    text = printed(lambda out: terminal.header(out, certificate(potential=potential)))
    assert "not learnt   energies of isolated atoms (Cu O)" in text
    assert "in how much they hold of Cu and O" in " ".join(text.split())
    assert "not learnt" not in printed(lambda out: terminal.header(out, certificate()))


def test_many_species_are_counted_and_abbreviated():
    from ase.data import chemical_symbols

    species = chemical_symbols[1:90]
    assert species_line(species) == "89 elements: H He Li Be B C N O F Ne Na Mg and 77 more"
    assert species_line(["Cu", "Au"]) == "Cu Au"
    assert species_line(species[:16]) == " ".join(species[:16])


def test_progress_tells_outcome_and_numbers():
    step = Step(certificate=CERTIFICATE, result=PASSED, done=1, total=3, seconds_left=70.0)
    line = printed(lambda out: terminal.progress(out, step))
    assert line == "exact        symmetry/rotation                3.1e-06   1e-05   0.001 eV/Å\n"


def test_a_terminal_shows_what_is_running_and_the_time_left(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    so_far = certificate(PASSED)
    step = Step(certificate=so_far, result=PASSED, done=1, total=2, seconds_left=70.0)

    def run(out: Console, *, one_by_one: bool) -> None:
        with live(out, [PASSED.id, LONG_ID], one_by_one=one_by_one) as tell:
            terminal.progress(out, step)
            tell(step)

    shown = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal(partial(run, one_by_one=True)))
    assert "0/2 structures and noise floor" in shown
    assert re.search(rf"1/2 {LONG_ID}\s+~1 min left", shown)
    assert LONG_ID not in on_a_terminal(partial(run, one_by_one=False))
    assert printed(partial(run, one_by_one=True)) == printed(lambda out: terminal.progress(out, step))


def test_what_to_do_next_is_told_by_commands_that_are_whole():
    text = printed(lambda out: next_steps(out, CERTIFICATE, "my certificate.json"), width=40)
    for command in (
        "gnnp-bench doctor chgnet:0.3.0 --species Si,Cu,Au",
        f"gnnp-bench explain {FAILED.id}",
        "gnnp-bench report 'my certificate.json' --html report.html",
        "gnnp-bench show 'my certificate.json'",
    ):
        assert f" {command}\n" in text
    kept_nowhere = printed(lambda out: next_steps(out, certificate(PASSED), None))
    assert "doctor" not in kept_nowhere
    assert "--json certificate.json" in kept_nowhere


def test_the_table_lists_components_of_what_fails_and_keeps_informational_checks_apart():
    lines = printed(lambda out: table(out, RESULTS)).splitlines()
    text = "\n".join(lines)
    assert re.search(r"^approximate +energy +2e-06 +1e-06 +0.0001 eV/atom$", text, re.MULTILINE)
    assert re.search(r"^fail +stress +0.031 +3.1e-05 +0.0001 eV/Å³$", text, re.MULTILINE)
    assert re.search(r"^exact +symmetry/rotation +3.1e-06 +1e-05 +0.001 eV/Å$", text, re.MULTILINE)
    assert re.search(r"^n/a +periodicity/slab$", text, re.MULTILINE)
    apart = next(i for i, line in enumerate(lines) if "told, never judged" in line)
    assert [line.split()[:2] for line in lines[apart + 1 :]] == [["fail", "physics/saliency"]]
    assert any(FAILED.id in line for line in lines[:apart])


def test_columns_stay_where_they_are_for_the_longest_ids_of_ours():
    from gnnp_bench.checks.registry import all_checks

    longest = max((check.id for check in all_checks()), key=len)
    assert len(longest) <= ID
    lines = [printed(partial(row, result=replace(PASSED, id=name))) for name in ("a/b", longest)]
    assert len({line.index("3.1e-06") for line in lines}) == 1


def test_the_legend_explains_every_grade():
    text = printed(lambda out: table(out, RESULTS))
    for grade in ("exact", "limited", "approximate"):
        assert re.search(rf"^{grade} +(holds|missed)", text, re.MULTILINE)


def test_a_table_of_nothing_is_nothing():
    assert printed(lambda out: table(out, ())) == ""


def test_reasons_are_given_for_all_that_was_not_judged():
    text = printed(lambda out: terminal.summary(out, CERTIFICATE, checks=CHECKS))
    assert "robustness/hard-inputs: RuntimeError: boom second line" in text
    assert "periodicity/slab: the potential is for periodic structures only" in text
    assert "smoothness/dimers: known, until the next release" in text
    assert " ".join(text.split()).count("the integrand is rough near the cutoff; 256 points are not enough") == 1


def test_a_failure_is_told_with_law_meaning_amount_input_and_command():
    text = printed(lambda out: terminal.summary(out, CERTIFICATE, checks=CHECKS, path="my certificate.json"))
    flat = " ".join(text.split())
    assert "law E, F and σ do not depend on the handedness of the cell vectors" in flat
    assert CHECKS[FAILED.id].physics in flat.replace(" meaning ", " ")
    assert "0.031 eV/Å³ in stress: 310 times what is allowed" in flat
    assert "Si2, 2 atoms, periodic" in text
    assert re.search(r"cell +0.000000 +2.715000 +2.715000", text)
    assert re.search(r"Si +1.357500 +1.357500 +1.357500", text)
    assert "axis = [0.6, 0.8, 0]; angle = 1.235; displacements = [60 values]" in flat
    assert "missed by 0.03 eV/Å³, on the simplest input" in flat
    assert "gnnp-bench reproduce 'my certificate.json' periodicity/left-handed-cell" in text


def test_without_checks_and_file_the_certificate_alone_is_enough():
    text = printed(lambda out: terminal.summary(out, CERTIFICATE))
    assert COUNTEREXAMPLE.reproduce in text
    assert "meaning" not in text


def test_informational_failures_are_not_told_as_failures():
    informational = replace(FAILED, category="informational")
    text = printed(lambda out: terminal.summary(out, certificate(PASSED, informational)))
    assert "FAILED" not in text
    assert "certified" in text


def test_noise_floor_is_told_with_units():
    text = printed(lambda out: terminal.summary(out, CERTIFICATE))
    assert "noise floor  E 4e-06 eV/atom  F 2e-05 eV/Å  σ 4e-07 eV/Å³" in text
    none = replace(CERTIFICATE.noise, energy=None, forces=None, stress=None)
    assert terminal.noise_line(none) == "not measured: no structure could be evaluated"


def test_uses_that_nothing_was_asked_of_have_one_line():
    unasked = [Fitness(use=f"use {n}", answer="not looked at", because=("a/b",), reason="a/b: not run") for n in "123"]
    seen = Fitness(use="molecules", answer="not looked at", because=(PASSED.id, "a/b"), reason="saw no molecule")
    alone = printed(lambda out: uses(out, certificate(PASSED, uses=tuple(unasked))))
    assert alone.splitlines()[2:] == ["  not looked at: all 3 uses rest on laws that were not run"]
    beside = printed(lambda out: uses(out, certificate(PASSED, uses=(*unasked[:2], seen, *unasked[2:]))))
    assert beside.splitlines()[2:] == [
        "  molecules  not looked at  saw no molecule",
        "  not looked at (laws that decide them were not run): use 1, use 2 and use 3",
    ]


def test_a_reason_that_many_checks_share_is_said_once():
    broken = [result(f"a/{i}", "error", reason="RuntimeError: no library") for i in range(7)]
    certified = certificate(
        PASSED, *broken, result("a/other", "error", reason="another"), verdict="partial", grade=None
    )
    text = " ".join(printed(lambda out: terminal.summary(out, certified)).split())
    assert text.count("RuntimeError: no library") == 1
    assert "a/0, a/1 and 5 more: RuntimeError: no library a/other: another" in text


def test_the_first_lines_say_of_which_structures_a_certificate_speaks():
    def head(**changed):
        judged = certificate(potential=replace(POTENTIAL, **changed))
        return " ".join(printed(lambda out: terminal.header(out, judged)).split())

    spec = "chgnet:0.3.0?device=cpu&periodicity=periodic,isolated"
    asked = head(spec=spec, periodicity=("periodic", "isolated"))
    assert "structures periodic and isolated ones only, as its spec asks: nothing is said of slabs and wires" in asked
    declared = head(periodicity=("periodic",))
    assert "periodic ones only, as it declares: nothing is said of slabs, wires, molecules and clusters" in declared
    for silent in (head(), head(periodicity=("periodic", "partial", "isolated"))):
        assert "ones only" not in silent


def test_missed_by_in_every_situation():
    assert missed_by(replace(FAILED, measured=None)).endswith("the residual is not finite, which nothing excuses")
    boolean = result("a/b", "fail", "violated", measured=3.0, bound=0.0, significance=0.0, unit="violations")
    assert missed_by(boolean) == "3 violations in forces; nothing is allowed"
    assert missed_by(replace(boolean, unit="")) == "forces: 3; none is allowed"
    claimed = replace(FAILED, measured=5e-5, bound=1e-6)
    assert "holds by construction" in missed_by(claimed)
    assert "1 %" in missed_by(claimed)
