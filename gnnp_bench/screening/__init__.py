"""Many candidate structures, relaxed side by side: energies, symmetry, duplicates, energies above the hull."""
