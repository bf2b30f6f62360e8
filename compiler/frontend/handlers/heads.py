"""Heads: what may stand behind the last layer."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.budget import grown
from icepop.compiler.exact.functions import ElementFunction, distinct_functions
from icepop.compiler.exact.numbers import difference
from icepop.compiler.exact.plateaus import RankedClass, limits
from icepop.compiler.exact.ranking import MAX_CASES, Score, integer_scores
from icepop.compiler.exact.steps.affine import AFFINE, Scale
from icepop.compiler.exact.steps.limits import AtLeast, AtMost, Power, Ranked
from icepop.compiler.exact.symbols import Symbol, Value, natural
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, constant, handles, symbol
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.clip import Clip
from icepop.compiler.ops.scores import Scores
from icepop.compiler.types import IntArray


@handles("Softmax", "LogSoftmax")
def softmax(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Keep only the order of the classes."""
    x = class_scores(node, inputs[0], default_axis=-1)
    index = np.arange(x.index.size).reshape(x.index.shape)
    return Symbol(scores(x, builder), index, (Ranked(),))


@handles("ArgMax")
def argmax(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Class of the largest score."""
    x = class_scores(node, inputs[0], default_axis=0)
    if node.attributes.get("select_last_index", 0):
        raise ModelError(f"node '{node.name}' (ArgMax): ties must go to the first index, not to the last")
    return builder.add(ArgMax(node.name, (scores(x, builder),)))


@handles("TopK")
def top_k(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> tuple[Value, ...]:
    """The largest score, and its class."""
    x = class_scores(node, inputs[0], default_axis=-1)
    k = node.attributes.get("k", 1) if len(inputs) < 2 else constant(node, inputs[1], "k").reshape(-1)[0]
    largest = node.attributes.get("largest", 1)
    if k != 1 or not largest:
        found = str(k) if largest else f"the {k} smallest"
        raise ModelError(f"node '{node.name}' (TopK) must give the 1 largest score, not {found}")
    return x, builder.add(ArgMax(node.name, (scores(x, builder),)))


def class_scores(node: Node, value: Value, default_axis: int) -> Symbol:
    """Input of a head: a vector, which the head must run along."""
    x = symbol(node, value)
    axis = node.attributes.get("axis", default_axis)
    if x.index.ndim != 2 or axis not in (-1, 1):
        raise ModelError(
            f"node '{node.name}' ({node.op_type}) must run along the classes of a (1, classes) tensor, "
            f"not along axis {axis} of {x.index.shape}"
        )
    return x


def scores(x: Symbol, builder: OpBuilder) -> str:
    """Op whose results have the same best element, the lowest one where several are best, as a symbol's values.

    Raises
    ------
    ModelError
        The elements are no affine functions of an op's results, with limits behind them that are the same for all
        classes, or integers cannot tell them apart.
    """
    if len(x.steps) == 1 and isinstance(x.steps[0], Ranked):
        x = replace(x, steps=())
    if any(step.quantizes for step in x.steps):
        codes, grid = builder.coded(x)
        real = [Score(line.scale, line.offset) for line in grid.lines]
        return ordered(codes, real, grid.which, builder)[0]
    first = next((place for place, step in enumerate(x.steps) if not isinstance(step, AFFINE)), len(x.steps))
    last = replace(x, steps=x.steps[first:])
    if not last.steps:
        functions, which = distinct_functions(x, builder.budget)
        return ordered(x, [affine(function) for function in functions], which, builder)[0]
    return clipped(replace(x, steps=x.steps[:first]), last, builder)


def ordered(x: Symbol, real: Sequence[Score], which: IntArray, builder: OpBuilder) -> tuple[str, IntArray, IntArray]:
    """Op with integer scores in the order of real ones, and their multipliers and offsets."""
    index, numbers = x.index.reshape(-1), which.reshape(-1)
    type = builder.graph.types[x.source]
    in_order = type.length == index.size and natural(index)
    if len(real) == 1 and real[0].slope >= Fraction(0) and real[0].slope != 0 and in_order and len(type.shape) == 1:
        return x.source, np.ones_like(index), np.zeros_like(index)
    cases = index.size * type.integers.size
    builder.budget.spend(16 * index.size + (4 * cases if cases <= MAX_CASES else 0))
    found = integer_scores([real[number] for number in numbers.tolist()], type.integers)
    if found is None:
        raise ModelError(
            f"the scores behind layer '{x.source}' have scales and biases that no integers below 2**62 keep in order; "
            "use one scale for all classes"
        )
    op = Scores(builder.free_name("scores"), (x.source,), index, *found)
    return builder.add(op).source, *found


def clipped(x: Symbol, last: Symbol, builder: OpBuilder) -> str:
    """Op with integer scores of affine functions that end in rectifiers and limits, the same for all classes."""
    layer = x.source
    for step in last.steps:
        if not isinstance(step, (*AFFINE, AtLeast, AtMost, Power)):
            raise ModelError(
                f"the scores behind layer '{layer}' must be affine functions of its results, or quantized, "
                f"not {type(step).__name__}; remove what stands between the last layer and the model's output"
            )
    ends, _ = distinct_functions(last, builder.budget)
    if len(ends) > 1:
        raise ModelError(
            f"the scores behind layer '{layer}' must be the same function of all classes from "
            f"{type(last.steps[0]).__name__} on; quantize them, or remove what stands between the last layer and "
            "the model's output"
        )
    end, sign = ends[0], ends[0].gain
    if sign < 0:  # twice turned, so that the end rises
        turn = Scale(np.float64(-1))
        x, end = x.then(turn), ElementFunction((turn, *end.steps), ((Fraction(-1),), *end.parameters))
    functions, which = distinct_functions(x, builder.budget)
    domain = builder.graph.types[layer].integers
    source, multiplier, offset = ordered(x, [affine(function) for function in functions], which, builder)
    scores = builder.graph.types[source].integers
    classes = [
        RankedClass(functions[k], functions[k].gain >= 0, int(m), int(b))
        for k, m, b in zip(which.reshape(-1).tolist(), multiplier, offset, strict=True)
    ]
    count = len(x.steps) + len(end.steps)
    builder.budget.spend(len(classes) * domain.size.bit_length() * (8 * count + grown(count)))
    low, high = limits(classes, domain, end, scores) if sign else (scores.lo, scores.lo)
    if (low, high) == (scores.lo, scores.hi):
        return source
    return builder.add(Clip(builder.free_name("clipped"), (source,), low, high)).source


def affine(function: ElementFunction) -> Score:
    """Slope and bias of a class's score."""
    bias = function(Fraction(0))
    return Score(difference(function(Fraction(1)), bias), bias)
