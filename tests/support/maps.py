"""Small graphs of an op or two on maps, to try units on; C, H and W all differ."""

from math import prod

import numpy as np

from icepop.compiler.graph import Graph
from icepop.compiler.ops.base import Op
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.ops.window import Window
from icepop.compiler.types import BIPOLAR, Domain, TensorType

SIGNED, UNSIGNED = Domain(-4, 3), Domain(0, 7)


def window(kernel: tuple[int, ...], stride: int = 1, before: int = 0, after: int = 0, dilation: int = 1) -> Window:
    """The same on every axis but for the kernel."""
    return Window(kernel, *((number,) * len(kernel) for number in (stride, before, after, dilation)))


def graph(shape: tuple[int, ...], domain: Domain, *ops: Op) -> Graph:
    """A chain of ops behind an input."""
    return Graph((Input("x", (), TensorType(shape, domain)), *ops))


def max_pool(shape: tuple[int, ...], domain: Domain, where: Window, falling: int = 0) -> Graph:
    """A pool, in which the first channels take the smallest value."""
    sign = np.where(np.arange(shape[0]) < falling, -1, 1)
    return graph(shape, domain, MaxPool("pool", ("x",), where, sign))


def sum_pool(shape: tuple[int, ...], domain: Domain, where: Window) -> Graph:
    return graph(shape, domain, SumPool("pool", ("x",), where))


def depthwise(shape: tuple[int, ...], domain: Domain, weights: Domain, where: Window, threshold: bool) -> Graph:
    """A convolution of every channel on its own, and a threshold behind it, some of which lie out of reach."""
    rng = np.random.default_rng(prod(shape))
    values = rng.choice(np.arange(weights.lo, weights.hi + 1, weights.step), (shape[0], 1, *where.kernel))
    ops: list[Op] = [Conv("conv", ("x",), values, where, shape[0])]
    if threshold:
        reach = prod(where.kernel) * max(-domain.lo, domain.hi) * max(-weights.lo, weights.hi)
        thresholds = rng.integers(-reach // 2, reach // 2 + 1, (shape[0], 1))
        thresholds[0], thresholds[-1] = reach + 1, -reach - 1
        ops.append(Threshold("act", ("conv",), thresholds, np.ones(shape[0], np.int64), BIPOLAR))
    return graph(shape, domain, *ops)


TERNARY, WIDE = Domain(-1, 1), Domain(-5, 6)

DEPTHWISE = [
    depthwise((5, 6, 4), BIPOLAR, BIPOLAR, window((3, 3)), True),
    depthwise((4, 5, 6), BIPOLAR, BIPOLAR, window((3, 2), 1, 1, 1), True),
    depthwise((3, 7, 5), BIPOLAR, BIPOLAR, window((3, 3), 2, 1, 0), False),
    depthwise((5, 4, 7), BIPOLAR, TERNARY, window((2, 2), 1, 0, 1, 2), False),
    depthwise((3, 5, 4), UNSIGNED, BIPOLAR, window((3, 3), 1, 1, 1), True),
    depthwise((4, 11), SIGNED, TERNARY, window((5,), 2, 2, 1), True),
    depthwise((3, 4, 5), SIGNED, WIDE, window((2, 3), 2, 1, 1), False),
    depthwise((5, 3, 4), UNSIGNED, WIDE, window((1, 1)), False),
]

POOLS = [
    max_pool((4, 6, 5), BIPOLAR, window((2, 2), 2)),
    max_pool((4, 5, 7), UNSIGNED, window((3, 3), 3), 2),
    max_pool((3, 4, 5), SIGNED, window((2, 2), 2), 3),
    max_pool((4, 5, 7), UNSIGNED, window((2, 3), 3), 4),
    sum_pool((3, 7, 5), SIGNED, window((2, 2), 7)),
    max_pool((3, 5, 4), SIGNED, window((2, 1), 2), 2),
    max_pool((3, 7, 5), BIPOLAR, window((3, 3), 2, 1, 1), 2),
    max_pool((2, 5, 6), SIGNED, window((3, 2), 1, 1, 0), 1),
    max_pool((4, 11), UNSIGNED, window((3,), 2)),
    sum_pool((5, 4, 6), BIPOLAR, window((2, 2), 2)),
    sum_pool((5, 3, 4), UNSIGNED, window((3, 4))),
    sum_pool((3, 4, 5), SIGNED, window((4, 5))),
    sum_pool((3, 5, 4), BIPOLAR, window((2, 3), 1, 1, 1)),
    sum_pool((2, 6, 5), SIGNED, window((2, 2), 1, 0, 1, 2)),
    sum_pool((5, 9), UNSIGNED, window((2,), 2)),
    sum_pool((5, 3, 2), SIGNED, window((1, 1))),
]
