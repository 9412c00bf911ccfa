"""List the addresses outside the project that its pages point at, each with the pages: ``python docs/addresses.py``.

Nothing is fetched. Whether they still answer is asked by ``sphinx-build -b linkcheck docs build/links``.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ADDRESS = re.compile(r"https?://[^\s)>\]\"'`|]+")


def addresses() -> dict[str, list[str]]:
    """Return the pages by address."""
    found: dict[str, list[str]] = {}
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        for address in dict.fromkeys(ADDRESS.findall(page.read_text(encoding="utf-8"))):
            found.setdefault(address.rstrip(".,;:"), []).append(str(page.relative_to(ROOT)))
    return dict(sorted(found.items()))


if __name__ == "__main__":
    for address, pages in addresses().items():
        print(f"{address}  {', '.join(pages)}")
