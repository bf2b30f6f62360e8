"""The head of a network: what makes a class of its last layer's results, in hardware or after it."""

from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.scores import Scores


def without_head(graph: Graph) -> tuple[Graph, tuple[Op, ...]]:
    """Graph that ends before its classes are compared, and the ops that are left out: `Scores`, if any, and `ArgMax`.

    All ops of a graph lead to its output, so what the head reads is the last of the others.
    """
    body = list(graph.ops)
    while isinstance(body[-1], ArgMax | Scores):
        body.pop()
    return Graph(tuple(body)), graph.ops[len(body) :]
