"""ONNX operators that move elements or compute shapes, for `exact_onnx`."""

from fractions import Fraction
from typing import Any

import numpy as np
from exact_ops import Array, Call, defines, elementwise
from onnx import helper


@defines("Identity", "Dropout")
def identity(call: Call) -> Array:
    return call[0]


@defines("Constant")
def constant(call: Call) -> Array:
    ((_, value),) = call.attributes.items()
    return np.asarray(value)


@defines("ConstantOfShape")
def constant_of_shape(call: Call) -> Array:
    value = call.get("value", np.zeros(1, np.float32))
    return np.full(call[0].tolist(), np.asarray(value).reshape(-1)[0])


@defines("Cast")
def cast(call: Call) -> Array:
    """Exact numbers stay what they are; booleans and integers may become either."""
    to = np.dtype(helper.tensor_dtype_to_np_dtype(call.get("to")))
    if to.kind == "f":
        return call[0].astype(np.float64) if call[0].dtype != object else call[0]
    return elementwise(int, call[0]).astype(to)


@defines("Concat")
def concat(call: Call) -> Array:
    return np.concatenate([value for value in call.inputs if value is not None], axis=call.get("axis"))


@defines("Split")
def split(call: Call) -> tuple[Array, ...]:
    axis = call.get("axis", 0)
    sizes = call.get("split") if call.given(1) is None else call[1].tolist()
    length = call[0].shape[axis]
    if sizes is None:
        part = -(-length // call.outputs)
        sizes = [min(part, length - k * part) for k in range(call.outputs)]
    return tuple(np.split(call[0], np.cumsum(sizes)[:-1], axis=axis))


@defines("Slice")
def slice_of(call: Call) -> Array:
    def numbers(position: int, name: str) -> Any:
        value = call.given(position)
        return call.get(name) if value is None else value.tolist()

    starts, ends = numbers(1, "starts"), numbers(2, "ends")
    axes = numbers(3, "axes") or range(len(starts))
    steps = numbers(4, "steps") or [1] * len(starts)
    result = call[0]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        below = step < 0 and end < -result.shape[axis]  # numpy has no number for "before the first"
        part = slice(start, None if below else end, step)
        result = result[(slice(None),) * (axis % result.ndim) + (part,)]
    return result


@defines("Transpose")
def transpose(call: Call) -> Array:
    return np.transpose(call[0], call.get("perm"))


@defines("Reshape")
def reshape(call: Call) -> Array:
    target = call.get("shape") if call.given(1) is None else call[1].tolist()
    keeps = not call.get("allowzero", 0)
    return call[0].reshape([call[0].shape[k] if size == 0 and keeps else size for k, size in enumerate(target)])


@defines("Flatten")
def flatten(call: Call) -> Array:
    axis = call.get("axis", 1)
    return call[0].reshape(int(np.prod(call[0].shape[:axis], dtype=int)), -1)


@defines("Squeeze")
def squeeze(call: Call) -> Array:
    axes = call.get("axes") if call.given(1) is None else call[1].tolist()
    return np.squeeze(call[0], None if axes is None else tuple(axes))


@defines("Unsqueeze")
def unsqueeze(call: Call) -> Array:
    axes = call.get("axes") if call.given(1) is None else call[1].tolist()
    return np.expand_dims(call[0], tuple(axes))


@defines("Shape")
def shape(call: Call) -> Array:
    return np.array(call[0].shape[call.get("start", 0) : call.get("end")], np.int64)


@defines("Gather")
def gather(call: Call) -> Array:
    return np.take(call[0], call[1].astype(np.int64), axis=call.get("axis", 0))


@defines("Pad")
def pad(call: Call) -> Array:
    pads = call.get("pads") if call.given(1) is None else call[1].tolist()
    rank = call[0].ndim
    return np.pad(call[0], [(pads[k], pads[rank + k]) for k in range(rank)], constant_values=Fraction(0))
