"""Heads: what may stand behind the last layer."""

from collections.abc import Sequence

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.handlers.base import Node, OpBuilder, handles, symbol
from icepop.compiler.integerize import element_functions
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.steps import Ranked
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
    """Op whose results have the same order, and the same ties, as a symbol's elements.

    Raises
    ------
    ModelError
        The elements are different functions of the op's results, or not rising ones.
    """
    if x.quantized:
        return builder.codes(x)[0]
    functions = set(element_functions(x))
    in_order = (x.index.reshape(-1) == np.arange(x.index.size)).all()
    if len(functions) > 1 or not functions.pop().rises or not in_order:
        raise ModelError(
            f"the scores must be layer '{x.source}' with one positive scale and one bias for all classes, "
            "or quantized to one grid"
        )
    return x.source
