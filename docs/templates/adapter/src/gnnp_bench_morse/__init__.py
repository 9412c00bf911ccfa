"""Morse pairs as a potential for gnnp-bench: a template of an adapter package."""
