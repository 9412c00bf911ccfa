"""``gnnp-bench gate``: whether one revision is worse than another."""

from __future__ import annotations

import fnmatch
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gnnp_bench.commands.compare import read_certificates
from gnnp_bench.commands.exits import PARTIAL, BadRequest
from gnnp_bench.commands.output import check_file, own_stdout, write_bytes
from gnnp_bench.commands.signals import terminable

if TYPE_CHECKING:
    from gnnp_bench.perf.gate_judge import BenchmarkResult
    from gnnp_bench.perf.gate_revisions import Revision
    from gnnp_bench.report.gate import Sides

GATE_VERSION = 1
HARNESS = "benchmarks/gate.py"


def gate(
    base: Annotated[str, typer.Option(metavar="REV", help="What to compare with: a branch, a tag, a commit.")],
    head: Annotated[
        str | None, typer.Option(metavar="REV", help="What to judge; by default the files as they are.")
    ] = None,
    harness: Annotated[str, typer.Option(metavar="FILE", help="The head's file of benchmarks.")] = HARNESS,
    only: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Run only these benchmarks. Repeatable.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Let this be worse, such as 'energy/time' or '*/counters/*'. Repeatable."),
    ] = None,
    quartets: Annotated[
        int | None,
        typer.Option(min=2, max=200, metavar="N", help="Run A B B A N times; by default what --minutes allow."),
    ] = None,
    minutes: Annotated[float, typer.Option(metavar="M", help="About how long.")] = 10.0,
    seconds: Annotated[float, typer.Option(metavar="S", help="For each benchmark in each process.")] = 0.2,
    environments: Annotated[
        Literal["auto", "current", "own"],
        typer.Option(help="Each revision's own, or the one at hand; auto: at hand where both depend on the same."),
    ] = "auto",
    extras: Annotated[
        str | None, typer.Option(metavar="LIST", help="Of the project, for own environments, such as test,chgnet.")
    ] = None,
    certificates: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="OLD.json NEW.json",
            help="Certificates of the two revisions: what gnnp-bench compare calls worse is worse here too.",
        ),
    ] = None,
    repository: Annotated[str, typer.Option(metavar="DIR", help="Which repository.")] = ".",
    cache: Annotated[
        str | None, typer.Option(metavar="DIR", help="For revisions and environments; ~/.cache/gnnp-bench by default.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the findings here; - is standard output.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write them for a pull request; - is standard output.")
    ] = None,
    history: Annotated[
        str | None, typer.Option(metavar="FILE", help="Append the findings to this file, one line of JSON per gate.")
    ] = None,
) -> int:
    """Compare two revisions by the head's benchmarks, and tell whether anything got worse.

    Exit status: 0 nothing worse, 1 worse (a benchmark, or the new certificate), 2 could not measure or the request was
    wrong, 3 inconclusive or interrupted.
    """
    from gnnp_bench.certificate.compare import compare as compared
    from gnnp_bench.perf.gate_revisions import CannotMeasure
    from gnnp_bench.perf.gate_run import Order, names_in
    from gnnp_bench.perf.gate_run import gate as measured
    from gnnp_bench.report import comparison
    from gnnp_bench.report.comparison import print_comparison
    from gnnp_bench.report.gate import Sides, print_gate
    from gnnp_bench.report.gate import markdown as as_markdown
    from gnnp_bench.report.stream import console

    files = _Files(json, markdown, history)
    files.check()
    pair = None if certificates is None else read_certificates(*certificates)
    physics = None if pair is None else compared(*pair)
    for option, value in (("--minutes", minutes), ("--seconds", seconds)):
        if not 0.0 < value < float("inf"):
            raise BadRequest(f"{option} must be a positive number, not {value:g}")
    with own_stdout() as stdout:
        progress = console(sys.stderr)
        report = console(sys.stderr if "-" in (json, markdown) else stdout)

        def tell(line: str) -> None:
            progress.print(line, soft_wrap=True, markup=False)

        try:
            with terminable():
                place = Path(cache) if cache is not None else cache_directory()
                asked = tuple(part.strip() for part in (extras or "").split(",") if part.strip())
                before, after = _revisions(Path(repository), base, head, place.absolute(), environments, asked, tell)
                file = after.root / harness
                order = Order(
                    harness=file,
                    names=chosen(names_in(file, after), only or []),
                    seconds=seconds,
                    quartets=quartets,
                    minutes=minutes,
                    accepted=tuple(accept or ()),
                )
                found = measured(before, after, order, tell)
        except CannotMeasure as error:
            raise BadRequest(str(error)) from error
        except KeyboardInterrupt as interruption:
            report.print(f"stopped by {str(interruption) or 'Ctrl-C'}: nothing was judged")
            return PARTIAL
        except BadRequest:
            raise
        except Exception as error:
            # Not the 3 of other commands, which continuous integration takes for a noisy machine.
            traceback.print_exc()
            raise BadRequest(
                "nothing was measured, because of a bug in gnnp-bench: please report the lines above"
            ) from error
        sides = Sides(_said(before), _said(after))
        print_gate(report, found, sides)
        values, text = as_values(found, sides, before.commit, after.commit), as_markdown(found, sides)
        if pair is not None and physics is not None:
            report.print()
            print_comparison(report, *pair, physics)
            values |= {"certificates": comparison.as_values(*pair, physics)}
            text += f"\n{comparison.as_markdown(*pair, physics)}"
            if physics.worse:
                values["exit_status"] = 1
        files.write(values, text, stdout)
    status: int = values["exit_status"]
    return status


def chosen(known: dict[str, str], patterns: list[str]) -> tuple[str, ...]:
    """Return the benchmarks that patterns choose, all of them where there is no pattern.

    Raises
    ------
    BadRequest
        A pattern chooses none.
    """
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in known):
            raise BadRequest(f"--only {pattern!r} matches no benchmark: choose from {', '.join(known)}")
    return tuple(n for n in known if not patterns or any(fnmatch.fnmatchcase(n, pattern) for pattern in patterns))


def cache_directory() -> Path:
    """Return where revisions and environments are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gnnp-bench"


def _revisions(
    directory: Path, base: str, head: str | None, cache: Path, environments: Any, extras: tuple[str, ...], tell: Any
) -> tuple[Revision, Revision]:
    from gnnp_bench.perf import gate_revisions

    repository = gate_revisions.repository_of(directory)
    before = gate_revisions.check_out(repository, base, cache)
    if head is None:
        after = gate_revisions.Revision("the working tree", None, repository, Path(sys.executable))
    else:
        after = gate_revisions.check_out(repository, head, cache)
    return gate_revisions.with_environments(before, after, environments, extras, cache, tell)


def _said(revision: Revision) -> str:
    return revision.name if revision.commit is None else f"{revision.name} ({revision.commit[:8]})"


@dataclass(frozen=True, slots=True)
class _Files:
    """Where the findings go."""

    json: str | None
    markdown: str | None
    history: str | None

    def check(self) -> None:
        """Refuse files that cannot be written, before minutes are spent on what is to be written there."""
        if (self.json, self.markdown) == ("-", "-"):
            raise BadRequest("--json and --markdown cannot both be standard output: name a file for one")
        if self.history == "-":
            raise BadRequest("--history needs a file")
        named = [path for path in (self.json, self.markdown, self.history) if path not in (None, "-")]
        if len({os.path.realpath(str(path)) for path in named}) < len(named):
            raise BadRequest("--json, --markdown and --history must be different files")
        for path in named:
            check_file(str(path))

    def write(self, values: dict[str, Any], markdown: str, stdout: Any) -> None:
        import msgspec

        from gnnp_bench.certificate.io import replace_file

        line = msgspec.json.encode(values)
        try:
            for path, data in (
                (self.json, msgspec.json.format(line, indent=2) + b"\n"),
                (self.markdown, markdown.encode()),
            ):
                if path == "-":
                    write_bytes(stdout, data)
                elif path is not None:
                    replace_file(path, data)
            if self.history is not None:
                before = Path(self.history).read_bytes() if os.path.exists(self.history) else b""
                replace_file(self.history, before + line + b"\n")
        except (ValueError, OSError) as error:
            raise BadRequest(str(error)) from error


def as_values(found: list[BenchmarkResult], sides: Sides, base: str | None, head: str | None) -> dict[str, Any]:
    """Return the findings as JSON values."""
    import msgspec

    from gnnp_bench.certificate.provenance import environment
    from gnnp_bench.perf.gate_judge import exit_status
    from gnnp_bench.report.gate import conclusion

    return {
        "gate_version": GATE_VERSION,
        "exit_status": exit_status(found),
        "conclusion": conclusion(found),
        "base": {"name": sides.base, "commit": base},
        "head": {"name": sides.head, "commit": head},
        "environment": environment(),
        "benchmarks": [
            {"name": one.name, "status": one.status, "worse": list(one.worse), **msgspec.to_builtins(one)}
            for one in found
        ],
    }
