"""`Concat`: branches side by side, as the Fire modules of SqueezeNet join them."""

from dataclasses import dataclass
from math import gcd

import numpy as np

from icepop.compiler.errors import ModelError
from icepop.compiler.ops.base import Array, Op
from icepop.compiler.types import Domain, TensorType


@dataclass(frozen=True, eq=False)
class Concat(Op):
    """The inputs along one axis, each times a whole number.

    Parameters
    ----------
    axis : int
        Axis of a sample's shape.
    factors : tuple of int
        One an input, positive: they bring the branches to one scale.
    """

    axis: int
    factors: tuple[int, ...]

    def infer(self, *types: TensorType) -> TensorType:
        """Check the shapes; the domain is the smallest that holds all inputs."""
        rest = {type.shape[: self.axis] + type.shape[self.axis + 1 :] for type in types}
        if len(rest) > 1 or not 0 <= self.axis < len(types[0].shape) or len(types) != len(self.factors):
            raise ModelError(f"'{self.name}' cannot join {[type.shape for type in types]} along axis {self.axis}")
        shape = list(types[0].shape)
        shape[self.axis] = sum(type.shape[self.axis] for type in types)
        domains = [type.integers for type in types]
        ends = [
            (f * d.lo, f * d.hi, f * d.step if d.size > 1 else 0) for f, d in zip(self.factors, domains, strict=True)
        ]
        lo, hi = min(end[0] for end in ends), max(end[1] for end in ends)
        step = gcd(*(end[2] for end in ends), *(end[0] - lo for end in ends)) or 1
        return TensorType(tuple(shape), Domain(lo, hi, step))

    def golden(self, *values: Array) -> Array:
        """Join the products."""
        scaled = [x * factor for x, factor in zip(values, self.factors, strict=True)]
        return np.concatenate(scaled, axis=self.axis + 1)
