"""Nothing jumps: energies, forces, stress and stiffness along lines that neighbours come and go on."""
