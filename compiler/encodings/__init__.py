"""How weights are stored, one encoding a file."""
