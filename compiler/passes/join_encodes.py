"""One encoding of the model's input where it has several quantizers: the host sends codes from which all follow."""

from dataclasses import replace

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.encode import Encode
from icepop.compiler.passes.threshold_encodes import channelwise
from icepop.compiler.types import Domain, IntArray

MAX_LEVELS = 1 << 16
"""Most codes of the input."""


def join_encodes(graph: Graph) -> Graph:
    """Graph with one `Encode` that counts the thresholds of all, and a `Threshold` on its codes in place of each.

    Pools of the input become pools of its codes, which rise with it.

    Raises
    ------
    ModelError
        The quantizers have very many different thresholds, or one differs between elements of a channel.
    """
    source = graph.input.name
    encodes = [op for op in graph.ops if isinstance(op, Encode)]
    if len(encodes) < 2:
        return graph
    names = " and ".join(f"'{op.name}'" for op in encodes)
    cuts = np.unique(np.concatenate([op.thresholds.reshape(-1) for op in encodes]))
    cuts = cuts[np.isfinite(cuts)]
    if len(cuts) >= MAX_LEVELS:
        raise ModelError(
            f"the input's quantizers {names} have {len(cuts)} different thresholds together, more than "
            f"{MAX_LEVELS - 1}; use one quantizer, or state the input's format"
        )
    type = graph.types[source]
    name = next(each for k in range(len(graph.ops)) if (each := f"{source}_codes{k or ''}") not in graph.types)
    rows = np.broadcast_to(cuts, (type.length, len(cuts)))
    order = np.arange(type.length)
    readers = [op for op in graph.ops if source in op.inputs]
    kept = (op.shape for op in encodes if op in readers and np.array_equal(op.source, order))
    shape = next(kept, type.shape) if all(isinstance(op, Encode) for op in readers) else type.shape
    joint = Encode(name, (source,), order, rows, Domain(0, len(cuts)), shape)
    ops: list[Op] = [graph.input, joint]
    for op in graph.ops[1:]:
        read = replace(op, inputs=tuple(name if tensor == source else tensor for tensor in op.inputs))
        given = shape if read.inputs == (name,) else graph.types[op.inputs[0]].shape
        ops += on_codes(read, given, cuts, names) if isinstance(read, Encode) else [read]
    return Graph(tuple(ops))


def on_codes(op: Encode, shape: tuple[int, ...], cuts: np.ndarray, names: str) -> list[Op]:
    """Ops that give the codes of one `Encode` from those of the joint one, which it reads in the given shape."""
    ranks: IntArray = np.searchsorted(cuts, op.thresholds).astype(np.int64) + 1
    ops = channelwise(op, op.inputs[0], shape, ranks)
    if ops is None:
        raise ModelError(
            f"the input's quantizers {names} must each treat all elements of a channel alike; "
            "use one quantizer, or state the input's format"
        )
    return ops
