"""What `import gnnp_bench` costs: nothing heavy, and nothing that a user may not have installed."""

import subprocess
import sys

HEAVY = ("torch", "pytest", "hypothesis", "scipy", "ase.build", "spglib", "pymatgen", "chgnet", "rich", "typer")


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print('\\n'.join(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import gnnp_bench") & set(HEAVY)


def test_using_its_names_imports_nothing_heavy_either() -> None:
    everything = "import gnnp_bench; [getattr(gnnp_bench, name) for name in gnnp_bench.__all__]"
    assert not modules_after(everything) & set(HEAVY)


def test_the_command_line_waits_with_what_is_heavy() -> None:
    assert not modules_after("import gnnp_bench.cli") & {"torch", "scipy", "ase.build", "hypothesis", "pytest"}


def test_a_new_process_that_judges_waits_with_scipy() -> None:
    """Each takes a second of it, and a certificate may start many."""
    assert not modules_after("import gnnp_bench.engine.worker, gnnp_bench.engine.trials") & {"scipy", "torch"}


def test_all_names_are_there_and_others_are_refused() -> None:
    import gnnp_bench

    assert {getattr(gnnp_bench, name).__name__ for name in gnnp_bench.__all__} == set(gnnp_bench.__all__)
    assert not hasattr(gnnp_bench, "Calculator")
