"""Steps that rise, neither along a line nor to few values."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from icepop.compiler.enclosure import Floats, Interval
from icepop.compiler.exact import Number, Root
from icepop.compiler.steps.base import Params, Step


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
    """``x ** exponent`` for an odd exponent, which rises everywhere."""

    exponent: Params

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Multiply with itself."""
        if isinstance(x, Root):
            raise ArithmeticError("a power of a batch normalization is not supported")
        return Fraction(x ** int(p[0]))


@dataclass(frozen=True, eq=False)
class Ranked(Rising):
    """A rising function of which only that is known: what a Softmax leaves of scores."""

    def apply(self, x: Number, p: tuple[Fraction, ...]) -> Number:
        """Refuse: the value depends on the other elements."""
        raise ArithmeticError("nothing but ArgMax may follow a Softmax")
