"""What the site of the documentation has beyond the pages: parts that are generated when it is built.

A page says where a part belongs by a comment, ``<!-- site: commands -->``, which a forge does not show. Parts are
Markdown, so that their headings are anchors like any others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCHEMA = HERE.parent / "gnnp_bench" / "certificate" / "schema-3.json"
PART = re.compile(r"^<!-- site: (\w+) -->$", re.MULTILINE)
LISTED = re.compile(r"^(?:- |\| |  ).*", re.MULTILINE)
PAGE = re.compile(r"\]\((?!\.\./)([\w./-]+)\.md\)")
LEADERBOARD = "leaderboard"
"""The tag of Sphinx that asks for the leaderboard of the field, and its folder in the site."""
FOLDER = re.compile(r"\[([^\]]*)\]\((?!\w+:)([^)#\s]+)\)")


def commands() -> str:
    """Return what every command does: its usage, its arguments and its options."""
    import typer

    from gnnp_bench.cli import PROGRAM, app
    from gnnp_bench.commands import plugins

    root: Any = typer.main.get_command(app)
    context = root.make_context(PROGRAM, [], resilient_parsing=True)
    own = {name: root.commands[name] for name in root.list_commands(context)}
    others = {name: plugins.load(point) for name, point in plugins.installed().items()}
    return "\n\n".join(_command(name, command, context) for name, command in (own | others).items())


def _command(name: str, command: Any, parent: Any) -> str:
    context = command.context_class(command, info_name=name, parent=parent)
    usage = command.get_usage(context).removeprefix("Usage: ")
    parts = [f"## {context.command_path}", f"```text\n{usage}\n```", _escaped(command.help or "")]
    records = [p.get_help_record(context) for p in command.get_params(context)]
    rows = [f"| {_flag(flag)} | {_escaped(said)} |" for flag, said in filter(None, records) if "--help" not in flag]
    if rows:
        parts.append("\n".join(["| argument or option | |", "| --- | --- |", *rows]))
    parts += [_command(n, c, context).replace("## ", "### ", 1) for n, c in getattr(command, "commands", {}).items()]
    return "\n\n".join(parts)


def _flag(flag: str) -> str:
    """Return an argument or an option as code in a table, where a bar would end the cell."""
    return f"`{flag.removesuffix(' <str>')}`".replace("|", "\\|")


def _escaped(text: str) -> str:
    """Return plain text as Markdown that shows it."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def python() -> str:
    """Return the directives that show the public names, those of the package first."""
    import gnnp_bench
    from gnnp_bench import strategies

    return "\n\n".join(
        ["## gnnp_bench", *_shown(gnnp_bench), "## gnnp_bench.strategies", *_shown(strategies)],
    )


def _shown(module: Any) -> Iterator[str]:
    for name in sorted(module.__all__, key=str.casefold):
        thing = getattr(module, name)
        kind = "class" if isinstance(thing, type) else "function" if callable(thing) else "data"
        members = "\n   :members:" if kind == "class" else ""
        yield f"### {name}\n\n```{{eval-rst}}\n.. auto{kind}:: {module.__name__}.{name}{members}\n```"


def schema() -> str:
    """Return the fields of a certificate, object by object."""
    objects = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    return "\n\n".join(_object(name, entry) for name, entry in objects.items())


def _object(name: str, entry: dict[str, Any]) -> str:
    needed = entry.get("required", ())
    rows = [
        f"| `{field}`{'' if field in needed else ' (may be left out)'} | {_kind(what)} "
        f"| {_escaped(what.get('description', ''))} |"
        for field, what in entry.get("properties", {}).items()
    ]
    table = "\n".join(["| field | type | |", "| --- | --- | --- |", *rows])
    return f"## {name}\n\n{_escaped(entry.get('description', ''))}\n\n{table}"


def _kind(what: dict[str, Any]) -> str:
    """Return the type of a field in words, with a link to the object that it is."""
    if "$ref" in what:
        name = what["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in what:
        return " or ".join(_kind(one) for one in what["anyOf"])
    if "enum" in what:
        return ", ".join(f"`{json.dumps(value)}`" for value in what["enum"])
    if what.get("type") == "array":
        return f"list of {_kind(what['items'])}" if what.get("items") else "list"
    if what.get("type") == "object" and isinstance(what.get("additionalProperties"), dict):
        return f"object of {_kind(what['additionalProperties'])}"
    kind = what.get("type", "anything")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def contents(text: str) -> str:
    """Return the table of contents that a page makes: its links to pages beside or below it, in lists and tables."""
    listed = PAGE.findall("\n".join(LISTED.findall(text)))
    return "\n".join(["```{toctree}", ":hidden:", "", *dict.fromkeys(listed), "```"])


def security() -> str:
    """Return SECURITY.md without its title, its links as they lead from a page of the site."""
    _, _, text = (HERE.parent / "SECURITY.md").read_text(encoding="utf-8").partition("\n")
    return text.replace("](docs/", "](")


def folder(_: str) -> str:
    """Return the table of contents of all pages beside this one, by name."""
    return "```{toctree}\n:glob:\n\n*\n```"


def leaderboard() -> str:
    """Return the link to the leaderboard, which stands only where the site has one."""
    link = f'<p><a href="{LEADERBOARD}/index.html">All certificates, in a table that sorts and filters</a></p>'
    return f"````{{only}} {LEADERBOARD}\n```{{raw}} html\n{link}\n```\n````"


def field() -> list[Any]:
    """Return what the campaigns of the field have found, by the results in the repository."""
    from benchmarks.field import found

    return [one for path in (found.CAMPAIGN, found.STANDARD) for one in found.field(path).found]


def write_leaderboard(out: Path, found: Sequence[Any]) -> None:
    """Write the leaderboard of potentials that were judged, `benchmarks.field.found.Judged`, into a folder."""
    from gnnp_bench.checks.registry import all_checks
    from gnnp_bench.commands.folders import write_folder
    from gnnp_bench.report.html.site import site

    certificates = [(one.file, one.certificate) for one in found if one.certificate is not None]
    write_folder(str(out), site(certificates, {}, {check.id: check for check in all_checks()}))


PARTS: dict[str, Callable[[str], str]] = {
    "commands": lambda _: commands(),
    "python": lambda _: python(),
    "schema": lambda _: schema(),
    "security": lambda _: security(),
    "contents": contents,
    "folder": folder,
    "leaderboard": lambda _: leaderboard(),
}
"""What takes the place of a comment; each is given the page."""


def completed(text: str, at: Path) -> str:
    """Return a page with its parts in their places.

    Parameters
    ----------
    text : str
        The page's Markdown.
    at : Path
        The folder of the page, from which its links lead. Folders are shown by a forge, not by a site: of a link to one
        the words alone are left.
    """
    text = text.replace("](../SECURITY.md)", "](security.md)")  # which is outside the site, and a part of that page
    text = FOLDER.sub(lambda link: link[1] if (at / link[2]).is_dir() else link[0], text)
    return PART.sub(lambda part: PARTS[part[1]](text), text)


def _read(app: Any, page: str, source: list[str]) -> None:
    source[0] = completed(source[0], Path(app.env.doc2path(page)).parent)


def _finish(app: Any, error: Exception | None) -> None:
    if error is None and app.builder.format == "html" and app.tags.has(LEADERBOARD):
        write_leaderboard(Path(app.outdir) / LEADERBOARD, field())


def setup(app: Any) -> dict[str, Any]:
    """Complete each page when Sphinx reads it, and write the leaderboard after the pages."""
    app.connect("source-read", _read)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
