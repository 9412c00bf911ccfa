"""Laws of our own for gnnp-bench."""
