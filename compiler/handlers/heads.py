"""Heads: what may stand behind the last layer."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact import difference
from icepop.compiler.functions import ElementFunction, distinct_functions
from icepop.compiler.handlers.base import Node, OpBuilder, constant, handles, symbol
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.scores import Scores
from icepop.compiler.ranking import Score, integer_scores
from icepop.compiler.steps.affine import AFFINE
from icepop.compiler.steps.limits import Ranked
from icepop.compiler.symbols import Symbol, Value


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
    if k != 1 or not node.attributes.get("largest", 1):
        raise ModelError(f"node '{node.name}' (TopK) must give the 1 largest score, not {k}")
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
        The elements are no affine functions of an op's results, or integers cannot tell them apart.
    """
    if len(x.steps) == 1 and isinstance(x.steps[0], Ranked):
        x = replace(x, steps=())
    if any(step.quantizes for step in x.steps):
        codes, grid = builder.coded(x)
        source, index, which = codes.source, codes.index.reshape(-1), grid.which.reshape(-1)
        real = [Score(line.scale, line.offset) for line in grid.lines]
    else:
        functions, numbers = distinct_functions(x)
        source, index, which = x.source, x.index.reshape(-1), numbers.reshape(-1)
        real = [affine(function, x.source) for function in functions]
    type = builder.graph.types[source]
    in_order = type.length == index.size and bool((index == np.arange(index.size)).all())
    if len(real) == 1 and real[0].slope >= Fraction(0) and real[0].slope != 0 and in_order and len(type.shape) == 1:
        return source
    found = integer_scores([real[number] for number in which], type.integers)
    if found is None:
        raise ModelError(
            f"the scores behind layer '{source}' have scales and biases that no integers below 2**62 keep in order; "
            "use one scale for all classes"
        )
    return builder.add(Scores(builder.free_name("scores"), (source,), index, *found)).source


def affine(function: ElementFunction, layer: str) -> Score:
    """Slope and bias of a class's score."""
    for step in function.steps:
        if not isinstance(step, AFFINE):
            raise ModelError(
                f"the scores behind layer '{layer}' must be affine functions of its results, or quantized, "
                f"not {type(step).__name__}; remove what stands between the last layer and the model's output"
            )
    bias = function(Fraction(0))
    return Score(difference(function(Fraction(1)), bias), bias)
