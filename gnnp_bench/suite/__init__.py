"""The laws as tests: ``pytest --pyargs gnnp_bench.suite --potential SPEC``, and `parametrize_with_checks` for yours."""

from gnnp_bench.suite.parametrize import parametrize_with_checks

__all__ = ["parametrize_with_checks"]
