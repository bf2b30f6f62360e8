"""The passes between the front end's graph and the hardware's, in order."""

from icepop.compiler.graph import Graph
from icepop.compiler.passes.orient import orient

PASSES = (orient,)


def lower(graph: Graph) -> Graph:
    """Graph that hardware is planned for; every output equals that of the graph given."""
    for change in PASSES:
        graph = change(graph)
    return graph
