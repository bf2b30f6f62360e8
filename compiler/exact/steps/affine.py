"""Steps of the form ``x * k + c`` with real numbers k and c."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from icepop.compiler.exact.enclosure import Floats, Interval, around, outward, over, plus, point, root, times
from icepop.compiler.exact.grid import Line
from icepop.compiler.exact.numbers import Number, Root, over_root
from icepop.compiler.exact.steps.base import Params, Step


@dataclass(frozen=True, eq=False)
class Scale(Step):
    """``x * factor``."""

    factor: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Sign of the factor."""
        return (p[0] > 0) - (p[0] < 0)

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply."""
        return x * p[0]

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Multiply."""
        return times(x, point(p[0]))


@dataclass(frozen=True, eq=False)
class Affine(Step):
    """``x * scale + offset`` with rational numbers that need be no floats, as the real values of codes are.

    Parameters
    ----------
    lines : tuple of Line
        The different functions.
    which : array
        Number of each element's function.
    """

    lines: tuple[Line, ...] = field(metadata={"parameter": False})
    which: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Sign of the scale."""
        scale = self.lines[int(p[0])].scale
        return (scale > 0) - (scale < 0)

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply and add."""
        line = self.lines[int(p[0])]
        return x * line.scale + line.offset

    @cached_property
    def intervals(self) -> tuple[Interval, Interval]:
        """Around every line's scale and offset."""
        return around([line.scale for line in self.lines]), around([line.offset for line in self.lines])

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Multiply and add."""
        which = p[0].astype(np.int64)
        (low, high), (least, most) = self.intervals
        return plus(times(x, (low[which], high[which])), (least[which], most[which]))


@dataclass(frozen=True, eq=False)
class Divide(Step):
    """``x / divisor``."""

    divisor: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Sign of the divisor."""
        return 1 if p[0] > 0 else -1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Divide."""
        return x * (1 / p[0])

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Divide."""
        return over(x, point(p[0]))


@dataclass(frozen=True, eq=False)
class Shift(Step):
    """``x + offset``."""

    offset: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising."""
        return 1

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Add."""
        return x + p[0]

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Add."""
        return plus(x, point(p[0]))


@dataclass(frozen=True, eq=False)
class Normalize(Step):
    """Batch normalization, ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` (Ioffe and Szegedy 2015)."""

    gamma: Params
    beta: Params
    mean: Params
    variance: Params
    epsilon: Params

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Sign of gamma."""
        return (p[0] > 0) - (p[0] < 0)

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Rational times an inverse root."""
        gamma, beta, mean, variance, epsilon = p
        if isinstance(x, Root):
            raise ArithmeticError("a second batch normalization follows without a quantizer between")
        return over_root(gamma * (x - mean), variance + epsilon) + beta

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """The same with bounds."""
        gamma, beta, mean, variance, epsilon = p
        deviation = root(outward(variance + epsilon, variance + epsilon))
        return plus(over(times(plus(x, point(-mean)), point(gamma)), deviation), point(beta))


AFFINE = (Scale, Affine, Divide, Shift, Normalize)
