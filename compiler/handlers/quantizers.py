"""Quantizers: BipolarQuant and Quant of QONNX."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.handlers.base import Node, OpBuilder, constant, handles, symbol
from icepop.compiler.steps import Round, Signum
from icepop.compiler.symbols import Codes, Constant, Value


@handles("BipolarQuant")
def bipolar_quant(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """``scale`` where the input is at least 0, else ``-scale`` (QONNX)."""
    scale = positive(node, constant(node, inputs[1], "the scale"))
    if isinstance(inputs[0], Constant):
        return Codes(np.where(inputs[0].value >= 0, 1, -1).astype(np.int64), scale)
    return symbol(node, inputs[0]).then(Signum(scale)).named(node.name)


@handles("Quant")
def quant(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Uniform quantizer of QONNX: clip and round to an integer grid of ``bitwidth`` bits."""
    scale = positive(node, constant(node, inputs[1], "the scale"))
    offset = whole_number(node, inputs[2], "the zero point", -(1 << 24), 1 << 24)
    width = whole_number(node, inputs[3], "the bit width", 1, 16)
    mode = str(node.attributes.get("rounding_mode", "ROUND"))
    if mode.upper() not in ("ROUND", "HALF_EVEN"):
        raise ModelError(f"node '{node.name}' (Quant): the rounding mode must be ROUND, not {mode}")
    signed, narrow = bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0))
    if signed and width == 1:  # QONNX: exporters write binary weights so
        if offset:
            raise ModelError(f"node '{node.name}' (Quant): with 1 signed bit the zero point must be 0, not {offset}")
        return bipolar_quant(node, inputs, builder)
    low, high = code_range(width, signed, narrow)
    if isinstance(inputs[0], Constant):
        return quantized_constant(inputs[0].value, scale, offset, low, high)
    step = Round(scale, np.float32(offset), np.float32(low), np.float32(high))
    return symbol(node, inputs[0]).then(step).named(node.name)


def whole_number(node: Node, value: Value, what: str, low: int, high: int) -> int:
    """An input that must be one integer in a range, stored as a float or an integer."""
    number = constant(node, value, what).reshape(-1)
    if number.size != 1 or number[0] % 1 or not low <= number[0] <= high:
        raise ModelError(
            f"node '{node.name}' ({node.op_type}): {what} must be one integer from {low} to {high}, "
            f"not {number.tolist() if number.size != 1 else number[0]}"
        )
    return int(number[0])


def code_range(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """Lowest and highest code of a Quant node."""
    if signed:
        return -(1 << bits - 1) + narrow, (1 << bits - 1) - 1
    return 0, (1 << bits) - 1 - narrow


def quantized_constant(value: NDArray[Any], scale: NDArray[np.float32], zero: int, low: int, high: int) -> Codes:
    """Codes of constants, in exact arithmetic: clipped, rounded half to even."""
    scales = np.broadcast_to(scale, value.shape)
    codes = [
        min(max(round(Fraction(float(v)) / Fraction(float(s)) + zero), low), high) - zero
        for v, s in zip(value.reshape(-1), scales.reshape(-1), strict=True)
    ]
    return Codes(np.array(codes, np.int64).reshape(value.shape), scale)


def positive(node: Node, scale: NDArray[Any]) -> NDArray[np.float32]:
    """Scale of a quantizer, which must be positive."""
    if not (scale > 0).all():
        raise ModelError(f"node '{node.name}' ({node.op_type}): the scale must be positive, not {scale.min()}")
    return scale.astype(np.float32)
