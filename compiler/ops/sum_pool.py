"""`SumPool`: the sum under a window, which an average is before its division."""

from dataclasses import dataclass

import numpy as np

from icepop.compiler.ops.base import Array, Op
from icepop.compiler.ops.window import Window
from icepop.compiler.types import Domain, TensorType


@dataclass(frozen=True, eq=False)
class SumPool(Op):
    """``y[c, p] = sum_k x[c, stride * p + dilation * k - before]``; padding is 0.

    Parameters
    ----------
    window : Window
        Where the kernel stands.
    """

    window: Window

    def infer(self, *types: TensorType) -> TensorType:
        """Sum the bounds over the taps; without padding the step is kept."""
        (x,) = types
        shape = self.window.shape(x.shape[1:], self.name)
        taps, domain = int(np.prod(self.window.kernel)), x.integers
        if self.window.padded:
            return TensorType((x.shape[0], *shape), Domain(taps * min(domain.lo, 0), taps * max(domain.hi, 0)))
        return TensorType((x.shape[0], *shape), Domain(taps * domain.lo, taps * domain.hi, domain.step))

    def golden(self, *values: Array) -> Array:
        """Sum of every window."""
        (x,) = values
        axes = len(self.window.kernel)
        return self.window.view(x, 0).sum(axis=tuple(range(-axes, 0)))
