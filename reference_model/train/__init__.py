"""How the reference potential is made: from labelled structures to weights."""
