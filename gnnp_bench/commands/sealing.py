"""``gnnp-bench verify``, ``sign`` and ``new-key``: whether a certificate is as it was made, and who stands for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import msgspec
import typer

from gnnp_bench.certificate import chain, io
from gnnp_bench.certificate.signing import KeyProblem, signature, signed_by
from gnnp_bench.certificate.signing import new_key as make_key
from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.opening import Opened, changes, opened
from gnnp_bench.report.text import plain, plural

INTACT, CHANGED = 0, 1

File = Annotated[str, typer.Argument(metavar="CERTIFICATE", help="The certificate's JSON file.")]


def verify(
    certificate: File,
    key: Annotated[
        str | None, typer.Option(metavar="FILE", help="A public key, by which the certificate has to be signed.")
    ] = None,
) -> int:
    """See whether a certificate is as it was made, and signed by a key.

    No potential is loaded, and nothing is fetched. Exit status: 0 nothing was changed (and the key has signed it);
    1 something was, or the key has not; 2 the request was wrong; 3 it is of a version without a seal, so that nothing
    can be said.
    """
    found = opened(certificate)
    looked = found.looked
    if looked.changed:
        typer.echo(f"{certificate} {changes(looked)}.")
        return CHANGED
    try:
        who = None if key is None or looked.seal is None else signed_by(looked.seal, key)
    except KeyProblem as error:
        raise BadRequest(str(error)) from error
    if looked.seal is None:
        typer.echo(
            f"{certificate} has no seal: it was made by an earlier version, and what was changed cannot be told."
        )
        return PARTIAL if key is None else CHANGED
    if key is not None and who is None:
        typer.echo(f"{certificate} is not signed by {key}. Nothing in it was changed since it was sealed.")
        return CHANGED
    typer.echo(f"{certificate} is as it was made: {_contents(found)}{_signers(found, who)}.")
    return INTACT


def _contents(found: Opened) -> str:
    certificate = found.certificate
    return f"{certificate.verdict}, {plural(len(certificate.checks), 'result')}, {plain(certificate.potential.name)}"


def _signers(found: Opened, who: str | None) -> str:
    if who is not None:
        return f"; signed by {who}"
    named = [plain(one.key)[:60] for one in found.looked.seal.signatures] if found.looked.seal else []
    if not named:
        return "; nobody has signed it, so that anyone may have made it"
    return f"; {', '.join(named)} may have signed it, which --key PUBLIC-KEY looks at"


def sign(
    certificate: File,
    key: Annotated[
        str, typer.Option(metavar="FILE", help="A private Ed25519 key, as new-key and ssh-keygen write it.")
    ],
) -> int:
    """Sign a certificate: the signature is added to its file.

    Exit status: 0 signed, 1 it was changed after it was made, and is not signed; 2 the request was wrong.
    """
    found = opened(certificate)
    if found.looked.changed:
        typer.echo(f"{certificate} is not signed, for it {changes(found.looked)}.")
        return CHANGED
    values = msgspec.json.decode(found.data)
    seal = found.looked.seal or chain.seal_of(values)
    try:
        made = signature(seal, key)
    except KeyProblem as error:
        raise BadRequest(str(error)) from error
    others = tuple(one for one in seal.signatures if one.key != made.key)
    values[chain.SEAL] = replace(seal, signatures=(*others, made))
    try:
        io.replace_file(certificate, msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n")
    except ValueError as error:
        raise BadRequest(str(error)) from error
    typer.echo(f"signed {certificate} by {made.key}")
    return INTACT


def new_key(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The private key; the public one is FILE.pub.")],
) -> int:
    """Make a key to sign certificates with.

    Keep FILE to yourself, and give FILE.pub to those who are to believe you. Exit status: 0 made, 2 it could not be.
    """
    try:
        fingerprint = make_key(file)
    except KeyProblem as error:
        raise BadRequest(str(error)) from error
    typer.echo(f"wrote {file}, which only you should have, and {file}.pub: {fingerprint}")
    return INTACT
