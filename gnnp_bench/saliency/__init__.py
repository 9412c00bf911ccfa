"""How sensitive a network's energy is to what it knows of atoms, by species, and what that goes along with."""
