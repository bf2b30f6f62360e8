"""Elementwise functions of a computed value and constants."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.exact.steps.affine import Divide, Scale, Shift
from icepop.compiler.exact.steps.base import Step
from icepop.compiler.exact.steps.limits import AtLeast, AtMost, Power
from icepop.compiler.exact.steps.quantizers import Reaches, Sign
from icepop.compiler.exact.steps.turning import EvenPower
from icepop.compiler.exact.symbols import Codes, Constant, Neurons, Symbol, Value
from icepop.compiler.frontend.handlers.base import Node, OpBuilder, constant, folded, handles, symbol
from icepop.compiler.frontend.handlers.branches import total

MAX_POWER = 16
"""Largest exponent."""
NUMPY = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": np.power}


@handles(*NUMPY)
def arithmetic(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Two computed values, one and a constant, or two constants (in float32, as ONNX computes them)."""
    a, b = inputs
    if isinstance(a, Neurons):
        operand = constant(node, b, "the second input")
        return a.mapped(lambda tables: NUMPY[node.op_type](tables, spread(node, operand, a.shape)))
    if isinstance(a, Symbol) and isinstance(b, Symbol) and node.op_type in ("Add", "Sub"):
        return total(node, a, b, builder)
    if isinstance(a, Symbol):
        return a.then(right_operand(node, constant(node, b, "the second input")))
    if isinstance(b, Symbol):
        return left_operand(node, constant(node, a, "the first input"), b)
    left, right = constant(node, a, "the first input"), constant(node, b, "the second input")
    return Constant(folded(node, NUMPY[node.op_type], left, right))


def spread(node: Node, operand: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Operand for every entry of the tables of neurons of a shape."""
    if np.broadcast_shapes(operand.shape, shape) != shape:
        raise ModelError(
            f"node '{node.name}' ({node.op_type}): a constant of {operand.shape} does not fit neurons of {shape}"
        )
    return np.broadcast_to(operand, shape).astype(np.float64)[..., None]


def right_operand(node: Node, c: NDArray[Any]) -> Step:
    """Step of ``x op c``."""
    if node.op_type == "Add":
        return Shift(c)
    if node.op_type == "Sub":
        return Shift(-c)
    if node.op_type == "Mul":
        return Scale(c)
    if node.op_type == "Div" and (c != 0).all():
        return Divide(c)
    if node.op_type == "Pow" and ((c > 0) & (c % 1 == 0) & (c <= MAX_POWER)).all():
        return Power(c) if (c % 2 == 1).all() else EvenPower(c)
    raise ModelError(f"node '{node.name}' ({node.op_type}) is not supported with this second input")


def left_operand(node: Node, c: NDArray[Any], x: Symbol) -> Symbol:
    """Value of ``c op x``."""
    if node.op_type == "Add":
        return x.then(Shift(c))
    if node.op_type == "Sub":
        return x.then(Scale(np.float32(-1))).then(Shift(c))
    if node.op_type == "Mul":
        return x.then(Scale(c))
    raise ModelError(f"node '{node.name}' ({node.op_type}) must have the computed value first")


@handles("Neg")
def neg(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """The value with its sign turned."""
    if isinstance(inputs[0], Symbol):
        return inputs[0].then(Scale(np.float32(-1)))
    return Constant(-constant(node, inputs[0], "the input"))


@handles("Sign")
def sign(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """-1, 0 or 1."""
    if isinstance(inputs[0], Symbol):
        return inputs[0].then(Sign()).named(node.name)
    return Codes(np.sign(constant(node, inputs[0], "the input")).astype(np.int64), np.ones((), np.float32))


@handles("Relu")
def relu(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Largest of the value and 0."""
    return symbol(node, inputs[0]).then(AtLeast(np.float32(0)))


@handles("Clip")
def clip(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """Bounds from inputs (opset 11 and later) or attributes."""
    x = symbol(node, inputs[0])
    present = [bound for bound, tensor in zip(("min", "max"), node.inputs[1:], strict=False) if tensor]
    given = (constant(node, value, "a bound") for value in inputs[1:])
    bounds = {**node.attributes, **dict(zip(present, given, strict=True))}
    if "min" in bounds:
        x = x.then(AtLeast(np.asarray(bounds["min"], np.float32)))
    if "max" in bounds:
        x = x.then(AtMost(np.asarray(bounds["max"], np.float32)))
    return x


@handles("GreaterOrEqual")
def greater_or_equal(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """1 where the value reaches a constant."""
    threshold = constant(node, inputs[1], "the threshold")
    return symbol(node, inputs[0]).then(Reaches(threshold, np.float32(0), np.float32(1))).named(node.name)


@handles("Where")
def where(node: Node, inputs: Sequence[Value], builder: OpBuilder) -> Value:
    """One constant where a comparison holds, another elsewhere."""
    x = symbol(node, inputs[0])
    if not x.steps or not isinstance(x.steps[-1], Reaches):
        raise ModelError(f"node '{node.name}' (Where): the condition must be a comparison with a constant")
    high, low = (constant(node, value, "a choice") for value in inputs[1:3])
    before = replace(x, steps=x.steps[:-1])
    return before.then(Reaches(x.steps[-1].threshold, low, high)).named(node.name)
