"""Random binary networks to build hardware from."""

from itertools import pairwise

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.plan import Folding
from icepop.compiler.types import BIPOLAR, TensorType


def binary_mlp(rng: np.random.Generator, sizes: list[int]) -> Graph:
    """Dense layers with bipolar thresholds between them and an argmax behind; sizes from the input to the classes."""
    ops: list[Op] = [Input("x", (), TensorType((sizes[0],), BIPOLAR))]
    for k, (columns, rows) in enumerate(pairwise(sizes)):
        ops.append(Dense(f"fc{k}", (ops[-1].name,), rng.choice([-1, 1], (rows, columns))))
        if k < len(sizes) - 2:
            # some thresholds lie out of reach on either side
            thresholds = rng.integers(-columns - 3, columns + 4, (rows, 1)) // 2
            thresholds[rng.random(rows) < 0.1] = columns + 5
            thresholds[rng.random(rows) < 0.1] = -columns - 5
            ops.append(Threshold(f"act{k}", (ops[-1].name,), thresholds, np.ones(rows, np.int64), BIPOLAR))
    return Graph((*ops, ArgMax("argmax", (ops[-1].name,))))


def folded(rng: np.random.Generator, graph: Graph) -> dict[str, Folding]:
    """A random folding for every dense layer."""
    return {
        op.name: Folding(int(rng.integers(1, op.weights.shape[0] + 1)), int(rng.integers(1, op.weights.shape[1] + 1)))
        for op in graph.ops
        if isinstance(op, Dense)
    }
