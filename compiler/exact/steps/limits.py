"""Steps that rise, neither along a line nor to few values."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from icepop.compiler.exact.enclosure import Floats, Interval, times
from icepop.compiler.exact.numbers import Number, power
from icepop.compiler.exact.steps.base import Params, Step


@dataclass(frozen=True, eq=False)
class Rising(Step):
    """A function that rises, or stays, everywhere."""

    def gain(self, p: tuple[Fraction, ...]) -> int:
        """Rising."""
        return 1


@dataclass(frozen=True, eq=False)
class AtLeast(Rising):
    """``max(x, low)``; with 0 a rectifier."""

    low: Params

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Limit from below."""
        return x if x >= p[0] else p[0]

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Limit both bounds."""
        return np.maximum(x[0], p[0]), np.maximum(x[1], p[0])


@dataclass(frozen=True, eq=False)
class AtMost(Rising):
    """``min(x, high)``."""

    high: Params

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Limit from above."""
        return p[0] if x >= p[0] else x

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Limit both bounds."""
        return np.minimum(x[0], p[0]), np.minimum(x[1], p[0])


@dataclass(frozen=True, eq=False)
class Power(Rising):
    """``x ** exponent``, where it rises: for an odd exponent everywhere, for an even one from 0 on."""

    exponent: Params

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply with itself."""
        return power(x, int(p[0]))

    def enclose(self, x: Interval, p: Sequence[Floats]) -> Interval:
        """Multiply as often as the largest exponent says, and keep each element's product."""
        result, product = x, x
        for exponent in range(2, int(p[0].max(initial=1)) + 1):
            product = times(product, x)
            low, high = (np.where(p[0] == exponent, new, old) for new, old in zip(product, result, strict=True))
            result = low, high
        return result


@dataclass(frozen=True, eq=False)
class Ranked(Rising):
    """A rising function of which only that is known: what a Softmax leaves of scores."""

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Refuse: the value depends on the other elements."""
        raise ArithmeticError("nothing but ArgMax may follow a Softmax")
