"""The subcommands of ``gnnp-bench``."""
