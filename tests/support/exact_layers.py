"""ONNX's products, convolutions and pools on arrays of exact numbers, for `exact_onnx`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import product
from math import ceil, floor, lcm, prod
from operator import add
from typing import Any

import numpy as np
from exact_numbers import Exact, Surd
from exact_ops import Array, Call, defines, elementwise


def matrix_product(a: Array, b: Array) -> Array:
    """Product of (..., M, K) and (..., K, N), by integers over a common denominator where all are rational."""
    parts = [over_one_denominator(array) for array in (a, b)]
    if parts[0] is None or parts[1] is None:
        return np.asarray(a @ b, object)
    (left, p), (right, q) = parts[0], parts[1]
    largest = [max((abs(v) for v in array.reshape(-1)), default=0) for array in (left, right)]
    if largest[0] * largest[1] * max(1, a.shape[-1]) < 2**62:
        left, right = left.astype(np.int64), right.astype(np.int64)
    return elementwise(lambda v: Fraction(int(v), p * q), left @ right)


def over_one_denominator(array: Array) -> tuple[Array, int] | None:
    if any(isinstance(value, Surd) for value in array.reshape(-1)):
        return None
    common = lcm(*{value.denominator for value in array.reshape(-1)})
    return elementwise(lambda v: v.numerator * (common // v.denominator), array), common


@defines("MatMul")
def matmul(call: Call) -> Array:
    return matrix_product(call[0], call[1])


@defines("Gemm")
def gemm(call: Call) -> Array:
    a = call[0].T if call.get("transA", 0) else call[0]
    b = call[1].T if call.get("transB", 0) else call[1]
    result = matrix_product(a, b) * Fraction(call.get("alpha", 1.0))
    if call.given(2) is not None:
        result = result + call[2] * Fraction(call.get("beta", 1.0))
    return result


@defines("Conv")
def conv(call: Call) -> Array:
    x, weights, groups = call[0], call[1], call.get("group", 1)
    slide = Slide.of(call, x.shape[2:], weights.shape[2:])
    patches = slide.patches(x, Fraction(0), Fraction(0))  # (N, C, K, *out)
    samples, channels, taps = patches.shape[:3]
    columns = patches.reshape(samples, groups, channels // groups * taps, -1)
    rows = weights.reshape(groups, len(weights) // groups, -1)
    result = np.stack([matrix_product(rows, sample) for sample in columns]) if samples else columns
    result = result.reshape(samples, len(weights), *slide.out)
    if call.given(2) is not None:
        result = result + call[2].reshape(-1, *(1,) * len(slide.out))
    return result


@dataclass(frozen=True)
class Slide:
    """How a window slides: per spatial axis its size, stride, dilation, the pads, and how many places it takes."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]
    out: tuple[int, ...]

    @classmethod
    def of(cls, call: Call, size: Sequence[int], kernel: Sequence[int]) -> "Slide":
        n = len(size)
        strides, dilations = (tuple(call.get(name) or [1] * n) for name in ("strides", "dilations"))
        spans = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
        pads = call.get("pads") or [0] * 2 * n
        auto = str(call.get("auto_pad", "NOTSET"))
        if auto.startswith("SAME"):
            more = [max(0, (-(-i // s) - 1) * s + w - i) for i, s, w in zip(size, strides, spans, strict=True)]
            first = [m // 2 if auto == "SAME_UPPER" else m - m // 2 for m in more]
            pads = [*first, *(m - f for m, f in zip(more, first, strict=True))]
        begin, end = tuple(pads[:n]), tuple(pads[n:])
        out = []
        for i, s, w, b, e in zip(size, strides, spans, begin, end, strict=True):
            places = Fraction(i + b + e - w, s)
            count = (ceil(places) if call.get("ceil_mode", 0) else floor(places)) + 1
            extra = count > floor(places) + 1 and (count - 1) * s >= i + b  # none starts in the pad behind
            out.append(count - extra)
        return cls(tuple(kernel), strides, dilations, begin, end, tuple(out))

    def patches(self, x: Array, pad: Any, beyond: Any) -> Array:
        """Windows (N, C, taps, *out) of x (N, C, *size), with values for pads and for what lies beyond them."""
        padded = np.pad(x, [(0, 0), (0, 0), *zip(self.begin, self.end, strict=True)], constant_values=pad)
        reach = [
            (o - 1) * s + d * (k - 1) + 1
            for o, s, d, k in zip(self.out, self.strides, self.dilations, self.kernel, strict=True)
        ]
        extra = [(0, max(0, r - n)) for r, n in zip(reach, padded.shape[2:], strict=True)]
        padded = np.pad(padded, [(0, 0), (0, 0), *extra], constant_values=beyond)
        taps = []
        for offset in product(*(range(k) for k in self.kernel)):
            corner = [o * d for o, d in zip(offset, self.dilations, strict=True)]
            places = zip(corner, self.out, self.strides, strict=True)
            taps.append(padded[(..., *(slice(c, c + (n - 1) * s + 1, s) for c, n, s in places))])
        return np.stack(taps, axis=2)


def pooled(x: Array, slide: Slide, pad: Any, function: Callable[[list[Exact]], Exact]) -> Array:
    """Function of each window's values; None stands for no value."""
    patches = np.moveaxis(slide.patches(x, pad, None), 2, -1)
    values = [function([v for v in window if v is not None]) for window in patches.reshape(-1, patches.shape[-1])]
    result = np.empty(len(values), object)
    result[:] = values
    return result.reshape(patches.shape[:-1])


def mean(values: list[Exact]) -> Exact:
    return reduce(add, values) / Fraction(len(values))


@defines("MaxPool")
def max_pool(call: Call) -> Array:
    return pooled(call[0], Slide.of(call, call[0].shape[2:], call.get("kernel_shape")), None, max)


@defines("AveragePool")
def average_pool(call: Call) -> Array:
    pad = Fraction(0) if call.get("count_include_pad", 0) else None
    return pooled(call[0], Slide.of(call, call[0].shape[2:], call.get("kernel_shape")), pad, mean)


@defines("GlobalAveragePool")
def global_average_pool(call: Call) -> Array:
    return average(call[0], tuple(range(2, call[0].ndim)), True)


@defines("ReduceMean")
def reduce_mean(call: Call) -> Array:
    axes = call.get("axes") if call.given(1) is None else call[1].tolist()
    return average(call[0], tuple(axes or range(call[0].ndim)), bool(call.get("keepdims", 1)))


def average(x: Array, axes: tuple[int, ...], keep: bool) -> Array:
    count = prod(x.shape[axis] for axis in axes)
    return np.asarray(np.add.reduce(x, axis=axes, keepdims=keep) / Fraction(count), object)
