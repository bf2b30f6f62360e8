"""Small dense layers and convolutions, to try units on; C, H and W all differ."""

from math import prod

import numpy as np
from maps import SIGNED, UNSIGNED, graph, window

from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.ops.window import Window
from icepop.compiler.planner.plan import Span
from icepop.compiler.types import BIPOLAR, Domain, TensorType

BIT, TERNARY, BYTE, SMALL = Domain(0, 1), Domain(-1, 1), Domain(0, 255), Domain(-3, 3)


def weights(domain: Domain, *shape: int) -> np.ndarray:
    """Random weights, the same every time."""
    rng = np.random.default_rng([domain.hi, *shape])
    return rng.choice(np.arange(domain.lo, domain.hi + 1, domain.step), shape)


def layer(shape: tuple[int, ...], domain: Domain, op: Dense | Conv, levels: Domain | None) -> Graph:
    """The op, and a threshold of one level behind it, some of which lie out of reach."""
    if levels is None:
        return graph(shape, domain, op)
    reach = op.infer(TensorType(shape, domain))
    rows = reach.shape[0]
    rng = np.random.default_rng([rows, *shape])
    middle = (reach.integers.lo + reach.integers.hi) // 2
    limits = middle + rng.integers(-prod(shape) // 3 - 1, prod(shape) // 3 + 2, (rows, 1))
    limits[0], limits[-1] = reach.integers.hi + 5, reach.integers.lo - 5
    ops: list[Op] = [op, Threshold("act", ("layer",), limits, np.ones(rows, np.int64), levels)]
    return graph(shape, domain, *ops)


def span_of(graph: Graph) -> Span:
    """All ops behind the input."""
    ops = graph.ops[1:]
    return Span(ops, (graph.types[graph.input.name],), tuple(graph.types[op.name] for op in ops))


def dense(rows: int, shape: tuple[int, ...], domain: Domain, values: Domain, levels: Domain | None = None) -> Graph:
    return layer(shape, domain, Dense("layer", ("x",), weights(values, rows, prod(shape))), levels)


def conv(
    rows: int,
    shape: tuple[int, ...],
    domain: Domain,
    values: Domain,
    where: Window,
    levels: Domain | None = None,
    groups: int = 1,
) -> Graph:
    op = Conv("layer", ("x",), weights(values, rows, shape[0] // groups, *where.kernel), where, groups)
    return layer(shape, domain, op, levels)


POINT = window((1, 1))

LAYERS = [
    dense(17, (33,), BIPOLAR, BIPOLAR, BIPOLAR),
    dense(9, (24,), BIPOLAR, BIPOLAR),
    dense(6, (5, 2, 3), BIPOLAR, BIPOLAR, BIT),
    dense(5, (3, 2, 4), UNSIGNED, TERNARY),
    dense(7, (12,), SIGNED, SMALL, BIPOLAR),
    dense(4, (9,), BYTE, BIPOLAR),
    dense(6, (10,), BIPOLAR, SMALL),
    dense(18, (6,), UNSIGNED, Domain(1, 3), BIT),
    conv(6, (5, 2, 3), BIPOLAR, BIPOLAR, POINT, BIPOLAR),
    conv(8, (6, 2, 3), SIGNED, TERNARY, POINT, None, 2),
    conv(6, (3, 5, 4), BIPOLAR, BIPOLAR, window((3, 2)), BIPOLAR),
    conv(5, (4, 5, 3), BIPOLAR, BIPOLAR, window((3, 3), 1, 1, 1)),
    conv(4, (2, 6, 5), UNSIGNED, SMALL, window((3, 2), 2, 1, 0), BIPOLAR),
    conv(3, (2, 11), SIGNED, TERNARY, window((3,), 2, 1, 2, 2)),
    conv(8, (4, 5, 3), BIPOLAR, BIPOLAR, window((3, 2), 1, 1, 1), BIPOLAR, 2),
]
"""Products of each kind, raw and with a threshold; vectors, maps, pixels, windows, groups."""
