"""Whether the code that a certificate names may be run: a certificate is a file that anybody may have written."""

from __future__ import annotations

import sys

from gnnp_bench.certificate.made_here import made_here
from gnnp_bench.certificate.signing import KeyProblem, signed_by
from gnnp_bench.commands.exits import BadRequest
from gnnp_bench.commands.isolating import kind_of
from gnnp_bench.commands.opening import Opened, changes
from gnnp_bench.report.text import plain


def check_trust(path: str, found: Opened, spec: str, *, trusted: bool, key: str | None) -> None:
    """Refuse to run the code of a certificate that comes from elsewhere, unless the user wants it.

    What was made here was run here. Anything else names code of others: then it is said which.

    Parameters
    ----------
    path : str
    found : Opened
    spec : str
        By which the potential is to be loaded.
    trusted : bool
        The user knows the code.
    key : str or None
        A public key whose owner the user trusts.

    Raises
    ------
    BadRequest
        If nothing speaks for it. The message names the code and says how to go on.
    """
    seal, intact = found.looked.seal, found.looked.intact
    if intact and seal is not None and made_here(seal) and key is None:
        return
    if key is not None:
        try:
            signer = signed_by(seal, key) if intact and seal is not None else None
        except KeyProblem as error:
            raise BadRequest(str(error)) from error
        if signer is None:
            why = changes(found.looked) if found.looked.changed else f"is not signed by {key}"
            raise BadRequest(f"{path} {why}: nothing is run")
        return
    if trusted or kind_of(spec) == "sandbox":
        whence = changes(found.looked) if found.looked.changed else "comes from elsewhere"
        print(f"gnnp-bench: {path} {whence}; running the code of {plain(spec)}", file=sys.stderr)
        return
    why = changes(found.looked) if found.looked.changed else "was not made here"
    raise BadRequest(
        f"{path} {why}, and this would run the code of {plain(spec)}: give --trust if you know that code,"
        " --isolate sandbox to keep it from everything else, or --key FILE, the public key of who has signed it"
    )
