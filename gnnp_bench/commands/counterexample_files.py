"""A counterexample as files for other tools: which may be written, and a test for pytest."""

from __future__ import annotations

import os
import pprint
import re

from gnnp_bench import __version__
from gnnp_bench.certificate.result import Certificate, CheckResult, Counterexample
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.output import check_file
from gnnp_bench.report.parameters import in_words
from gnnp_bench.report.text import plain
from gnnp_bench.report.words import subject

_TEST = '''\
"""{about}

Written by gnnp-bench {version}. It needs the potential, gnnp-bench and pytest, and nothing else:

    pytest {name}
"""

import warnings

import pytest

from gnnp_bench.adapters.registry import load
from gnnp_bench.checks.registry import all_checks
from gnnp_bench.engine.replay import measure_again

SPEC = {spec!r}
SPECIES = {species!r}
CHECK = {check!r}
LAW = {law!r}
PROFILE = {profile!r}

# numbers; positions and cell in Å
STRUCTURE = {structure}

# What has to be evaluated before, one by one, by a potential just loaded in a new process.
HISTORY = {history}

# Parameters of the check{words}; noise floor in eV/atom, eV/Å, eV/Å³; what was measured when this file was written.
CASE = {case}


def test_{function}():
    checks = {{check.id: check for check in all_checks()}}
    assert CHECK in checks, f"this gnnp-bench has no check {{CHECK}}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = load(SPEC, SPECIES)
        result = measure_again(
            loaded.potential, checks[CHECK], STRUCTURE, CASE, history=HISTORY, profile=PROFILE, reload=loaded.reload
        )
    if result.status == "not_applicable":
        pytest.skip(f"the potential refuses this input: {{result.reason}}")
    if result.status == "pass" and result.grade != "violated":
        return
    if result.quantity is None:
        pytest.fail(f"{{CHECK}} could not be measured: {{result.reason}}", pytrace=False)
    pytest.fail(
        f"{{CHECK}} on {{loaded.potential.name}}: {{LAW}}\\n"
        f"measured     {{_say(result.measured)}} {{result.unit}} in {{result.quantity}}"
        f" (recorded: {{_say(CASE.get('measured'))}})\\n"
        f"bound        {{_say(result.bound)}} {{result.unit}}, which rounding explains\\n"
        f"significance {{_say(result.significance)}} {{result.unit}}, which starts to matter\\n"
        f"status       {{result.status}}",
        pytrace=False,
    )


def _say(number):
    return "not finite" if number is None else f"{{number:.6g}}"
'''


def check_targets(certificate: str, pytest_file: str | None, structure_file: str | None, *, force: bool) -> None:
    """Refuse files that cannot or must not be written, before any is.

    Raises
    ------
    BadRequest
        If one exists and is not to be overwritten, cannot be written, is the certificate or the other one, or is no
        name under which pytest finds a test.
    """
    named = [path for path in (pytest_file, structure_file) if path is not None]
    if pytest_file is not None and not pytest_file.endswith(".py"):
        raise BadRequest(f"--pytest {pytest_file}: pytest reads files whose names end in .py only")
    if "-" in named:
        raise BadRequest("--structure needs the name of a file")
    if len({os.path.realpath(path) for path in (*named, certificate)}) <= len(named):
        raise BadRequest("the certificate, --pytest and --structure must be different files")
    for path in named:
        if os.path.lexists(path) and not os.path.isdir(path) and not force:
            raise BadRequest(f"{path} exists: name another file, or give --force to overwrite it")
        check_file(path)


def as_pytest(certificate: Certificate, result: CheckResult, found: Counterexample, path: str) -> bytes:
    """Return a test module that fails while the potential violates the law on the counterexample."""
    potential = certificate.potential
    does = {"inconclusive": "leads to no conclusion in", "error": "breaks in"}.get(result.status, "violates")
    about = f"{subject(certificate)} {does} {plain(result.id)}: {plain(result.law)}."
    said = plain(in_words(result.id, found.case.get("parameters", {})))
    text = _TEST.format(
        about=about.replace("\\", "\\\\").replace('"""', "'''"),
        version=__version__,
        name=os.path.basename(path),
        spec=potential.spec,
        species=tuple(potential.species),
        check=result.id,
        law=plain(result.law),
        profile=certificate.profile,
        structure=_literal(found.structure),
        case=_literal(found.case),
        history=_literal(found.history),
        words=f" ({said})" if said else "",
        function=re.sub(r"\W", "_", result.id, flags=re.ASCII),
    )
    return text.encode()


def _literal(values: object) -> str:
    return pprint.pformat(values, width=110, compact=True, sort_dicts=False)
