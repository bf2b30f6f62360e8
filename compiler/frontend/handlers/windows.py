"""What convolutions and pools share: their window, and inputs of one function a channel."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.symbols import Padded, Symbol, Value
from icepop.compiler.frontend.arrange import channelwise
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, constant, handles, symbol
from icepop.compiler.ops.window import Window


@handles("Pad")
def pad(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Zeros around maps, from inputs or (until opset 10) attributes."""
    x = symbol(node, inputs[0])
    present = [name for name, tensor in zip(("pads", "value", "axes"), node.inputs[1:], strict=False) if tensor]
    given = {name: constant(node, part, name) for name, part in zip(present, inputs[1:], strict=True)}
    rank, named = x.index.ndim, {**node.attributes, **given}
    axes = [int(axis) % rank for axis in np.reshape(named.get("axes", range(rank)), -1)]
    pads = [int(pad) for pad in np.reshape(named["pads"], -1)]
    ends = {axis: (pads[k], pads[len(axes) + k]) for k, axis in enumerate(axes)}
    before, after = zip(*(ends.get(axis, (0, 0)) for axis in range(rank)), strict=True)
    if named.get("mode", "constant") != "constant" or np.any(named.get("value", 0)) or len(pads) != 2 * len(axes):
        raise ModelError(f"node '{node.name}' (Pad) must pad with the constant 0")
    if rank < 3 or any((*before[:2], *after[:2])) or min(*before, *after) < 0:
        raise ModelError(f"node '{node.name}' (Pad) must pad spatial axes of (1, C, …), from 2 on, not {pads}")
    return Padded(x, before[2:], after[2:])


def window_of(node: Node, kernel: Sequence[int], sizes: Sequence[int]) -> Window:
    """Window from a node's attributes, for maps of these sizes.

    Raises
    ------
    ModelError
        Attributes of another number of axes, or an unknown ``auto_pad``.
    """
    axes = len(kernel)
    stride = numbers(node, "strides", (1,) * axes, axes)
    dilation = numbers(node, "dilations", (1,) * axes, axes)
    pads = numbers(node, "pads", (0,) * 2 * axes, 2 * axes)
    window = Window(tuple(kernel), stride, pads[:axes], pads[axes:], dilation)
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise ModelError(f"node '{node.name}' ({node.op_type}): auto_pad must not be {mode}")
    if len(sizes) == axes and min(stride) > 0 and mode.startswith("SAME"):
        parts = zip(sizes, stride, window.extents, strict=True)
        total = [max((-(-size // step) - 1) * step + extent - size, 0) for size, step, extent in parts]
        small, large = tuple(pad // 2 for pad in total), tuple(pad - pad // 2 for pad in total)
        before, after = (small, large) if mode == "SAME_UPPER" else (large, small)
        return replace(window, before=before, after=after)
    if len(sizes) == axes and node.attributes.get("ceil_mode", 0):
        return rounded_up(window, sizes)
    return window


def numbers(node: Node, name: str, default: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Attribute that lists integers."""
    values = tuple(int(value) for value in node.attributes.get(name, default))
    if len(values) != count:
        raise ModelError(f"node '{node.name}' ({node.op_type}): {name} must hold {count} numbers, not {list(values)}")
    return values


def rounded_up(window: Window, sizes: Sequence[int]) -> Window:
    """Window padded further, so that a last position begins inside the map or its front padding."""
    after = []
    for k, size in enumerate(sizes):
        stride, full = window.stride[k], window.before[k] + size + window.after[k]
        last = -(-(full - window.extents[k]) // stride)
        if last * stride >= size + window.before[k]:
            last -= 1
        after.append(window.after[k] + max(last * stride + window.extents[k] - full, 0))
    return replace(window, after=tuple(after))


def channels_of(node: Node, symbol: Symbol, builder: OpBuilder) -> Symbol:
    """The same values over a whole result of this shape, with one function a channel; quantized ones as codes.

    Raises
    ------
    ModelError
        The functions differ within a channel.
    """
    placed = builder.tensor(builder.settled(symbol))
    found = channelwise(placed, placed.index.shape[1:])
    if found is None:
        raise ModelError(
            f"node '{node.name}' ({node.op_type}) must read one function of all elements of a channel; "
            "put a quantizer before it"
        )
    return found


def spread(symbol: Symbol) -> tuple[int, ...]:
    """Shape of parameters that differ only between channels."""
    return (1, symbol.index.shape[1], *(1,) * (symbol.index.ndim - 2))


def per_channel(values: Sequence[int], symbol: Symbol) -> np.ndarray:
    """Array over the channels of a symbol."""
    return np.array(values, np.int64).reshape(spread(symbol))
