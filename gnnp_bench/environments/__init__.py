"""A potential in another Python: where that is, how it is built, the process that runs there, and the way to it.

`frames`, `values`, `batches`, `held` and `child` travel to the other Python as source, with `gnnp_bench.potential`
and the adapters; they need numpy and ASE alone. docs/adr/0017-environments.md says why it is so.
"""
