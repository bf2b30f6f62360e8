"""Pools. A pool of functions of accumulators becomes a function of pooled accumulators.

A maximum commutes with every rising function, and with falling ones as a minimum; a sum commutes with ``x * k + c``.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.functions import distinct_functions
from icepop.compiler.exact.steps.affine import AFFINE, Divide
from icepop.compiler.exact.symbols import Symbol, Value
from icepop.compiler.frontend.arrange import affine_functions
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, constant, handles, symbol
from icepop.compiler.frontend.handlers.windows import channels_of, numbers, window_of
from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.ops.window import Window

TAPS = 1 << 8
"""That are counted for a unit of work."""


@handles("MaxPool")
def max_pool(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Largest value under a window; padding is never the largest."""
    x = channels_of(node, symbol(node, inputs[0]), builder)
    window = window_of(node, kernel_of(node, x), x.index.shape[2:])
    functions, which = distinct_functions(x, builder.budget)
    gains = np.array([-1 if function.gain < 0 else 1 for function in functions])
    sign = gains[which.reshape(which.shape[1], -1)[:, 0]]
    result = builder.add(MaxPool(node.name, (x.source,), window, sign))
    return replace(result, steps=x.steps, coded=x.coded)


@handles("AveragePool")
def average_pool(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Mean under a window; padding counts with ``count_include_pad``."""
    x = symbol(node, inputs[0])
    window = window_of(node, kernel_of(node, x), x.index.shape[2:])
    if node.attributes.get("ceil_mode", 0) and window != window_of(floored(node), window.kernel, x.index.shape[2:]):
        raise ModelError(f"node '{node.name}' (AveragePool): with ceil_mode its windows must end inside the map")
    return averaged(node, x, window, bool(node.attributes.get("count_include_pad", 0)), builder)


@handles("GlobalAveragePool")
def global_average_pool(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Mean of every channel."""
    x = symbol(node, inputs[0])
    sizes = x.index.shape[2:]
    if not sizes:
        raise ModelError(f"node '{node.name}' (GlobalAveragePool) must read (1, C, …), not {x.index.shape}")
    once, none = (1,) * len(sizes), (0,) * len(sizes)
    return averaged(node, x, Window(sizes, once, none, none, once), True, builder)


@handles("ReduceMean")
def reduce_mean(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Mean along spatial axes, from an attribute (until opset 17) or an input: what exporters make of a global pool."""
    x = symbol(node, inputs[0])
    rank = x.index.ndim
    axes = node.attributes.get("axes")
    if axes is None and len(inputs) > 1:
        axes = constant(node, inputs[1], "the axes").reshape(-1).tolist()
    reduced = {int(axis) % rank for axis in axes or ()}
    if not reduced or min(reduced) < 2:
        raise ModelError(f"node '{node.name}' (ReduceMean) must run along spatial axes, from 2 on, not {axes}")
    kernel = tuple(size if axis in reduced else 1 for axis, size in enumerate(x.index.shape))[2:]
    once, none = (1,) * len(kernel), (0,) * len(kernel)
    mean = averaged(node, x, Window(kernel, once, none, none, once), True, builder)
    if node.attributes.get("keepdims", 1):
        return mean
    return mean.rearranged(lambda array: np.squeeze(array, tuple(sorted(reduced))))


def kernel_of(node: Node, x: Symbol) -> tuple[int, ...]:
    """Kernel of a pool."""
    if "kernel_shape" not in node.attributes or x.index.ndim < 3:
        raise ModelError(f"node '{node.name}' ({node.op_type}) must have a kernel_shape and read (1, C, …)")
    return numbers(node, "kernel_shape", (), x.index.ndim - 2)


def floored(node: Node) -> Node:
    """The node without its ceil_mode."""
    return replace(node, attributes={**node.attributes, "ceil_mode": 0})


def averaged(node: Node, x: Symbol, window: Window, with_padding: bool, builder: OpBuilder) -> Symbol:
    """Sum of integers, divided by the number of taps, under the function that each element had.

    Raises
    ------
    ModelError
        The elements are not affine functions of integers, or padding is averaged that their offsets do not apply to.
    """
    x = channels_of(node, x, builder)
    what = f"node '{node.name}' ({node.op_type})"
    if builder.graph.types[x.source].domain is None or not all(isinstance(step, AFFINE) for step in x.steps):
        raise ModelError(f"{what} must read quantized values or accumulators; put a BipolarQuant or Quant before it")
    counts = np.array(np.prod(window.kernel), np.float64)
    if window.padded and not with_padding:
        sizes = x.index.shape[2:]
        builder.budget.spend(prod((*window.kernel, *window.shape(sizes, node.name))) // TAPS)
        taps = SumPool(node.name, (), window).golden(np.ones((1, 1, *sizes), np.int64))
        counts = taps.astype(np.float64)
    elif window.padded:
        meaning = affine_functions(x, builder.budget)
        if meaning is None or any(line.offset for line in meaning[0]):
            raise ModelError(
                f"{what} must not average padding with values that have an offset; set count_include_pad=0"
            )
    result = builder.add(SumPool(node.name, (x.source,), window)).then(Divide(counts))
    return replace(result, steps=(*result.steps, *x.steps), coded=x.coded)
