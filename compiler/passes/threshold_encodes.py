"""Quantizers of integers become the comparisons that hardware has units for."""

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.lut_vote import LutVote
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.types import IntArray


def threshold_encodes(graph: Graph) -> Graph:
    """Graph in which an `Encode` of integer codes is a `Threshold`, behind a `Gather` where it changes their order.

    One with thresholds that differ between the elements of a channel stays, and one that only voters read: their units
    compare the integers themselves.
    """
    ops: list[Op] = []
    for op in graph.ops:
        changed = None
        readers = {type(reader) for reader in graph.ops if op.name in reader.inputs}
        if isinstance(op, Encode) and graph.types[op.inputs[0]].domain is not None and readers != {LutVote}:
            changed = channelwise(op, op.inputs[0], graph.types[op.inputs[0]].shape, op.thresholds.astype(np.int64))
        ops += changed or [op]
    return Graph(tuple(ops))


def channelwise(op: Encode, source: str, shape: tuple[int, ...], thresholds: IntArray) -> list[Op] | None:
    """Ops that do what an `Encode` does on integers.

    Parameters
    ----------
    op : Encode
        Its order, shape, domain and name.
    source : str
        Op whose integers are read.
    shape : tuple of int
        Their shape.
    thresholds : int64 array (M, levels - 1)
        Of each element.

    Returns
    -------
    list of Op or None
        A `Threshold`, where needed behind a `Gather`; None if elements of a channel have different thresholds.
    """
    channels = thresholds.reshape(op.shape[0], -1, thresholds.shape[1])
    if not (channels == channels[:, :1]).all():
        return None
    gather: list[Op] = []
    if op.shape != shape or not np.array_equal(op.source, np.arange(len(op.source))):
        gather = [Gather(f"{op.name}_order", (source,), op.source.reshape(op.shape))]
    reads = gather[0].name if gather else source
    return [*gather, Threshold(op.name, (reads,), channels[:, 0], np.ones(op.shape[0], np.int64), op.domain)]
