"""Layout: reshapes, transposes, and shape computations on constants."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from icepop.compiler.errors import ModelError
from icepop.compiler.handlers.base import Node, OpBuilder, constant, handles
from icepop.compiler.symbols import Constant, Symbol, Value


@handles("Identity", "Dropout")
def identity(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Pass the value through: Dropout does nothing in inference."""
    return inputs[0]


@handles("Cast")
def cast(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Pass the value through, to types that keep it: a computed one to floats, constants to anything."""
    target = node.attributes["to"]
    if isinstance(inputs[0], Constant):
        return Constant(inputs[0].value.astype(helper.tensor_dtype_to_np_dtype(target)))
    if target not in (TensorProto.FLOAT, TensorProto.DOUBLE):
        raise ModelError(f"node '{node.name}' (Cast): computed values must stay float32, not become {name_of(target)}")
    return inputs[0]


def name_of(data_type: int) -> str:
    """Name of an ONNX data type."""
    return TensorProto.DataType.Name(data_type).lower()


@handles("Constant")
def constant_node(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Array stored in the node."""
    (value,) = node.attributes.values()
    array = np.asarray(value)
    return Constant(array.astype(np.float32) if array.dtype.kind == "f" else array)


@handles("Transpose")
def transpose(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Permute axes."""
    return inputs[0].rearranged(lambda array: np.transpose(array, node.attributes.get("perm")))


@handles("Flatten")
def flatten(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Two axes: those before ``axis`` and those from it on."""
    axis = node.attributes.get("axis", 1)
    return inputs[0].rearranged(lambda array: array.reshape(int(np.prod(array.shape[:axis], dtype=int)), -1))


@handles("Reshape")
def reshape(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """New shape; 0 keeps an axis, -1 is what remains."""
    target = [int(size) for size in constant(node, inputs[1], "the shape").reshape(-1)]

    def layout(array: NDArray[Any]) -> NDArray[Any]:
        return array.reshape([array.shape[k] if size == 0 else size for k, size in enumerate(target)])

    return inputs[0].rearranged(layout)


@handles("Unsqueeze")
def unsqueeze(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """New axes of length 1, from an attribute (until opset 12) or an input."""
    axes = node.attributes["axes"] if "axes" in node.attributes else constant(node, inputs[1], "axes").tolist()
    return inputs[0].rearranged(lambda array: np.expand_dims(array, tuple(axes)))


@handles("Shape")
def shape(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Shape with a batch of 1."""
    x = inputs[0]
    array = x.index if isinstance(x, Symbol) else constant(node, x, "the input")
    axes = slice(node.attributes.get("start", 0), node.attributes.get("end"))
    return Constant(np.array(array.shape[axes], np.int64))


@handles("Gather")
def gather(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Pick from constants."""
    table, index = (constant(node, value, "the input") for value in inputs)
    return Constant(np.take(table, index.astype(np.int64), axis=node.attributes.get("axis", 0)))


@handles("Concat")
def concat(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Join constants."""
    return Constant(np.concatenate([constant(node, value, "an input") for value in inputs], node.attributes["axis"]))
