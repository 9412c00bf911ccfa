"""A counterexample as a file of structures that every program of the field reads."""

from __future__ import annotations

import io
import json

from gnnp_bench.certificate.result import Certificate, CheckResult, Counterexample
from gnnp_bench.report.parameters import in_words
from gnnp_bench.report.text import plain

_MEASURED = ("quantity", "measured", "bound", "significance", "unit")


def as_extxyz(certificate: Certificate, result: CheckResult, found: Counterexample) -> bytes:
    """Return the structure as extended XYZ, positions to 1e-8 Å, with what was done to it and measured in its comment.

    What has to be evaluated before comes before, one frame each.

    Raises
    ------
    ValueError
        If the certificate's structure is none.
    """
    from ase.io import write

    from gnnp_bench.structures.carried import NOTE
    from gnnp_bench.structures.serialise import from_json

    try:
        *before, atoms = (from_json(values) for values in (*found.history, found.structure))
    except ValueError as error:
        raise ValueError(f"the counterexample of {result.id} cannot be read: {error}") from error
    numbers = {name: found.case.get(name, getattr(result, name)) for name in _MEASURED}
    carried = {key: value for key, value in atoms.info.items() if key not in ("recipe", NOTE)}
    atoms.info = {
        **carried,
        "potential": certificate.potential.spec,
        "check": result.id,
        "law": plain(result.law),
        "parameters": json.dumps(found.case.get("parameters", {})),
        **({"in_words": said} if (said := in_words(result.id, found.case.get("parameters", {}))) else {}),
        **{name: value for name, value in numbers.items() if value is not None},
    }
    stream = io.StringIO()
    for past in before:
        past.info = {"before": result.id}
    write(stream, [*before, atoms], format="extxyz")
    return stream.getvalue().encode()
