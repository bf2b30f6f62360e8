"""Layout: reshapes, transposes, and shape computations on constants."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.symbols import Codes, Constant, Neurons, Symbol, Value
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, constant, handles
from icepop.compiler.frontend.handlers.branches import joined
from icepop.compiler.frontend.handlers.neurons import looked_up
from icepop.compiler.ops.window import MAX_ELEMENTS

WHOLE = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64)
"""Types that hold every integer below 2**24."""


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
    if isinstance(inputs[0], Neurons) and target in WHOLE:
        return inputs[0]
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
    sizes = x.shape if isinstance(x, Neurons) else x.index.shape if isinstance(x, Symbol) else None
    if sizes is None:
        sizes = constant(node, x, "the input").shape
    axes = slice(node.attributes.get("start", 0), node.attributes.get("end"))
    return Constant(np.array(sizes[axes], np.int64))


@handles("Squeeze")
def squeeze(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Drop axes of length 1, from an attribute (until opset 12) or an input; all but the batch if none are named."""
    axes = node.attributes.get("axes")
    if axes is None and len(inputs) > 1:
        axes = constant(node, inputs[1], "axes").tolist()

    def layout(array: NDArray[Any]) -> NDArray[Any]:
        named = [axis for axis, size in enumerate(array.shape) if axis and size == 1] if axes is None else axes
        return np.squeeze(array, tuple(named))

    return inputs[0].rearranged(layout)


@handles("Gather")
def gather(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Pick along one axis by constant indices, or look computed ones up; negative ones count from the end."""
    if isinstance(inputs[1], Neurons):
        return looked_up(node, constant(node, inputs[0], "the table"), inputs[1])
    index, axis = constant(node, inputs[1], "the index").astype(np.int64), node.attributes.get("axis", 0)

    def layout(array: NDArray[Any]) -> NDArray[Any]:
        if array.size // max(1, array.shape[axis]) * index.size > MAX_ELEMENTS:
            raise ModelError(f"node '{node.name}' (Gather) must pick at most {MAX_ELEMENTS} elements")
        return np.take(array, index, axis=axis)

    return part(inputs[0], builder).rearranged(layout)


@handles("Slice")
def slice_(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Ranges along axes, from inputs or (until opset 9) attributes."""
    present = iter(inputs)
    given = {
        name: constant(node, value, name).reshape(-1).tolist()
        for name, value in zip(
            ("data", "starts", "ends", "axes", "steps"),
            (next(present) if tensor else None for tensor in node.inputs),
            strict=False,
        )
        if name != "data" and value is not None
    }
    given = {**node.attributes, **given}
    starts, ends = given["starts"], given["ends"]
    axes = given.get("axes", range(len(starts)))
    steps = given.get("steps", [1] * len(starts))

    def layout(array: NDArray[Any]) -> NDArray[Any]:
        ranges = [slice(None)] * array.ndim
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            # going down, an end far below the first element still means that element is taken
            ranges[axis] = slice(start, None if step < 0 and end < -array.shape[axis] else end, step)
        return array[tuple(ranges)]

    return part(inputs[0], builder).rearranged(layout)


@handles("Split")
def split(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> tuple[Value, ...]:
    """Pieces along an axis: of the sizes in an attribute (until opset 12) or an input, else equal ones."""
    x, axis = part(inputs[0], builder), node.attributes.get("axis", 0)
    if isinstance(x, Neurons):
        raise ModelError(f"node '{node.name}' (Split) must not divide look-up table neurons")
    array = x.index if isinstance(x, Symbol) else x.codes if isinstance(x, Codes) else constant(node, x, "the input")
    size, count = array.shape[axis], len(node.outputs)
    sizes = node.attributes.get("split")
    if len(inputs) > 1:
        sizes = constant(node, inputs[1], "the sizes").reshape(-1).tolist()
    if sizes is None:
        each = -(-size // count)
        sizes = [min(each, size - each * k) for k in range(count)]
    if len(sizes) != count or sum(sizes) != size or min(sizes) < 1:
        raise ModelError(f"node '{node.name}' (Split) must divide {size} elements into {count} pieces, not {sizes}")
    ends = np.cumsum(sizes)
    return tuple(
        x.rearranged(lambda array, piece=range(end - length, end): np.take(array, piece, axis=axis))  # type: ignore[misc]
        for end, length in zip(ends.tolist(), sizes, strict=True)
    )


def part(x: Value, builder: OpBuilder) -> Value:
    """Value to take a part of: codes are computed once for all parts."""
    return builder.settled(x) if isinstance(x, Symbol) else x


@handles("Concat")
def concat(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Join constants, or computed values."""
    axis = node.attributes["axis"]
    if any(isinstance(value, Symbol) for value in inputs):
        return joined(node, inputs, axis, builder)
    return Constant(np.concatenate([constant(node, value, "an input") for value in inputs], axis))


@handles("ConstantOfShape")
def constant_of_shape(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """One number in every element of a shape."""
    shape = [int(size) for size in constant(node, inputs[0], "the shape").reshape(-1)]
    value = np.asarray(node.attributes.get("value", np.zeros(1, np.float32))).reshape(-1)
    if min(shape, default=0) < 0 or prod(shape) > MAX_ELEMENTS or len(value) != 1:
        raise ModelError(f"node '{node.name}' (ConstantOfShape) must fill at most {MAX_ELEMENTS} elements, not {shape}")
    return Constant(np.full(shape, value[0]))
