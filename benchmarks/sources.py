"""Results that were computed by other sources than today's are not today's results."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JUDGES = (
    "gnnp_bench/case.py",
    "gnnp_bench/check.py",
    "gnnp_bench/checks",
    "gnnp_bench/engine/batches.py",
    "gnnp_bench/engine/calling.py",
    "gnnp_bench/engine/ended.py",
    "gnnp_bench/engine/evaluate.py",
    "gnnp_bench/engine/noise.py",
    "gnnp_bench/engine/pool.py",
    "gnnp_bench/engine/processes.py",
    "gnnp_bench/engine/search.py",
    "gnnp_bench/engine/settings.py",
    "gnnp_bench/engine/threads.py",
    "gnnp_bench/numerics",
    "gnnp_bench/structures",
)
"""What decides about a residual and its bound."""
SIMPLIFYING = ("simpler.py", "simplify.py", "simplifying.py")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def digest(parts: Iterable[str] = (*JUDGES, "tests/analytic")) -> str:
    """Return a hash over the code below the given paths, twelve hexadecimal digits.

    Comments, docstrings and layout do not count, nor does how a counterexample is made simpler: they change no number.
    Of files that are not Python every byte does.
    """
    total = hashlib.sha256()
    for part in parts:
        path = ROOT / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if not file.name.startswith("test_") and file.name not in SIMPLIFYING:
                content = _code(file.read_text()) if file.suffix == ".py" else file.read_text()
                total.update(f"{file.relative_to(ROOT).as_posix()}\0{content}\0".encode())
    return total.hexdigest()[:12]


def _code(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            # Strings that stand alone describe what is beside them.
            node.body = [line for line in node.body if not (_is_text(line) or _simplifies(line))] or [ast.Pass()]
    return ast.dump(tree)


def _simplifies(line: ast.stmt) -> bool:
    """Return whether a statement defines how cases become simpler, or imports something, maybe for that."""
    return isinstance(line, ast.Import | ast.ImportFrom) or (
        isinstance(line, ast.FunctionDef) and line.name.startswith("_simpler")
    )


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
