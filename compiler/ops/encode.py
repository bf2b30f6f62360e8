"""`Encode`: from the model's input to the first integers."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.ops.levels import codes
from icepop.compiler.types import Domain, TensorType


@dataclass(frozen=True, eq=False)
class Encode(Op):
    """Quantize inputs by comparing them with exact thresholds.

    Element m of the result is ``lo + step * #{l : x[source[m]] >= thresholds[m, l]}``. The thresholds are the smallest
    inputs that reach each level, so the comparison equals the file's quantizer on every float32 input, or on every
    integer code where the input's format is bound. A thermometer code is many bipolar elements that read one input.

    Parameters
    ----------
    source : int array (M,)
        Which element of the flattened input each result reads.
    thresholds : float32 or int64 array (M, levels - 1)
        Ascending in each row, of the kind of the input; +inf, or a code beyond its domain, is never reached.
    domain : Domain
        Values of the result.
    shape : tuple of int
        Shape of the result, M elements.
    """

    source: NDArray[np.int64]
    thresholds: NDArray[np.float32] | NDArray[np.int64]
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
        flat = x.reshape(len(x), prod(x.shape[1:]))
        whole = self.source.size == flat.shape[1] and bool((self.source == np.arange(self.source.size)).all())
        picked = flat if whole else flat[:, self.source]
        return codes(picked, self.thresholds, self.domain).reshape(len(x), *self.shape)
