"""Turn channels whose function falls, so that hardware only compares with ``>=``."""

from dataclasses import replace

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.linear import LINEAR
from icepop.compiler.ops.threshold import Threshold


def orient(graph: Graph) -> Graph:
    """Negate the weight rows of falling channels: ``-acc >= t`` of a row is ``acc >= t`` of its negative.

    Only layers that nothing but the threshold reads are changed.
    """
    readers: dict[str, int] = {}
    for op in graph.ops:
        for name in op.inputs:
            readers[name] = readers.get(name, 0) + 1
    signs = {op.inputs[0]: op.sign for op in graph.ops if isinstance(op, Threshold) and readers[op.inputs[0]] == 1}
    turned = {op.name for op in graph.ops if isinstance(op, LINEAR) and op.name in signs}
    ops = []
    for op in graph.ops:
        if isinstance(op, LINEAR) and op.name in turned:
            op = replace(op, weights=op.weights * signs[op.name].reshape(-1, *(1,) * (op.weights.ndim - 1)))
        elif isinstance(op, Threshold) and op.inputs[0] in turned:
            op = replace(op, sign=np.ones_like(op.sign))
        ops.append(op)
    return Graph(tuple(ops))
