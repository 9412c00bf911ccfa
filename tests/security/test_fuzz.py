"""Whatever stands in a file or on the command line: it is understood, or refused in one line. Never a traceback."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gnnp_bench.accuracy.frames import read_frames
from gnnp_bench.accuracy.labels import DataError
from gnnp_bench.adapters import registry
from gnnp_bench.adapters._lammps_files import recipe_of
from gnnp_bench.campaign import asked
from gnnp_bench.campaign.looking import FileError
from gnnp_bench.campaign.measures import KEYS as MEASURED_KEYS
from gnnp_bench.certificate import chain, io, waivers
from gnnp_bench.cli import main
from gnnp_bench.commands import configured, crystals
from gnnp_bench.commands.counterexample_files import as_pytest
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.environments import isolation, limits
from gnnp_bench.potential import PotentialError
from gnnp_bench.report import junit, markdown
from gnnp_bench.report.extxyz import as_extxyz
from gnnp_bench.report.html.page import page
from tests.certificate.examples import FAILED, PASSED, certificate
from tests.report.test_html import FULL

MANY = settings(max_examples=60, deadline=None)
SOME = settings(max_examples=25, deadline=None)
CERTIFICATE = io.encode(io.sealed(certificate(PASSED, FAILED)))
WAIVER = b"""[[waiver]]
potential = "chgnet"
check = "symmetry/rotation"
max = 0.1
unit = "eV"
expires = 2027-01-01
reason = "known"
"""
LABELS = b"""2
Lattice="4.0 0.0 0.0 0.0 4.0 0.0 0.0 0.0 4.0" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 config_type=a
Cu 0.0 0.0 0.0 0.1 0.0 0.0
Au 2.0 2.0 2.0 -0.1 0.0 0.0
"""
SETTINGS = b"""[tool.gnnp-bench]
spec = "chgnet"
species = ["Cu", "Au"]
budget = "quick"
waivers = "w.toml"
"""
POSCAR = b"Cu\n1.0\n3.6 0 0\n0 3.6 0\n0 0 3.6\nCu\n1\nDirect\n0 0 0\n"


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of what is nearly this: pieces of it left out, repeated, replaced by others or by anything."""
    pieces = st.sampled_from(
        [
            b"",
            b"\x00",
            b"\n",
            b"nan",
            b"1e999",
            b"-1",
            b"[" * 2000,
            b"{}",
            b"null",
            b'"',
            b"\xff\xfe",
            b"9" * 400,
            b"Zz",
        ]
    )
    cut = st.tuples(st.integers(0, len(data)), st.integers(0, 12), pieces | st.binary(max_size=4))

    def applied(cuts: list[tuple[int, int, bytes]]) -> bytes:
        result = data
        for begin, length, new in cuts:
            result = result[:begin] + new + result[begin + length :]
        return result

    return st.lists(cut, min_size=1, max_size=3).map(applied)


def understood(call: Callable[[], Any], *refusals: type[Exception]) -> Any:
    """Return what a call returns; None if it refuses in one line."""
    try:
        return call()
    except refusals as error:
        said = str(error).strip()
    assert said
    assert "\n" not in said
    return None


def in_file(tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes) -> Path:
    path = tmp_path_factory.getbasetemp() / "fuzzed" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


WORDS = st.sampled_from(
    [
        *[
            "ase",
            "chgnet",
            "kim",
            "lammps",
            ":",
            "?",
            "&",
            "=",
            "env",
            "isolate",
            "auto",
            "ssh:",
            "//",
            "stable",
            "smearing",
            "periodicity",
            "info",
        ],
        *["arrays", "totals", "charge:0", "../..", "/", "..", ".", "a.b:c", "é"],
        *("\x00", "\n", " ", "x" * 300),
    ]
)


@MANY
@given(st.lists(WORDS | st.text(max_size=5), max_size=6).map("".join))
@example("ase:..:x")
@example("\x00:x")
@example("a\x00b:c")
@example(".a:b")
@example("a..b:c")
@example("ase:a.:b?env=\x00")
def test_specs(spec: str) -> None:
    # Nothing there is to be loaded: what these words name does not exist, or is refused before.
    if "env=auto" not in spec and "ssh:" not in spec:
        understood(lambda: registry.load(spec, ["Cu"]), PotentialError)


@MANY
@given(mutated(WAIVER) | st.binary(max_size=60))
@example(WAIVER.replace(b"0.1", b"[" * 2000))
@example(WAIVER.replace(b"0.1", b"9" * 5000))
def test_waivers(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = in_file(tmp_path_factory, "w.toml", data)
    understood(lambda: waivers.read(path), ValueError)


@SOME
@given(mutated(CERTIFICATE) | st.binary(max_size=60))
@example(b"[" * 100_000)
@example(b'{"schema_version": 3, "checks": ' + b"[" * 100_000)
@example(b'{"seal": {"algorithm": "sha256-chain-1", "fields": {}, "links": [], "head": ""}, "checks": [3]}')
def test_certificates(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    understood(lambda: io.decode(data), ValueError)
    understood(lambda: chain.look(data), ValueError)
    path = in_file(tmp_path_factory, "c.json", data)
    for command in ("verify", "show") if understood(lambda: io.decode(data), ValueError) else ():
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main([command, str(path)])
        assert "Traceback" not in err.getvalue(), err.getvalue()
        assert status in (0, 1, 2, 3)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**30) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["rotation", "displacements", "shift", "axis", "angle", "strain", "start", "direction", "cell", "order", "x\ny"]
)


@SOME
@given(
    st.dictionaries(KEYS, ANYTHING, max_size=4),
    st.dictionaries(
        st.sampled_from(["numbers", "positions", "cell", "pbc", "info", "arrays", "energy"]), ANYTHING, max_size=6
    ),
    st.text(max_size=20),
)
@example({}, {}, '"""\nimport os\nos.system("ls")\n"""')
@example({"x\nimport os": "\nimport os"}, {}, "\\")
@example({"rotation": [None, 1], "axis": "x"}, {"numbers": [[1]], "positions": 3}, "\x1b]0;x\x07")
def test_what_is_shown_of_a_certificate(parameters: dict[str, Any], structure: dict[str, Any], words: str) -> None:
    found = FAILED.counterexample
    assert found is not None
    case = found.case | {"parameters": parameters}
    strange = replace(found, case=case, structure=structure or found.structure, reproduce=words)
    result = replace(FAILED, counterexample=strange, law=words, reason=words, unit=words, quantity=words)
    record = replace(FULL, checks=(PASSED, result), potential=replace(FULL.potential, name=words, spec=words))
    page(record, {})
    markdown.summary(record, {})
    understood(lambda: as_extxyz(record, result, strange), ValueError)
    test = as_pytest(record, result, strange, "test_x.py").decode()
    # A test that was written from a stranger's certificate runs no code of theirs but the potential's.
    plain = as_pytest(FULL, FAILED, found, "test_x.py").decode()
    assert _statements(test) == _statements(plain)
    junit.encode(record, asked=[FAILED.id], checks={}, replayed_from=None)


def _statements(source: str) -> list[str]:
    import ast

    return [
        type(one).__name__
        if isinstance(one, ast.Assign | ast.Expr)
        else ast.dump(one)
        if isinstance(one, ast.Import | ast.ImportFrom)
        else type(one).__name__
        for one in ast.parse(source).body
    ]


@SOME
@given(mutated(LABELS) | st.binary(max_size=40))
@example(LABELS.replace(b"-1.5", b"-1\x00\x00"))
@example(LABELS.replace(b"-1.5", b"much"))
def test_training_files(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = in_file(tmp_path_factory, "labels.extxyz", data)
    understood(lambda: read_frames(path), DataError)


@pytest.mark.parametrize(
    ("name", "good"), [("a.extxyz", LABELS), ("POSCAR", POSCAR), ("a.xyz", LABELS), ("a.cif", b"data_x\n")]
)
@SOME
@given(data=st.data())
def test_structure_files(name: str, good: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = in_file(tmp_path_factory, name, data.draw(mutated(good)))
    understood(lambda: crystals.read_structures(str(path)), BadRequest)


@MANY
@given(mutated(SETTINGS) | st.binary(max_size=60))
@example(SETTINGS.replace(b'"quick"', b"[" * 2000))
@example(SETTINGS.replace(b'"quick"', b"9" * 5000))
@example(b"tool = 3")
def test_settings_of_a_project(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = in_file(tmp_path_factory, "pyproject.toml", data)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(path.parent)
        understood(lambda: configured.configured("chgnet"), BadRequest)


CAMPAIGN = b"""store = "c.db"
executor = "processes:2"
budgets = ["quick"]
seeds = [0, 1]
laws = ["symmetry/*"]
timeout = 60
[[potential]]
spec = "chgnet"
species = ["Cu"]
stable = ["Cu:fcc"]
env = "auto"
[[accuracy]]
files = ["labels.extxyz"]
by = "config_type"
[[properties]]
crystals = ["Cu:fcc"]
only = ["eos"]
fmax = 0.01
[[bench]]
sizes = [2, 8]
[[screen]]
files = ["labels.extxyz"]
optimizer = "FIRE"
"""
NAMES = [*asked.TOP, *asked.OF_POTENTIAL, *(key for keys in MEASURED_KEYS.values() for key in keys), "x\ny"]
TABLE = st.dictionaries(st.sampled_from(NAMES), st.deferred(lambda: ANYTHING), max_size=6)


def refused_line_by_line(call: Callable[[], Any]) -> None:
    """See that a campaign file is understood, or refused with a line for each mistake."""
    try:
        call()
    except FileError as error:
        mistakes = error.mistakes
    else:
        return
    assert mistakes
    assert all(line.strip() and len(line.splitlines()) == 1 for line in mistakes)


@MANY
@given(mutated(CAMPAIGN) | st.binary(max_size=60))
@example(CAMPAIGN)
@example(b"seeds = [" + b"[" * 2000)
@example(b'store = "\\u0000"\n[[potential]]\nspec = "a\\u0000b"\n')
@example(b'[[accuracy]]\nfiles = ["\\u0000", "a\\nb"]\n[[potential]]\nspec = "x"\n')
@example(b'[[properties]]\ncrystals = ["\\u0000", "\\n:fcc"]\n[[potential]]\nspec = "x"\n')
@example(b'executor = "\\n"\n"a\\nb" = 1\n[[potential]]\n"c\\nd" = 1\n')
@example(b'laws = ["a\\nb"]\n[[potential]]\nspec = "x\\ny"\nspecies = ["\\n"]\n')
def test_campaign_files(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    in_file(tmp_path_factory, "labels.extxyz", LABELS)
    path = in_file(tmp_path_factory, "c.toml", data)
    refused_line_by_line(lambda: asked.read(path, ("symmetry/rotation",)))


@MANY
@given(
    TABLE,
    st.lists(TABLE, max_size=2),
    st.dictionaries(st.sampled_from(list(MEASURED_KEYS)), st.lists(TABLE, max_size=2)),
)
def test_values_of_campaign_files(
    tmp_path_factory: pytest.TempPathFactory, top: dict[str, Any], potentials: list[Any], tables: dict[str, Any]
) -> None:
    path = in_file(tmp_path_factory, "c.toml", b"")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tomllib, "loads", lambda text: {**top, "potential": potentials, **tables})
        refused_line_by_line(lambda: asked.read(path, ("symmetry/rotation",)))


FRAGMENT = b"units metal\natom_style atomic\nlabelmap atom 1 Si 2 C\npair_style sw\npair_coeff * * x.sw Si C\n"


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("fragment.in", FRAGMENT),
        ("a.eam", b"x\n29 63.5 3.6 fcc\n"),
        ("a.eam.alloy", b"\n\n\n2 Cu Au\n"),
        ("a.sw", b"Si Si Si 1 2 3"),
    ],
)
@SOME
@given(data=st.data())
def test_files_of_lammps(name: str, good: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = in_file(tmp_path_factory, name, data.draw(mutated(good)))
    understood(lambda: recipe_of(path, None), PotentialError)


def test_no_command_of_lammps_reaches_a_shell(tmp_path: Path) -> None:
    for line in ("shell rm -rf x", "print `x`", "python f invoke", "include other", "jump x"):
        (tmp_path / "a.in").write_text(f"pair_style sw\n{line}\n")
        with pytest.raises(PotentialError, match="has no place in a fragment"):
            recipe_of(tmp_path / "a.in", ["Si"])


@MANY
@given(st.text(max_size=30))
def test_limits_and_variables(text: str) -> None:
    understood(lambda: limits.limits(text), PotentialError)
    if "\x00" not in text and all(ord(c) < 0xD800 or ord(c) > 0xDFFF for c in text):
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv(isolation.PASSED, text)
            understood(lambda: isolation.isolation("limits"), PotentialError)


def test_a_pickle_that_is_named_as_a_structure_is_not_opened(tmp_path: Path) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    for name in ("a.traj", "a.trj", "a.pckl", "a.pkl", "a.xyz", "a.npy", "a.npz", "bundle"):
        (tmp_path / name).write_bytes(b"PickleTrajectory" * (name == "a.trj") + pickle.dumps(Bomb()))
        understood(partial(crystals.read_structures, str(tmp_path / name)), BadRequest)
        understood(partial(read_frames, tmp_path / name), DataError)
        assert not (tmp_path / "exploded").exists(), name
