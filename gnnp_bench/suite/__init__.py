"""The laws as tests: ``pytest --pyargs gnnp_bench.suite --potential SPEC``, and `parametrize_with_checks` for yours."""
