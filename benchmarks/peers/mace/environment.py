"""MACE's own environment, outside the repository: it pins an e3nn that the reference potential cannot use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ("mace-torch==0.3.16", "torch==2.13.0", "ase==3.29.0")
SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",  # e3nn 0.4.4 reads its constants with pickle
}


def interpreter() -> Path:
    """Return the Python of the environment; the first time it is made, which takes minutes and a package index."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "gnnp_bench" / "peers" / "mace-0.3.16"
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        complete.touch()
    return python
