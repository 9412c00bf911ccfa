"""Time and memory over potentials, sizes and precisions."""

from __future__ import annotations

from typing import Any

from benchmarks import kernels


class _Suite:
    """One kernel, set up for each combination of parameters; asv skips what raises NotImplementedError."""

    timeout = 300.0
    rounds = 2
    # asv aims at a processor time per sample: short ones, many.
    sample_time = 0.02
    warmup_time = 0.1
    kernel: kernels.Kernel


class Evaluation(_Suite):
    """One structure: energy, with forces, with stress."""

    params = (kernels.POTENTIALS, kernels.SIZES, kernels.DTYPES, tuple(kernels.PROPERTIES))
    param_names = ("potential", "atoms", "dtype", "what")

    def setup(self, potential: str, atoms: int, dtype: str, what: str) -> None:
        self.kernel = kernels.make_evaluation(potential, atoms, dtype, what)

    def time_evaluate(self, potential: str, atoms: int, dtype: str, what: str) -> None:
        self.kernel()

    def peakmem_evaluate(self, potential: str, atoms: int, dtype: str, what: str) -> None:
        self.kernel()


class Batch(_Suite):
    """Several structures of eight atoms at once."""

    params = (("pair", "reference-lmax2"), (1, 8, 64))
    param_names = ("potential", "batch")

    def setup(self, potential: str, batch: int) -> None:
        self.kernel = kernels.make_batch(potential, 8, "float32", batch)

    def time_batch(self, potential: str, batch: int) -> None:
        self.kernel()

    def peakmem_batch(self, potential: str, batch: int) -> None:
        self.kernel()


class Neighbours(_Suite):
    """Neighbour lists of the reference potential."""

    params = (kernels.SIZES,)
    param_names = ("atoms",)

    def setup(self, atoms: int) -> None:
        self.kernel = kernels.make_neighbours(atoms)

    def time_neighbours(self, atoms: int) -> None:
        self.kernel()


class Parts(_Suite):
    """What the reference potential and a certificate are made of."""

    params = (("radial basis", "products", "pool", "noise floor", "one check"),)
    param_names = ("part",)

    def setup(self, part: str) -> None:
        make: dict[str, Any] = {
            "radial basis": kernels.make_radial_basis,
            "products": kernels.make_products,
            "pool": kernels.make_pool,
            "noise floor": lambda: kernels.make_noise_floor("pair", "float64"),
            "one check": lambda: kernels.make_certificate("pair", "float64", ("symmetry/rotation",)),
        }
        self.kernel = make[part]()

    def time_part(self, part: str) -> None:
        self.kernel()


class Certificate(_Suite):
    """A whole certificate at `quick`."""

    params = (("pair", "embedded-atom"),)
    param_names = ("potential",)
    number = 1
    rounds = 1
    repeat = (1, 3, 30.0)
    warmup_time = 0.0

    def setup(self, potential: str) -> None:
        self.kernel = kernels.make_certificate(potential, "float64")

    def time_certificate(self, potential: str) -> None:
        self.kernel()
