"""`Conv`: the integer convolution, with groups."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op, exact_matmul
from icepop.compiler.ops.window import Window
from icepop.compiler.types import BIPOLAR, Domain, TensorType

COLUMNS = 1 << 22
"""Elements of the unrolled windows that are held at a time."""


@dataclass(frozen=True, eq=False)
class Conv(Op):
    """Accumulators ``acc[n, p] = sum_c,k weights[n, c, k] * x[c, stride * p + dilation * k - before]``.

    Padding is the real number 0, whose code is 0 also where the domain does not hold it: a masked tap. Group g of the
    output channels reads group g of the input channels.

    Parameters
    ----------
    weights : int64 array (N, C / groups, *kernel)
        Weight codes.
    window : Window
        Where the kernel stands.
    groups : int
        Divides C and N; C groups are a depthwise convolution.
    """

    weights: NDArray[np.int64]
    window: Window
    groups: int = 1

    @cached_property
    def bipolar(self) -> bool:
        """Whether every weight is -1 or +1."""
        return BIPOLAR.contains(self.weights)

    @cached_property
    def sums(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sum of the positive and of the negative weights of each output channel."""
        rows = self.weights.reshape(len(self.weights), -1)
        return np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)

    def infer(self, *types: TensorType) -> TensorType:
        """Bound the accumulators; bipolar products without padding keep their parity."""
        (x,) = types
        channels = self.weights.shape[1] * self.groups
        if len(x.shape) != self.weights.ndim - 1 or x.shape[0] != channels or len(self.weights) % self.groups:
            raise ModelError(
                f"layer '{self.name}' with weights {self.weights.shape} in {self.groups} groups takes {channels} "
                f"channels of {self.weights.ndim - 2} axes, but '{self.inputs[0]}' gives {x.shape}"
            )
        shape = (len(self.weights), *self.window.shape(x.shape[1:], self.name))
        parity = self.bipolar and x.integers == BIPOLAR and not self.window.padded
        return TensorType(shape, Domain(*self.bounds(x.integers), 2 if parity else 1))

    def bounds(self, domain: Domain) -> tuple[int, int]:
        """Smallest and largest accumulator that any input can give in any channel."""
        lo, hi = domain.lo, domain.hi
        if self.window.padded:
            lo, hi = min(lo, 0), max(hi, 0)
        positive, negative = self.sums
        return int((positive * lo + negative * hi).min()), int((positive * hi + negative * lo).max())

    def golden(self, *values: Array) -> Array:
        """Exact products with unrolled windows, some samples at a time."""
        (x,) = values
        shape = self.window.shape(x.shape[2:], self.name)
        kernels = self.weights.reshape(self.groups, len(self.weights) // self.groups, -1)
        positive, negative = self.sums
        bound = int((positive - negative).max()) * int(np.abs(x).max(initial=1))
        maps = x.astype(np.float32 if bound < 1 << 24 else np.float64)
        size = self.groups * kernels.shape[2] * int(np.prod(shape))
        chunk = max(1, COLUMNS // size)
        result = np.empty((len(x), len(self.weights), *shape), np.int64)
        for start in range(0, len(x), chunk):
            part = maps[start : start + chunk]
            products = exact_matmul(kernels, self.columns(part), bound)
            result[start : start + chunk] = np.moveaxis(products.reshape(-1, len(part), *shape), 0, 1)
        return result

    def columns(self, x: Array) -> Array:
        """Windows (groups, C / groups * taps, samples * positions) of maps (samples, C, *sizes): one large product."""
        axes = len(self.window.kernel)
        taps = self.window.view(x, 0)
        taps = np.moveaxis(taps, (0, *range(-axes, 0)), (1 + axes, *range(1, 1 + axes)))  # C, *kernel, samples, *shape
        rows = x.shape[1] // self.groups * int(np.prod(self.window.kernel))
        return np.ascontiguousarray(taps).reshape(self.groups, rows, -1)
