"""`Scores`: classes with scales and biases of their own, made comparable."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.types import Domain, TensorType


@dataclass(frozen=True, eq=False)
class Scores(Op):
    """Integers ``y[c] = multiplier[c] * x[source[c]] + offset[c]``, in the order of the exact real scores.

    Parameters
    ----------
    source : int64 array (C,)
        Which element of the flattened input each class reads.
    multiplier, offset : int64 array (C,)
        Chosen so that the lowest index of the largest y is that of the largest real score.
    """

    source: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    offset: NDArray[np.int64]

    def infer(self, *types: TensorType) -> TensorType:
        """Bound the scores."""
        (x,) = types
        classes = self.source.shape
        if self.multiplier.shape != classes or self.offset.shape != classes or int(self.source.max()) >= x.length:
            raise ModelError(f"'{self.name}' must read {x.length} elements with one multiplier and offset a class")
        ends = [
            int(factor) * end + int(offset)
            for factor, offset in zip(self.multiplier, self.offset, strict=True)
            for end in (x.integers.lo, x.integers.hi)
        ]
        if max(map(abs, ends)) >= 1 << 62:
            raise ModelError(f"'{self.name}' must stay below 2**62, not reach {max(map(abs, ends))}")
        return TensorType(classes, Domain(min(ends), max(ends)))

    def golden(self, *values: Array) -> Array:
        """Multiply and add."""
        (x,) = values
        return x.reshape(len(x), prod(x.shape[1:]))[:, self.source] * self.multiplier + self.offset
