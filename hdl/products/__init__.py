"""Products: how a weight and an activation are multiplied, one kind a file."""
