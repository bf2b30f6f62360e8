"""Limits of few values become the comparisons that hardware has units for."""

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.clip import Clip
from icepop.compiler.ops.threshold import Threshold

MAX_THRESHOLDS = 1 << 18
"""Most thresholds of one op; a `Clip` of more values stays."""


def threshold_clips(graph: Graph) -> Graph:
    """Graph in which a `Clip` to few values is a `Threshold` that counts the values above the lowest."""
    ops: list[Op] = []
    for op in graph.ops:
        if isinstance(op, Clip):
            type = graph.types[op.name]
            domain, channels = type.integers, type.shape[0]
            if channels * domain.size <= MAX_THRESHOLDS:
                cuts = domain.lo + domain.step * np.arange(1, domain.size)
                rows = np.tile(cuts, (channels, 1))
                op = Threshold(op.name, op.inputs, rows, np.ones(channels, np.int64), domain)
        ops.append(op)
    return Graph(tuple(ops))
