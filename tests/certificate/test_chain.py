"""What is changed in a certificate after it was made is told, and who stands for it can be shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gnnp_bench
from gnnp_bench.certificate import chain, io
from gnnp_bench.certificate.made_here import made_here
from gnnp_bench.cli import main
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.opening import opened
from tests.certificate.examples import FAILED, PASSED, certificate, result

LAST = result("symmetry/inversion")
THREE = certificate(PASSED, FAILED, LAST, verdict="failed", grade=None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "c.json"
    io.write(THREE, path)
    return path


def edited(file: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    values = json.loads(file.read_text())
    edit(values)
    file.write_text(json.dumps(values))


def verified(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["verify", *arguments])
    told = capsys.readouterr()
    said = told.out + told.err
    assert said.count("\n") == 1, said
    return status, said


def test_a_certificate_that_was_written_is_as_it_was_made(file, capsys):
    status, said = verified(capsys, str(file))
    assert status == 0
    assert "is as it was made: failed, 3 results" in said
    assert "nobody has signed it" in said
    read = io.read(file)
    assert read.seal is not None
    assert made_here(read.seal)
    assert replace(read, seal=None) == THREE
    assert io.encode(io.sealed(read)) == file.read_bytes()  # written again, nothing is sealed anew


def test_layout_is_no_change(file, capsys):
    edited(file, lambda values: None)
    assert verified(capsys, str(file))[0] == 0


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda v: v.update(verdict="certified"), "its verdict was changed"),
        (lambda v: v["potential"].update(spec="other:factory"), "its potential was changed"),
        (lambda v: v.pop("causes"), "its causes was removed"),
        (lambda v: v.update(extra=1), "extra was added to it"),
        (lambda v: v["checks"][1].update(status="pass"), f"the result of {FAILED.id} was changed"),
        (lambda v: v["checks"].pop(1), f"the result of {FAILED.id} was removed"),
        (lambda v: v["checks"].pop(), f"the result of {LAST.id} was removed"),
        (lambda v: v["checks"].reverse(), "its results were put into another order"),
        (lambda v: v["checks"].append(v["checks"][0]), "a result is in it twice"),
        (lambda v: v["seal"].update(head="0" * 64), "the chain of its seal was changed"),
        (lambda v: v["seal"]["links"][-1].update(sha256="0" * 64), f"the result of {LAST.id} was changed"),
        (lambda v: v["seal"]["fields"].pop("seed"), "seed was added to it"),
        (lambda v: v["seal"].update(algorithm="md5"), "which this gnnp-bench does not know"),
    ],
)
def test_changes_are_told_in_one_sentence(edit, sentence, file, capsys):
    edited(file, edit)
    status, said = verified(capsys, str(file))
    assert status == 1
    assert "was changed after it was made: " in said
    assert sentence in said


def test_every_flipped_bit_that_means_something_is_told(file):
    data = file.read_bytes()
    values, told = json.loads(data), 0
    # The mark of this machine has a key of its own.
    here = data.index(b'"here"')
    for position in range(0, len(data), 97):
        for bit in (0, 3):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            try:
                same = json.loads(bytes(flipped)) == values
            except ValueError:
                same = False
            file.write_bytes(bytes(flipped))
            try:
                intact = opened(str(file)).looked.intact
            except BadRequest:
                intact = False
            assert same or not intact or position > here, position
            told += not intact
    assert told > 50


def test_one_thing_said_twice_is_no_certificate(file, capsys):
    file.write_bytes(file.read_bytes().replace(b'"verdict": "failed"', b'"verdict": "certified",\n"verdict": "failed"'))
    status, said = verified(capsys, str(file))
    assert status == 2
    assert "it says 'verdict' twice in one place" in said


def test_a_certificate_of_an_earlier_version_is_read_and_not_vouched_for(file, capsys):
    edited(file, lambda v: v.pop("seal"))
    status, said = verified(capsys, str(file))
    assert status == 3
    assert "has no seal" in said
    assert io.read(file).seal is None


def test_what_was_changed_is_warned_of_wherever_it_is_read(file, capsys):
    assert main(["show", str(file)]) == 0
    assert "warning" not in capsys.readouterr().err
    edited(file, lambda v: v.update(verdict="certified"))
    for command in (["show", str(file)], ["compare", str(file), str(file)], ["badge", str(file), "--out", "-"]):
        main(command)
        assert "was changed after it was made: its verdict was changed" in capsys.readouterr().err


def test_what_was_changed_is_warned_of_in_python_as_well(file, recwarn):
    gnnp_bench.Certificate.from_file(file)
    assert not recwarn.list
    edited(file, lambda v: v.update(verdict="certified"))
    with pytest.warns(UserWarning, match="was changed after it was made: its verdict was changed"):
        found = gnnp_bench.Certificate.from_file(file)
    found.save(file)  # which makes it no better
    with pytest.warns(UserWarning, match="its verdict was changed"):
        gnnp_bench.Certificate.from_file(file)
    edited(file, lambda v: v.pop("seal"))
    gnnp_bench.Certificate.from_file(file)
    file.write_text('{"verdict": "failed", ' + file.read_text().lstrip("{ \n"))
    with pytest.raises(ValueError, match="it says 'verdict' twice in one place"):
        gnnp_bench.Certificate.from_file(file)


def test_a_chain_that_was_computed_anew_is_not_made_here(file):
    values = json.loads(file.read_text())
    values["potential"]["spec"] = "other:factory"
    seal = chain.seal_of(values)
    assert not made_here(seal)
    assert not made_here(replace(seal, here=values["seal"]["here"]))
    assert not made_here(replace(seal, here="né"))


def test_saving_what_has_no_seal_does_not_make_it_here(file, tmp_path):
    edited(file, lambda v: v.pop("seal"))
    again = tmp_path / "again.json"
    gnnp_bench.Certificate.from_file(file).save(again)
    looked = opened(str(again)).looked
    assert looked.intact
    assert looked.seal is not None
    assert not made_here(looked.seal)


class TestTheKeyByWhichItIsKnownAgain:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch) -> Path:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        return tmp_path / "state" / "gnnp-bench"

    def is_known(self, path: Path) -> bool:
        io.write(THREE, path)
        seal = io.read(path).seal
        return seal is not None and made_here(seal)

    @pytest.mark.parametrize("error", [PermissionError, FileExistsError])
    def test_a_disk_without_links_keeps_one_as_well(self, folder, tmp_path, monkeypatch, error):
        def link(*_: object) -> None:
            raise error

        monkeypatch.setattr("os.link", link)
        known = [self.is_known(tmp_path / "c.json") for _ in range(2)]
        assert known == [error is PermissionError] * 2
        assert [path.name for path in folder.iterdir()] == (["key"] if error is PermissionError else [])

    def test_half_a_key_is_made_anew(self, folder, tmp_path):
        folder.mkdir(parents=True)
        (folder / "key").write_bytes(b"half")
        assert self.is_known(tmp_path / "c.json")
        assert [path.name for path in folder.iterdir()] == ["key"]

    def test_where_none_can_be_kept_certificates_are_written_all_the_same(self, folder, tmp_path):
        folder.parent.write_text("a file")
        assert not self.is_known(tmp_path / "c.json")
        assert chain.look((tmp_path / "c.json").read_bytes()).intact


class TestSignatures:
    @pytest.fixture
    def key(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
        pytest.importorskip("cryptography")
        assert main(["new-key", str(tmp_path / "key")]) == 0
        capsys.readouterr()
        return str(tmp_path / "key")

    def test_who_has_signed_can_be_shown(self, file, key, tmp_path, capsys):
        assert Path(key).stat().st_mode & 0o077 == 0
        status, said = verified(capsys, str(file), "--key", f"{key}.pub")
        assert (status, "is not signed by" in said) == (1, True)
        assert main(["sign", str(file), "--key", key]) == 0
        assert main(["sign", str(file), "--key", key]) == 0  # again is no second signature
        assert "signed" in capsys.readouterr().out
        seal = io.read(file).seal
        assert seal is not None
        assert len(seal.signatures) == 1
        assert verified(capsys, str(file))[0] == 0
        status, said = verified(capsys, str(file), "--key", f"{key}.pub")
        assert (status, f"signed by {seal.signatures[0].key}" in said) == (0, True)
        assert main(["new-key", str(tmp_path / "other")]) == 0
        capsys.readouterr()
        assert verified(capsys, str(file), "--key", str(tmp_path / "other.pub"))[0] == 1

    def test_a_forged_chain_is_not_signed(self, file, key, capsys):
        main(["sign", str(file), "--key", key])
        capsys.readouterr()

        def forge(values: dict[str, Any]) -> None:
            values["verdict"] = "certified"
            forged = json.loads(io.encode_value(chain.seal_of(values)))
            values["seal"] = forged | {"signatures": values["seal"]["signatures"]}

        edited(file, forge)
        assert verified(capsys, str(file))[0] == 0  # without a key nothing more can be said
        status, said = verified(capsys, str(file), "--key", f"{key}.pub")
        assert (status, "is not signed by" in said) == (1, True)

    def test_what_was_changed_is_not_signed(self, file, key, capsys):
        edited(file, lambda v: v.update(seed=5))
        assert main(["sign", str(file), "--key", key]) == 1
        assert "is not signed, for it was changed" in capsys.readouterr().out

    def test_keys_of_ssh_are_keys(self, file, tmp_path, capsys):
        import shutil
        import subprocess

        pytest.importorskip("cryptography")
        if shutil.which("ssh-keygen") is None:
            pytest.skip("there is no ssh-keygen here")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id")], check=True)
        assert main(["sign", str(file), "--key", str(tmp_path / "id")]) == 0
        capsys.readouterr()
        assert verified(capsys, str(file), "--key", str(tmp_path / "id.pub"))[0] == 0

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "cannot read"),
            (b"", "is no public key"),
            (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is no public key"),
            (b"-----BEGIN PRIVATE KEY-----\n", "is a private key"),
        ],
    )
    def test_what_is_no_key_is_refused(self, content, message, file, key, tmp_path, capsys):
        other = tmp_path / "no.pub"
        if content is not None:
            other.write_bytes(content)
        status, said = verified(capsys, str(file), "--key", str(other))
        assert (status, message in said) == (2, True), said

    def test_keys_are_not_overwritten(self, key, capsys):
        before = Path(key).read_bytes()
        assert main(["new-key", key]) == 2
        assert "a key is never overwritten" in capsys.readouterr().err
        assert Path(key).read_bytes() == before
