"""Branches that meet: sums and joins of computed values."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.grid import Line, common_divisor
from icepop.compiler.exact.steps.affine import Scale
from icepop.compiler.exact.symbols import Symbol, Value
from icepop.compiler.frontend.arrange import affine, affine_functions
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, symbol
from icepop.compiler.frontend.handlers.windows import channels_of, spread
from icepop.compiler.ops.add import Add
from icepop.compiler.ops.concat import Concat
from icepop.compiler.ops.window import MAX_ELEMENTS
from icepop.compiler.types import IntArray

MAX_FACTOR = 1 << 12
"""Largest integer that a branch is multiplied with."""


def total(node: Node, a: Symbol, b: Symbol, builder: OpBuilder) -> Symbol:
    """``a + b``, or ``a - b`` for Sub, of two computed values: a sum of integer multiples of their integers.

    Raises
    ------
    ModelError
        A branch is no affine function of integers, or their scales are in no ratio of small integers.
    """
    if a.index.ndim != b.index.ndim:
        raise ModelError(
            f"node '{node.name}' ({node.op_type}) must join equal shapes, not {a.index.shape[1:]} and "
            f"{b.index.shape[1:]}"
        )
    if node.op_type == "Sub":
        b = builder.settled(b).then(Scale(np.float64(-1)))
    shape = np.broadcast_shapes(a.index.shape, b.index.shape)
    if prod(shape) > MAX_ELEMENTS:
        raise ModelError(f"node '{node.name}' ({node.op_type}) must give at most {MAX_ELEMENTS} elements, not {shape}")
    builder.budget.spend(shape[1] * 16 if len(shape) > 1 else 0)
    branches = [channels_of(node, replace(x, index=np.broadcast_to(x.index, shape)), builder) for x in (a, b)]
    lines = [channel_lines(node, branch, builder) for branch in branches]
    units = [common_divisor([abs(line.scale) for line in pair]) or Fraction(1) for pair in zip(*lines, strict=True)]
    factors = [[int(line.scale / unit) for line, unit in zip(row, units, strict=True)] for row in lines]
    for pair, channel in zip(zip(*factors, strict=True), zip(*lines, strict=True), strict=True):
        if max(map(abs, pair)) > MAX_FACTOR:
            raise ModelError(
                f"node '{node.name}' ({node.op_type}): the scales of its branches must be in a ratio of integers up "
                f"to {MAX_FACTOR}, not {float(channel[0].scale)} and {float(channel[1].scale)}; "
                "quantize both with one shared quantizer"
            )
    op = Add(node.name, tuple(branch.source for branch in branches), np.array(factors, np.int64))
    means = [
        Line(unit, sum((line.offset for line in pair), Fraction(0)))
        for unit, pair in zip(units, zip(*lines, strict=True), strict=True)
    ]
    result = builder.add(op)
    result = result.then(affine(means, np.arange(len(means)).reshape(spread(result))))
    return replace(result, coded=all(branch.coded for branch in branches))


def channel_lines(node: Node, branch: Symbol, builder: OpBuilder) -> list[Line]:
    """Real value of each channel's integers."""
    lines, which = integer_lines(node, branch, builder)
    return [lines[number] for number in which.reshape(which.shape[1], -1)[:, 0]]


def integer_lines(node: Node, branch: Symbol, builder: OpBuilder) -> tuple[list[Line], IntArray]:
    """Real values of a branch's integers, and which of them each element has."""
    meaning = None if builder.graph.types[branch.source].domain is None else affine_functions(branch, builder.budget)
    if meaning is None:
        raise ModelError(
            f"node '{node.name}' ({node.op_type}) must join quantized values, or accumulators with rational scales "
            "and offsets; put a BipolarQuant or Quant into each branch"
        )
    return meaning


def joined(node: Node, values: Sequence[Value], axis: int, builder: OpBuilder) -> Symbol:
    """Computed values side by side.

    Elements of one op stay a choice of its elements. Codes of several ops are multiplied up to one scale where that
    takes small integers; otherwise each keeps its own.
    """
    branches = [builder.settled(symbol(node, value)) for value in values]
    meanings = [integer_lines(node, branch, builder) for branch in branches]
    coded = all(branch.coded for branch in branches)
    lines = [line for table, _ in meanings for line in table]
    axis = axis % branches[0].index.ndim
    if axis == 0:
        raise ModelError(f"node '{node.name}' (Concat) must not join along the batch")
    starts = np.cumsum([0, *(len(table) for table, _ in meanings)])
    which = np.concatenate([which + start for (_, which), start in zip(meanings, starts, strict=False)], axis)
    if len({branch.source for branch in branches}) == 1:
        index = np.concatenate([branch.index for branch in branches], axis)
        return Symbol(branches[0].source, index, coded=coded).then(affine(lines, which))
    placed = [builder.tensor(branch) for branch in branches]
    unit = common_divisor([line.scale for line in lines])
    factors = [int(table[0].scale / unit) if unit else 1 for table, _ in meanings]
    single = coded and all(len(table) == 1 and table[0].offset == 0 for table, _ in meanings)
    if not single or not 0 < min(factors) <= max(factors) <= MAX_FACTOR:
        factors = [1] * len(factors)
    else:
        lines, which = [Line(unit)], np.zeros_like(which)
    op = Concat(node.name, tuple(branch.source for branch in placed), axis - 1, tuple(factors))
    return replace(builder.add(op), coded=coded).then(affine(lines, which))
