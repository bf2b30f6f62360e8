"""`MaxPool`: the largest value under a window."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.ops.window import Window
from icepop.compiler.types import TensorType


@dataclass(frozen=True, eq=False)
class MaxPool(Op):
    """``y[c, p] = sign[c] * max_k sign[c] * x[c, stride * p + dilation * k - before]``; padding is never the largest.

    A channel of sign -1 takes the smallest value: a pool of a falling function is a function of the smallest argument.

    Parameters
    ----------
    window : Window
        Where the kernel stands; every position must hold at least one tap that is not padding.
    sign : int64 array (C,)
        +1 or -1.
    """

    window: Window
    sign: NDArray[np.int64]

    def infer(self, *types: TensorType) -> TensorType:
        """Keep the domain."""
        (x,) = types
        if x.shape[:1] != self.sign.shape:
            raise ModelError(f"'{self.name}' pools {len(self.sign)} channels, but '{self.inputs[0]}' gives {x.shape}")
        shape = self.window.shape(x.shape[1:], self.name)
        if any(pad >= extent for pad, extent in zip(self.window.before, self.window.extents, strict=True)) or any(
            pad >= extent for pad, extent in zip(self.window.after, self.window.extents, strict=True)
        ):
            raise ModelError(f"'{self.name}' must have pads below its kernel, not {self.window}")
        return TensorType((x.shape[0], *shape), x.domain, x.scale)

    def golden(self, *values: Array) -> Array:
        """Largest of every window."""
        (x,) = values
        sign = self.sign.reshape(-1, *(1,) * (x.ndim - 2)).astype(x.dtype)
        limit = np.finfo(x.dtype).min if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        axes = len(self.window.kernel)
        taps = self.window.view(x * sign, limit)
        return sign * taps.max(axis=tuple(range(-axes, 0)))
