"""`Threshold`: everything between an accumulator and the next quantizer, as integer comparisons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.ops.levels import codes
from icepop.compiler.types import Domain, TensorType


@dataclass(frozen=True, eq=False)
class Threshold(Op):
    """Count of thresholds that an accumulator reaches.

    ``y[c] = lo + step * #{l : sign[c] * x[c] >= thresholds[c, l]}``, where sign -1 is a channel whose function falls
    (a negative batch-norm gain).

    Parameters
    ----------
    thresholds : int64 array (C, levels - 1)
        Ascending in each row; may lie outside the reach of x (always or never fires).
    sign : int64 array (C,)
        +1 or -1.
    domain : Domain
        Values of the result.
    """

    thresholds: NDArray[np.int64]
    sign: NDArray[np.int64]
    domain: Domain

    def infer(self, *types: TensorType) -> TensorType:
        """Check channels and levels."""
        (x,) = types
        expected = (x.shape[0], self.domain.size - 1)
        if self.thresholds.shape != expected or self.sign.shape != expected[:1]:
            raise ModelError(f"'{self.name}' must have thresholds {expected}, not {self.thresholds.shape}")
        return TensorType(x.shape, self.domain)

    def golden(self, *values: Array) -> Array:
        """Compare each channel with each of its thresholds."""
        (x,) = values
        rows = np.moveaxis(x, 1, -1)  # channels last: each column has its own thresholds
        result = codes(rows.reshape(-1, x.shape[1]) * self.sign, self.thresholds, self.domain)
        return np.moveaxis(result.reshape(rows.shape), -1, 1)
