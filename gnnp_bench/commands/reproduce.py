"""``gnnp-bench reproduce``: a failure is measured again from its certificate alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from gnnp_bench.certificate.result import CheckResult, Counterexample, Status
from gnnp_bench.commands.counterexample_files import as_pytest, check_targets
from gnnp_bench.commands.exits import BadRequest, nearest
from gnnp_bench.commands.isolating import AllowRead, Isolate, Limit, PassEnv, isolated, with_isolation
from gnnp_bench.commands.loading import Env, checks_by_id, find_check, load_potential, moved_to
from gnnp_bench.commands.opening import opened
from gnnp_bench.commands.output import own_stdout, write_file
from gnnp_bench.commands.trust import check_trust
from gnnp_bench.potential import Identity, Potential, PotentialError
from gnnp_bench.report.extxyz import as_extxyz
from gnnp_bench.report.text import STATUS_WORD, number, plain, plural
from gnnp_bench.report.words import subject


def reproduce(
    certificate: Annotated[str, typer.Argument(metavar="CERTIFICATE", help="The certificate's JSON file.")],
    check: Annotated[str, typer.Argument(metavar="CHECK", help="The id of a check that did not hold in it.")],
    env: Env = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the code that a certificate from elsewhere names: you know it.")
    ] = False,
    key: Annotated[
        str | None, typer.Option(metavar="FILE", help="Run it if this public key has signed the certificate.")
    ] = None,
    isolate: Isolate = None,
    pass_env: PassEnv = None,
    allow_read: AllowRead = None,
    limit: Limit = None,
    pytest: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a test here that fails while the law is violated.")
    ] = None,
    structure: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the structure here, as extended XYZ.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> int:
    """Measure a failure again, from its certificate alone.

    The files of --pytest and --structure are written first: they need no potential. A certificate that was not made
    here names code of others, which is run with --trust, --key or --isolate sandbox alone.

    Exit status: 0 the law is missed by the same amount as recorded, up to rounding; 1 it is not; 2 the request was
    wrong or the potential could not be loaded.
    """
    found = opened(certificate)
    record = found.certificate
    recorded = {result.id: result for result in record.checks}
    if check not in recorded:
        raise BadRequest(f"{certificate} holds no check {check!r}{nearest(check, recorded)}")
    result = recorded[check]
    if result.counterexample is None:
        raise BadRequest(f"{check} has no counterexample in {certificate}: its status is {result.status}")
    checks = checks_by_id()
    if check not in checks and check.partition("/")[0] not in {known.partition("/")[0] for known in checks}:
        raise BadRequest(f"{check} is a law of another package, which is not installed here: install it")
    find_check(check, checks)
    from gnnp_bench.engine.replay import case_of, replay
    from gnnp_bench.report.stream import console

    check_targets(certificate, pytest, structure, force=force)
    try:
        for structure_kept in (result.counterexample.structure, *result.counterexample.history):
            case_of(structure_kept, result.counterexample.case)
    except ValueError as error:
        raise BadRequest(f"the counterexample of {check} in {certificate} cannot be replayed: {error}") from error
    if structure is not None:
        try:
            _write(structure, as_extxyz(record, result, result.counterexample))
        except ValueError as error:
            raise BadRequest(str(error)) from error
    if pytest is not None:
        _write(pytest, as_pytest(record, result, result.counterexample, pytest))

    spec = with_isolation(moved_to(record.potential.spec, env), isolate)
    check_trust(certificate, found, spec, trusted=trust, key=key)
    with own_stdout() as stdout, isolated(spec, pass_env, allow_read, limit):
        loaded = load_potential(spec, record.potential.species)
        try:
            again = replay(loaded.potential, tuple(checks.values()), record, check, reload=loaded.reload)
        except PotentialError as error:
            raise BadRequest(str(error)) from error
        except SystemExit as error:  # not its own status: 0 would say that the failure was reproduced
            raise BadRequest(f"{record.potential.name} ended the program: SystemExit({error.code})") from error
        _warn_of_other_weights(record.potential.weights_sha256, loaded.potential)
        before, after = recorded_measurement(result, result.counterexample), _measurement(again)
        reproduced = same(before, after)
        out = console(stdout)
        out.print(f"{check} on {subject(record)}", style="bold")
        if result.counterexample.history:
            count = plural(len(result.counterexample.history), "structure")
            out.print(f"  {'before it':<16}{count} evaluated, one after the other", soft_wrap=True)
        for label, measurement, why in (("recorded", before, result.reason), ("measured again", after, again.reason)):
            for i, line in enumerate(_lines(measurement, why)):
                out.print(f"  {label if i == 0 else '':<16}{line}", soft_wrap=True)
        out.print(_conclusion(before, after, reproduced))
    return 0 if reproduced else 1


def _write(path: str, data: bytes) -> None:
    write_file(path, data)
    typer.echo(f"wrote {path}")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One component of a law, measured on one case. Numbers are None where they were not finite."""

    status: Status
    quantity: str | None
    measured: float | None
    bound: float | None
    significance: float | None
    unit: str | None


def recorded_measurement(result: CheckResult, found: Counterexample) -> Measurement:
    """Return what was measured on the counterexample, which may be milder than the worst case of the search."""
    keys = ("quantity", "measured", "bound", "significance", "unit")
    in_full = "measured" in found.case or result.status == "error"  # of a case that broke there are no numbers
    source = found.case if in_full else {key: getattr(result, key) for key in keys}
    status: Status = "fail" if result.status == "waived" else result.status  # permission does not change the law
    return Measurement(status, *(source.get(key) for key in keys))


def _measurement(result: CheckResult) -> Measurement:
    return Measurement(result.status, result.quantity, result.measured, result.bound, result.significance, result.unit)


def same(before: Measurement, after: Measurement) -> bool:
    """Return whether two measurements agree: same status and quantity, and numbers that differ by rounding alone.

    What rounding does to the residual is the bound b; where b is zero, a relative 1e-6.
    """
    if (before.status, before.quantity) != (after.status, after.quantity):
        return False
    from gnnp_bench.engine.replay import alike  # which brings scipy with it

    return alike((before.measured, before.bound), (after.measured, after.bound))


def _lines(measurement: Measurement, why: str | None) -> list[str]:
    if measurement.quantity is None:
        return [f"{STATUS_WORD[measurement.status]}{f': {plain(why)}' if why else ''}"]
    value = "not finite" if measurement.measured is None else f"{measurement.measured:.8g}"
    return [
        f"{value} {plain(measurement.unit or '')} in {plain(measurement.quantity)}: {STATUS_WORD[measurement.status]}",
        f"bound {number(measurement.bound)}, significance {number(measurement.significance)}",
    ]


def _conclusion(before: Measurement, after: Measurement, reproduced: bool) -> str:
    if reproduced and before.status == "error":
        return "Reproduced: it could not be measured again."
    if reproduced:
        return "Reproduced: the law is missed by the same amount as recorded, up to rounding."
    if before.status == after.status:
        return "Not reproduced: the law is violated again, but by another amount."
    return f"Not reproduced: the status is {STATUS_WORD[after.status]} now, and was {STATUS_WORD[before.status]}."


def _warn_of_other_weights(recorded: str | None, potential: Potential) -> None:
    identity = getattr(potential, "identity", None) or Identity()
    if recorded is not None and identity.weights_sha256 != recorded:
        print("gnnp-bench: warning: these are not the weights that were certified", file=sys.stderr)
