"""One op a file: the type of its result, and its exact value."""
