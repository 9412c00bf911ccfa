"""``python -m gnnp_bench`` is ``gnnp-bench``."""

import sys

from gnnp_bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
