"""A certificate in the hands of its user: it prints itself, is looked into by the ids of its checks, and is kept."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ase import Atoms

    from gnnp_bench.certificate import result
    from gnnp_bench.check import Check


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """What `gnnp_bench.certify` returns.

    It is true if it is certified, so that ``assert certify(...)`` says what it seems to say. Printed, and shown by a
    notebook, it is the table of laws with what fails. ``certificate["symmetry/rotation"]`` is what one check found.

    Attributes
    ----------
    record : gnnp_bench.certificate.result.Certificate
        All that the file holds: docs/certificate.md.
    """

    record: result.Certificate

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Certificate:
        """Read a certificate that `save`, or ``gnnp-bench certify --json``, wrote.

        A file that was changed after it was made is read with a warning that says what was changed. Nothing is said of
        one without a seal, as earlier versions wrote them.

        Raises
        ------
        ValueError
            If it cannot be read, or is none.
        """
        from gnnp_bench.certificate import chain
        from gnnp_bench.certificate.io import encode
        from gnnp_bench.commands.exits import BadRequest
        from gnnp_bench.commands.opening import changes, opened

        try:
            found = opened(os.fspath(path))
        except BadRequest as error:
            raise ValueError(str(error)) from error
        if found.looked.changed:
            warnings.warn(f"{os.fspath(path)} {changes(found.looked)}", stacklevel=2)
        record = found.certificate
        # What has no seal was not made here, as far as anyone can tell, and saving it is not making it.
        return cls(record if record.seal is not None else chain.sealed(record, encode(record)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the certificate as JSON, at once or not at all.

        Raises
        ------
        ValueError
            If the file cannot be written.
        """
        from gnnp_bench.certificate.io import write

        write(self.record, path)

    @property
    def verdict(self) -> Literal["certified", "failed", "partial"]:
        """*certified*: all laws hold; *failed*: one is violated; *partial*: none is, and not all could be judged."""
        return self.record.verdict

    @property
    def grade(self) -> Literal["exact", "physical"] | None:
        """To what the laws hold (the potential's own rounding, or what matters). None unless certified."""
        return self.record.grade

    @property
    def checks(self) -> tuple[result.CheckResult, ...]:
        """What each check found."""
        return self.record.checks

    @property
    def uses(self) -> tuple[result.Fitness, ...]:
        """For what the potential is fit, which docs/uses.md explains."""
        return self.record.uses

    @property
    def failures(self) -> tuple[result.CheckResult, ...]:
        """What was found of the laws that are violated."""
        return tuple(r for r in self.checks if r.status == "fail" and r.category != "informational")

    def structure(self, check_id: str) -> Atoms:
        """Return the structure on which a law fails, is open, or could not be measured: the smallest that was found.

        What was done to it stands in ``certificate[check_id].counterexample.case["parameters"]``.

        Raises
        ------
        KeyError
            If the certificate holds no such check.
        ValueError
            If there is no such structure, because the law holds.
        """
        from gnnp_bench.structures.serialise import from_json

        found = self[check_id]
        if found.counterexample is None:
            raise ValueError(f"{check_id} has no counterexample: its status is {found.status}")
        return from_json(found.counterexample.structure)

    def report(self) -> str:
        """Return all that ``gnnp-bench certify`` prints at its end, with what each failure means."""
        import io

        from gnnp_bench.report import terminal
        from gnnp_bench.report.short import WIDTH
        from gnnp_bench.report.stream import console

        written = io.StringIO()
        terminal.summary(console(written, width=WIDTH), self.record, checks=_checks())
        return written.getvalue().strip("\n") + "\n"

    def __getitem__(self, check_id: str) -> result.CheckResult:
        for found in self.checks:
            if found.id == check_id:
                return found
        from gnnp_bench.commands.exits import nearest

        raise KeyError(f"the certificate holds no check {check_id!r}{nearest(str(check_id), list(self))}")

    def __iter__(self) -> Iterator[str]:
        return (found.id for found in self.checks)

    def __len__(self) -> int:
        return len(self.checks)

    def __contains__(self, check_id: object) -> bool:
        return any(found.id == check_id for found in self.checks)

    def __bool__(self) -> bool:
        return self.verdict == "certified"

    def __str__(self) -> str:
        from gnnp_bench.report.short import text

        return text(self.record, expected=_checks()).rstrip("\n")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from gnnp_bench.report.html.notebook import fragment

        return fragment(self.record, _checks())


def _checks() -> dict[str, Check]:
    from gnnp_bench.checks.registry import all_checks

    return {check.id: check for check in all_checks()}
