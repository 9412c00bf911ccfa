"""The reference potential: a message-passing atomic cluster expansion, written to be read.

Read in this order: `graph` (structures become padded neighbour lists), `radial` and `angular` (what one neighbour
contributes), `products` (from two-body to four-body terms), `readout` (invariants become energies), `model` (the
network), `derivatives` (forces and stress), `variants` (the family), `potential` (what gnnp_bench certifies).
Architecture and equations: docs/reference_model.md.
"""
