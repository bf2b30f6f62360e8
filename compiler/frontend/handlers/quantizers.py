"""Quantizers: BipolarQuant, Quant and Trunc of QONNX."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.numbers import ROUNDINGS
from icepop.compiler.exact.steps.affine import Divide, Scale, Shift
from icepop.compiler.exact.steps.limits import AtLeast, AtMost
from icepop.compiler.exact.steps.quantizers import Round, Signum, Whole
from icepop.compiler.exact.symbols import Codes, Constant, Value
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, constant, handles, symbol
from icepop.compiler.frontend.quantized import quantized


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
    zero = np.asarray(constant(node, inputs[2], "the zero point"), np.float64)
    known = isinstance(inputs[0], Constant)
    width = whole_number(node, inputs[3], "the bit width", 1, 32 if known else 16)
    signed, narrow = bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0))
    mode = rounding_mode(node, "ROUND")
    if signed and width == 1:  # QONNX: exporters write binary weights so
        if zero.any():
            raise ModelError(f"node '{node.name}' (Quant): with 1 signed bit the zero point must be 0")
        return bipolar_quant(node, inputs, builder)
    low, high = code_range(width, signed, narrow)
    if isinstance(inputs[0], Constant):
        return quantized(inputs[0].value, scale, zero, (low, high), mode)
    step = Round(scale, zero, np.float64(low), np.float64(high), mode)
    return symbol(node, inputs[0]).then(step).named(node.name)


@handles("Trunc")
def trunc(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Drop low bits of integers, as QONNX defines it: version 1 has five inputs, version 2 an output scale too."""
    x = symbol(node, inputs[0])
    scale = positive(node, constant(node, inputs[1], "the scale"))
    zero = np.asarray(constant(node, inputs[2], "the zero point"), np.float64)
    width = whole_number(node, inputs[3], "the input bit width", 1, 32)
    out_width = whole_number(node, inputs[-1], "the output bit width", 1, 32)
    mode = rounding_mode(node, "FLOOR")
    x = x.then(Divide(scale)).then(Shift(zero)).then(Whole("ROUND"))
    if len(inputs) == 5:
        x = x.then(Scale(np.float64(2.0 ** (out_width - width)))).then(Whole(mode))
        return x.then(Shift(-zero)).then(Scale(scale)).named(node.name)
    out_scale = positive(node, constant(node, inputs[4], "the output scale"))
    factor = 2.0 ** np.round(np.log2(out_scale / scale))
    low, high = code_range(out_width, bool(node.attributes.get("signed", 1)), bool(node.attributes.get("narrow", 0)))
    x = x.then(Divide(factor)).then(AtLeast(np.float64(low))).then(AtMost(np.float64(high))).then(Whole(mode))
    return x.then(Shift(-zero / factor)).then(Scale(out_scale)).named(node.name)


def rounding_mode(node: Node, default: str) -> str:
    """Name of the rounding that a quantizer asks for."""
    mode = str(node.attributes.get("rounding_mode", default)).upper()
    if mode not in ROUNDINGS:
        raise ModelError(
            f"node '{node.name}' ({node.op_type}): the rounding mode must be one of {', '.join(ROUNDINGS)}, not {mode}"
        )
    return mode


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


def positive(node: Node, scale: NDArray[Any]) -> NDArray[np.float32]:
    """Scale of a quantizer, which must be positive."""
    if not (scale > 0).all():
        raise ModelError(f"node '{node.name}' ({node.op_type}): the scale must be positive, not {scale.min()}")
    return scale.astype(np.float32)
