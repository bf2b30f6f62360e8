"""Heads: what may stand behind the last layer."""

from collections.abc import Sequence

from icepop.compiler.handlers.base import Node, OpBuilder, handles, symbol
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.symbols import Value


@handles("Softmax", "LogSoftmax")
def softmax(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Drop it: the order of the classes stays, and nothing but `ArgMax` may follow."""
    return inputs[0]


@handles("ArgMax")
def argmax(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Class of the largest score."""
    x = symbol(node, inputs[0])
    return builder.add(ArgMax(node.name, (x.source,)))
