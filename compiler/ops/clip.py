"""`Clip`: integers limited to a range, as scores with plateaus are."""

from dataclasses import dataclass

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.types import Domain, TensorType


@dataclass(frozen=True, eq=False)
class Clip(Op):
    """``y = min(max(x, lo), hi)``.

    Parameters
    ----------
    lo, hi : int
        Values of the input's domain.
    """

    lo: int
    hi: int

    def infer(self, *types: TensorType) -> TensorType:
        """Narrow the domain."""
        (x,) = types
        domain = x.integers
        if not domain.contains(np.array([self.lo, self.hi])) or self.lo > self.hi:
            raise ModelError(f"'{self.name}' must clip to values of {domain}, not to [{self.lo}, {self.hi}]")
        return TensorType(x.shape, Domain(self.lo, self.hi, domain.step))

    def golden(self, *values: Array) -> Array:
        """Limit every element."""
        (x,) = values
        return np.clip(x, self.lo, self.hi)
