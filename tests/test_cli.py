"""The command line as a user and a shell see it: what is printed where, and the exit status."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gnnp_bench import __version__
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.cli import main
from gnnp_bench.commands.exits import nearest
from tests.commands.processes import gnnp_bench, lay_out, refused, running


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a module of potentials, which is the current one."""
    return lay_out(tmp_path, monkeypatch)


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gnnp-bench {__version__}\n"
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("certify", "list", "explain", "reproduce"):
        assert f"  {command} " in out
    assert main(["certify", "--help"]) == 0
    out = capsys.readouterr().out
    assert "completion" not in out
    for option in ("--budget", "--profile", "--only", "--skip", "--species", "--seed", "--json"):
        assert option in out


def test_nothing_asked_is_a_wrong_request_answered_with_what_to_do(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    for command in re.findall(r"gnnp-bench ([a-z]+)", err.replace("gnnp-bench measures", "")):
        assert main([command, "--help"]) == 0
    assert "gnnp-bench certify ase:ase.calculators.emt:EMT --species Cu,Au --budget quick" in err
    assert "gnnp-bench --help" in err


def test_every_command_is_listed_with_a_whole_sentence_and_ours_as_ours(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "..." not in out.partition("\n\n")[2]
    assert "Train a reference potential on quantum data; interrupted, the same command goes on." in " ".join(
        out.split()
    )
    assert "from gnnp-bench" not in out
    assert max(map(len, out.splitlines())) <= 80
    listed = re.findall(r"^  ([a-z-]+)  ", out, re.MULTILINE)
    assert len(listed) == len(set(listed))


def test_a_shell_completes_commands_laws_and_potentials():
    def completed(line: str) -> list[str]:
        asked = {"_GNNP_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        return gnnp_bench(env={**os.environ, **asked}).stdout.split()

    assert "certify" in completed("gnnp-bench cert")
    assert completed("gnnp-bench explain symmetry/rot") == ["symmetry/rotation"]
    assert "chgnet" in completed("gnnp-bench certify ch")


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["certify", "--help"], ("torch", "scipy", "ase.build", "pytest", "hypothesis", "spglib", "rich.table")),
        (["list"], ("torch", "scipy", "ase.build", "pytest", "hypothesis", "spglib")),
    ],
)
def test_what_only_tells_imports_nothing_heavy(arguments, heavy):
    program = (
        "import sys\n"
        "from gnnp_bench.cli import main\n"
        f"status = main({arguments!r})\n"
        f"heavy = {heavy!r}\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")


def test_one_thread_unless_the_user_says_otherwise():
    program = "import os; from gnnp_bench.cli import main; main(['--version']); print(os.environ['OMP_NUM_THREADS'])"
    for given, expected in (({}, "1"), ({"OMP_NUM_THREADS": "3"}, "3")):
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"} | given
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["certfy", "x"], "No such command 'certfy'. Did you mean 'certify', 'verify'? (see gnnp-bench --help)"),
        (
            ["certify"],
            "name a potential, as in gnnp-bench certify chgnet, or give [tool.gnnp-bench] of pyproject.toml a spec",
        ),
        (["doctor"], "name a potential"),
        (["show", "absent.json"], "cannot read absent.json: No such file"),
        (["certify", "x", "--budget", "quik"], "'quik' is not one of 'quick', 'standard', 'thorough'"),
        (["certify", "x", "--profile", "lose"], "'lose' is not one of 'strict', 'default', 'loose'"),
        (["certify", "x", "--seed", "-1"], "--seed"),
        (["certify", "x", "--seed", "one"], "--seed"),
        (["certify", "x", "--nope"], "--nope"),
        (["certify", "x", "y"], "y"),
        (["certify", "x", "--species", "cu"], "'cu' is no chemical symbol: did you mean 'Cu'?"),
        (["certify", "x", "--species", "Cu,Qq"], "'Qq' is no chemical symbol"),
        (["certify", "x", "--species", ","], "--species names no element"),
        (
            ["certify", "x", "--only", "symetry/rotation"],
            "--only 'symetry/rotation' matches no check; did you mean symm",
        ),
        (["certify", "x", "--skip", "qqq"], "--skip 'qqq' matches no check; gnnp-bench list shows what there is"),
        (["certify", "x", "--skip", "*"], "leave no check to run"),
        (["certify", "x", "--json", "missing/c.json"], "cannot write missing/c.json: there is no directory missing"),
        (["certify", "x", "--json", "."], "cannot write .: it is a directory"),
        (["explain", "energy"], "there is no check 'energy'; did you mean dynamics/energy-conserved?"),
        (["explain", "net-"], "did you mean symmetry/net-force or symmetry/net-torque?"),
        (["explain", "rotatoin"], "there is no check 'rotatoin'; did you mean symmetry/rotation, "),
        (["explain", ""], "there is no check ''; gnnp-bench list shows"),
        (["explain"], "Missing argument 'CHECK'"),
        (["reproduce", "absent.json", "symmetry/rotation"], "cannot read absent.json: No such file"),
        (["reproduce", "tempers.py", "symmetry/rotation"], "tempers.py: not a certificate"),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(arguments, message, workplace, capsys):
    assert message in refused(capsys, *arguments)
    assert sorted(path.name for path in workplace.iterdir()) == ["tempers.py"]


@pytest.mark.parametrize("name", ["symmetry/rotation", "rotation", "Rotation"])
def test_a_law_is_explained_by_its_id_or_by_the_part_behind_the_slash(name, capsys):
    assert main(["explain", name]) == 0
    assert capsys.readouterr().out.startswith("symmetry/rotation\n")


def test_list_shows_every_check_with_category_and_law(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for check in all_checks():
        assert f"{check.id} {check.category}\n" in out
        assert " ".join(check.law.split()) in " ".join(out.split())
    assert "Σᵢ Fᵢ = 0" in out


def test_list_as_markdown_is_the_catalogue(capsys):
    assert main(["list", "--markdown"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("# Catalogue of checks\n")
    for check in all_checks():
        assert f"### {check.id}\n" in out
        assert check.source.split(";")[0] in out


def test_explain_tells_law_meaning_and_source(capsys):
    for check in all_checks():
        assert main(["explain", check.id]) == 0
        flat = " ".join(capsys.readouterr().out.split())
        for part in (check.id, check.law, check.physics, check.source):
            assert " ".join(part.split()) in flat


def test_nearest_finds_family_name_and_misspelling():
    ids = ["symmetry/rotation", "symmetry/net-force", "conservation/closed-loop"]
    assert nearest("conservation/*", ids) == "; did you mean conservation/closed-loop?"
    assert nearest("net_force", ids) == "; did you mean symmetry/net-force?"
    assert nearest("Rotation", ids) == "; did you mean symmetry/rotation?"
    assert nearest("zzz", ids) == "; gnnp-bench list shows what there is"


def test_nobody_reading_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    with running("list", stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


@pytest.fixture
def plugins(tmp_path: Path) -> dict[str, str]:
    """An installed distribution with a function, an app and a broken command; the environment in which it is found."""
    (tmp_path / "plugdemo.py").write_text(
        "import typer\n"
        "def greet(name: str, loud: bool = False) -> int:\n"
        "    'Greet someone.'\n"
        "    print(name.upper() if loud else name)\n"
        "    return 7\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def one() -> None:\n"
        "    print('one')\n"
        "@app.command()\n"
        "def two() -> None:\n"
        "    print('two')\n"
    )
    (tmp_path / "plugbroken.py").write_text("raise RuntimeError('half\\ninstalled')\n")
    (tmp_path / "plugdemo-1.0.dist-info").mkdir()
    (tmp_path / "plugdemo-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: plugdemo\nVersion: 1.0\n"
    )
    (tmp_path / "plugdemo-1.0.dist-info" / "entry_points.txt").write_text(
        "[gnnp_bench.commands]\n"
        "greet = plugdemo:greet\nmany = plugdemo:app\nsorry = plugbroken:app\nlist = plugdemo:app\n"
    )
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def test_commands_of_other_packages_work(plugins):
    done = gnnp_bench("greet", "ada", "--loud", env=plugins)
    assert (done.returncode, done.stdout, done.stderr) == (7, "ADA\n", "")
    assert gnnp_bench("many", "two", env=plugins).stdout == "two\n"
    wrong = gnnp_bench("greet", env=plugins)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "completion" not in gnnp_bench("many", "--help", env=plugins).stdout


def test_a_broken_command_breaks_nothing_else(plugins):
    told = gnnp_bench("--help", env=plugins)
    assert told.returncode == 0
    assert told.stderr == ""
    for name in ("greet", "many", "sorry"):
        assert f"  {name}  " in told.stdout.replace("\n", "  \n")
    assert "from plugdemo" in told.stdout
    done = gnnp_bench("sorry", env=plugins)
    assert done.returncode == 2
    assert done.stderr == "gnnp-bench: command 'sorry' of plugdemo is broken: RuntimeError: half installed\n"


def test_a_command_of_ours_is_not_replaced(plugins):
    assert "symmetry/rotation" in gnnp_bench("list", env=plugins).stdout
