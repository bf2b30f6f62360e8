"""Hardware units, one a file."""
