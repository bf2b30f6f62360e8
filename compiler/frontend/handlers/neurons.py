"""Look-up table neurons in plain ops: addresses as sums of weighted bits, tables by Gather, votes by a sum.

Anything that maps a few bits to an integer is followed as a truth table, so it does not matter which ops spell it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.symbols import Neurons, Value
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, constant, handles, symbol
from icepop.compiler.frontend.neurons import summed
from icepop.compiler.ops.lut_vote import LutVote


@handles("ReduceSum")
def reduce_sum(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Sum along the last axis: of bits to functions of bits, of look-up tables' votes to scores."""
    x = inputs[0]
    what = f"node '{node.name}' (ReduceSum)"
    rank = len(x.shape) if isinstance(x, Neurons) else symbol(node, x).index.ndim
    axes = node.attributes.get("axes")
    if axes is None and len(inputs) > 1:
        axes = constant(node, inputs[1], "the axes").reshape(-1).tolist()
    if rank < 3 or axes is None or [axis % rank for axis in axes] != [rank - 1]:
        raise ModelError(f"{what} must run along the last axis of a (1, …, n) tensor, not along {axes} of {rank} axes")
    if node.attributes.get("keepdims", 1):
        raise ModelError(f"{what} must have keepdims=0")
    if isinstance(x, Neurons):
        return votes(node, x, builder)
    settled = builder.settled(symbol(node, x))
    domain = builder.graph.types[settled.source].domain
    if domain is None:
        raise ModelError(f"{what} must sum quantized values; put a comparison or a BipolarQuant before it")
    return summed(settled, domain, what, builder.budget)


def votes(node: Node, x: Neurons, builder: OpBuilder) -> Value:
    """Scores of classes, each the number of its voters that are 1."""
    if len(x.shape) != 3 or not np.isin(x.tables, (0, 1)).all():
        raise ModelError(
            f"node '{node.name}' (ReduceSum) must sum votes of 0 or 1, of shape (1, classes, voters), "
            f"not values in [{x.tables.min()}, {x.tables.max()}] of shape {x.shape}"
        )
    return builder.add(LutVote(node.name, (x.source,), x.index[0], x.tables[0].astype(bool)))


def looked_up(node: Node, data: NDArray[np.generic], x: Neurons) -> Neurons:
    """Entries of a constant table at computed addresses: what a Gather along its only axis gives.

    Raises
    ------
    ModelError
        The table is no vector, or an address lies outside it.
    """
    if data.ndim != 1 or node.attributes.get("axis", 0) not in (0, -1):
        raise ModelError(f"node '{node.name}' (Gather) must look up in a vector, not in {data.shape}")
    if int(x.tables.min()) < -len(data) or int(x.tables.max()) >= len(data):
        raise ModelError(
            f"node '{node.name}' (Gather) looks up entries {x.tables.min()} to {x.tables.max()} of {len(data)}"
        )
    return x.mapped(lambda address: data[address].astype(np.float64))
