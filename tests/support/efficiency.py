"""How well a convolution uses its processing elements."""

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.conv import Conv
from icepop.compiler.planner.plan import Stage


def convolution(graph: Graph, stage: Stage) -> Conv | None:
    """What a stage computes, if it is a convolution."""
    op = next((op for op in graph.ops if stage.ops and op.name == stage.ops[0]), None)
    return op if isinstance(op, Conv) else None


def efficiency(graph: Graph, stage: Stage) -> float:
    """Products that a convolution takes a cycle over those it could take: lanes out times lanes in times pixels.

    Every output pixel counts in full: what a window does beyond the border takes its cycles too.
    """
    op = convolution(graph, stage)
    if op is None:
        raise ValueError(f"stage '{stage.name}' must be a convolution")
    pixels = int(np.prod(graph.types[op.name].shape[1:]))
    lanes = stage.folding.pixels * stage.folding.pe * (1 if stage.unit == "DepthwiseConv" else stage.folding.simd)
    return pixels * op.weights.size / (stage.interval * lanes)


def even(graph: Graph, stage: Stage) -> bool:
    """Whether a stage is a convolution all of whose lanes have something to do.

    They divide its channels, its pixels divide a row, and it does not wait for its input, which brings a beat a cycle.
    """
    op = convolution(graph, stage)
    if op is None or graph.types[op.name].shape[-1] % stage.folding.pixels:
        return False
    channels, *sizes = graph.types[op.inputs[0]].shape
    if stage.interval == -(-channels // stage.folding.simd) * np.prod(sizes):
        return False
    rows, channels = len(op.weights) // op.groups, op.weights.shape[1]
    if stage.unit == "DepthwiseConv":
        return len(op.weights) % stage.folding.pe == 0
    return rows % stage.folding.pe == 0 and channels % stage.folding.simd == 0
