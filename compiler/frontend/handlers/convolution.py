"""Convolutions."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import Budget
from icepop.compiler.exact.grid import Grid, Line, common_divisor
from icepop.compiler.exact.steps.affine import Scale, Shift
from icepop.compiler.exact.steps.base import Step
from icepop.compiler.exact.symbols import Codes, Padded, Symbol, Value
from icepop.compiler.frontend.arrange import affine
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, constant, handles, symbol
from icepop.compiler.frontend.handlers.windows import window_of
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.window import Window
from icepop.compiler.types import IntArray

MAX_SUM = 1 << 53
"""Accumulators stay below it: float64 products are exact there."""
MULTIPLICATIONS = 1 << 10
"""Of float64, for a unit of work."""


@handles("Conv")
def conv(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Symbol:
    """Quantized activations (1, C, *sizes) under quantized weights (N, C / group, *kernel), and a bias (N,)."""
    data, weights = inputs[0], inputs[1]
    x = data.symbol if isinstance(data, Padded) else symbol(node, data)
    if not isinstance(weights, Codes):
        raise ModelError(f"{node}: the weights must be quantized by BipolarQuant or Quant")
    if not x.quantized:
        raise ModelError(f"{node} must read quantized values; put a BipolarQuant or Quant before it")
    kernel, groups = weights.codes, int(node.attributes.get("group", 1))
    sizes = x.index.shape[2:]
    fits = kernel.ndim > 2 and kernel.ndim == x.index.ndim and kernel.size > 0
    if not fits or groups < 1 or x.index.shape[1] != kernel.shape[1] * groups or len(kernel) % groups:
        raise ModelError(
            f"{node} must read (1, C, …) with weights (N, C / group, …), "
            f"not {x.index.shape} with {kernel.shape} and group {groups}"
        )
    codes, grid = builder.coded(x)
    taps = kernel.shape[2:]
    window = outer_window(node, data, taps) if isinstance(data, Padded) else window_of(node, taps, sizes)
    layer = Layer(node, window, groups, grid, builder.budget)
    result = builder.add(Conv(node.name, (builder.tensor(codes).source,), layer.folded(kernel), window, groups))
    result = result.then(layer.meaning(kernel, sizes)).then(Scale(channel_scale(node, weights)))
    if len(inputs) > 2:
        bias = constant(node, inputs[2], "the bias")
        result = result.then(Shift(bias.reshape(1, -1, *(1,) * len(sizes))))
    return result


def outer_window(node: Node, padded: Padded, kernel: Sequence[int]) -> Window:
    """Window over maps with zeros around them, which become pads of its own."""
    ends = list(zip(padded.before, padded.symbol.index.shape[2:], padded.after, strict=True))
    window = window_of(node, kernel, [sum(parts) for parts in ends])
    before = tuple(a + b for a, b in zip(window.before, padded.before, strict=True))
    after = tuple(a + b for a, b in zip(window.after, padded.after, strict=True))
    return replace(window, before=before, after=after)


def channel_scale(node: Node, weights: Codes) -> NDArray[np.float32]:
    """Scale of every output channel, shape (1, N, 1, …)."""
    scale = np.broadcast_to(weights.scale, weights.codes.shape).reshape(len(weights.codes), -1)
    if not (scale == scale[:, :1]).all():
        raise ModelError(f"{node}: a weight scale must be per tensor or per output channel")
    return scale[:, 0].reshape(1, -1, *(1,) * (weights.codes.ndim - 2))


class Layer:
    """What the meaning of activation codes, ``scale * code + offset``, becomes in a convolution.

    Each group of channels has its own unit, of which its scales are multiples: the multiples go into the weights. The
    offsets become a constant term, summed over the taps that are no padding.

    Parameters
    ----------
    node : Node
        For messages.
    window : Window
        Where the kernel stands.
    groups : int
        Groups of channels.
    grid : Grid
        Meaning of each element of the input (1, C, *sizes).
    budget : Budget
        What the work is taken off.
    """

    def __init__(self, node: Node, window: Window, groups: int, grid: Grid, budget: Budget):
        self.node, self.window, self.groups, self.grid, self.budget = node, window, groups, grid, budget
        channels = grid.which.reshape(grid.which.shape[1], -1)
        budget.spend(8 * len(channels))
        if not (channels == channels[:, :1]).all():
            raise ModelError(f"{node}: the scale of activations must be one for each channel")
        self.lines = [grid.lines[number] for number in channels[:, 0]]
        size = len(self.lines) // groups
        parts = [self.lines[start : start + size] for start in range(0, len(self.lines), size)]
        self.units = [common_divisor([line.scale for line in part]) or Fraction(1) for part in parts]

    def folded(self, kernel: IntArray) -> IntArray:
        """Weight codes times the scales that they meet, in units of their group."""
        units = np.repeat(np.array(self.units, object), len(self.lines) // self.groups)
        multiples = [int(line.scale / unit) for line, unit in zip(self.lines, units, strict=True)]
        reach = max(abs(self.grid.domain.lo), abs(self.grid.domain.hi), 1)
        worst = int(np.abs(kernel).reshape(len(kernel), -1).sum(axis=1).max()) * max(multiples) * reach
        if worst >= MAX_SUM:
            raise ModelError(
                f"{self.node} would need accumulators up to {worst}, but they must stay below "
                "2**53; quantize its inputs with fewer bits, or with scales in a ratio of small integers"
            )
        factors = np.array(multiples, np.int64).reshape(self.groups, 1, -1, *(1,) * (kernel.ndim - 2))
        grouped = kernel.reshape(self.groups, -1, *kernel.shape[1:])
        return np.ascontiguousarray((grouped * factors).reshape(kernel.shape))

    def meaning(self, kernel: IntArray, sizes: Sequence[int]) -> Step:
        """Real value of the accumulators, per channel; per element where padding takes offsets away."""
        offsets = {line.offset for line in self.lines} - {Fraction(0)}
        alike = self.window.alike(sizes) if offsets else [np.zeros(1, np.int64) for _ in sizes]
        firsts, classes = zip(
            *(np.unique(axis, return_index=True, return_inverse=True)[1:] for axis in alike), strict=True
        )
        terms = np.full((len(kernel), *map(len, firsts)), Fraction(0), object)
        work = kernel.size * prod(map(len, alike)) // MULTIPLICATIONS
        self.budget.spend(terms.size * 4 + len(offsets) * (2 * terms.size + work))
        for offset in offsets:
            has = np.array([line.offset == offset for line in self.lines], np.int64)
            maps = np.broadcast_to(has.reshape(1, -1, *(1,) * len(sizes)), (1, len(has), *sizes))
            counts = Conv(self.node.name, (), kernel, self.window, self.groups).golden(maps)[0]
            terms = terms + counts[np.ix_(range(len(kernel)), *firsts)] * offset
        units = np.repeat(np.array(self.units, object), len(kernel) // self.groups)
        scales = np.broadcast_to(units.reshape(-1, *(1,) * len(sizes)), terms.shape)
        lines = [Line(*pair) for pair in zip(scales.reshape(-1), terms.reshape(-1), strict=True)]
        which = np.arange(len(lines)).reshape(terms.shape)
        return affine(lines, which[np.ix_(range(len(kernel)), *classes)][None])
