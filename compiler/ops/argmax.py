"""`ArgMax`: the class of the largest score."""

from dataclasses import dataclass

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.types import Domain, TensorType


@dataclass(frozen=True, eq=False)
class ArgMax(Op):
    """Index of the largest element; ties go to the lowest index."""

    def infer(self, *types: TensorType) -> TensorType:
        """Take a vector of scores."""
        (x,) = types
        if len(x.shape) != 1:
            raise ModelError(f"'{self.name}' takes the largest of a vector, not of shape {x.shape}")
        return TensorType((1,), Domain(0, x.length - 1))

    def golden(self, *values: Array) -> Array:
        """Lowest index of the largest score, shape (samples, 1)."""
        (x,) = values
        return np.argmax(x, axis=1)[:, None].astype(np.int64)
