"""The site of the documentation: ``sphinx-build -nW --keep-going docs build/site``.

The pages are Markdown that a forge shows as well. What the site adds is generated when it is built: the command line,
the Python interface and the fields of a certificate (`site_parts.py`). Neither torch nor a potential is imported, and
nothing is fetched.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from gnnp_bench import __version__  # noqa: E402

project = "gnnp_bench"
author = "The gnnp_bench developers"
copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "site_parts"]
exclude_patterns = ["templates"]  # packages to be copied, with pages of their own
nitpick_ignore_regex = [("py:(class|exc|data|obj)", ".*")]  # types in docstrings are words: "(n_atoms, 3) array, eV/Å"
smartquotes = False  # options begin with two hyphens
html_theme = "furo"
html_title = f"gnnp_bench {release}"

autodoc_typehints = "none"  # they stand in the docstrings, with shapes and units
maximum_signature_line_length = 72

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "dollarmath"]
