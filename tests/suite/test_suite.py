"""The suite in somebody else's project: what it certifies, and what can never make a part of it a whole."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from gnnp_bench.certificate.io import comparable
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.run import run
from gnnp_bench.engine.settings import Settings
from tests.analytic import smooth_pair
from tests.suite.foreign import Foreign, statuses

TWO = "symmetry/rotation or symmetry/net-force"
SOUND, PULLED = ("--potential", "potentials:sound"), ("--potential", "potentials:pulled")
FILE = ("--gnnp-certificate", "certificate.json")


def test_two_workers_make_the_certificate_that_the_engine_makes(foreign: Foreign) -> None:
    """In a project whose settings would leave the suite out, or make errors of its warnings."""
    settings = "[pytest]\npython_files = check_*.py\npython_functions = check_*\nfilterwarnings = error\n"
    foreign.write("pytest.ini", settings + "addopts = --strict-markers --strict-config\n")
    done = foreign.suite(*SOUND, *FILE, "-n", "2", "-q")
    assert done.returncode == 0, done.stdout
    assert "smooth_pair is certified (exact)" in done.stdout
    assert "certificate: certificate.json" in done.stdout

    def make():
        return smooth_pair(3.5, species=("Cu",))

    *_, last = run(make(), all_checks(), Settings(spec="potentials:sound", budget="quick"), reload=make)
    assert comparable(foreign.certificate()) == comparable(last.certificate)


def test_two_potentials_at_once(foreign: Foreign) -> None:
    files = ("--gnnp-certificate", "sound.json", "--gnnp-certificate", "pulled.json")
    done = foreign.suite(*SOUND, *PULLED, *files, "-k", TWO, "-v")
    assert done.returncode == 1
    assert "gnnp_bench: potentials:sound, potentials:pulled; budget quick, profile default, seed 0" in done.stdout
    assert "test_certify[potentials:sound-symmetry/rotation] PASSED" in done.stdout
    assert "test_certify[potentials:pulled-symmetry/net-force] FAILED" in done.stdout
    sound, pulled = foreign.certificate("sound.json"), foreign.certificate("pulled.json")
    assert (sound.potential.name, pulled.potential.name) == ("smooth_pair", "smooth_pair+net-force")
    assert statuses(sound) == {"symmetry/rotation": "pass", "symmetry/net-force": "pass"}
    assert statuses(pulled)["symmetry/net-force"] == "fail"


@pytest.mark.parametrize(
    ("ini", "arguments", "judged"),
    [
        ("filterwarnings = error", ["-k", TWO], {"symmetry/rotation", "symmetry/net-force"}),
        ("addopts = -k net-force", [], {"symmetry/net-force"}),
    ],
)
def test_a_part_is_never_the_whole(foreign: Foreign, ini: str, arguments: list[str], judged: set[str]) -> None:
    """All that ran has passed, though the potential warns of this and that; and yet nothing is certified."""
    foreign.write("pytest.ini", f"[pytest]\n{ini}\n")
    done = foreign.suite("--potential", "potentials:warns", *FILE, "-q", *arguments)
    assert done.returncode == 1
    assert "warning is not certified (partial): nothing was violated, but" in done.stdout
    assert "failed" not in done.stdout
    assert f"{len(judged)} passed" in done.stdout
    certificate = foreign.certificate()
    assert (certificate.verdict, certificate.complete) == ("partial", False)
    assert set(statuses(certificate)) == judged


def test_deselecting_the_only_check_that_fails_certifies_nothing(foreign: Foreign) -> None:
    skipped = [f"--deselect=test_certify.py::test_certify[potentials:pulled-{check.id}]" for check in all_checks()[1:]]
    done = foreign.suite(*PULLED, *FILE, "-q", *skipped)
    assert done.returncode == 1
    assert statuses(foreign.certificate()) == {"symmetry/translation": "pass"}
    assert foreign.certificate().verdict == "partial"


def test_nothing_left_to_run_is_no_success(foreign: Foreign) -> None:
    foreign.write("pytest.ini", "[pytest]\naddopts = -k nothing\n")
    done = foreign.suite(*SOUND, *FILE)
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "potentials:sound is not certified: no check was judged, and no certificate written." in done.stdout
    assert not (foreign.path / "certificate.json").exists()


def test_stopping_at_the_first_violation_keeps_what_was_found(foreign: Foreign) -> None:
    done = foreign.suite(*PULLED, *FILE, "-q", "-x")
    assert done.returncode == 1
    certificate = foreign.certificate()
    assert certificate.complete is False
    assert [result.id for result in certificate.checks if result.status == "fail"] == [certificate.checks[-1].id]


def test_a_potential_that_dies_leaves_what_was_finished(foreign: Foreign) -> None:
    done = foreign.suite("--potential", "potentials:dies", *FILE, "-k", f"{TWO} or cell-choice")
    assert done.returncode < 0
    certificate = foreign.certificate()
    assert (certificate.verdict, certificate.complete) == ("partial", False)
    assert statuses(certificate) == {"symmetry/rotation": "pass", "symmetry/net-force": "pass"}


def test_a_worker_that_dies_costs_its_check_an_error_and_nothing_else(foreign: Foreign) -> None:
    done = foreign.suite("--potential", "potentials:dies", *FILE, "-n", "2", "-k", f"{TWO} or cell-choice")
    assert done.returncode == 1
    expected = {"symmetry/rotation": "pass", "symmetry/net-force": "pass", "periodicity/cell-choice": "error"}
    certificate = foreign.certificate()
    assert statuses(certificate) == expected
    died = next(result for result in certificate.checks if result.status == "error")
    assert "the process that ran it died" in str(died.reason)


def test_a_failure_is_what_a_physicist_reads(foreign: Foreign) -> None:
    done = foreign.suite(*PULLED, *FILE, "-k", "net-force", "--junitxml", "junit.xml")
    text = " ".join(done.stdout.split())
    for said in (
        "FAILED symmetry/net-force",
        "law Σᵢ Fᵢ = 0",
        "eV/Å in net force",
        "times what is allowed (rounding explains",
        "0.001 starts to matter)",
        "input Cu, 1 atom, not periodic",
        "reproduce gnnp-bench reproduce certificate.json symmetry/net-force",
    ):
        assert said in text
    for unsaid in ("Traceback", "Error", "def test_certify", "conclude"):
        assert unsaid not in done.stdout
    (case,) = ET.parse(foreign.path / "junit.xml").getroot().iter("testcase")
    properties = {p.get("name"): p.get("value") for p in case.iter("property")}
    assert properties["status"] == "fail"
    assert properties["unit"] == "eV/Å"
    assert float(str(properties["measured"])) > float(str(properties["significance"]))
    assert "gnnp_bench" not in properties, "what travels to the certificate is nobody else's to read"


def test_collection_loads_no_potential(foreign: Foreign) -> None:
    done = foreign.suite("--potential", "potentials:leaves_a_mark", "--collect-only", "-q")
    assert done.returncode == 0
    assert done.stdout.count("test_certify[potentials:leaves_a_mark-") == len(all_checks())
    assert not (foreign.path / "loaded").exists()


WRONG = {
    "no species": (["ase:ase.calculators.emt:EMT"], [], "name them, --gnnp-species Cu,Au"),
    "misspelt species": (["ase:ase.calculators.emt:EMT"], ["--gnnp-species", "Cv"], "'Cv' is no chemical symbol"),
    "foreign species": (["potentials:sound"], ["--gnnp-species", "Cu,Fe"], "leave it out of --gnnp-species"),
    "unknown potential": (["chgnte"], [], "unknown potential 'chgnte': did you mean 'chgnet'?"),
    "bad periodicity": (["potentials:sound?periodicity=flat"], [], "periodicity is one of periodic, partial, isolated"),
    "cannot be loaded": (["potentials:broken"], [], "potentials:broken failed: RuntimeError: no weights anywhere"),
    "the second of two": (["potentials:sound", "chgnte"], [], "unknown potential 'chgnte'"),
    "two of one name": (
        ["potentials:sound", "potentials:namesake"],
        [],
        "two potentials are called 'smooth_pair', potentials:sound and potentials:namesake: certificates and",
    ),
}


@pytest.mark.parametrize(
    ("wrong", "workers"),
    [*((wrong, []) for wrong in WRONG), ("no species", ["-n", "2"]), ("the second of two", ["-n", "2"])],
)
def test_a_request_that_is_wrong_is_refused_in_one_line(foreign: Foreign, wrong: str, workers: list[str]) -> None:
    specs, arguments, message = WRONG[wrong]
    potentials = [word for spec in specs for word in ("--potential", spec)]
    done = foreign.suite(*potentials, *arguments, *workers, "-q")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("ERROR: ")
    assert message in line
    assert " --species" not in line
    for unsaid in ("Traceback", "INTERNALERROR", "FAILED", "1 failed"):
        assert unsaid not in done.stdout
    assert not (foreign.path / "certificate.json").exists()


@pytest.mark.parametrize("arguments", [[], ["-n", "2"], ["-k", "nothing"]])
def test_no_potential_is_a_wrong_request(foreign: Foreign, arguments: list[str]) -> None:
    done = foreign.suite(*arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip().splitlines() == [
        "ERROR: gnnp_bench.suite judges potentials and none was named: add --potential SPEC, such as --potential "
        "chgnet or --potential mymodule:make_calculator"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*SOUND, *SOUND], "--potential potentials:sound is given twice"),
        ([*SOUND, *PULLED, *FILE], "--gnnp-certificate is given 1 times for 2 potentials"),
        ([*SOUND, *PULLED, *FILE, *FILE], "--gnnp-certificate names one file twice"),
        ([*SOUND, "--gnnp-certificate", "no/where.json"], "cannot write no/where.json: there is no directory no"),
        ([*SOUND, "--gnnp-seed", "-1"], "--gnnp-seed must be a whole number from 0, not -1"),
        ([*SOUND, "--gnnp-species", ","], "--gnnp-species names no element; write for example --gnnp-species Cu,Au"),
        ([*SOUND, "--gnnp-budget", "huge"], "invalid choice: 'huge'"),
    ],
)
def test_wrong_requests_are_refused_before_anything_is_collected(
    foreign: Foreign, arguments: list[str], message: str
) -> None:
    done = foreign.suite(*arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_other_projects_do_not_notice_the_plugin(foreign: Foreign) -> None:
    foreign.write(
        "test_theirs.py",
        "import sys\n\n\ndef test_theirs():\n    assert not {'numpy', 'ase', 'rich'} & set(sys.modules)\n",
    )
    done = foreign.pytest("-q", "-p", "no:hypothesispytest")
    assert done.returncode == 0, done.stdout
    assert "gnnp_bench" not in done.stdout


def test_the_plugin_imports_the_standard_library_and_pytest_alone(foreign: Foreign) -> None:
    foreign.write(
        "imports.py",
        "import sys\n\nimport pytest\n\nbefore = set(sys.modules)\nimport gnnp_bench.pytest_plugin\n\n"
        "found = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(found - set(sys.stdlib_module_names)))\n",
    )
    done = foreign.python("imports.py")
    assert done.stdout.split() == ["gnnp_bench"], done.stderr


def waiver(limit: str) -> str:
    return (
        f'[[waiver]]\npotential = "smooth_pair+net-force"\ncheck = "symmetry/net-force"\nmax = {limit}\n'
        'unit = "eV/Å"\nexpires = 2999-12-31\nreason = "a field is meant"\n'
        '[[waiver]]\npotential = "smooth_pair+net-force"\ncheck = "symmetry/translation"\nmax = 1.0\n'
        'unit = "eV/Å"\nexpires = 2999-12-31\nreason = "none"\n'
    )


def test_what_is_waived_is_expected_to_fail_up_to_its_bound(foreign: Foreign) -> None:
    arguments = [*PULLED, *FILE, "--gnnp-waivers", "waivers.toml", "-rx", "-q", "-k", "net-force or translation"]
    foreign.write("waivers.toml", waiver("100.0"))
    done = foreign.suite(*arguments)
    assert "waived until 2999-12-31, up to 100 eV/Å: a field is meant" in done.stdout
    assert "unused waiver: symmetry/translation of smooth_pair+net-force: the check is pass" in done.stdout
    assert "1 xfailed" in done.stdout
    assert statuses(foreign.certificate())["symmetry/net-force"] == "waived"
    foreign.write("waivers.toml", waiver("1e-3"))
    done = foreign.suite(*arguments)
    assert "FAILED symmetry/net-force" in done.stdout
    assert "not waived: net force is missed by" in " ".join(done.stdout.split())
    assert statuses(foreign.certificate())["symmetry/net-force"] == "fail"


def test_unreadable_waivers_are_a_wrong_request(foreign: Foreign) -> None:
    foreign.write("waivers.toml", waiver("0.1").replace('net-force"\nmax', 'net-forces"\nmax'))
    done = foreign.suite(*PULLED, "--gnnp-waivers", "waivers.toml")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: a waiver names the check 'symmetry/net-forces', which there is not" in done.stderr
