"""The passes between the front end's graph and the hardware's, in order."""

from icepop.compiler.graph import Graph
from icepop.compiler.passes.orient import orient
from icepop.compiler.passes.share_levels import share_levels
from icepop.compiler.passes.threshold_clips import threshold_clips
from icepop.compiler.passes.threshold_encodes import threshold_encodes

PASSES = (threshold_encodes, share_levels, threshold_clips, orient)


def lower(graph: Graph) -> Graph:
    """Graph that hardware is planned for; every output equals that of the graph given."""
    for change in PASSES:
        graph = change(graph)
    return graph
