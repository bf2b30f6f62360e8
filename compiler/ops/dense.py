"""`Dense`: the integer matrix product of a fully connected layer."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op, exact_matmul
from icepop.compiler.types import BIPOLAR, Domain, TensorType


@dataclass(frozen=True, eq=False)
class Dense(Op):
    """Accumulators ``acc[n] = sum_k weights[n, k] * x[k]``.

    Parameters
    ----------
    weights : int64 array (N, K)
        Weight codes; how hardware stores them follows from their values.
    """

    weights: NDArray[np.int64]

    @cached_property
    def bipolar(self) -> bool:
        """Whether every weight is -1 or +1."""
        return BIPOLAR.contains(self.weights)

    def infer(self, *types: TensorType) -> TensorType:
        """Bound the accumulators; bipolar products keep their parity."""
        (x,) = types
        if x.length != self.weights.shape[1]:
            raise ModelError(
                f"layer '{self.name}' takes {self.weights.shape[1]} inputs but '{self.inputs[0]}' gives {x.length}"
            )
        lo, hi = self.bounds(x.integers)
        both_bipolar = self.bipolar and x.integers == BIPOLAR
        return TensorType((len(self.weights),), Domain(lo, hi, 2 if both_bipolar else 1))

    def bounds(self, domain: Domain) -> tuple[int, int]:
        """Smallest and largest accumulator that any input can give in any row."""
        positive = np.maximum(self.weights, 0).sum(axis=1)
        negative = np.minimum(self.weights, 0).sum(axis=1)
        lowest = positive * domain.lo + negative * domain.hi
        highest = positive * domain.hi + negative * domain.lo
        return int(lowest.min()), int(highest.max())

    def golden(self, *values: Array) -> Array:
        """Exact product over the flattened inputs."""
        (x,) = values
        flat = x.reshape(len(x), self.weights.shape[1])
        largest = int(np.abs(flat).max(initial=1))
        return exact_matmul(flat, self.weights.T, int(np.abs(self.weights).sum(axis=1).max()) * largest)
