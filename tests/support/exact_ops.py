"""ONNX and QONNX operators on arrays of exact numbers, written from their definitions.

An operator gets its inputs (None where one is left out) and a reader of attributes, and returns its outputs. Floats
are object arrays of exact numbers; integers and booleans, as in shape computations, are numpy's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add, mul, sub, truediv
from typing import Any

import numpy as np
from exact_numbers import ROUNDINGS, Exact, Surd, root, sign
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Call:
    """One use of an operator.

    Parameters
    ----------
    inputs : list of array or None
        Values.
    attributes : dict
        By name.
    opset : int
        Version of the operator's domain.
    outputs : int
        How many outputs the node has.
    """

    inputs: list[Array | None]
    attributes: dict[str, Any]
    opset: int
    outputs: int = 1

    def get(self, name: str, default: Any = None) -> Any:
        """Attribute, or its default."""
        return self.attributes.get(name, default)

    def given(self, position: int) -> Array | None:
        """Input, or None if it is left out."""
        return self.inputs[position] if position < len(self.inputs) else None

    def __getitem__(self, position: int) -> Array:
        value = self.given(position)
        assert value is not None, f"input {position} is left out"
        return value


Operator = Callable[[Call], "Array | tuple[Array, ...]"]
OPERATORS: dict[str, Operator] = {}


def defines(*op_types: str) -> Callable[[Operator], Operator]:
    def register(operator: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(op_types, operator))
        return operator

    return register


def elementwise(function: Callable[..., Any], *arrays: Any) -> Array:
    """Apply a function to broadcast elements; an object array, also of no axes."""
    result = np.frompyfunc(function, len(arrays), 1)(*(np.asarray(array, object) for array in arrays))
    return np.asarray(result, object)


def exact(values: Any) -> Array:
    """Floats as the rationals that they are; integers and booleans as they are."""
    array = np.asarray(values)
    return elementwise(lambda v: Fraction(float(v)), array) if array.dtype.kind == "f" else array


def rational(values: Any) -> Array:
    """Any numbers as rationals."""
    return elementwise(lambda v: v if isinstance(v, Fraction | Surd) else Fraction(v.item()), np.asarray(values))


@defines("Quant", "IntQuant")
def quant(call: Call) -> Array:
    x, scale, zero, bits = (call[k] for k in range(4))
    signed, narrow = bool(call.get("signed", 1)), bool(call.get("narrow", 0))
    rounding = ROUNDINGS[str(call.get("rounding_mode", "ROUND")).upper()]

    def value(x: Exact, scale: Fraction, zero: Fraction, bits: Any) -> Exact:
        code = x / scale + zero
        if int(bits) == 1 and signed:
            return ((1 if code >= 0 else -1) - zero) * scale
        low, high = limits(int(bits), signed, narrow)
        return (rounding(min(max(code, low), high)) - zero) * scale

    return elementwise(value, x, scale, rational(zero), bits)


def limits(bits: int, signed: bool, narrow: bool) -> tuple[Fraction, Fraction]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return (Fraction(low + (narrow and signed)), Fraction(high - (narrow and not signed)))


@defines("BipolarQuant")
def bipolar_quant(call: Call) -> Array:
    return elementwise(lambda x, scale: scale if x >= 0 else -scale, call[0], call[1])


@defines("Trunc")
def trunc(call: Call) -> Array:
    """Drop low bits of codes: version 1 has one bit width, version 2 a scale and a bit width of its output."""
    rounding = ROUNDINGS[str(call.get("rounding_mode", "FLOOR")).upper()]
    x, scale, zero, bits = call[0], call[1], rational(call[2]), rational(call[3])
    if len(call.inputs) == 5:
        drop = elementwise(lambda a, b: Fraction(2) ** int(a - b), bits, rational(call[4]))
        return elementwise(
            lambda x, s, z, d: (rounding(ROUNDINGS["ROUND"](x / s + z) / d) - z) * s, x, scale, zero, drop
        )
    signed, narrow = bool(call.get("signed", 1)), bool(call.get("narrow", 0))

    def value(x: Exact, scale: Fraction, zero: Fraction, wide: Fraction, bits: Fraction) -> Exact:
        ratio = wide / scale
        exponent = ratio.numerator.bit_length() - ratio.denominator.bit_length()
        drop = min((Fraction(2) ** k for k in (exponent - 1, exponent, exponent + 1)), key=lambda d: abs(d - ratio))
        low, high = limits(int(bits), signed, narrow)
        code = min(max(Fraction(ROUNDINGS["ROUND"](x / scale + zero)) / drop, low), high)
        return (rounding(code) - zero / drop) * wide

    return elementwise(value, x, scale, zero, call[4], rational(call[5]))


@defines("BatchNormalization")
def batch_normalization(call: Call) -> Array:
    shape = (-1, *(1,) * (call[0].ndim - 2))
    gamma, beta, center, variance = (call[k].reshape(shape) for k in range(1, 5))
    epsilon = Fraction(call.get("epsilon", float(np.float32(1e-5))))
    slope = elementwise(lambda g, v: g * root(v + epsilon) / (v + epsilon), gamma, variance)
    return elementwise(lambda x, m, a, b: (x - m) * a + b, call[0], center, slope, beta)


def arithmetic(function: Callable[[Any, Any], Any], integers: Callable[[Any, Any], Any]) -> Operator:
    def operator(call: Call) -> Array:
        a, b = call[0], call[1]
        return elementwise(function, a, b) if object in (a.dtype, b.dtype) else np.asarray(integers(a, b))

    return operator


OPERATORS["Add"] = arithmetic(add, add)
OPERATORS["Sub"] = arithmetic(sub, sub)
OPERATORS["Mul"] = arithmetic(mul, mul)
OPERATORS["Div"] = arithmetic(truediv, lambda a, b: np.fix(a / b).astype(np.int64))


@defines("Pow")
def power(call: Call) -> Array:
    def value(x: Fraction, exponent: Fraction) -> Exact:
        if exponent.denominator == 2:
            return root(x**exponent.numerator)
        assert exponent.denominator == 1, exponent
        return reduce(mul, [x] * int(exponent), Fraction(1))

    return elementwise(value, call[0], rational(call[1]))


@defines("Sqrt")
def sqrt(call: Call) -> Array:
    return elementwise(root, call[0])


@defines("Relu")
def relu(call: Call) -> Array:
    return elementwise(lambda x: max(x, Fraction(0)), call[0])


@defines("Clip")
def clip(call: Call) -> Array:
    low, high = call.given(1), call.given(2)
    low = exact(np.float32(call.get("min"))) if call.get("min") is not None else low
    high = exact(np.float32(call.get("max"))) if call.get("max") is not None else high
    x = call[0] if low is None else elementwise(max, call[0], low)
    return x if high is None else elementwise(min, x, high)


@defines("Sign")
def sign_of(call: Call) -> Array:
    return elementwise(lambda x: Fraction(sign(x)), call[0])


@defines("Neg")
def negate(call: Call) -> Array:
    return elementwise(lambda x: -x, call[0])


@defines("GreaterOrEqual")
def greater_or_equal(call: Call) -> Array:
    return elementwise(lambda a, b: a >= b, call[0], call[1]).astype(bool)


@defines("Where")
def where(call: Call) -> Array:
    return elementwise(lambda c, a, b: a if c else b, call[0], call[1], call[2])


@defines("Softmax", "LogSoftmax")
def softmax(call: Call) -> Array:
    """The scores themselves: their order is all that is judged behind a softmax."""
    return call[0]


@defines("ArgMax")
def argmax(call: Call) -> Array:
    axis, last = call.get("axis", 0), bool(call.get("select_last_index", 0))
    moved = np.moveaxis(call[0], axis, -1)

    def best(row: list[Exact]) -> int:
        places = [k for k, value in enumerate(row) if value == max(row)]
        return places[-1 if last else 0]

    result = np.array([best(list(row)) for row in moved.reshape(-1, moved.shape[-1])]).reshape(moved.shape[:-1])
    return np.expand_dims(result, axis) if call.get("keepdims", 1) else result


@defines("TopK")
def top_k(call: Call) -> tuple[Array, Array]:
    """Values and places of the largest (or smallest), equal ones by rising place."""
    k = int(call[1].reshape(-1)[0]) if call.given(1) is not None else call.get("k")
    axis = call.get("axis", -1)
    moved = np.moveaxis(call[0], axis, -1)
    flip = 1 if call.get("largest", 1) else -1
    flat = moved.reshape(-1, moved.shape[-1])
    order = [sorted(range(len(row)), key=lambda i: (row[i] * -flip, i))[:k] for row in flat]
    places = np.array(order).reshape(*moved.shape[:-1], k)
    values = np.take_along_axis(moved, places, -1)
    return np.moveaxis(values, -1, axis), np.moveaxis(places, -1, axis)
