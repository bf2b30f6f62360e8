"""`Add`: the weighted sum of branches, as residual connections join them."""

from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.types import Domain, TensorType


@dataclass(frozen=True, eq=False)
class Add(Op):
    """``y[c] = sum_b factors[b, c] * x_b[c]``.

    Parameters
    ----------
    factors : int64 array (branches, C)
        Whole numbers that bring the branches to one scale; negative to subtract.
    """

    factors: NDArray[np.int64]

    def infer(self, *types: TensorType) -> TensorType:
        """Sum the bounds of each channel; the step is the coarsest that holds all sums."""
        shapes = {type.shape for type in types}
        if len(shapes) > 1 or self.factors.shape != (len(types), types[0].shape[0]):
            raise ModelError(f"'{self.name}' adds {self.factors.shape[1]} channels of one shape, not {sorted(shapes)}")
        domains = [type.integers for type in types]
        ends = [
            np.sort(np.outer((domain.lo, domain.hi), row), axis=0)
            for domain, row in zip(domains, self.factors, strict=True)
        ]
        low, high = np.sum(ends, axis=0)
        lo, hi = int(low.min()), int(high.max())
        steps = (np.array([[d.step if d.size > 1 else 0] for d in domains]) * self.factors).reshape(-1)
        return TensorType(types[0].shape, Domain(lo, hi, gcd(*steps.tolist(), *(low - lo).tolist()) or 1))

    def golden(self, *values: Array) -> Array:
        """Sum of the products."""
        spatial = (1,) * (values[0].ndim - 2)
        return np.sum([x * row.reshape(-1, *spatial) for x, row in zip(values, self.factors, strict=True)], axis=0)
