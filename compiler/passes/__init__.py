"""Pure functions from graph to graph, one idea a file."""
