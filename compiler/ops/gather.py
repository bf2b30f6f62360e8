"""`Gather`: elements of one tensor in another order: slices, transposes, channel shuffles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.types import TensorType


@dataclass(frozen=True, eq=False)
class Gather(Op):
    """``y[m] = x.flat[index[m]]``.

    Parameters
    ----------
    index : int64 array
        Of the result's shape; which element of the flattened input each result reads.
    """

    index: NDArray[np.int64]

    def infer(self, *types: TensorType) -> TensorType:
        """Take the index's shape."""
        (x,) = types
        if self.index.size and not 0 <= int(self.index.min()) <= int(self.index.max()) < x.length:
            raise ModelError(f"'{self.name}' reads element {self.index.max()} of '{self.inputs[0]}' with {x.length}")
        return TensorType(self.index.shape, x.domain)

    def golden(self, *values: Array) -> Array:
        """Pick the elements."""
        (x,) = values
        return x.reshape(len(x), int(np.prod(x.shape[1:])))[:, self.index]
