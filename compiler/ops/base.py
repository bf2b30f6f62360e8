"""What every op provides: the type of its result and its exact value."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.types import TensorType

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Op(ABC):
    """A node of the graph: immutable, named, and pure.

    Parameters
    ----------
    name : str
        Unique in its graph; taken from the model file.
    inputs : tuple of str
        Names of the ops whose results this one reads.
    """

    name: str
    inputs: tuple[str, ...]

    @abstractmethod
    def infer(self, *types: TensorType) -> TensorType:
        """Type of the result for inputs of these types; raises `ModelError` where they do not fit."""

    @abstractmethod
    def golden(self, *values: Array) -> Array:
        """Exact result for inputs of shape (samples, *shape)."""


def exact_matmul(a: Array, b: Array, bound: int) -> NDArray[np.int64]:
    """Integer product of ``a`` (..., M, K) and ``b`` (..., K, N), by float BLAS where that is exact.

    Parameters
    ----------
    bound : int
        Largest possible sum of absolute products: below 2**24 float32 is exact, below 2**53 float64.
    """
    if bound < 1 << 24:
        return (a.astype(np.float32, copy=False) @ b.astype(np.float32, copy=False)).astype(np.int64)
    if bound < 1 << 53:
        return (a.astype(np.float64, copy=False) @ b.astype(np.float64, copy=False)).astype(np.int64)
    raise OverflowError(f"accumulators must stay below 2**53, not reach {bound}")
