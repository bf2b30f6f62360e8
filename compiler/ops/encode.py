"""`Encode`: from the model's float32 input to the first integers."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.types import Domain, TensorType


@dataclass(frozen=True, eq=False)
class Encode(Op):
    """Quantize float32 inputs by comparing them with exact float32 thresholds.

    Element m of the result is ``lo + step * #{l : x[source[m]] >= thresholds[m, l]}``. The thresholds are the smallest
    float32 numbers that reach each level, so the comparison equals the file's quantizer on every float32 input.
    A thermometer code is many bipolar elements that read one input.

    Parameters
    ----------
    source : int array (M,)
        Which element of the flattened input each result reads.
    thresholds : float32 array (M, levels - 1)
        Ascending in each row; +inf is never reached.
    domain : Domain
        Values of the result.
    shape : tuple of int
        Shape of the result, M elements.
    """

    source: NDArray[np.int64]
    thresholds: NDArray[np.float32]
    domain: Domain
    shape: tuple[int, ...]

    def infer(self, *types: TensorType) -> TensorType:
        """Check the sources and the number of levels."""
        (x,) = types
        if self.source.size and int(self.source.max()) >= x.length:
            raise ModelError(f"'{self.name}' reads element {self.source.max()} of an input of {x.length}")
        if self.thresholds.shape != (len(self.source), self.domain.size - 1):
            raise ModelError(f"'{self.name}' has thresholds {self.thresholds.shape} for {self.domain.size} levels")
        return TensorType(self.shape, self.domain)

    def golden(self, *values: Array) -> Array:
        """Count the thresholds that each input reaches."""
        (x,) = values
        picked = x.reshape(len(x), prod(x.shape[1:]))[:, self.source]
        level = np.zeros(picked.shape, np.int64)
        for column in self.thresholds.T:
            level += picked >= column
        return (self.domain.lo + self.domain.step * level).reshape(len(x), *self.shape)
