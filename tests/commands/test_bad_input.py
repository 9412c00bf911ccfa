"""Wrong input gets one line on standard error that says what is wrong with it, and status 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gnnp_bench.certificate.io import encode
from tests.certificate.examples import FAILED, certificate
from tests.commands.processes import lay_out, refused

GOOD = encode(certificate(FAILED))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return lay_out(tmp_path, monkeypatch)


def of_version(version: object) -> bytes:
    return json.dumps(json.loads(GOOD) | {"schema_version": version}).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "cannot read c.json: No such file or directory"),
        (b"", "c.json: not a certificate of gnnp-bench: it ends in the middle, or is empty"),
        (GOOD[: len(GOOD) // 2], "c.json: not a certificate of gnnp-bench: it ends in the middle, or is empty"),
        (b"{}", "c.json: not a certificate of gnnp-bench: Object missing required field `schema_version`"),
        (b'{"name": "gnnp-bench", "version": 3}', "c.json: not a certificate of gnnp-bench: Object missing required"),
        (b"[1, 2]", "c.json: not a certificate of gnnp-bench: Expected `object`, got `array`"),
        (b"potential = 3", "c.json: not a certificate of gnnp-bench: JSON is malformed"),
        (b"\x89PNG\r\n\xff", "c.json: not a certificate of gnnp-bench: "),
        (
            of_version(4),
            "c.json: certificate has schema version 4; this gnnp-bench reads 1, 2 and 3: read it with a newer one",
        ),
        (
            of_version(0),
            "c.json: certificate has schema version 0; this gnnp-bench reads 1, 2 and 3: read it with another one",
        ),
        (of_version("1"), "c.json: not a certificate of gnnp-bench: Expected `int`, got `str`"),
        (GOOD.replace(b'"seed": 0', b'"seed": "0"'), "Expected `int`, got `str` - at `$.seed`"),
        (GOOD.replace(b'"fail"', b'"failed"', 1), "Invalid enum value 'failed'"),
    ],
)
def test_what_is_no_certificate_is_refused(data: bytes | None, message: str, workplace, capsys):
    if data is not None:
        (workplace / "c.json").write_bytes(data)
    assert message in refused(capsys, "reproduce", "c.json", FAILED.id)


def test_a_folder_is_no_certificate(workplace, capsys):
    assert "cannot read .: Is a directory" in refused(capsys, "reproduce", ".", FAILED.id)


def test_a_check_that_is_not_there_is_refused_wherever_it_is_named(workplace, capsys):
    (workplace / "c.json").write_bytes(GOOD)
    certify = ("certify", "tempers:exploding", "--species", "Cu")
    suggested = "did you mean symmetry/rotation, "
    assert f"no check 'symmetry/rotatoin'; {suggested}" in refused(capsys, "explain", "symmetry/rotatoin")
    assert f"matches no check; {suggested}" in refused(capsys, *certify, "--only", "symmetry/rotatoin")
    assert f"matches no check; {suggested}" in refused(capsys, *certify, "--skip", "symmetry/rotatoin")
    assert "c.json holds no check 'symmetry/rotatoin'" in refused(capsys, "reproduce", "c.json", "symmetry/rotatoin")
