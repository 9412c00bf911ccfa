"""Messages of the command line, for those who called a function."""

from __future__ import annotations

import re


def as_arguments(message: str) -> str:
    """Return a message of the command line with arguments of a function in place of its options.

    Examples
    --------
    >>> as_arguments("name them, --species Cu,Au")
    'name them, species=["Cu", "Au"]'
    """

    def argument(found: re.Match[str]) -> str:
        symbols = ", ".join(f'"{symbol}"' for symbol in found[1].split(","))
        return f"species=[{symbols}]"

    message = re.sub(r"--stable ([^\s,;]+[^\s,;:])", r'stable=["\1"]', message)
    named = re.sub(r"--species ([A-Z][a-z]?(?:,[A-Z][a-z]?)*)\b", argument, message)
    return re.sub(r"(?<![\w-])--(budget|profile|seed|species|waivers|only|skip|jobs|timeout|stable)\b", r"\1", named)
